// @ts-check
/** What the panel of the live model says about its work. */

/**
 * @typedef {import('../../inference/messages.js').Opened} Opened
 * @typedef {import('../../inference/messages.js').Seen} Seen
 */

const SLOW_MS = 4000;

/**
 * How far opening or computing is; null when nothing is waited for.
 *
 * @param {{phase: string, loaded: {now: number, total: number}, isBusy: boolean}} live
 * @returns {{text: string, part: number | null} | null}
 */
export function progressOf({ phase, loaded, isBusy }) {
  if (phase === 'loading' && loaded.total === 0) return { text: 'Asking for the model', part: null };
  if (phase === 'loading') {
    const [now, total] = [loaded.now, loaded.total].map((bytes) => (bytes / 1e6).toFixed(1));
    return { text: `Loading ${now} of ${total} MB`, part: loaded.now / loaded.total };
  }
  if (phase === 'preparing') return { text: 'Preparing the model', part: null };
  return isBusy ? { text: 'Computing this view', part: null } : null;
}

/** How a view was computed, in one line. @param {Opened} opened @param {Seen} seen */
export function described({ backend, threads }, { tiles, computed, ms, isWhole }) {
  const where = backend === 'webgpu' ? 'graphics processor' : threads > 1 ? `${threads} threads` : 'one thread';
  if (!isWhole) return `${computed} of ${tiles} tiles · ${where}`;
  if (computed === 0) return `${tiles === 1 ? 'One tile' : `${tiles} tiles`}, known already · ${where}`;
  return `${computed === 1 ? 'One tile' : `${computed} tiles`} in ${seconds(ms)} · ${where}`;
}

/** Advice where a view takes long; empty else. @param {Seen | null} seen */
export function slowness(seen) {
  if (!seen || seen.computed === 0) return '';
  const whole = (seen.ms / seen.computed) * seen.tiles;
  return whole > SLOW_MS ? `This computer needs about ${seconds(whole)} for such a view. Zooming in makes it quicker.` : '';
}

/** @param {number} ms */
function seconds(ms) {
  return ms < 950 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

// @ts-check
/** Keeps the address in step with the view, so that copying it reproduces the view. */

import { afterRest } from '../sdk/timing.js';
import { formatView, parseView } from './deep_link.js';

/** @typedef {import('./deep_link.js').View} View */

/**
 * The view's own changes replace the present entry of the history; only an address that somebody typed or went back
 * to is followed.
 *
 * @param {() => View} read @param {(view: View) => void} show
 * @returns {() => void} notes a change of the view
 */
export function syncAddress(read, show) {
  let written = location.hash;
  const write = afterRest(() => {
    const hash = `#${formatView(read())}`;
    if (hash === location.hash) return;
    written = hash;
    history.replaceState(history.state, '', hash);
  }, 250);
  addEventListener('hashchange', () => {
    if (location.hash === written) return;
    written = location.hash;
    write.cancel();
    show(parseView(location.hash));
  });
  return write;
}

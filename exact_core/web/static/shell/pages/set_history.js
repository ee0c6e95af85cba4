// @ts-check
/** What was done to the annotations of an image set, taking it back, and the trash. */

import { api } from '../api.js';
import { html, icon, render } from '../html.js';
import { grouped, logFilters, logList, numbersOf, queryOf, revertDialog } from '../history.js';
import { showError, toast } from '../toast.js';
import { TrashList } from '../trash.js';
import { empty, failure } from '../view.js';

/**
 * @typedef {import('./image_set.js').SetPage} SetPage
 * @typedef {import('../history.js').Entry} Entry
 * @typedef {import('../history.js').Target} Target
 * @typedef {import('../history.js').Report} Report
 */

const MOST_UNDONE = 50;

/** @param {HTMLElement} target @param {SetPage} page */
export async function drawHistory(target, page) {
  const path = `/image-sets/${page.id}`;
  const mayChange = page.rights.annotate && !page.set.is_locked;
  /** @type {{entries: Entry[], sessions: any[], next: string | null, offers: {people: any[], runs: string[]}, chosen: Record<string, string>}} */
  const state = { entries: [], sessions: [], next: null, offers: { people: [], runs: [] }, chosen: {} };
  /** @type {Set<string>} */
  const opened = new Set();
  const log = html`<div></div>`;
  const bin = html`<div hidden></div>`;
  const trash = new TrashList(bin, {
    path, mayRestore: mayChange, withImages: true,
    href: (item) => placeOf(page.id, item.image.id, item.box),
    restored: (report) => told(report),
  });
  const toggle = html`<button type="button" class="btn" aria-pressed="false" id="set-trash">${icon('trash-2')}Trash</button>`;
  toggle.addEventListener('click', () => {
    const isTrash = toggle.getAttribute('aria-pressed') !== 'true';
    toggle.setAttribute('aria-pressed', String(isTrash));
    log.hidden = isTrash;
    bin.hidden = !isTrash;
    void (isTrash ? trash.load() : load());
  });

  /** @param {string | null} cursor */
  const read = async (cursor) => {
    const answer = await api.get(`${path}/history`, { ...queryOf(state.chosen), cursor, limit: 100 }, { signal: page.signal });
    state.entries = cursor ? [...state.entries, ...answer.items] : answer.items;
    state.sessions = cursor ? [...state.sessions, ...answer.sessions] : answer.sessions;
    state.next = answer.next_cursor;
    if (answer.people) state.offers = { people: answer.people, runs: answer.runs };
  };
  const load = async () => {
    try {
      await read(null);
      draw();
    } catch (error) {
      if (!page.signal.aborted) render(log, failure(error, load));
    }
  };
  const more = async () => {
    try {
      await read(state.next);
      draw();
    } catch (error) {
      showError(error);
    }
  };

  const draw = () => {
    if (state.entries.length === 0 && !Object.values(state.chosen).some(Boolean)) {
      render(log, empty('history', 'Nothing has happened yet', 'Whatever is drawn, changed or deleted on the images of this set is written down here.'));
      return;
    }
    const actions = {
      href: (/** @type {Entry} */ entry) => placeOf(page.id, entry.image?.id ?? 0, entry.box, entry.annotation_ids),
      revert: mayChange ? (/** @type {Target} */ wanted) => revert(wanted) : null,
      setTo: mayChange && page.rights.manage ? (/** @type {Entry} */ entry) => revert({ what: 'to_revision', revision: entry.revision }) : null,
      withImages: true,
    };
    const filters = logFilters(state.offers, state.chosen, (chosen) => {
      state.chosen = chosen;
      void load();
    });
    render(log, filters,
      state.entries.length === 0 ? empty('filter', 'Nothing fits', 'No change in this set is like that.') : logList(grouped(state.entries, state.sessions), actions, opened, draw),
      state.next ? html`<div class="log__foot"><button type="button" class="btn" data-focus="log-more" @click=${more}>Show more</button></div>` : null);
  };

  /** @param {Target} wanted */
  const revert = async (wanted) => {
    try {
      const report = await revertDialog(`${path}/revert`, wanted, () => toast('There is nothing to set back: it is so already.'));
      if (!report) return;
      told(report);
      await load();
    } catch (error) {
      showError(error, 'It could not be set back');
    }
  };

  /** @param {Report} report */
  const told = (report) => {
    const done = report.images.filter((image) => image.revision);
    if (done.length === 0) return;
    const left = report.skipped > 0 ? `${report.skipped.toLocaleString('en')} left alone.` : '';
    toast(`${numbersOf(report, true)}.`, { kind: 'success', detail: left, action: { label: 'Undo', run: () => undo(report, done) } });
  };

  /** @param {Report} report @param {import('../history.js').ImageReport[]} done */
  const undo = async (report, done) => {
    if (report.run && done.length > MOST_UNDONE) await api.post(`${path}/revert`, { what: 'run', run: report.run });
    else for (const { image, revision } of done) await api.post(`/images/${image.id}/undo`, {}, { query: { revision } });
    toast('Taken back.', { kind: 'success' });
    await (log.hidden ? trash.load() : load());
  };

  render(target, html`
    <div class="row row--between"><p class="muted grow">Every change of an annotation is kept, with who made it and when.</p>${toggle}</div>`,
  html`<section class="card" aria-label="History">${log}${bin}</section>`);
  await load();
}

/**
 * The page of an image, at a place.
 * @param {number} setId @param {number} imageId @param {number[] | null} box @param {number[]} [annotations]
 */
function placeOf(setId, imageId, box, annotations = []) {
  const at = box ? `x=${Math.round((box[0] + box[2]) / 2)}&y=${Math.round((box[1] + box[3]) / 2)}` : '';
  const side = box ? Math.max(box[2] - box[0], box[3] - box[1], 40) : 0;
  const zoom = box ? `&zoom=${Math.min(1, 400 / side).toPrecision(3)}` : '';
  const shape = annotations.length === 1 ? `&annotation=${annotations[0]}` : '';
  return `/image-sets/${setId}/images/${imageId}${at ? `#${at}${zoom}${shape}` : ''}`;
}

// @ts-check
/** The history of the image and its trash, beside the picture: who did what and where, and taking it back. */

import { api } from '../../shell/api.js';
import { $, html, icon, render } from '../../shell/html.js';
import { grouped, logFilters, logList, numbersOf, queryOf, revertDialog } from '../../shell/history.js';
import { showError, toast } from '../../shell/toast.js';
import { TrashList } from '../../shell/trash.js';
import { empty, failure } from '../../shell/view.js';
import { afterRest } from '../../sdk/timing.js';
import { fromJson } from '../geometry_json.js';
import { itemFromJson } from '../items.js';
import { closeSheets } from '../layout.js';

/**
 * @typedef {import('../workplace.js').Workplace} Workplace
 * @typedef {import('../../shell/history.js').Entry} Entry
 * @typedef {import('../../shell/history.js').Report} Report
 * @typedef {import('../../shell/history.js').Target} Target
 * @typedef {import('../../shell/trash.js').Trashed} Trashed
 * @typedef {import('../types.js').Geometry} Geometry
 */

const OWNER = 'history';
const MARK = '#0b6b66';
const REST_MS = 900;

/** Fills its host when it is opened, and again when shapes change. */
export class HistoryPanel {
  /** @param {HTMLElement} host @param {Workplace} workplace */
  constructor(host, workplace) {
    this.host = host;
    this.at = workplace;
    this.path = `/images/${workplace.image.id}`;
    this.list = html`<div class="history__list" id="history-log" role="tabpanel" aria-labelledby="history-tab-log"></div>`;
    this.bin = html`<div class="history__list" id="history-bin" role="tabpanel" aria-labelledby="history-tab-bin" hidden></div>`;
    this.trash = new TrashList(this.bin, {
      path: this.path,
      mayRestore: workplace.mayAnnotate,
      hover: (item) => this.#mark(item ? fromJson(item.geometry) : null, item?.type.color),
      open: (item) => this.#goTo(item.box),
      restored: (report, ids) => this.#afterRestore(report, ids),
    });
    render(host, this.#frame());
    addEventListener('exact:history-shown', () => void this.load());
    this.loadSoon = afterRest(() => void this.load(), REST_MS);
    if (!host.hidden) void this.load();
  }

  /** @type {'log' | 'bin'} */
  #tab = 'log';
  /** @type {Entry[]} */
  #entries = [];
  /** @type {import('../../shell/history.js').WorkSession[]} */
  #sessions = [];
  /** @type {string | null} */
  #next = null;
  #revision = 0;
  /** Whether earlier pages were asked for: then nothing is loaded anew under the reader's eyes. */
  #isLong = false;
  #offers = { people: /** @type {{id: number, name: string}[]} */ ([]), runs: /** @type {string[]} */ ([]) };
  /** @type {Record<string, string>} */
  #chosen = {};
  /** @type {Set<string>} */
  #opened = new Set();

  #frame() {
    const tab = (/** @type {'log' | 'bin'} */ name, /** @type {string} */ symbol, /** @type {string} */ title) => html`
      <button type="button" class="tab" role="tab" id="history-tab-${name}" data-tab=${name} aria-controls="history-${name}" @click=${() => this.#choose(name)}>${icon(symbol)}${title}</button>`;
    const tabs = html`<div class="tabs" role="tablist" aria-label="History of this image">${tab('log', 'history', 'History')}${tab('bin', 'trash-2', 'Trash')}<span class="grow"></span>
      <button type="button" class="icon-btn icon-btn--small history__close" aria-label="Close the history" data-tip="Close" data-keys="H" @click=${() => $('#toggle-history').click()}>${icon('x')}</button></div>`;
    tabs.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return;
      event.preventDefault();
      this.#choose(this.#tab === 'log' ? 'bin' : 'log');
      /** @type {HTMLElement} */ (tabs.querySelector('[aria-selected="true"]')).focus();
    });
    this.tabs = tabs;
    this.#markTab();
    return [tabs, this.list, this.bin];
  }

  #markTab() {
    for (const tab of /** @type {NodeListOf<HTMLElement>} */ (this.tabs?.querySelectorAll('[data-tab]') ?? [])) {
      const isHere = tab.dataset.tab === this.#tab;
      tab.setAttribute('aria-selected', String(isHere));
      tab.tabIndex = isHere ? 0 : -1;
    }
    this.list.hidden = this.#tab !== 'log';
    this.bin.hidden = this.#tab !== 'bin';
  }

  /** @param {'log' | 'bin'} tab */
  #choose(tab) {
    this.#tab = tab;
    this.#markTab();
    void this.load();
  }

  /** Shapes changed: what is shown may be out of date. */
  changed() {
    if (!this.host.hidden) this.loadSoon();
  }

  /** Others work too: somebody's change has come with the shapes. @param {number} revision */
  noticed(revision) {
    if (revision > this.#revision && !this.#isLong) this.changed();
  }

  async load() {
    if (this.host.hidden) return;
    if (this.#tab === 'bin') {
      await this.trash.load();
      return;
    }
    this.list.setAttribute('aria-busy', 'true');
    try {
      await this.#read(null);
      this.#draw();
    } catch (error) {
      render(this.list, failure(error, () => this.load()));
    } finally {
      this.list.setAttribute('aria-busy', 'false');
    }
  }

  /** @param {string | null} cursor */
  async #read(cursor) {
    const answer = await api.get(`${this.path}/history`, { ...queryOf(this.#chosen), cursor, limit: 100 });
    this.#entries = cursor ? [...this.#entries, ...answer.items] : answer.items;
    this.#sessions = cursor ? [...this.#sessions, ...answer.sessions] : answer.sessions;
    this.#next = answer.next_cursor;
    this.#revision = answer.revision;
    this.#isLong = Boolean(cursor);
    if (answer.people) this.#offers = { people: answer.people, runs: answer.runs };
  }

  #draw() {
    const isFiltered = Object.values(this.#chosen).some(Boolean);
    if (this.#entries.length === 0 && !isFiltered) {
      render(this.list, empty('history', 'Nothing has happened yet', 'Whatever is drawn, changed or deleted on this image is written down here.'));
      return;
    }
    const actions = {
      hover: (/** @type {Entry | null} */ entry) => this.#mark(entry?.box ? boxOf(entry.box) : null),
      open: (/** @type {Entry} */ entry) => this.#open(entry),
      revert: this.at.mayAnnotate ? (/** @type {Target} */ target) => this.#revert(target) : null,
      setTo: this.at.mayAnnotate && this.at.data.rights.manage ? (/** @type {Entry} */ entry) => this.#revert({ what: 'to_revision', revision: entry.revision }) : null,
    };
    const filters = logFilters(this.#offers, this.#chosen, (chosen) => {
      this.#chosen = chosen;
      void this.load();
    });
    render(this.list, filters,
      this.#entries.length === 0 ? empty('filter', 'Nothing fits', 'No change of this image is like that.') : logList(grouped(this.#entries, this.#sessions), actions, this.#opened, () => this.#draw()),
      this.#next ? html`<div class="log__foot"><button type="button" class="btn btn--small" data-focus="log-more" @click=${() => this.#more()}>Show more</button></div>` : null);
  }

  async #more() {
    try {
      await this.#read(this.#next);
      this.#draw();
    } catch (error) {
      showError(error);
    }
  }

  /** @param {Geometry | null} geometry @param {string} [color] */
  #mark(geometry, color = MARK) {
    this.at.overlay.setGhosts(OWNER, geometry ? [{ geometry, color, kind: 'before' }] : []);
  }

  /** @param {Entry} entry */
  async #open(entry) {
    if (entry.box) this.#goTo(entry.box);
    if (entry.annotation_ids.length !== 1) return;
    try {
      const json = await api.get(`/annotations/${entry.annotation_ids[0]}`);
      if (json.deleted) this.at.flash('It is deleted now.');
      else this.at.selection.set([itemFromJson(json)]);
    } catch (error) {
      showError(error);
    }
  }

  /** @param {[number, number, number, number]} box */
  #goTo(box) {
    this.at.commands.goTo([/** @type {any} */ ({ geometry: boxOf(box) })]);
    closeSheets();
  }

  /** @param {Target} target */
  async #revert(target) {
    try {
      if (!(await this.at.journal.drained())) throw new Error('Your last changes must reach the server first.');
      const report = await revertDialog(`${this.path}/revert`, target, () => this.at.flash('There is nothing to set back: it is so already.'));
      if (report) this.#afterRevert(report);
    } catch (error) {
      showError(error, 'It could not be set back');
    }
  }

  /** @param {Report} report */
  #afterRevert(report) {
    const [image] = report.images;
    const left = report.skipped > 0 ? `${report.skipped.toLocaleString('en')} left alone.` : '';
    this.#seeAgain();
    if (!image?.revision) {
      this.at.flash('Nothing was changed.');
      return;
    }
    toast(`${numbersOf(report, true)}.`, { kind: 'success', detail: left, action: { label: 'Undo', run: () => this.at.undo.undoRevision(/** @type {number} */ (image.revision)) } });
  }

  /** @param {Report} report @param {number[]} ids */
  async #afterRestore(report, ids) {
    this.#seeAgain();
    const [image] = report.images;
    if (report.restored === 0 || !image?.revision) return;
    toast(`${numbersOf(report, true)}.`, { kind: 'success', action: { label: 'Undo', run: () => this.at.undo.undoRevision(/** @type {number} */ (image.revision)) } });
    if (ids.length <= 60) {
      const read = await Promise.all(ids.map((id) => api.get(`/annotations/${id}`).catch(() => null)));
      const items = read.filter((json) => json && !json.deleted).map(itemFromJson);
      if (items.length > 0) this.at.selection.set(items);
    }
  }

  /** The server changed shapes by itself: look at everything again. */
  #seeAgain() {
    this.#mark(null);
    this.at.seeAgain();
    void this.load();
  }
}

/** @param {[number, number, number, number]} box @returns {Geometry} */
function boxOf([x0, y0, x1, y1]) {
  return { shape: 'box', rings: [[[x0, y0], [x1, y1]]] };
}

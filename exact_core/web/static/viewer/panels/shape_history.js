// @ts-check
/** The history of the selected shape, below its details: each state, shown on the slide, and going back to one. */

import { api } from '../../shell/api.js';
import { html, icon, render } from '../../shell/html.js';
import { KINDS } from '../../shell/history.js';
import { ago, dateTime } from '../../shell/time.js';
import { showError, toast } from '../../shell/toast.js';
import { afterRest } from '../../sdk/timing.js';
import { fromJson } from '../geometry_json.js';

/**
 * @typedef {import('../workplace.js').Workplace} Workplace
 * @typedef {import('../overlay.js').Ghost} Ghost
 *
 * @typedef {object} ShapeEvent
 * @property {number} revision
 * @property {string} at
 * @property {string} kind
 * @property {string} reason
 * @property {string} run
 * @property {{id: number | null, name: string} | null} by
 * @property {string[]} what
 * @property {{type: {id: number, name: string, color: string}, geometry: any, frame: any, text: string, attributes: Record<string, unknown>} | null} state
 * @property {boolean} is_current
 */

const OWNER = 'shape-history';
const OLD = '#b3261e';
const REST_MS = 700;

/** What a state looked like before and after an event. @param {ShapeEvent[]} items newest first @param {number} index @returns {Ghost[]} */
export function ghostsOf(items, index) {
  const [after, before] = [items[index].state, items[index + 1]?.state];
  /** @type {Ghost[]} */
  const ghosts = [];
  if (before) ghosts.push({ geometry: fromJson(before.geometry), color: OLD, kind: 'before', label: 'before' });
  if (after) ghosts.push({ geometry: fromJson(after.geometry), color: after.type.color, kind: 'after', label: before ? 'after' : '' });
  return ghosts;
}

/** Opens and closes with its button; stays open while other shapes are selected. */
export class ShapeHistory {
  /** @param {HTMLElement} host @param {Workplace} workplace */
  constructor(host, workplace) {
    this.host = host;
    this.at = workplace;
    this.loadSoon = afterRest(() => void this.load(), REST_MS);
    workplace.selection.onChange(() => this.#selected());
    workplace.changeListeners.add((ids) => {
      if (this.isOpen && this.#id !== null && ids.includes(this.#id)) this.loadSoon();
    });
  }

  isOpen = false;
  /** @type {number | null} */
  #id = null;
  /** @type {ShapeEvent[]} */
  #items = [];
  /** @type {string | null} */
  #next = null;

  toggle() {
    this.isOpen = !this.isOpen;
    this.at.details.render();
    this.#selected(true);
    if (this.isOpen) this.host.scrollIntoView({ block: 'nearest' });
  }

  /** @param {boolean} [again] */
  #selected(again = false) {
    const { single } = this.at.selection;
    const id = single?.id ?? null;
    const isShown = this.isOpen && single !== null;
    this.host.hidden = !isShown;
    this.at.overlay?.setGhosts(OWNER, []);
    if (!isShown) {
      this.#id = null;
      return;
    }
    if (id === this.#id && !again) return;
    this.#id = id;
    this.#items = [];
    if (id === null) render(this.host, this.#frame(html`<p class="small muted shape-history__note">It is on its way to the server; its history begins then.</p>`));
    else void this.load();
  }

  async load() {
    const id = this.#id ?? this.at.selection.single?.id ?? null;
    if (!this.isOpen || id === null) return;
    this.#id = id;
    if (this.#items.length === 0) render(this.host, this.#frame(html`<div class="skeleton details__skeleton" aria-label="Loading the history"></div>`));
    try {
      const answer = await api.get(`/annotations/${id}/history`);
      if (id !== this.#id) return;
      this.#items = answer.items;
      this.#next = answer.next_cursor;
      this.#draw();
    } catch (error) {
      if (id !== this.#id) return;
      render(this.host, this.#frame(html`<p class="small muted shape-history__note">${error instanceof Error ? error.message : String(error)}</p>`));
    }
  }

  /** @param {any} body */
  #frame(body) {
    return html`<section aria-label="History of the selected shape">
      <div class="side__head"><h2>History</h2><span class="grow"></span>
        <button type="button" class="icon-btn icon-btn--small" aria-label="Close the history of this shape" @click=${() => this.toggle()}>${icon('x')}</button></div>${body}</section>`;
  }

  #draw() {
    const { single } = this.at.selection;
    const mayRestore = single !== null && this.at.mayEdit(single);
    render(this.host, this.#frame([
      html`<ol class="shape-history">${this.#items.map((item, index) => this.#row(item, index, mayRestore))}</ol>`,
      this.#next ? html`<div class="log__foot"><button type="button" class="btn btn--small" data-focus="shape-history-more" @click=${() => this.#more()}>Show earlier states</button></div>` : null,
    ]));
  }

  /** @param {ShapeEvent} item @param {number} index @param {boolean} mayRestore */
  #row(item, index, mayRestore) {
    const kind = KINDS[item.kind] ?? { label: item.kind, symbol: 'pencil' };
    const who = item.by ? (item.by.id === this.at.data.actor.id ? 'You' : item.by.name) : item.run || 'EXACT';
    const row = html`
      <li class="shape-history__item" tabindex="0" data-revision=${item.revision} aria-current=${item.is_current ? 'true' : null}>
        <span class="shape-history__mark" data-tip=${kind.label}>${icon(kind.symbol)}</span>
        <div class="shape-history__text">
          ${item.what.map((one) => html`<span>${one}</span>`)}
          <span class="small muted">${who} · <time datetime=${item.at} data-tip=${dateTime(item.at)}>${ago(item.at)}</time></span>
          ${item.reason ? html`<span class="small muted log__reason">${item.reason}</span>` : null}
        </div>
        ${item.is_current ? html`<span class="badge">Now</span>` : null}
        ${item.state && !item.is_current && mayRestore ? html`<button type="button" class="icon-btn icon-btn--small" data-focus="restore-${item.revision}" aria-label="Restore this state: ${item.what.join(', ')}" data-tip="Restore this state"
          @click=${() => this.#restore(item)}>${icon('archive-restore')}</button>` : null}
      </li>`;
    const show = () => this.at.overlay.setGhosts(OWNER, ghostsOf(this.#items, index));
    const hide = () => this.at.overlay.setGhosts(OWNER, []);
    row.addEventListener('pointerenter', show);
    row.addEventListener('focusin', show);
    row.addEventListener('pointerleave', hide);
    row.addEventListener('focusout', hide);
    return row;
  }

  async #more() {
    try {
      const answer = await api.get(`/annotations/${this.#id}/history`, { cursor: this.#next });
      this.#items = [...this.#items, ...answer.items];
      this.#next = answer.next_cursor;
      this.#draw();
    } catch (error) {
      showError(error);
    }
  }

  /** @param {ShapeEvent} item */
  async #restore(item) {
    try {
      if (!(await this.at.journal.drained())) throw new Error('Your last changes must reach the server first.');
      const seen = this.#items.find((one) => one.is_current)?.revision;
      const answer = await api.post(`/annotations/${this.#id}/revert`, { revision: item.revision, ...(seen ? { base_revision: seen } : {}) });
      this.at.overlay.setGhosts(OWNER, []);
      const { annotation } = answer;
      this.at.edits.confirm({ annotations: [annotation], revision: annotation.revision }, { bySelf: true });
      this.at.announce([annotation.id]);
      this.at.counts.askSoon();
      void this.at.undo.refresh();
      toast(`Set back to ${dateTime(item.at)}.`, { kind: 'success', detail: answer.what.join(', '), action: { label: 'Undo', run: () => this.at.undo.undoRevision(annotation.revision) } });
      await this.load();
    } catch (error) {
      showError(error, 'It could not be set back');
      await this.load();
    }
  }
}

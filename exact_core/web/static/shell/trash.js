// @ts-check
/** Deleted annotations as a list from which they are restored; used beside the picture and on the page of a set. */

import { api } from './api.js';
import { html, icon, render } from './html.js';
import { numbersOf } from './history.js';
import { ago, date, dateTime, plural } from './time.js';
import { showError, toast } from './toast.js';
import { empty, failure } from './view.js';

/**
 * @typedef {object} Trashed
 * @property {number} id
 * @property {{id: number, name: string}} image
 * @property {{id: number, name: string, color: string}} type
 * @property {string} shape
 * @property {[number, number, number, number]} box
 * @property {any} geometry
 * @property {string} text
 * @property {{id: number | null, name: string} | null} author
 * @property {{id: number | null, name: string} | null} deleted_by
 * @property {string} deleted_at
 * @property {string} kind
 * @property {string} kept_until
 *
 * @typedef {object} TrashOptions
 * @property {string} path  Of the image or the set, as ``/images/5``.
 * @property {boolean} mayRestore
 * @property {boolean} [withImages]
 * @property {(item: Trashed | null) => void} [hover]
 * @property {(item: Trashed) => unknown} [open]
 * @property {(item: Trashed) => string} [href]
 * @property {(report: import('./history.js').Report, ids: number[]) => unknown} restored
 */

const WHY = /** @type {Record<string, string>} */ ({ undo: 'by undo', redo: 'by redo', revert: 'by a revert', model: 'by a model', import: 'by an import' });

/** Draws the trash into a place. */
export class TrashList {
  /** @param {HTMLElement} host @param {TrashOptions} options */
  constructor(host, options) {
    this.host = host;
    this.options = options;
  }

  /** @type {Trashed[]} */
  #items = [];
  /** @type {string | null} */
  #next = null;
  #days = 30;
  /** @type {Set<number>} */
  #chosen = new Set();

  async load() {
    this.#chosen.clear();
    this.host.setAttribute('aria-busy', 'true');
    try {
      await this.#read(null);
      this.#draw();
    } catch (error) {
      render(this.host, failure(error, () => this.load()));
    } finally {
      this.host.setAttribute('aria-busy', 'false');
    }
  }

  /** @param {string | null} cursor */
  async #read(cursor) {
    const answer = await api.get(`${this.options.path}/trash`, { cursor });
    this.#items = cursor ? [...this.#items, ...answer.items] : answer.items;
    this.#next = answer.next_cursor;
    this.#days = answer.days;
  }

  #draw() {
    const { mayRestore } = this.options;
    if (this.#items.length === 0) {
      render(this.host, empty('trash-2', 'The trash is empty', `What is deleted stays here for ${plural(this.#days, 'day')} and can be restored.`));
      return;
    }
    const all = html`<input type="checkbox" class="checkbox" aria-label="Choose all that are shown" data-focus="trash-all" checked=${this.#chosen.size === this.#items.length}>`;
    all.indeterminate = this.#chosen.size > 0 && this.#chosen.size < this.#items.length;
    all.addEventListener('change', () => {
      this.#chosen = new Set(all.checked ? this.#items.map((item) => item.id) : []);
      this.#draw();
    });
    render(this.host,
      mayRestore ? html`<div class="trash__bar">${all}<span class="small muted grow num">${this.#chosen.size > 0 ? `${this.#chosen.size} chosen` : `Kept for ${plural(this.#days, 'day')}`}</span>
        <button type="button" class="btn btn--small" data-focus="trash-restore" disabled=${this.#chosen.size === 0} @click=${() => this.#restore([...this.#chosen])}>${icon('archive-restore')}Restore</button></div>` : null,
      html`<ul class="trash">${this.#items.map((item) => this.#row(item))}</ul>`,
      this.#next ? html`<div class="log__foot"><button type="button" class="btn btn--small" data-focus="trash-more" @click=${() => this.#more()}>Show more</button></div>` : null);
  }

  /** @param {Trashed} item */
  #row(item) {
    const { mayRestore, withImages, hover, open, href } = this.options;
    const box = html`<input type="checkbox" class="checkbox" aria-label="Choose ${item.type.name}" data-focus="trash-${item.id}" checked=${this.#chosen.has(item.id)}>`;
    box.addEventListener('change', () => {
      if (box.checked) this.#chosen.add(item.id);
      else this.#chosen.delete(item.id);
      this.#draw();
    });
    const who = item.deleted_by ? ` by ${item.deleted_by.name}` : '';
    const words = html`<span class="swatch" .style=${{ background: item.type.color }}></span><span class="truncate">${item.type.name}${item.text ? html`<span class="muted"> · ${item.text}</span>` : null}</span>
      <span class="small muted">Deleted <time datetime=${item.deleted_at} data-tip="${dateTime(item.deleted_at)}, kept until ${date(item.kept_until)}">${ago(item.deleted_at)}</time>${who}${WHY[item.kind] ? ` (${WHY[item.kind]})` : ''}${withImages ? ` · ${item.image.name}` : ''}</span>`;
    const to = href?.(item);
    const main = to ? html`<a class="trash__main" href=${to}>${words}</a>` : html`<button type="button" class="trash__main" @click=${() => open?.(item)}>${words}</button>`;
    const row = html`<li class="trash__item" data-annotation=${item.id}>${mayRestore ? box : null}${main}
      ${mayRestore ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="Restore this ${item.type.name}" data-tip="Restore" @click=${() => this.#restore([item.id])}>${icon('archive-restore')}</button>` : null}</li>`;
    for (const [on, off] of [['pointerenter', 'pointerleave'], ['focusin', 'focusout']]) {
      row.addEventListener(on, () => hover?.(item));
      row.addEventListener(off, () => hover?.(null));
    }
    return row;
  }

  async #more() {
    try {
      await this.#read(this.#next);
      this.#draw();
    } catch (error) {
      showError(error);
    }
  }

  /** @param {number[]} ids */
  async #restore(ids) {
    try {
      const report = await api.post(`${this.options.path}/trash/restore`, { ids });
      this.options.hover?.(null);
      if (report.skipped > 0) {
        const why = report.reasons.map((/** @type {any} */ one) => one.reason).join(' ');
        toast(report.restored > 0 ? `${numbersOf(report, true)}; ${report.skipped} left.` : 'Nothing could be restored.', { kind: 'warning', detail: why, seconds: 8 });
      }
      await this.options.restored(report, ids);
      await this.load();
    } catch (error) {
      showError(error, 'It could not be restored');
    }
  }
}

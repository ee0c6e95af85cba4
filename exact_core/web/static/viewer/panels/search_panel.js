// @ts-check
/** Searching beside the picture: hits of this image or of the whole set, one after the other with F3. */

import { api } from '../../shell/api.js';
import { html, icon, render } from '../../shell/html.js';
import { openHelp } from '../../shell/pages/set_search.js';
import { bulkDialog } from '../../shell/search/bulk_dialog.js';
import { hitPicture, hitText } from '../../shell/search/hits.js';
import { savedSearches } from '../../shell/search/saved_searches.js';
import { SearchBox } from '../../shell/search/search_box.js';
import { showError } from '../../shell/toast.js';

/**
 * @typedef {import('../types.js').AnnotationType} AnnotationType
 * @typedef {import('../../shell/search/hits.js').Hit} Hit
 * @typedef {import('../../shell/search/completion.js').SearchField} SearchField
 *
 * @typedef {object} SearchModel
 * @property {number} imageSetId
 * @property {number} imageId
 * @property {AnnotationType[]} types
 * @property {boolean} mayChange
 * @property {boolean} mayShare
 * @property {(hit: Hit) => void} goTo a hit of this image
 * @property {(hit: Hit, query: string) => void} leaveFor a hit of another image
 * @property {(ids: number[]) => void} highlight
 * @property {() => void} changed many shapes were changed on the server
 * @property {(open: boolean) => void} shown
 * @property {() => void} note the query is another one, for the address of the page
 */

const PAGE = 50;
const PICTURE = 48;
/** More hits than this do not stand out: then most of the picture would. */
const MOST_HIGHLIGHTED = 300;

/** The panel. */
export class SearchPanel {
  /** @param {HTMLElement} host @param {SearchModel} model */
  constructor(host, model) {
    this.host = host;
    this.model = model;
    this.box = new SearchBox({ label: 'Search annotations', imageSetId: model.imageSetId, search: (query) => void this.run(query), escape: () => this.close() });
    host.addEventListener('keydown', (event) => {
      if (event.key !== 'F3') return;
      event.preventDefault();
      event.stopPropagation();
      void this.step(event.shiftKey ? -1 : 1);
    });
  }

  query = '';
  /** @type {Hit[]} */
  hits = [];
  #at = -1;
  #total = 0;
  #isPartial = false;
  /** @type {string[]} */
  #notes = [];
  /** @type {string | null} */
  #cursor = null;
  /** @type {Map<number, string>} */
  #images = new Map();
  #wholeSet = false;
  #isDrawn = false;
  #running = new AbortController();

  get isOpen() {
    return !this.host.hidden;
  }

  open() {
    if (!this.#isDrawn) this.#draw();
    this.host.hidden = false;
    this.model.shown(true);
    this.#highlight();
    this.box.focus();
  }

  close() {
    this.host.hidden = true;
    this.model.highlight([]);
    this.model.shown(false);
    this.model.note();
  }

  #draw() {
    this.#isDrawn = true;
    const saved = savedSearches({ imageSetId: this.model.imageSetId, mayShare: this.model.mayShare, query: () => this.box.value, run: (query) => void this.run(query), isSmall: true });
    saved.className = 'icon-btn icon-btn--small';
    this.status = html`<div class="side-search__status small" role="status"></div>`;
    this.list = html`<ul class="side-search__list" aria-label="Hits"></ul>`;
    const where = html`<div class="btn-group" role="group" aria-label="Where to search">${/** @type {[boolean, string][]} */ ([[false, 'This image'], [true, 'Whole set']]).map(([whole, label]) => html`
      <button type="button" class="btn btn--small" aria-pressed=${String(whole === this.#wholeSet)} @click=${(/** @type {any} */ event) => {
        this.#wholeSet = whole;
        for (const button of where.children) button.setAttribute('aria-pressed', String(button === event.currentTarget));
        void this.run(this.query);
      }}>${label}</button>`)}</div>`;
    render(this.host,
      html`<div class="side__head"><h2>Search</h2><span class="grow"></span>${saved}
        <button type="button" class="icon-btn icon-btn--small" aria-label="What can be searched for" data-tip="What can be searched for" @click=${() => openHelp(this.box.fields)}>${icon('circle-help')}</button>
        <button type="button" class="icon-btn icon-btn--small" aria-label="Close the search" data-tip="Close" data-keys="Escape" @click=${() => this.close()}>${icon('x')}</button></div>`,
      html`<div class="side-search__form">${this.box.element}${where}</div>`, this.status, this.list);
    void api.get('/search-fields', { image_set_id: this.model.imageSetId }).then((answer) => { this.box.fields = answer.items; }).catch(showError);
  }

  /** @param {string} query */
  async run(query) {
    if (!this.isOpen) this.open();
    this.query = query;
    this.box.set(query);
    this.model.note();
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.hits = [];
    this.#at = -1;
    if (!query) {
      this.#cursor = null;
      this.#show('');
      return;
    }
    this.list?.setAttribute('aria-busy', 'true');
    try {
      const mistake = await this.box.mistakeIn(query, signal);
      if (mistake) {
        this.box.showMistake(mistake);
        this.#show(null);
        return;
      }
      const [found, count] = await Promise.all([
        api.get(this.#path(''), this.#asked(null), { signal }),
        api.get(this.#path('/count'), this.#asked(null), { signal }),
      ]);
      this.#total = Math.max(count.total, found.items.length);
      this.#isPartial = count.is_partial;
      this.#notes = [...new Set([...found.notes, ...count.notes])];
      this.#take(found);
      this.#show('');
    } catch (error) {
      if (signal.aborted) return;
      this.#show(error instanceof Error ? error.message : String(error));
    } finally {
      this.list?.removeAttribute('aria-busy');
    }
  }

  /** To the next hit, or the one before. @param {1 | -1} by */
  async step(by) {
    if (!this.hits.length) {
      if (!this.isOpen) this.open();
      return;
    }
    let to = this.#at + by;
    if (this.#at < 0 && by < 0) to = this.hits.length - 1;
    if (to >= this.hits.length && this.#cursor) await this.#more();
    to = (to + this.hits.length) % this.hits.length;
    this.#choose(to);
  }

  /** Search again: something was changed. */
  async again() {
    if (!this.isOpen || !this.query) return;
    const here = this.hits[this.#at]?.id;
    await this.run(this.query);
    this.#at = this.hits.findIndex((hit) => hit.id === here);
    this.#mark();
  }

  /** @param {string} part */
  #path(part) {
    return `/image-sets/${this.model.imageSetId}/annotation-search${part}`;
  }

  /** @param {string | null} cursor */
  #asked(cursor) {
    return { q: this.query, image_id: this.#wholeSet ? null : this.model.imageId, cursor, limit: cursor === null ? PAGE : 200 };
  }

  /** @param {any} page */
  #take(page) {
    page.images.forEach((/** @type {any} */ image) => this.#images.set(image.id, image.name));
    this.hits.push(...page.items);
    this.#cursor = page.next_cursor;
    this.#highlight();
  }

  async #more() {
    try {
      this.#take(await api.get(this.#path(''), this.#asked(this.#cursor)));
      this.#show('');
    } catch (error) {
      showError(error);
    }
  }

  #highlight() {
    const own = this.hits.filter((hit) => hit.image_id === this.model.imageId).map((hit) => hit.id);
    this.model.highlight(own.length <= MOST_HIGHLIGHTED ? own : []);
  }

  /** @param {string | null} failure words of an error; null while the query is wrong */
  #show(failure) {
    this.#highlight();
    const { hits } = this;
    const place = html`<span class="num" data-place></span>`;
    if (failure === null || (!this.query && !failure)) {
      this.status?.replaceChildren(this.query ? '' : html`<span class="muted">Type a class, a word, or press <span class="kbd">↓</span> for what there is.</span>`);
      this.list?.replaceChildren();
      return;
    }
    if (failure) {
      render(/** @type {Element} */ (this.status), html`<span class="danger-text">${failure}</span>`);
      this.list?.replaceChildren();
      return;
    }
    render(/** @type {Element} */ (this.status),
      html`<span>${place} of <span class="num">${this.#total.toLocaleString('en')}${this.#isPartial ? '+' : ''}</span></span>`,
      html`<button type="button" class="icon-btn icon-btn--small" data-focus="search-back" aria-label="Previous hit" data-tip="Previous hit" data-keys="Shift+F3" disabled=${!hits.length} @click=${() => this.step(-1)}>${icon('chevron-up')}</button>`,
      html`<button type="button" class="icon-btn icon-btn--small" data-focus="search-next" aria-label="Next hit" data-tip="Next hit" data-keys="F3" disabled=${!hits.length} @click=${() => this.step(1)}>${icon('chevron-down')}</button>`,
      html`<span class="grow"></span>`,
      this.model.mayChange && hits.length ? html`<button type="button" class="btn btn--small" data-focus="search-change" @click=${() => this.#change()}>${icon('pencil')}Change all</button>` : null,
      this.#notes.length ? html`<p class="muted side-search__note">${this.#notes.join(' ')}</p>` : null);
    const list = /** @type {Element} */ (this.list);
    const types = new Map(this.model.types.map((type) => [type.id, type]));
    render(list, hits.map((hit, index) => html`
      <li><button type="button" class="side-hit" data-focus="hit-${hit.id}" data-index=${index} @click=${() => this.#choose(index)}>${hitPicture(hit, PICTURE)}${hitText(hit, types.get(hit.type_id), this.#wholeSet ? this.#images.get(hit.image_id) : '')}</button></li>`),
    this.#cursor ? html`<li class="side-search__more"><button type="button" class="btn btn--small" @click=${() => this.#more()}>Show more</button></li>` : null);
    this.#mark();
  }

  #mark() {
    const place = this.status?.querySelector('[data-place]');
    if (place) place.textContent = this.#at < 0 ? String(Math.min(this.hits.length, this.#total)) : String(this.#at + 1);
    for (const button of this.list?.querySelectorAll('.side-hit') ?? []) {
      const isHere = Number(/** @type {HTMLElement} */ (button).dataset.index) === this.#at;
      button.setAttribute('aria-current', String(isHere));
      if (isHere) button.scrollIntoView({ block: 'nearest' });
    }
  }

  /** @param {number} index */
  #choose(index) {
    const hit = this.hits[index];
    if (!hit) return;
    this.#at = index;
    this.#mark();
    if (hit.image_id === this.model.imageId) this.model.goTo(hit);
    else this.model.leaveFor(hit, this.query);
  }

  #change() {
    void bulkDialog({
      imageSetId: this.model.imageSetId, query: this.query, imageId: this.#wholeSet ? null : this.model.imageId, types: /** @type {any} */ (this.model.types),
      done: async () => {
        this.model.changed();
        await this.again();
      },
    });
  }
}

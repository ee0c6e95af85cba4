// @ts-check
/** The images of a set: filters, grid and list, many at a time, and what is still on its way. */

import { api } from '../api.js';
import { html, icon, render } from '../html.js';
import { STATUS } from '../image_status.js';
import { attachMenu } from '../menu.js';
import { IMAGE_STATES } from '../review.js';
import { plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { debounce, empty, failure } from '../view.js';
import { imageCard, imageRow, titleOf } from './image_cards.js';
import { detailsDialog, purgeDialog, tagDialog } from './image_dialogs.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {Record<string, any>} Image */

const PAGE = 120;
const POLL_MS = 2000;
const ORDERS = [['position', 'In order'], ['newest', 'Newest first'], ['name', 'By name']];

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export function drawImages(target, page) {
  return new ImageList(target, page).start();
}

/** One showing of the tab. */
export class ImageList {
  /** @type {Image[]} */
  images = [];
  /** @type {Map<number, {element: HTMLElement, seen: string}>} */
  cards = new Map();
  /** @type {Set<number>} */
  selected = new Set();
  /** @type {string | null} */
  next = null;
  total = 0;
  /** @type {Record<string, number>} */
  counts = {};
  /** @type {{name: string, images: number}[]} */
  tags = [];
  /** @type {Record<string, number>} */
  reviewCounts = {};
  filter = { q: '', status: '', tag: '', pinned: false, annotated: '', review: '', assigned: false, order: 'position', deleted: false };
  layout = localStorage.getItem('exact.images.layout') === 'list' ? 'list' : 'grid';
  #isLoading = false;
  #last = -1;

  /**
   * @param {HTMLElement} target
   * @param {SetPage} page
   */
  constructor(target, page) {
    this.page = page;
    this.path = `/image-sets/${page.id}`;
    const query = new URLSearchParams(location.search);
    for (const name of /** @type {('q' | 'status' | 'tag' | 'annotated' | 'review' | 'order')[]} */ (['q', 'status', 'tag', 'annotated', 'review', 'order'])) this.filter[name] = query.get(name) ?? this.filter[name];
    this.filter.pinned = query.get('pinned') === '1';
    this.filter.assigned = query.get('assigned') === '1';
    this.toolbar = html`<div class="toolbar" role="search" aria-label="Images"></div>`;
    this.statuses = html`<div class="row" role="group" aria-label="State"></div>`;
    this.list = html`<ul class="image-grid"></ul>`;
    this.after = html`<div></div>`;
    this.sentinel = html`<div class="sentinel" aria-hidden="true"></div>`;
    this.selection = html`<div class="card selection-bar" role="toolbar" aria-label="Selected images" hidden></div>`;
    this.target = target;
  }

  async start() {
    const { signal } = this.page;
    this.#drawToolbar();
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void this.more();
    }, { rootMargin: '900px' });
    observer.observe(this.sentinel);
    signal.addEventListener('abort', () => observer.disconnect());
    const again = debounce(() => void this.poll(true), 500);
    this.page.events.addEventListener('images', again, { signal });
    const timer = setInterval(() => void this.poll(false), POLL_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.selected.size && !document.querySelector('dialog[open]')) this.select([]);
    }, { signal });
    this.tags = await api.get(`${this.path}/image-tags`);
    await this.load();
    if (signal.aborted) return;
    render(this.target, this.toolbar, this.statuses, this.list, this.after, this.sentinel, this.selection);
    this.target.setAttribute('aria-busy', 'false');
    this.#drawToolbar();
  }

  query() {
    const { q, status, tag, pinned, annotated, review, assigned, order, deleted } = this.filter;
    return { q, status, tag, pinned: pinned ? true : '', annotated, review, assigned: assigned ? true : '', order, deleted: deleted ? true : '' };
  }

  isFiltered() {
    const { q, status, tag, pinned, annotated, review, assigned } = this.filter;
    return !!(q || status || tag || pinned || annotated || review || assigned);
  }

  /** Read the first page anew. */
  async load() {
    this.#toAddress();
    this.target.setAttribute('aria-busy', 'true');
    try {
      const answer = await api.get(`${this.path}/images`, { ...this.query(), limit: PAGE }, { signal: this.page.signal });
      this.#take(answer, true);
    } catch (error) {
      if (!this.page.signal.aborted) render(this.after, failure(error, () => this.load()));
    } finally {
      this.target.setAttribute('aria-busy', 'false');
    }
  }

  async more() {
    if (this.#isLoading || !this.next) return;
    this.#isLoading = true;
    try {
      const answer = await api.get(`${this.path}/images`, { ...this.query(), cursor: this.next, limit: PAGE }, { signal: this.page.signal });
      this.#take(answer, false);
    } catch (error) {
      if (!this.page.signal.aborted) render(this.after, failure(error, () => this.more()));
    } finally {
      this.#isLoading = false;
    }
  }

  /**
   * See how far the images are that are being prepared; nothing is asked while nothing moves or the page is hidden.
   * @param {boolean} isSure something changed
   */
  async poll(isSure) {
    const isMoving = this.images.some((image) => image.status === 'probing' || image.status === 'converting') || this.counts.probing || this.counts.converting;
    if ((!isMoving && !isSure) || document.hidden || this.#isLoading || this.filter.deleted) return;
    this.#isLoading = true;
    try {
      const limit = Math.min(500, Math.max(PAGE, this.images.length));
      const answer = await api.get(`${this.path}/images`, { ...this.query(), limit }, { signal: this.page.signal });
      const rest = this.images.length > limit ? this.images.slice(limit) : [];
      const next = rest.length ? this.next : answer.next_cursor;
      this.#take({ ...answer, items: [...answer.items, ...rest.filter((image) => !answer.items.some((/** @type {Image} */ each) => each.id === image.id))], next_cursor: next }, true);
    } catch {
      // The next look will tell; a page that only waits does not complain.
    } finally {
      this.#isLoading = false;
    }
  }

  /**
   * @param {any} answer
   * @param {boolean} isFirst
   */
  #take(answer, isFirst) {
    this.images = isFirst ? answer.items : [...this.images, ...answer.items];
    this.next = answer.next_cursor;
    if (answer.counts) {
      this.counts = answer.counts;
      this.reviewCounts = answer.review_counts ?? {};
      this.total = answer.total ?? 0;
    }
    for (const id of [...this.selected]) if (!this.images.some((image) => image.id === id)) this.selected.delete(id);
    this.#drawList();
    this.#drawStatuses();
    this.#drawSelection();
  }

  #toAddress() {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(this.filter)) {
      if (name === 'deleted' || !value || value === 'position') continue;
      query.set(name, value === true ? '1' : String(value));
    }
    history.replaceState(null, '', location.pathname + (query.size ? `?${query}` : ''));
  }

  /** @param {Partial<ImageList['filter']>} change */
  change(change) {
    Object.assign(this.filter, change);
    this.select([]);
    this.#drawToolbar();
    void this.load();
  }

  #drawToolbar() {
    const search = debounce((/** @type {string} */ q) => {
      this.filter.q = q;
      void this.load();
    });
    const more = html`<button type="button" class="icon-btn" aria-label="More" id="images-more">${icon('ellipsis')}</button>`;
    render(this.toolbar,
      html`<div class="search">${icon('search')}<input class="input" type="search" id="image-search" data-search placeholder="Search images" aria-label="Search images" .value=${this.filter.q} @input=${(/** @type {any} */ e) => search(e.target.value)}></div>`,
      this.tags.length ? this.#select('Tag', 'tag', [['', 'All tags'], ...this.tags.map((tag) => [tag.name, `${tag.name} (${tag.images})`])]) : null,
      this.#select('Annotations', 'annotated', [['', 'All images'], ['true', 'With annotations'], ['false', 'Without annotations']]),
      this.#select('State', 'review', [['', 'Every state'], ...Object.entries(IMAGE_STATES).map(([state, { label }]) => [state, label])]),
      this.#select('Order', 'order', ORDERS),
      html`<button type="button" class="btn" id="pinned-images" aria-pressed=${String(this.filter.pinned)} @click=${() => this.change({ pinned: !this.filter.pinned })}>${icon('pin')}Pinned</button>`,
      html`<button type="button" class="btn" id="assigned-images" aria-pressed=${String(this.filter.assigned)} @click=${() => this.change({ assigned: !this.filter.assigned })}>${icon('list-checks')}For me</button>`,
      html`<div class="btn-group push-end" role="group" aria-label="Layout">${[['grid', 'layout-grid', 'Grid'], ['list', 'list', 'List']].map(([layout, symbol, label]) => html`
        <button type="button" class="icon-btn" id="layout-${layout}" aria-pressed=${String(this.layout === layout)} aria-label=${label} data-tip=${label} @click=${() => this.#setLayout(layout)}>${icon(symbol)}</button>`)}</div>`,
      more);
    attachMenu(more, () => [
      this.images.length > 0 && { label: `Select the ${this.images.length} shown`, icon: 'check', run: () => this.select(this.images.map((image) => image.id)) },
      this.page.rights.edit_images && this.counts.unreadable > 0 && { label: 'Read all unreadable files again', icon: 'rotate-cw', run: () => this.#readAllAgain() },
      this.page.rights.delete_images && { label: 'Deleted images', icon: 'trash-2', checked: this.filter.deleted, run: () => this.change({ deleted: !this.filter.deleted, status: '' }) },
    ]);
  }

  /**
   * @param {string} label
   * @param {'tag' | 'annotated' | 'review' | 'order'} name
   * @param {string[][]} choices
   */
  #select(label, name, choices) {
    return html`<select class="select" id="filter-${name}" aria-label=${label} @change=${(/** @type {any} */ e) => this.change({ [name]: e.target.value })}>
      ${choices.map(([value, text]) => html`<option value=${value} selected=${value === this.filter[name]}>${text}</option>`)}</select>`;
  }

  /** @param {string} layout */
  #setLayout(layout) {
    this.layout = layout;
    localStorage.setItem('exact.images.layout', layout);
    this.cards.clear();
    this.#drawToolbar();
    this.#drawList();
  }

  #drawStatuses() {
    const known = Object.entries(this.counts).filter(([status, count]) => count || status === this.filter.status);
    const chips = known.length > 1 || this.filter.status
      ? known.map(([status, count]) => html`<button type="button" class="tag" id="status-${status}" aria-pressed=${String(status === this.filter.status)} @click=${() => this.change({ status: status === this.filter.status ? '' : status })}>${STATUS[status]?.label ?? status} <span class="num">${count.toLocaleString('en')}</span></button>`) : [];
    render(this.statuses,
      html`<span class="small muted num" role="status">${plural(this.total, this.filter.deleted ? 'deleted image' : 'image')}</span>`, chips, this.#reviewChips(),
      this.filter.deleted ? html`<button type="button" class="btn btn--small" id="leave-bin" @click=${() => this.change({ deleted: false })}>${icon('arrow-left')}Back to the images</button>` : null);
  }

  /** How many images are in which state of review, once somebody has begun. */
  #reviewChips() {
    const { review, deleted } = this.filter;
    const known = Object.entries(this.reviewCounts).filter(([state, count]) => count || state === review);
    if (deleted || (!review && !known.some(([state]) => state !== 'to_do'))) return null;
    return known.map(([state, count]) => html`<button type="button" class="tag" id="review-${state}" aria-pressed=${String(state === review)} @click=${() => this.change({ review: state === review ? '' : state })}>${IMAGE_STATES[state].label} <span class="num">${count.toLocaleString('en')}</span></button>`);
  }

  #drawList() {
    this.list.className = this.layout === 'grid' ? 'image-grid' : 'card list image-rows';
    this.list.classList.toggle('image-grid--selecting', this.selected.size > 0);
    const elements = this.images.map((image) => {
      const seen = JSON.stringify([image, this.selected.has(image.id)]);
      const known = this.cards.get(image.id);
      if (known?.seen === seen) return known.element;
      const element = this.layout === 'grid' ? imageCard(this, image) : imageRow(this, image);
      this.cards.set(image.id, { element, seen });
      return element;
    });
    // Elements that stay are not touched, so that pictures do not flicker and the focus stays where it is.
    elements.forEach((element, index) => {
      if (this.list.children[index] !== element) this.list.insertBefore(element, this.list.children[index] ?? null);
    });
    while (this.list.children.length > elements.length) this.list.lastElementChild?.remove();
    this.list.hidden = !elements.length;
    render(this.after, elements.length ? null : this.#nothing());
  }

  #nothing() {
    if (this.filter.deleted) return empty('trash-2', 'No deleted images', 'Images that are deleted stay here until somebody removes them for good.');
    if (this.isFiltered()) {
      return empty('search', 'No image fits', 'Try other words, or take a filter away.', html`
        <button type="button" class="btn" @click=${() => this.change({ q: '', status: '', tag: '', pinned: false, annotated: '', review: '', assigned: false })}>Show all images</button>`);
    }
    if (!this.page.rights.upload) return empty('images', 'No images yet', 'Nobody has put an image into this set.');
    return html`<div class="drop">${empty('upload', 'Drop slides, pictures or folders here',
      'Whole slide images (SVS, NDPI, MRXS, SCN, BIF, DICOM, tiled TIFF), OME-TIFF stacks, JPEG, PNG and more. Uploads go on where they stopped after a broken connection. For files that are already on the server there is “exact import”.',
      [html`<button type="button" class="btn btn--primary" @click=${() => this.page.uploads?.choose(false)}>${icon('upload')}Choose files</button>`,
        html`<button type="button" class="btn" @click=${() => this.page.uploads?.choose(true)}>${icon('folder-up')}Choose a folder</button>`])}</div>`;
  }

  /** @param {Image} image */
  tools(image) {
    const more = html`<button type="button" class="icon-btn icon-btn--small" aria-label="More for ${titleOf(image)}">${icon('ellipsis')}</button>`;
    attachMenu(more, () => this.#menu(image));
    const pin = image.deleted_at ? null : html`<button type="button" class="icon-btn icon-btn--small" aria-pressed=${String(image.pinned)} aria-label="${image.pinned ? 'Unpin' : 'Pin'} ${titleOf(image)}" @click=${() => this.act(image.pinned ? 'unpin' : 'pin', [image.id])}>${icon('pin')}</button>`;
    return [pin, more];
  }

  /** @param {Image} image */
  checkbox(image) {
    return html`<input type="checkbox" class="checkbox" aria-label="Select ${titleOf(image)}" checked=${this.selected.has(image.id)} @click=${(/** @type {MouseEvent} */ event) => this.#toggle(image, event.shiftKey)}>`;
  }

  /** @param {Image} image */
  #menu(image) {
    const { rights } = this.page;
    if (image.deleted_at) {
      return [{ label: 'Restore', icon: 'undo-2', run: () => this.act('restore', [image.id]) },
        rights.manage && { label: 'Remove for good', icon: 'trash-2', danger: true, run: () => this.#purge(image) }];
    }
    return [
      image.status === 'ready' && { label: 'Open', icon: 'microscope', href: `/image-sets/${this.page.id}/images/${image.id}` },
      { label: 'Details', icon: 'info', run: () => this.details(image) },
      rights.edit_images && { label: 'Tags', icon: 'tag', run: () => this.#tag([image.id]) },
      rights.edit_images && image.status !== 'probing' && image.status !== 'converting' && { label: 'Read the file again', icon: 'rotate-cw', run: () => this.act('read_again', [image.id]) },
      rights.delete_images && { separator: true },
      rights.delete_images && { label: 'Delete', icon: 'trash-2', danger: true, run: () => this.remove([image.id]) },
    ];
  }

  /**
   * @param {Image} image
   * @param {boolean} isRange
   */
  #toggle(image, isRange) {
    const index = this.images.findIndex((each) => each.id === image.id);
    const on = !this.selected.has(image.id);
    const from = isRange && this.#last >= 0 ? this.#last : index;
    for (const each of this.images.slice(Math.min(from, index), Math.max(from, index) + 1)) {
      if (on) this.selected.add(each.id);
      else this.selected.delete(each.id);
    }
    this.#last = index;
    this.#drawList();
    this.#drawSelection();
    // The card was drawn anew; a keyboard user goes on from the same checkbox.
    if (document.activeElement === document.body) this.list.querySelector(`[data-image="${image.id}"] .checkbox`)?.focus();
  }

  /** @param {number[]} ids */
  select(ids) {
    this.selected = new Set(ids);
    this.#drawList();
    this.#drawSelection();
  }

  #drawSelection() {
    const ids = [...this.selected];
    const { rights } = this.page;
    this.selection.hidden = !ids.length;
    if (!ids.length) return;
    const button = (/** @type {string} */ key, /** @type {string} */ symbol, /** @type {string} */ label, /** @type {() => unknown} */ run, danger = false) => html`
      <button type="button" class="btn btn--small ${danger ? 'btn--danger' : ''}" data-focus="bulk-${key}" @click=${() => Promise.resolve(run()).catch(showError)}>${icon(symbol)}${label}</button>`;
    render(this.selection, html`<strong class="num">${plural(ids.length, 'image')}</strong>`,
      this.filter.deleted ? button('restore', 'undo-2', 'Restore', () => this.act('restore', ids)) : [
        button('pin', 'pin', 'Pin', () => this.act('pin', ids)),
        rights.edit_images ? button('tag', 'tag', 'Tags', () => this.#tag(ids)) : null,
        rights.edit_images ? button('again', 'rotate-cw', 'Read again', () => this.act('read_again', ids)) : null,
        rights.delete_images ? button('delete', 'trash-2', 'Delete', () => this.remove(ids), true) : null],
      html`<button type="button" class="icon-btn icon-btn--small" data-focus="bulk-none" aria-label="Select none" data-tip="Select none" data-keys="Escape" @click=${() => this.select([])}>${icon('x')}</button>`);
  }

  /**
   * @param {string} action
   * @param {number[]} ids
   * @param {Record<string, any>} [more]
   */
  async act(action, ids, more = {}) {
    try {
      for (let at = 0; at < ids.length; at += 1000) {
        await api.post(`${this.path}/image-actions`, { action, image_ids: ids.slice(at, at + 1000), ...more });
      }
      if (action === 'tag' || action === 'untag') this.tags = await api.get(`${this.path}/image-tags`);
      await this.load();
      if (action === 'tag' || action === 'untag') this.#drawToolbar();
      return true;
    } catch (error) {
      showError(error);
      return false;
    }
  }

  /** @param {number[]} ids */
  async remove(ids) {
    if (!await this.act('delete', ids)) return;
    this.select([]);
    toast(`${plural(ids.length, 'image')} deleted.`, { kind: 'success', action: { label: 'Undo', run: () => this.act('restore', ids) } });
  }

  /** @param {Image} image */
  async #purge(image) {
    if (await purgeDialog(image)) await this.load();
  }

  async #readAllAgain() {
    const answer = await api.get(`${this.path}/images`, { status: 'unreadable', limit: 500 });
    await this.act('read_again', answer.items.map((/** @type {Image} */ image) => image.id));
  }

  /** @param {number[]} ids */
  async #tag(ids) {
    await tagDialog(this.path, this.images.filter((image) => ids.includes(image.id)), this.tags.map((tag) => tag.name));
    this.tags = await api.get(`${this.path}/image-tags`);
    this.#drawToolbar();
    await this.load();
  }

  /** @param {Image} image */
  async details(image) {
    if (await detailsDialog(image, this.page.rights.edit_images && !image.deleted_at)) await this.load();
  }
}

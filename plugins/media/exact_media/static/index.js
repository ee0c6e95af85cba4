// @ts-check
/**
 * Attached media in the viewer: one panel for the image, one for the selected shape, and a player that they share; and
 * a tab on the page of the image set.
 */

import { afterRest, html, icon, plural, render } from 'exact/sdk';

import { createList, hostOf } from './lists.js';
import { like, likings, MediaApi, nextOf } from './media.js';
import { followOnSlide } from './play_line.js';
import { Player } from './player.js';
import { showSet } from './set_tab.js';
import { createUpload } from './upload.js';

/** @typedef {import('./media.js').Item} Item */

/** @param {import('exact/sdk').PluginContext} ctx */
export default function activate(ctx) {
  ctx.panels.mount('media.set', (element) => showSet(element, ctx));
  if (!ctx.image || !ctx.annotations) return;
  new MediaPanels(ctx, ctx.image.id, ctx.annotations).mount();
}

/** The two panels of one image. */
class MediaPanels {
  /** @param {import('exact/sdk').PluginContext} ctx @param {number} imageId @param {NonNullable<import('exact/sdk').PluginContext['annotations']>} annotations */
  constructor(ctx, imageId, annotations) {
    this.ctx = ctx;
    this.annotations = annotations;
    this.api = new MediaApi(ctx, imageId);
    this.likings = likings(ctx.settings);
    this.player = new Player(this.api, ctx, this.likings, () => this.listing?.can_convert ?? false);
    this.player.onEnded = (item) => void this.#goOn(item);
    this.player.onSound = (item, media, signal) => {
      if (item.annotation_id !== null) followOnSlide(ctx, item.annotation_id, media, signal).catch((error) => signal.aborted || ctx.log.info('no line', error));
    };
    this.parts = { player: this.player, api: this.api, removed: () => this.#reload() };
    this.imageBody = html`<div class="media" data-plugin="media"><p class="small muted row">${icon('loader-circle', 'icon--spin')}Looking…</p></div>`;
    this.shapeBody = html`<div class="media" data-plugin="media"></div>`;
  }

  /** @type {import('./media.js').Listing | null} */
  listing = null;
  /** The one selected shape. @type {number | null} */
  shape = null;
  #turn = 0;

  mount() {
    const { ctx } = this;
    ctx.panels.mount('media.image', (element) => render(element, this.imageBody));
    ctx.panels.mount('media.annotation', (element) => {
      render(element, this.shapeBody);
      this.#showShapePanel(false);
    });
    this.annotations.on('selected', (ids) => void this.#selected(ids));
    this.annotations.on('changed', afterRest(() => void this.#readListing(), 1500));
    this.#addShortcut();
    void this.#readListing();
    void this.#selected(this.annotations.selected());
  }

  #addShortcut() {
    try {
      this.ctx.shortcuts.add({ keys: 'shift+p', title: 'Play or pause', run: () => this.player.toggle() });
    } catch (error) {
      this.ctx.log.info('the key is taken', error);
    }
  }

  async #readListing() {
    try {
      this.listing = await this.api.listing();
      this.#drawImage();
    } catch (error) {
      if (!this.ctx.signal.aborted) render(this.imageBody, problem(error, () => void this.#readListing()));
    }
  }

  #drawImage() {
    const { listing, player } = this;
    if (!listing) return;
    const playing = player.item?.annotation_id === null ? player.item : null;
    const list = createList(listing.items, this.parts);
    const upload = listing.can_attach && this.#upload(this.imageBody, null, 'Attach to the image');
    render(this.imageBody, this.#shapesLine(listing), this.#choices(), listing.items.length > 0 && html`<h3 class="media__heading small">This image</h3>`, list, upload);
    const host = playing && hostOf(list, playing.id);
    if (host) host.append(player.element); // goes on playing
  }

  /** @param {import('./media.js').Listing} listing */
  #shapesLine({ annotations, items }) {
    if (annotations.length > 0) {
      const words = `${plural(annotations.length, 'shape')} with something to play.`;
      const first = () => void this.#play(annotations[0]);
      return html`<div class="media__line"><span class="small muted">${words}</span><button type="button" class="btn btn--small" @click=${first}>${icon('play')}Play the first</button></div>`;
    }
    return items.length === 0 && html`<p class="small muted media__none">Nothing is attached here yet. Select a shape to attach a sound, a film or a picture to it.</p>`;
  }

  #choices() {
    return html`<div class="media__choices">${this.#choice('Play when a shape is selected', 'playOnClick')}${this.#choice('Then go on with the next shape', 'autoplayNext')}</div>`;
  }

  /** @param {string} words @param {'playOnClick' | 'autoplayNext'} name */
  #choice(words, name) {
    const change = (/** @type {Event} */ event) => {
      this.likings[name] = /** @type {HTMLInputElement} */ (event.target).checked;
      like({ [name]: this.likings[name] });
    };
    return html`<label class="check small"><input type="checkbox" .checked=${this.likings[name]} data-focus=${`media-${name}`} @change=${change}><span>${words}</span></label>`;
  }

  /** @param {number[]} ids */
  async #selected(ids) {
    const shape = ids.length === 1 ? ids[0] : null;
    if (shape === this.shape) return;
    this.shape = shape;
    if (this.player.item && this.player.item.annotation_id !== null) this.player.stop();
    if (shape === null) {
      this.#turn += 1;
      this.#showShapePanel(false);
      return;
    }
    const items = await this.#drawShape(shape);
    const first = items?.find((item) => item.kind !== 'picture' && item.conversion !== 'needed');
    if (first && this.likings.playOnClick) this.#open(first);
  }

  /** Show what is attached to a shape; undefined when it is not the selected one any more. @param {number} shape */
  async #drawShape(shape) {
    const turn = ++this.#turn;
    try {
      const items = await this.api.ofAnnotation(shape);
      if (turn !== this.#turn) return undefined;
      const mayAttach = this.listing?.can_attach_to_annotations ?? false;
      const upload = mayAttach && this.#upload(this.shapeBody, shape, 'Attach to the shape');
      const empty = items.length === 0 && html`<p class="small muted media__none">Nothing is attached to this shape${mayAttach ? ' yet' : ''}.</p>`;
      render(this.shapeBody, createList(items, this.parts), empty, upload);
      this.#showShapePanel(items.length > 0 || mayAttach);
      return items;
    } catch (error) {
      if (this.ctx.signal.aborted || turn !== this.#turn) return undefined;
      render(this.shapeBody, problem(error, () => void this.#drawShape(shape)));
      this.#showShapePanel(true);
      return undefined;
    }
  }

  /** @type {Map<HTMLElement, {shape: number | null, element: HTMLElement, end: AbortController}>} */
  #uploads = new Map();

  /**
   * The upload of a panel: the same one while it is about the same shape, with what is on its way and what went wrong.
   * @param {HTMLElement} body @param {number | null} shape @param {string} words
   */
  #upload(body, shape, words) {
    const known = this.#uploads.get(body);
    if (known?.shape === shape) return known.element;
    known?.end.abort(); // it takes no drops any more; what is on its way goes on
    const end = new AbortController();
    const place = {
      words,
      target: (/** @type {string} */ name) => this.api.target(name, shape),
      most: () => this.listing?.max_bytes ?? Infinity,
      done: (/** @type {Item} */ item) => void this.#attached(item),
    };
    const element = createUpload(body, place, end.signal, this.ctx.signal);
    this.#uploads.set(body, { shape, element, end });
    return element;
  }

  /** @param {Item} item */
  async #attached(item) {
    const body = item.annotation_id === null ? this.imageBody : this.shapeBody;
    const shown = body.querySelector('.media-list');
    if (item.annotation_id === null || item.annotation_id === this.shape) {
      // Added to what is there, so that messages of the upload and what plays stay.
      if (shown && !hostOf(/** @type {HTMLElement} */ (shown), item.id)) shown.append(.../** @type {any} */ (createList([item], this.parts)).children);
      body.querySelector('.media__none')?.remove();
    }
    this.listing = await this.api.listing().catch(() => this.listing);
  }

  #reload() {
    void this.#readListing();
    if (this.shape !== null) void this.#drawShape(this.shape);
  }

  /** @param {Item} item */
  #open(item) {
    const host = hostOf(this.shapeBody, item.id);
    if (host) this.player.open(item, host);
  }

  /** Select a shape and play it, whatever is set. @param {number} shape */
  async #play(shape) {
    await this.annotations.select([shape]);
    if (this.likings.playOnClick) return; // selecting has done it
    const items = this.shape === shape ? await this.#drawShape(shape) : undefined;
    const first = items?.find((item) => item.kind !== 'picture');
    if (first) this.#open(first);
  }

  /** After the end of a file: the next of the same shape, or the next shape. @param {Item} item */
  async #goOn(item) {
    if (!this.likings.autoplayNext || item.annotation_id === null) return;
    const next = nextOf(this.listing?.annotations ?? [], item.annotation_id);
    if (next !== null) await this.#play(next);
  }

  /** The slot lies at the foot of the page and takes room from the rest: it is there when it has something to say. @param {boolean} isShown */
  #showShapePanel(isShown) {
    const panel = this.shapeBody.closest('.plugin-panel');
    if (!(panel instanceof HTMLElement) || !panel.parentElement) return;
    panel.hidden = !isShown;
    panel.parentElement.hidden = [...panel.parentElement.children].every((child) => /** @type {HTMLElement} */ (child).hidden);
  }
}

/** @param {unknown} error @param {() => void} again */
function problem(error, again) {
  const reason = error instanceof Error ? error.message : String(error);
  return html`<div class="media__problem small" role="alert">${icon('circle-alert')}<span>${reason}</span><button type="button" class="btn btn--small" @click=${again}>${icon('refresh-cw')}Try again</button></div>`;
}

// @ts-check
/** The images of the set as a strip: thumbnails, names, states, and the way to the previous and the next. */

import { html, icon } from '../shell/html.js';

/**
 * @typedef {{id: number, name: string, status: string}} StripImage
 * @typedef {{items: StripImage[], before: boolean, after: boolean}} StripPage  Whether there are more on either side.
 */

const STATES = /** @type {Record<string, [string, string]>} */ ({
  unreadable: ['image-off', 'Cannot be read'],
  converting: ['loader-circle', 'Being converted'],
  probing: ['loader-circle', 'Being examined'],
});

/** Loads around the current image first, and more as it is scrolled. */
export class ImageStrip {
  /**
   * @param {HTMLElement} host @param {(id: number) => string} addressOf @param {number} currentId
   * @param {(anchor: number, side: 'around'|'before'|'after') => Promise<StripPage>} ask
   */
  constructor(host, addressOf, currentId, ask) {
    this.addressOf = addressOf;
    this.currentId = currentId;
    this.ask = ask;
    this.list = html`<ol class="strip__list" aria-label="Images of this set"></ol>`;
    host.append(this.list);
    this.list.addEventListener('scroll', () => void this.#fill(), { passive: true });
  }

  /** @type {StripImage[]} */
  #items = [];
  #before = false;
  #after = false;
  #isLoading = false;
  isLoaded = false;

  async load() {
    if (this.isLoaded) return;
    this.isLoaded = true;
    try {
      const page = await this.ask(this.currentId, 'around');
      this.#items = page.items;
      [this.#before, this.#after] = [page.before, page.after];
      this.list.replaceChildren(...page.items.map((item) => this.#entry(item)));
      this.list.querySelector('[aria-current]')?.scrollIntoView({ block: 'center', inline: 'center' });
    } catch {
      this.isLoaded = false;
      this.list.replaceChildren(html`<li class="small muted strip__note">The list of images could not be loaded.</li>`);
    }
  }

  async #fill() {
    if (this.#isLoading || this.#items.length === 0) return;
    const { scrollTop, scrollLeft, scrollHeight, scrollWidth, clientHeight, clientWidth } = this.list;
    const isRow = scrollWidth > clientWidth + 1 && scrollHeight <= clientHeight + 1;
    const [at, size, seen] = isRow ? [scrollLeft, scrollWidth, clientWidth] : [scrollTop, scrollHeight, clientHeight];
    const side = this.#after && at + seen > size - 400 ? 'after' : this.#before && at < 400 ? 'before' : null;
    if (!side) return;
    this.#isLoading = true;
    try {
      await this.#extend(side, isRow);
    } catch {
      // The next scroll asks again.
    } finally {
      this.#isLoading = false;
    }
  }

  /** @param {'before'|'after'} side @param {boolean} isRow */
  async #extend(side, isRow) {
    const anchor = side === 'after' ? this.#items[this.#items.length - 1] : this.#items[0];
    const page = await this.ask(anchor.id, side);
    const entries = page.items.map((item) => this.#entry(item));
    if (side === 'after') {
      this.#items.push(...page.items);
      this.#after = page.after;
      this.list.append(...entries);
      return;
    }
    const size = isRow ? this.list.scrollWidth : this.list.scrollHeight;
    this.#items.unshift(...page.items);
    this.#before = page.before;
    this.list.prepend(...entries);
    if (isRow) this.list.scrollLeft += this.list.scrollWidth - size;
    else this.list.scrollTop += this.list.scrollHeight - size;
  }

  /** @param {StripImage} item */
  #entry({ id, name, status }) {
    const isHere = id === this.currentId;
    const state = STATES[status];
    const picture = state
      ? html`<span class="strip__state">${icon(state[0], state[0] === 'loader-circle' ? 'icon--spin' : '')}</span>`
      : html`<img class="strip__picture" src="/api/v2/images/${id}/thumbnail?size=256" alt="" loading="lazy" decoding="async">`;
    picture.addEventListener('error', () => picture.replaceWith(html`<span class="strip__state">${icon('image-off')}</span>`));
    return html`
      <li><a class="strip__image" href=${this.addressOf(id)} aria-current=${isHere ? 'page' : null} title=${name}>
        ${picture}<span class="strip__name truncate small">${name}</span>${state ? html`<span class="visually-hidden">${state[1]}</span>` : null}</a></li>`;
  }
}

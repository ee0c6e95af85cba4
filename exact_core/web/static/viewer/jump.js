// @ts-check
/** From one shape of a type to the next, in the order of drawing, through the server's list. */

/** @typedef {{items: any[], next: string | null}} Page */

/** Walks the annotations of one type. */
export class Walk {
  /** @param {(cursor: string | null) => Promise<Page>} ask */
  constructor(ask) {
    this.ask = ask;
  }

  /** @type {any[]} */
  #items = [];
  /** @type {string | null} */
  #next = null;
  #isStarted = false;
  #at = -1;

  /** @param {number | null} fromId the selected shape @param {1 | -1} step @returns {Promise<any | null>} null when there is none */
  async step(fromId, step) {
    if (!this.#isStarted) await this.#more();
    const known = fromId === null ? -1 : this.#items.findIndex((item) => item.id === fromId);
    if (known >= 0) this.#at = known;
    let to = this.#at + step;
    if (to < 0) {
      while (this.#next) await this.#more();
      to = this.#items.length - 1;
    }
    if (to >= this.#items.length && this.#next) await this.#more();
    if (this.#items.length === 0) return null;
    this.#at = ((to % this.#items.length) + this.#items.length) % this.#items.length;
    return this.#items[this.#at];
  }

  async #more() {
    const page = await this.ask(this.#next);
    this.#isStarted = true;
    this.#items.push(...page.items);
    this.#next = page.items.length > 0 ? page.next : null;
  }
}

/** @param {any} answer of `/annotations` @returns {Page} */
export function pageOf(answer) {
  return { items: answer.items, next: answer.next_cursor };
}

// @ts-check
/** Which shapes are drawn stronger, and for whom: the pointer, a large selection, the hits of a search. */

/** The union of what several parts of the page want to stand out. */
export class Highlights {
  /** @param {() => Pick<import('./layer/api.js').AnnotationLayer, 'setHighlighted'>} layer */
  constructor(layer) {
    this.layer = layer;
  }

  /** @type {Map<string, (number | string)[]>} */
  #wanted = new Map();
  #shown = '';

  /** @param {string} who @param {Iterable<number | string>} keys ids or uuids */
  set(who, keys) {
    this.#wanted.set(who, [...keys]);
    const all = new Set([...this.#wanted.values()].flat());
    const now = [...all].join(' ');
    if (now === this.#shown) return;
    this.#shown = now;
    this.layer().setHighlighted(all);
  }
}

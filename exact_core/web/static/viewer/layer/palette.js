// @ts-check
/**
 * Colour and visibility of types and authors, kept as two small pictures that a shader looks things up in.
 *
 * Changing a colour or hiding a class changes one texel; no shape is touched.
 */

import { AUTHOR_STRIDE } from './texels.js';

/** Edge of the square look-up pictures: 64 × 64 slots. */
export const PALETTE_SIDE = 64;
const SLOTS = PALETTE_SIDE * PALETTE_SIDE;
const UNKNOWN = [120, 120, 128];

/**
 * Red, green, blue of a CSS hexadecimal colour; grey where it is none.
 * @param {string} color
 * @returns {[number, number, number]}
 */
export function parseColor(color) {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(color);
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})?$/i.exec(color);
  const parts = short ? short.slice(1).map((digit) => digit + digit) : long?.slice(1, 4);
  return /** @type {[number, number, number]} */ (parts ? parts.map((part) => parseInt(part, 16)) : [...UNKNOWN]);
}

/** Gives ids a slot each, for as long as the layer lives. */
class Slots {
  constructor() {
    /** @type {Map<number, number>} */
    this.slots = new Map();
    /** @type {number[]} */
    this.ids = [];
  }

  /** @param {number} id */
  of(id) {
    const known = this.slots.get(id);
    if (known !== undefined) return known;
    // More ids than slots share the last one: drawn, in one colour.
    const slot = Math.min(this.slots.size, SLOTS - 1);
    this.slots.set(id, slot);
    this.ids[slot] = id;
    return slot;
  }
}

/** Look-up pictures of the types (RGBA, alpha 0 where hidden) and the authors (alpha only). */
export class Palette {
  #types = new Slots();

  #authors = new Slots();

  /** @type {Set<number>} */
  #hiddenAuthors = new Set();

  /** @param {Map<number, import('./api.js').TypeStyle>} types */
  constructor(types) {
    this.typeTexels = new Uint8Array(4 * SLOTS);
    this.authorTexels = new Uint8Array(SLOTS).fill(255);
    for (let slot = 0; slot < SLOTS; slot++) this.typeTexels.set([...UNKNOWN, 255], 4 * slot);
    /** Raised with each change, for who holds a copy. */
    this.version = 1;
    this.setTypes(types);
  }

  /** @param {Map<number, import('./api.js').TypeStyle>} types */
  setTypes(types) {
    for (const type of types.values()) {
      this.setTypeColor(type.id, type.color);
      this.setTypeVisible(type.id, type.visible);
    }
  }

  /** @param {number} id */
  typeSlot(id) {
    return this.#types.of(id);
  }

  /** @param {number} id */
  authorSlot(id) {
    return this.#authors.of(id);
  }

  /** @param {number} slot */
  typeAt(slot) {
    return this.#types.ids[slot] ?? 0;
  }

  /** @param {number} slot */
  authorAt(slot) {
    return this.#authors.ids[slot] ?? 0;
  }

  /** How many type slots are in use. */
  get typeCount() {
    return Math.min(this.#types.slots.size, SLOTS);
  }

  /** @param {number} id @param {string} color */
  setTypeColor(id, color) {
    this.typeTexels.set(parseColor(color), 4 * this.typeSlot(id));
    this.version += 1;
  }

  /** @param {number} id @param {boolean} visible */
  setTypeVisible(id, visible) {
    this.typeTexels[4 * this.typeSlot(id) + 3] = visible ? 255 : 0;
    this.version += 1;
  }

  /** @param {number} id @param {boolean} visible */
  setAuthorVisible(id, visible) {
    this.authorTexels[this.authorSlot(id)] = visible ? 255 : 0;
    if (visible) this.#hiddenAuthors.delete(id);
    else this.#hiddenAuthors.add(id);
    this.version += 1;
  }

  get isEveryoneVisible() {
    return this.#hiddenAuthors.size === 0;
  }

  /** @param {number} slot */
  isTypeVisible(slot) {
    return this.typeTexels[4 * slot + 3] !== 0;
  }

  /** @param {number} slot */
  isAuthorVisible(slot) {
    return this.authorTexels[slot] !== 0;
  }

  /** @param {number} slot @returns {[number, number, number]} */
  color(slot) {
    return [this.typeTexels[4 * slot], this.typeTexels[4 * slot + 1], this.typeTexels[4 * slot + 2]];
  }

  /**
   * @param {number} style of a texel; negative while the shape is suppressed
   * @returns {boolean}
   */
  isStyleVisible(style) {
    if (style < 0) return false;
    return this.isTypeVisible(style % AUTHOR_STRIDE) && this.isAuthorVisible(Math.floor(style / AUTHOR_STRIDE));
  }
}

// @ts-check
/** What is selected, and who wants to know. */

import { isSameShape } from './journal.js';

/** @typedef {import('./items.js').Item} Item */

/** The selected annotations, in the order of selecting. */
export class Selection {
  /** @type {Item[]} */
  items = [];
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {() => void} listener @returns {() => void} */
  onChange(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get size() {
    return this.items.length;
  }

  /** @returns {Item | null} the selected one, if it is only one */
  get single() {
    return this.items.length === 1 ? this.items[0] : null;
  }

  /** @param {{id: number | null, uuid: string | null}} shape */
  has(shape) {
    return this.items.some((item) => isSameShape(item, shape));
  }

  /** @param {Item[]} items */
  set(items) {
    if (items.length === 0 && this.items.length === 0) return;
    this.items = items;
    this.#tell();
  }

  clear() {
    this.set([]);
  }

  /** @param {Item} item */
  toggle(item) {
    this.set(this.has(item) ? this.items.filter((other) => !isSameShape(other, item)) : [...this.items, item]);
  }

  /** @param {Item[]} items */
  add(items) {
    this.set([...this.items, ...items.filter((item) => !this.has(item))]);
  }

  /** Take over newer states of selected shapes. @param {Item[]} items */
  replace(items) {
    let changed = false;
    const next = this.items.map((old) => {
      const newer = items.find((item) => isSameShape(item, old));
      changed ||= newer !== undefined;
      return newer ?? old;
    });
    if (changed) {
      this.items = next;
      this.#tell();
    }
  }

  /** @param {{id: number | null, uuid: string | null}[]} shapes */
  drop(shapes) {
    const kept = this.items.filter((item) => !shapes.some((shape) => isSameShape(shape, item)));
    if (kept.length !== this.items.length) this.set(kept);
  }

  #tell() {
    this.#listeners.forEach((listener) => listener());
  }
}

// @ts-check
/** How many shapes there are per type and author: asked from the server, kept right at once while edits are under way. */

import { afterRest } from '../sdk/timing.js';

/** @typedef {{type_id: number, author: {id: number, name: string} | null, count: number}} CountRow */

/** Counts of one image. */
export class Counts {
  /** @param {() => Promise<CountRow[]>} ask @param {() => boolean} isQuiet Whether every edit has reached the server. */
  constructor(ask, isQuiet) {
    this.ask = ask;
    this.isQuiet = isQuiet;
    this.askSoon = afterRest(() => void this.load(), 600);
  }

  /** @type {CountRow[]} */
  rows = [];
  /** @type {Map<number, number>} Edits that the rows do not know yet. */
  #ahead = new Map();
  /** @type {Set<() => void>} */
  #listeners = new Set();
  isLoaded = false;

  /** @param {() => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  async load() {
    if (!this.isQuiet()) return;
    const rows = await this.ask().catch(() => null);
    if (!rows || !this.isQuiet()) return;
    this.rows = rows;
    this.#ahead.clear();
    this.isLoaded = true;
    this.#tell();
  }

  /** @param {number} typeId @param {number} by */
  shift(typeId, by) {
    this.#ahead.set(typeId, (this.#ahead.get(typeId) ?? 0) + by);
    this.#tell();
  }

  /** @param {number} typeId */
  ofType(typeId) {
    const known = this.rows.filter((row) => row.type_id === typeId).reduce((sum, row) => sum + row.count, 0);
    return Math.max(0, known + (this.#ahead.get(typeId) ?? 0));
  }

  get total() {
    const ahead = [...this.#ahead.values()].reduce((sum, n) => sum + n, 0);
    return Math.max(0, this.rows.reduce((sum, row) => sum + row.count, 0) + ahead);
  }

  /** @returns {{id: number, name: string, count: number}[]} */
  get authors() {
    /** @type {Map<number, {id: number, name: string, count: number}>} */
    const authors = new Map();
    for (const { author, count } of this.rows) {
      const id = author?.id ?? 0;
      const known = authors.get(id) ?? { id, name: author?.name || 'Imported', count: 0 };
      authors.set(id, { ...known, count: known.count + count });
    }
    return [...authors.values()].sort((a, b) => b.count - a.count);
  }

  #tell() {
    this.#listeners.forEach((listener) => listener());
  }
}

/** @param {any} answer of `/annotation-counts` @returns {CountRow[]} */
export function countRows(answer) {
  const people = new Map(answer.authors.map((/** @type {any} */ row) => [row.author?.id ?? null, row.author]));
  return answer.counts.map((/** @type {any} */ row) => ({
    type_id: row.type_id,
    author: people.get(row.author_id) ?? null,
    count: row.count,
  }));
}

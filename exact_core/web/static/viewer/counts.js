// @ts-check
/** How many shapes there are per type and author: asked from the server, kept right at once while edits are under way. */

import { afterRest } from '../sdk/timing.js';

/** @typedef {import('./journal.js').Entry} Entry */
/** @typedef {{type_id: number, author: {id: number, name: string} | null, count: number}} CountRow */

/** What an entry of the journal adds to the counts, per type. @param {Entry} entry @returns {[number, number][]} */
export function shiftsOf({ operations }) {
  return operations.flatMap(({ op, type_id: type, was }) => {
    const added = op !== 'delete' && type !== undefined && type !== was ? /** @type {[number, number][]} */ ([[type, 1]]) : [];
    const gone = was !== undefined && (op === 'delete' || added.length > 0);
    return gone ? [...added, /** @type {[number, number]} */ ([was, -1])] : added;
  });
}

/** Counts of one image: what the server said, and what it does not know yet. */
export class Counts {
  /** @param {() => Promise<CountRow[]>} ask @param {() => Entry[]} waiting  Edits on their way. */
  constructor(ask, waiting) {
    this.ask = ask;
    this.waiting = waiting;
    this.askSoon = afterRest(() => void this.load(), 600);
  }

  /** @type {CountRow[]} */
  rows = [];
  /** @type {Entry[]} Edits that the server has, but that came after the rows. */
  #saved = [];
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {() => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  async load() {
    const known = this.#saved.length;
    const rows = await this.ask().catch(() => null);
    if (!rows) return;
    this.rows = rows;
    this.#saved.splice(0, known);
    this.changed();
  }

  /** @param {Entry} entry */
  noteSaved(entry) {
    this.#saved.push(entry);
    this.askSoon();
  }

  /** @returns {[number, number][]} */
  get #ahead() {
    return [...this.#saved, ...this.waiting()].flatMap(shiftsOf);
  }

  /** @param {number} typeId */
  ofType(typeId) {
    const known = this.rows.filter((row) => row.type_id === typeId).reduce((sum, row) => sum + row.count, 0);
    return Math.max(0, this.#ahead.filter(([id]) => id === typeId).reduce((sum, [, by]) => sum + by, known));
  }

  get total() {
    const known = this.rows.reduce((sum, row) => sum + row.count, 0);
    return Math.max(0, this.#ahead.reduce((sum, [, by]) => sum + by, known));
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

  /** Tell those who show the counts. */
  changed() {
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

// @ts-check
/** What differs between two states of an image, in the order in which one goes through it. */

import { itemFromJson } from '../items.js';

/**
 * @typedef {import('../items.js').Item} Item
 * @typedef {'added' | 'removed' | 'changed'} ChangeKind
 *
 * @typedef {object} Change
 * @property {number} id
 * @property {ChangeKind} kind
 * @property {('geometry' | 'type' | 'attributes')[]} ways  In which a changed one differs.
 * @property {[number, number, number, number]} box  That holds both states, in image px.
 * @property {Item | null} before
 * @property {Item | null} after
 */

/** Told apart by colour, line and sign; the colours differ for people who see fewer of them, too. @type {Record<ChangeKind, {label: string, color: string, sign: string, dash: string}>} */
export const KINDS = {
  added: { label: 'Added', color: '#067647', sign: '+', dash: '' },
  removed: { label: 'Removed', color: '#c4320a', sign: '−', dash: '7 5' },
  changed: { label: 'Changed', color: '#1d4ed8', sign: '≠', dash: '' },
};

/** Rows of this height, in image px, are gone through from left to right. */
const ROW = 2048;

/** @param {any} json one difference as the server tells it @returns {Change} */
export function changeFromJson({ id, kinds, box, before, after }) {
  const kind = /** @type {ChangeKind} */ (['added', 'removed'].find((name) => kinds.includes(name)) ?? 'changed');
  return { id, kind, ways: kind === 'changed' ? kinds : [], box, before: before && itemFromJson({ id, ...before }), after: after && itemFromJson({ id, ...after }) };
}

/** From row to row, so that the picture moves little between one and the next. @param {Change[]} changes */
export function byPlace(changes) {
  const row = (/** @type {Change} */ { box }) => Math.floor(box[1] / ROW);
  return [...changes].sort((a, b) => row(a) - row(b) || a.box[0] - b.box[0] || a.id - b.id);
}

/** The changes of an image, those of them that are looked at, and the one where one stands. */
export class Changes {
  /** @param {Change[]} all */
  constructor(all) {
    this.all = byPlace(all);
  }

  /** @type {Set<ChangeKind>} */
  hidden = new Set();
  /** @type {number | null} */
  #at = null;

  get shown() {
    return this.all.filter(({ kind }) => !this.hidden.has(kind));
  }

  /** @returns {Change | null} */
  get current() {
    return this.shown.find(({ id }) => id === this.#at) ?? null;
  }

  /** From 1; 0 before one has begun. */
  get position() {
    return this.shown.findIndex(({ id }) => id === this.#at) + 1;
  }

  /** @param {1 | -1} by @returns {Change | null} the next one; after the last comes the first */
  step(by) {
    const { shown } = this;
    if (shown.length === 0) return null;
    const from = shown.findIndex(({ id }) => id === this.#at);
    const to = from < 0 ? (by > 0 ? 0 : shown.length - 1) : (from + by + shown.length) % shown.length;
    this.#at = shown[to].id;
    return shown[to];
  }

  /** Stand where another list stood. @param {Changes} other */
  goOnFrom(other) {
    this.hidden = other.hidden;
    this.#at = other.current?.id ?? null;
  }
}

/** One change in words. @param {Change} change @param {(typeId: number) => string} nameOf */
export function inWords({ kind, ways, before, after }, nameOf) {
  const now = nameOf((after ?? before)?.typeId ?? 0);
  if (kind !== 'changed' || !before || !after) return `${KINDS[kind].label}: ${now}`;
  const what = [
    ways.includes('geometry') ? (sameFrame(before, after) ? 'outline' : 'outline or frame') : '',
    ways.includes('type') ? `${nameOf(before.typeId)} → ${now}` : '',
    ways.includes('attributes') ? 'text or attributes' : '',
  ].filter(Boolean);
  return `Changed: ${ways.includes('type') ? '' : `${now}, `}${what.join(', ')}`;
}

/** @param {Item} a @param {Item} b */
function sameFrame(a, b) {
  return a.frame.z === b.frame.z && a.frame.t === b.frame.t && a.frame.c === b.frame.c;
}

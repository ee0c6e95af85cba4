// @ts-check
/**
 * One pass at work in one window: steps are shown at once, told to the server one request after the other, and told
 * again until it has them. Knows the pass and time; page and server are handed in.
 */

import { Path, flagsOf } from './fields.js';

/**
 * @typedef {import('./fields.js').Way} Way
 * @typedef {{number: number, done: number, total: number, carried: number, seconds: number, position: number, revision: number,
 *   finished_at: string | null, chosen: string, seen: string, grid: import('./fields.js').Grid, wishes: any}} Pass
 * @typedef {{revision: number, position: number, done: number, total: number, seconds: number, finished_at: string | null,
 *   newest: number, seen: string | null}} Answer
 * @typedef {{marks: Set<number>, unmarks: Set<number>, seconds: Map<number, number>, position: number}} Batch
 * @typedef {{number: number, marks: number[], unmarks: number[]}} Pending
 * @typedef {{send: (number: number, body: any, last: boolean) => Promise<Answer>, now: () => number,
 *   later: (run: () => void, ms: number) => void}} Outside  `now` in milliseconds.
 */

const LONGEST_S = 300; // nobody looks at one field for longer without a break
const LATER = new Set([401, 408, 429]); // who logs in again goes on
const MOST_UNDONE = 200;
const AGAIN_MS = [1000, 3000, 10_000, 30_000];

export class Session {
  /** @param {Pass} pass @param {Outside} outside @param {string} window a word of this window's own */
  constructor(pass, outside, window) {
    this.outside = outside;
    this.window = window;
    this.number = pass.number;
    this.wishes = pass.wishes;
    this.carried = pass.carried;
    this.count = pass.grid.columns * pass.grid.rows;
    this.path = new Path(pass.grid, flagsOf(pass.chosen, this.count));
    this.seen = flagsOf(pass.seen, this.count);
    this.done = pass.done;
    this.seconds = pass.seconds;
    this.position = pass.position;
    this.finishedAt = pass.finished_at;
    this.revision = pass.revision;
    /** What keeps the server from having everything, in words; empty when nothing does. */
    this.trouble = '';
    /** Why this window cannot go on at all. */
    this.ended = '';
    /** Whether another window went on with the same pass. */
    this.isElsewhere = false;
    this.arrivedAt = /** @type {number | null} */ (null);
  }

  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {Batch | null} What the server is being told. */
  #sending = null;
  /** @type {Batch | null} What it is told next. */
  #waiting = null;
  #sequence = 0;
  #tries = 0;
  /** @type {number[]} Fields marked here, the last one last. */
  #marked = [];

  /** @param {() => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  get total() {
    return this.path.total;
  }

  get isComplete() {
    return this.done >= this.total;
  }

  get isSaved() {
    return !this.#sending && !this.#waiting;
  }

  get canUndo() {
    return this.#marked.length > 0;
  }

  /** The place of the field in the order, from 1. */
  get fieldNumber() {
    return this.path.places[this.position] + 1;
  }

  /** Seconds that the rest will take at this person's pace; null while that cannot be said. */
  get secondsLeft() {
    const own = this.done - this.carried;
    return own < 3 || this.seconds <= 0 ? null : (this.seconds / own) * (this.total - this.done);
  }

  /** The clock of the field runs only while somebody can see it. @param {boolean} isShown */
  show(isShown) {
    if (!isShown) this.#note();
    this.arrivedAt = isShown ? this.outside.now() : null;
  }

  /** @param {Way} way */
  go(way) {
    this.goTo(this.path.step(this.position, way, this.seen));
  }

  /** @param {number} field */
  goTo(field) {
    this.#note();
    this.position = field;
    this.#put();
  }

  markAndNext() {
    const field = this.position;
    this.#note();
    if (!this.seen[field]) this.#mark(field, true);
    this.#marked = [...this.#marked.filter((other) => other !== field), field].slice(-MOST_UNDONE);
    this.position = this.path.unseen(field, this.seen);
    this.#put();
  }

  /** Take the last mark of this window back, and go there. */
  undo() {
    const field = this.#marked.pop();
    if (field === undefined) return;
    this.#note();
    if (this.seen[field]) this.#mark(field, false);
    this.position = field;
    this.#put();
  }

  /** What the server does not have yet, to be kept on this computer; null when it has everything. @returns {Pending | null} */
  pending() {
    if (this.isSaved) return null;
    const batches = [this.#sending, this.#waiting].filter((batch) => batch !== null);
    const marks = new Set();
    const unmarks = new Set();
    for (const batch of batches) {
      batch.marks.forEach((field) => (marks.add(field), unmarks.delete(field)));
      batch.unmarks.forEach((field) => (unmarks.add(field), marks.delete(field)));
    }
    return { number: this.number, marks: [...marks], unmarks: [...unmarks] };
  }

  /** Take up what an earlier page could not tell. @param {Pending} pending */
  restore({ number, marks, unmarks }) {
    if (number !== this.number) return;
    for (const field of marks) if (this.path.places[field] >= 0 && !this.seen[field]) this.#mark(field, true);
    for (const field of unmarks) if (this.path.places[field] >= 0 && this.seen[field]) this.#mark(field, false);
    if (this.#waiting) this.#put();
  }

  /** Tell the server now what it does not know yet. */
  flush() {
    this.#note();
    void this.#send();
  }

  /**
   * The page goes: all that the server may not have, in one request that nobody waits for. What is on its way is in
   * it too, as one of the two may be lost; only times are told once.
   */
  leave() {
    this.#note();
    if (this.isSaved || this.ended) return;
    const batch = this.#batch();
    for (const field of this.#sending?.marks ?? []) if (!batch.unmarks.has(field)) batch.marks.add(field);
    for (const field of this.#sending?.unmarks ?? []) if (!batch.marks.has(field)) batch.unmarks.add(field);
    this.#sending = null;
    void this.#send(true);
  }

  /** @param {Answer} answer of another route */
  accept(answer) {
    this.#take(answer);
    this.#changed();
  }

  /** @param {number} field @param {boolean} isSeen */
  #mark(field, isSeen) {
    this.seen[field] = isSeen ? 1 : 0;
    this.done += isSeen ? 1 : -1;
    const batch = this.#batch();
    (isSeen ? batch.marks : batch.unmarks).add(field);
    (isSeen ? batch.unmarks : batch.marks).delete(field);
  }

  /** The time that the field was shown. */
  #note() {
    if (this.arrivedAt === null) return;
    const now = this.outside.now();
    const seconds = Math.min(LONGEST_S, Math.max(0, (now - this.arrivedAt) / 1000));
    this.arrivedAt = now;
    if (seconds < 0.05) return;
    const { seconds: times } = this.#batch();
    times.set(this.position, Math.min(3600, (times.get(this.position) ?? 0) + seconds));
    this.seconds += seconds;
  }

  #batch() {
    this.#waiting ??= { marks: new Set(), unmarks: new Set(), seconds: new Map(), position: this.position };
    return this.#waiting;
  }

  #put() {
    this.#batch().position = this.position;
    this.#changed();
    void this.#send();
  }

  /** @param {boolean} [isLast] */
  async #send(isLast = false) {
    if (this.ended || this.#sending || !this.#waiting) return;
    const batch = this.#waiting;
    this.#sending = batch;
    this.#waiting = null;
    this.#sequence += 1;
    const body = {
      browser: this.window,
      sequence: this.#sequence,
      revision: this.revision,
      marks: [...batch.marks],
      unmarks: [...batch.unmarks],
      seconds: Object.fromEntries([...batch.seconds].map(([field, time]) => [field, Math.round(time * 10) / 10])),
      position: batch.position,
    };
    try {
      const answer = await this.outside.send(this.number, body, isLast);
      if (this.#sending !== batch) return;
      this.#sending = null;
      this.#tries = 0;
      this.trouble = '';
      this.#take(answer);
      this.#changed();
      if (this.#waiting) void this.#send();
    } catch (error) {
      if (this.#sending === batch) this.#fail(/** @type {any} */ (error));
    }
  }

  /** @param {{status?: number, code?: string, message?: string}} error */
  #fail(error) {
    const words = error?.message ?? String(error);
    const { status = 0 } = error ?? {};
    if (status >= 400 && status < 500 && !LATER.has(status)) {
      this.ended = error.code === 'plugin-not-enabled' ? 'Screening was switched off in this image set. Your place is kept.' : words;
      // A wrong request stays wrong; a right that is gone, or a plugin that is off, may come back.
      if (status !== 403 && status !== 404) this.#sending = this.#waiting = null;
    } else {
      this.trouble = words;
      const wait = AGAIN_MS[Math.min(this.#tries, AGAIN_MS.length - 1)];
      this.#tries += 1;
      this.outside.later(() => this.#again(), wait);
    }
    this.#changed();
  }

  #again() {
    const batch = this.#sending;
    if (!batch || this.ended) return;
    // The same number again: if the server had it and only its answer was lost, nothing counts twice.
    const next = this.#waiting;
    [this.#sending, this.#waiting] = [null, batch];
    this.#sequence -= 1;
    void this.#send();
    this.#waiting = next;
  }

  /** @param {Answer} answer */
  #take(answer) {
    if (answer.newest > this.number) this.ended = 'You began a newer pass in another window.';
    if (answer.revision < this.revision) return; // a newer answer overtook this one
    this.revision = answer.revision;
    this.finishedAt = answer.finished_at;
    if (answer.seen === null) {
      if (!this.#waiting) [this.done, this.seconds] = [answer.done, answer.seconds];
      return;
    }
    this.isElsewhere = true;
    this.seen = flagsOf(answer.seen, this.count);
    this.seconds = answer.seconds;
    for (const field of this.#waiting?.marks ?? []) this.seen[field] = 1;
    for (const field of this.#waiting?.unmarks ?? []) this.seen[field] = 0;
    this.done = this.path.fields.reduce((sum, field) => sum + this.seen[field], 0);
  }

  #changed() {
    this.#listeners.forEach((listener) => listener());
  }
}

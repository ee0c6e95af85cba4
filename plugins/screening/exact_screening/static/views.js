// @ts-check
/**
 * What was really on the screen, and for how long: the proof of coverage. A view counts from when the picture rests
 * until it moves again, and only while the page is shown and somebody is there.
 */

/**
 * @typedef {{bounds: {x0: number, y0: number, x1: number, y1: number}, zoom: number}} Shown
 * @typedef {{x0: number, y0: number, x1: number, y1: number, zoom: number, seconds: number}} Sent
 */

const LONGEST_S = 120; // somebody who does nothing for longer is not there
const SHORTEST_S = 0.2;
const MOST = 400;

export class ViewLog {
  /** @param {() => number} now milliseconds */
  constructor(now) {
    this.now = now;
  }

  /** @type {Shown | null} */
  #shown = null;
  #since = 0;
  /** @type {Sent[]} */
  #log = [];

  get length() {
    return this.#log.length;
  }

  /** The picture rests here. @param {Shown} view */
  rest(view) {
    this.stop();
    this.#shown = view;
    this.#since = this.now();
  }

  /** The picture moves, or nobody sees it. */
  stop() {
    const view = this.#shown;
    this.#shown = null;
    if (!view) return;
    const seconds = Math.min(LONGEST_S, (this.now() - this.#since) / 1000);
    if (seconds < SHORTEST_S) return;
    this.#log.push({ ...view.bounds, zoom: view.zoom, seconds: Math.round(seconds * 10) / 10 });
    if (this.#log.length > MOST) this.#log.shift();
  }

  /** What was shown since the last time; a view that goes on is cut. */
  take() {
    const view = this.#shown;
    this.stop();
    if (view) this.rest(view);
    return this.#log.splice(0);
  }

  /** What could not be told comes back. @param {Sent[]} views */
  giveBack(views) {
    this.#log = [...views, ...this.#log].slice(-MOST);
  }
}

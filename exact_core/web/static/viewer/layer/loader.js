// @ts-check
/**
 * Decides when to ask the server for which part of the image.
 *
 * One request loads the view grown by half on each side. The next goes out when the view leaves that rectangle or the
 * scale leaves its band (a factor of two), when the frame changes, or after a `refresh`. What is on the screen stays
 * there until the answer has come.
 */

/** @typedef {import('./api.js').Box} Box */
/** @typedef {import('./api.js').Frame} Frame */
/** @typedef {import('./api.js').ViewParams} ViewParams */
/** @typedef {import('../store.js').Page} Page */

/** @typedef {{box: Box, scale: number}} Place  what the screen shows, in image px */
/** @typedef {{box: Box, band: number, frame: Frame, kind: string}} Loaded */

const QUIET_MS = 90;
/** While the view keeps moving something must still be asked for now and then. */
const PATIENCE_MS = 400;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;

/** @param {number} scale */
export function bandOf(scale) {
  return Math.round(Math.log2(scale));
}

/**
 * The view grown by half its size on each side, in whole pixels of the image.
 * @param {Box} view
 * @param {{width: number, height: number}} imageSize
 * @returns {Box | null} null when the view shows nothing of the image
 */
export function rectangleFor([x0, y0, x1, y1], imageSize) {
  const dx = (x1 - x0) / 2;
  const dy = (y1 - y0) / 2;
  /** @type {Box} */
  const box = [
    Math.max(0, Math.floor(x0 - dx)), Math.max(0, Math.floor(y0 - dy)),
    Math.min(imageSize.width, Math.ceil(x1 + dx)), Math.min(imageSize.height, Math.ceil(y1 + dy)),
  ];
  return box[0] < box[2] && box[1] < box[3] ? box : null;
}

/** Keeps the view loaded. */
export class ViewLoader {
  /** @type {Loaded | null} */
  #loaded = null;

  /** @type {{controller: AbortController, want: Loaded, stale: boolean} | null} */
  #flight = null;

  #stale = false;

  #failures = 0;

  /** When the next try may be; Infinity after an error that trying again does not mend. */
  #notBefore = 0;

  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;

  /** Where the view was when the server refused to answer. @type {Place | null} */
  #refused = null;

  #movingSince = 0;

  #destroyed = false;

  /** @type {Place | null} */
  #place = null;

  requests = 0;

  /**
   * @param {object} options
   * @param {{width: number, height: number}} options.imageSize
   * @param {Frame} options.frame
   * @param {number} options.limit
   * @param {(params: ViewParams, signal: AbortSignal) => Promise<ArrayBuffer>} options.fetchView
   * @param {(buffer: ArrayBuffer, scale: number) => Promise<Page>} options.decode
   * @param {(page: Page) => void} options.onPage
   * @param {(error: Error) => void} options.onError
   * @param {() => boolean} [options.isPaused] true while nobody sees the page
   * @param {() => number} [options.now]
   */
  constructor(options) {
    this.options = options;
    this.frame = options.frame;
    this.now = options.now ?? (() => performance.now());
  }

  /** Whether something is asked for, or will be in a moment. */
  get isLoading() {
    return this.#flight !== null || this.#timer !== null;
  }

  /** Tells where the screen is; cheap enough for every frame. @param {Place} place */
  look(place) {
    this.#place = place;
    if (this.#destroyed || !this.#isWanting()) return;
    const want = this.#want();
    if (this.#flight && want && !covers(this.#flight.want, this.#clip(place), this.frame)) this.#abort();
    if (this.#flight) return;
    if (this.#notBefore === Infinity) {
      if (this.#refused && isSamePlace(this.#refused, place)) return;
      this.#notBefore = 0;
    }
    const now = this.now();
    this.#movingSince ||= now;
    this.#arm(!this.#loaded || now - this.#movingSince > PATIENCE_MS ? 0 : QUIET_MS);
  }

  /** Asks again although the view is loaded. */
  refresh() {
    this.#stale = true;
    this.#failures = 0;
    this.#notBefore = 0;
    if (!this.#flight) this.#arm(0);
  }

  /** @param {Frame} frame */
  setFrame(frame) {
    this.frame = { ...frame };
    this.#loaded = null;
    this.#abort();
    this.#failures = 0;
    this.#notBefore = 0;
    this.#arm(0);
  }

  /** Tries at once what waits for a later try, for instance when the network is back. */
  wake() {
    if (this.#notBefore !== Infinity) this.#notBefore = 0;
    if (!this.#flight && this.#isWanting()) this.#arm(0);
  }

  #want() {
    const place = this.#place;
    const box = place && rectangleFor(place.box, this.options.imageSize);
    return place && box ? { box, band: bandOf(place.scale), frame: this.frame, kind: '' } : null;
  }

  #isWanting() {
    const place = this.#place;
    if (!place || !rectangleFor(place.box, this.options.imageSize)) return false;
    return this.#stale || !this.#loaded || !covers(this.#loaded, this.#clip(place), this.frame);
  }

  /** @param {Place} place @returns {Place} */
  #clip({ box, scale }) {
    const { width, height } = this.options.imageSize;
    return {
      box: [Math.max(0, box[0]), Math.max(0, box[1]), Math.min(width, box[2]), Math.min(height, box[3])], scale,
    };
  }

  /** @param {number} delay */
  #arm(delay) {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const wait = Math.max(delay, this.#notBefore - this.now());
    if (this.#destroyed || wait === Infinity) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#load();
    }, wait);
  }

  #abort() {
    this.#flight?.controller.abort();
    this.#flight = null;
  }

  async #load() {
    const want = this.#want();
    if (this.#flight || this.#destroyed || !want || !this.#isWanting() || this.options.isPaused?.()) return;
    const scale = /** @type {Place} */ (this.#place).scale;
    const flight = { controller: new AbortController(), want, stale: this.#stale };
    this.#flight = flight;
    this.#stale = false;
    this.#movingSince = 0;
    this.requests += 1;
    const [x0, y0, x1, y1] = want.box;
    try {
      const buffer = await this.options.fetchView(
        { x0, y0, x1, y1, scale, ...want.frame, limit: this.options.limit }, flight.controller.signal);
      if (this.#flight !== flight) return this.#keepStale(flight);
      const page = await this.options.decode(buffer, scale);
      if (this.#flight !== flight) return this.#keepStale(flight);
      this.#flight = null;
      this.#failures = 0;
      this.#loaded = { ...want, kind: page.header.kind };
      // The rectangle that was asked for counts; a server may answer with a larger one.
      this.options.onPage({ ...page, fresh: flight.stale });
      if (this.#isWanting()) this.#arm(QUIET_MS);
    } catch (error) {
      this.#failed(flight, error);
    }
    return undefined;
  }

  /** A refresh that was cut off is still to be done. @param {{stale: boolean}} flight */
  #keepStale(flight) {
    this.#stale ||= flight.stale;
  }

  /**
   * @param {{controller: AbortController, stale: boolean}} flight
   * @param {unknown} reason
   */
  #failed(flight, reason) {
    this.#keepStale(flight);
    if (this.#flight !== flight || this.#destroyed) return;
    this.#flight = null;
    const error = reason instanceof Error ? reason : new Error(String(reason));
    const status = Number(/** @type {any} */ (error).status) || 0;
    const hopeless = status >= 400 && status < 500 && status !== 408 && status !== 429;
    this.#failures += 1;
    this.#notBefore = hopeless ? Infinity
      : this.now() + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    this.#refused = hopeless ? this.#place : null;
    if (this.#failures === 1) this.options.onError(error);
    this.#arm(0);
  }

  destroy() {
    this.#destroyed = true;
    this.#abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

/** @param {Place} one @param {Place} other */
function isSamePlace(one, other) {
  return one.scale === other.scale && one.box.every((side, i) => side === other.box[i]);
}

/**
 * Whether what is loaded still serves a place. Whole shapes stay right when one comes closer; whatever stands in for
 * shapes is asked for anew in each band.
 * @param {Loaded} loaded
 * @param {Place} place
 * @param {Frame} frame
 */
function covers(loaded, place, frame) {
  const [x0, y0, x1, y1] = place.box;
  const inside = x0 >= loaded.box[0] && y0 >= loaded.box[1] && x1 <= loaded.box[2] && y1 <= loaded.box[3];
  const band = bandOf(place.scale);
  const fits = band === loaded.band || (loaded.kind === 'shapes' && band > loaded.band);
  return inside && fits && loaded.frame.z === frame.z && loaded.frame.t === frame.t && loaded.frame.c === frame.c;
}

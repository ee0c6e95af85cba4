// @ts-check
/** One field of view through a network: tile after tile, nearest to the middle first, until a newer view is wanted. */

import { Stitcher, tilesOf } from './placing.js';
import { activate, prepare } from './preprocess.js';

/**
 * @typedef {import('./contract.js').Contract} Contract
 * @typedef {import('./resolution.js').Resolution} Resolution
 * @typedef {import('./placing.js').Box} Box
 * @typedef {import('./placing.js').Place} Place
 * @typedef {import('./runtime.js').Network} Network
 *
 * @typedef {object} Field  Probabilities of a part of the image.
 * @property {Float32Array} values  `(classes, height, width)`; NaN where nothing is known yet.
 * @property {number} classes
 * @property {number} width  In pixels of the field.
 * @property {number} height
 * @property {number} x  Left edge in level-0 pixels.
 * @property {number} y  Upper edge in level-0 pixels.
 * @property {number} scale  Level-0 pixels per pixel of the field.
 *
 * @typedef {object} Answer  Of one tile.
 * @property {Float32Array} values  Probabilities `(classes, rows, stride)`.
 * @property {number} stride
 * @property {number} rows
 */

export const MOST_PIXELS = 2048 * 2048;
const KEPT_BYTES = 128e6;

/** A field that is too large to be computed here. */
export class TooLargeError extends Error {
  /** @param {number} pixels of the model @param {number} most */
  constructor(pixels, most) {
    super(`The view is ${(pixels / 1e6).toFixed(1)} megapixels at the model’s resolution; a browser takes ${(most / 1e6).toFixed(1)}. Zoom in.`);
    this.zoomBy = Math.sqrt(pixels / most);
  }
}

/** Answers of tiles by a key, the newest kept: panning computes only what comes into view. */
export class Answers {
  /** @type {Map<string, Answer>} */
  #kept = new Map();
  #bytes = 0;

  /** @param {string} key */
  get(key) {
    const answer = this.#kept.get(key);
    if (answer) {
      this.#kept.delete(key);
      this.#kept.set(key, answer);
    }
    return answer;
  }

  /** @param {string} key @param {Answer} answer */
  set(key, answer) {
    this.#kept.set(key, answer);
    this.#bytes += answer.values.byteLength;
    for (const [oldest, { values }] of this.#kept) {
      if (this.#bytes <= KEPT_BYTES || oldest === key) break;
      this.#kept.delete(oldest);
      this.#bytes -= values.byteLength;
    }
  }

  clear() {
    this.#kept.clear();
    this.#bytes = 0;
  }
}

/**
 * The part of the image, in pixels of the model, that a view shows.
 *
 * @param {Resolution} resolution @param {[number, number, number, number]} bounds level-0 pixels
 * @returns {Box | null} null when the view shows nothing of the image
 * @throws {TooLargeError}
 */
export function boxOf({ scale, width, height }, [x0, y0, x1, y1], most = MOST_PIXELS) {
  const box = {
    x0: Math.max(0, Math.floor(x0 / scale)), y0: Math.max(0, Math.floor(y0 / scale)),
    x1: Math.min(width, Math.ceil(x1 / scale)), y1: Math.min(height, Math.ceil(y1 / scale)),
  };
  if (box.x0 >= box.x1 || box.y0 >= box.y1) return null;
  const pixels = (box.x1 - box.x0) * (box.y1 - box.y0);
  if (pixels > most) throw new TooLargeError(pixels, most);
  return box;
}

/** @typedef {{field: Field, isWhole: boolean, computed: number, tiles: number, ms: number}} Step  `ms` of the networks's work alone. */

/** Runs a network over fields of one image. */
export class FieldRunner {
  /**
   * @param {Contract} contract @param {Network} network @param {Answers} answers
   * @param {(place: Place) => Promise<import('./preprocess.js').Picture>} read
   */
  constructor(contract, network, answers, read) {
    this.contract = contract;
    this.network = network;
    this.answers = answers;
    this.read = read;
  }

  /**
   * @param {Resolution} resolution @param {Box} box @param {string} name of the image and frame, for what is kept
   * @param {AbortSignal} signal ends it between two tiles
   * @param {() => boolean} isDue whether what is known so far should be shown
   * @returns {AsyncGenerator<Step>} what is due, and at the end the whole field
   */
  async *run(resolution, box, name, signal, isDue) {
    const isMap = this.contract.task === 'segmentation';
    const canvas = isMap ? new MapField(this.contract, resolution, box) : new CellField(this.contract, resolution, box);
    const step = { computed: 0, tiles: canvas.places.length, ms: 0 };
    for (const [index, place] of canvas.places.entries()) {
      signal.throwIfAborted();
      const key = keyOf(name, place);
      let answer = this.answers.get(key);
      if (!answer) {
        // The next tile is fetched while this one is computed.
        const next = canvas.places[index + 1];
        const picture = await this.read(place);
        if (next && !this.answers.get(keyOf(name, next))) void this.read(next).catch(() => undefined);
        const began = performance.now();
        answer = await this.#compute(picture);
        step.ms += performance.now() - began;
        step.computed += 1;
        this.answers.set(key, answer);
        await breath();
      }
      canvas.add(place, answer);
      if (index < canvas.places.length - 1 && isDue()) yield { ...step, field: canvas.field(), isWhole: false };
    }
    yield { ...step, field: canvas.field(), isWhole: true };
  }

  /** @param {import('./preprocess.js').Picture} picture @returns {Promise<Answer>} */
  async #compute(picture) {
    const { activation, classes, task } = this.contract;
    const input = prepare(this.contract, picture);
    const { values, shape } = await this.network.run(input.values, [1, this.contract.bands.length, input.height, input.width]);
    const wanted = task === 'segmentation' ? [1, classes.length, input.height, input.width] : [1, classes.length];
    if (shape.join() !== wanted.join()) throw new Error(`The network answers with the shape ${shape.join(' × ')}; its preprocess.json promises ${wanted.join(' × ')}.`);
    const [rows, stride] = task === 'segmentation' ? [input.height, input.width] : [1, 1];
    return { values: activate(activation, values.slice(), classes.length, rows * stride), stride, rows };
  }
}

/** @param {string} name @param {Place} place */
function keyOf(name, { x, y, width, height }) {
  return `${name} ${x} ${y} ${width} ${height}`;
}

/** A field with a probability per pixel, of overlapping tiles. */
class MapField {
  /** @param {Contract} contract @param {Resolution} resolution @param {Box} box */
  constructor(contract, resolution, box) {
    this.places = tilesOf(resolution, box, contract);
    this.#stitcher = new Stitcher(box, contract.classes.length, contract.window);
    this.#scale = resolution.scale;
  }

  #stitcher;
  #scale;

  /** @param {Place} place @param {Answer} answer */
  add(place, { values, stride, rows }) {
    this.#stitcher.add(place, values, stride, rows);
  }

  /** @returns {Field} */
  field() {
    const { classes, width, height, field } = this.#stitcher;
    return { values: this.#stitcher.averages(), classes, width, height, x: field.x0 * this.#scale, y: field.y0 * this.#scale, scale: this.#scale };
  }
}

/** A field with one answer per cell of `step` pixels, each seen with the `tile` pixels around its middle. */
class CellField {
  /** @param {Contract} contract @param {Resolution} resolution @param {Box} box */
  constructor({ classes, tile, step }, resolution, box) {
    this.#first = [Math.floor(box.x0 / step), Math.floor(box.y0 / step)];
    this.#size = [Math.ceil(box.x1 / step) - this.#first[0], Math.ceil(box.y1 / step) - this.#first[1]];
    this.#classes = classes.length;
    this.#scale = resolution.scale * step;
    this.#values = new Float32Array(this.#classes * this.#size[0] * this.#size[1]).fill(NaN);
    this.places = this.#cells().map(([column, row]) => {
      const [x, width] = seen(column, step, tile, resolution.width);
      const [y, height] = seen(row, step, tile, resolution.height);
      const place = { x, y, width, height };
      this.#cellOf.set(place, [column, row]);
      return place;
    });
  }

  /** @type {[number, number]} */
  #first;
  /** @type {[number, number]} */
  #size;
  #classes;
  #scale;
  #values;
  /** @type {Map<Place, [number, number]>} */
  #cellOf = new Map();

  /** @returns {[number, number][]} the middle first */
  #cells() {
    const [[left, top], [across, down]] = [this.#first, this.#size];
    const distance = ([column, row] = [0, 0]) => Math.hypot(column + 0.5 - left - across / 2, row + 0.5 - top - down / 2);
    return Array.from({ length: across * down }, (_, i) => /** @type {[number, number]} */ ([left + (i % across), top + Math.floor(i / across)]))
      .sort((a, b) => distance(a) - distance(b));
  }

  /** @param {Place} place @param {Answer} answer */
  add(place, { values }) {
    const [column, row] = /** @type {[number, number]} */ (this.#cellOf.get(place));
    const at = (row - this.#first[1]) * this.#size[0] + column - this.#first[0];
    for (let one = 0; one < this.#classes; one += 1) this.#values[one * this.#size[0] * this.#size[1] + at] = values[one];
  }

  /** @returns {Field} */
  field() {
    const [width, height] = this.#size;
    return { values: this.#values.slice(), classes: this.#classes, width, height, x: this.#first[0] * this.#scale, y: this.#first[1] * this.#scale, scale: this.#scale };
  }
}

/** The tile around the middle of a cell, cut to the image. @param {number} cell @param {number} step @param {number} tile @param {number} length @returns {[number, number]} */
function seen(cell, step, tile, length) {
  const begin = Math.floor(cell * step + step / 2 - tile / 2);
  const from = Math.max(0, begin);
  return [from, Math.max(1, Math.min(length, begin + tile) - from)];
}

/** Let messages in: a network of WebAssembly holds its thread, and a newer view waits in the queue. */
function breath() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(0);
  });
}

// @ts-check
/** Where tiles lie, what their padding shows, and how overlapping answers become one field (docs/preprocess.md, Tiles). */

const FLOOR = 0.001;

/** The next multiple that is no shorter. @param {number} length @param {number} multiple */
export function paddedLength(length, multiple) {
  return Math.ceil(length / multiple) * multiple;
}

/** Which pixel stands at each place of an axis that is mirrored at its end. @param {number} length @param {number} wanted */
export function reflected(length, wanted) {
  const period = Math.max(2 * (length - 1), 1);
  return Int32Array.from({ length: wanted }, (_, place) => {
    const folded = length < 2 ? 0 : place % period;
    return folded < length ? folded : period - folded;
  });
}

/** Where tiles begin along an axis. @param {number} length @param {number} tile @param {number} step @returns {number[]} */
export function startsOf(length, tile, step) {
  if (length <= tile) return [0];
  const starts = [];
  for (let at = 0; at < length - tile; at += step) starts.push(at);
  return [...starts, length - tile];
}

/** How much each pixel along one side of a tile counts; of a tile the product of both, plus a little. @param {number} length */
function raisedCosine(length) {
  return Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / length));
}

/**
 * @param {number} width @param {number} height of the tile without its padding
 * @param {'uniform' | 'hann'} window
 * @returns {Float32Array} `(height, width)`
 */
export function windowWeights(width, height, window) {
  if (window === 'uniform') return new Float32Array(width * height).fill(1);
  const [rows, columns] = [raisedCosine(height), raisedCosine(width)];
  return Float32Array.from({ length: width * height }, (_, i) => rows[Math.floor(i / width)] * columns[i % width] + FLOOR);
}

/**
 * @typedef {object} Box  In pixels of the model's resolution, from the image's corner; x1 and y1 are outside.
 * @property {number} x0
 * @property {number} y0
 * @property {number} x1
 * @property {number} y1
 *
 * @typedef {object} Place  A tile, in pixels of the model's resolution.
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 */

/**
 * The tiles of the whole image that touch a field, those nearest to its middle first: what a person looks at.
 *
 * @param {{width: number, height: number}} size of the image at the model's resolution
 * @param {Box} field
 * @param {{tile: number, step: number}} contract
 * @returns {Place[]}
 */
export function tilesOf({ width, height }, field, { tile, step }) {
  const [across, down] = [Math.min(tile, width), Math.min(tile, height)];
  const columns = startsOf(width, tile, step).filter((x) => x < field.x1 && x + across > field.x0);
  const rows = startsOf(height, tile, step).filter((y) => y < field.y1 && y + down > field.y0);
  const [cx, cy] = [(field.x0 + field.x1) / 2, (field.y0 + field.y1) / 2];
  const distance = (/** @type {Place} */ { x, y }) => Math.hypot(x + across / 2 - cx, y + down / 2 - cy);
  return rows
    .flatMap((y) => columns.map((x) => ({ x, y, width: across, height: down })))
    .sort((a, b) => distance(a) - distance(b));
}

/** Averages the probabilities of overlapping tiles inside of one field. */
export class Stitcher {
  /** @param {Box} field @param {number} classes @param {'uniform' | 'hann'} window */
  constructor(field, classes, window) {
    this.field = field;
    this.classes = classes;
    this.window = window;
    this.width = field.x1 - field.x0;
    this.height = field.y1 - field.y0;
    this.#sums = new Float32Array(classes * this.width * this.height);
    this.#weights = new Float32Array(this.width * this.height);
  }

  #sums;
  #weights;
  /** @type {Map<string, Float32Array>} */
  #windows = new Map();

  /**
   * @param {Place} place
   * @param {Float32Array} probabilities `(classes, rows, stride)` with padding behind `place.width` and `place.height`
   * @param {number} stride @param {number} rows
   */
  add(place, probabilities, stride, rows) {
    const weights = this.#windowOf(place.width, place.height);
    const { x0, y0, x1, y1 } = this.field;
    const [left, right] = [Math.max(place.x, x0), Math.min(place.x + place.width, x1)];
    const size = this.width * this.height;
    for (let y = Math.max(place.y, y0); y < Math.min(place.y + place.height, y1); y += 1) {
      for (let x = left; x < right; x += 1) {
        const weight = weights[(y - place.y) * place.width + x - place.x];
        const to = (y - y0) * this.width + x - x0;
        const from = (y - place.y) * stride + x - place.x;
        this.#weights[to] += weight;
        for (let one = 0; one < this.classes; one += 1) this.#sums[one * size + to] += probabilities[one * stride * rows + from] * weight;
      }
    }
  }

  /** @returns {Float32Array} `(classes, height, width)`; NaN where no tile was yet */
  averages() {
    const size = this.width * this.height;
    const found = new Float32Array(this.#sums.length);
    for (let i = 0; i < found.length; i += 1) found[i] = this.#sums[i] / this.#weights[i % size];
    return found;
  }

  /** @param {number} width @param {number} height */
  #windowOf(width, height) {
    const key = `${width} ${height}`;
    const known = this.#windows.get(key) ?? windowWeights(width, height, this.window);
    this.#windows.set(key, known);
    return known;
  }
}

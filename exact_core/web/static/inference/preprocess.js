// @ts-check
/** What `preprocess.json` says, done: pixels to the input of a network, its answer to probabilities. Python's bytes. */

import { paddedLength, reflected } from './placing.js';

/**
 * @typedef {import('./contract.js').Contract} Contract
 *
 * @typedef {object} Picture  Eight-bit samples, pixel by pixel, rows from the top.
 * @property {Uint8Array | Uint8ClampedArray} samples
 * @property {number} width
 * @property {number} height
 * @property {number} channels  Samples per pixel; a fourth one of a canvas, alpha, is not read.
 *
 * @typedef {object} Input
 * @property {Float32Array} values  `(bands, height, width)`.
 * @property {number} width
 * @property {number} height
 */

/**
 * The input of a network for one picture: padded to the multiple, or for classification cut or framed to a square.
 *
 * @param {Contract} contract @param {Picture} picture @returns {Input}
 */
export function prepare(contract, picture) {
  return contract.task === 'classification' ? square(contract, picture) : padded(contract, picture);
}

/** @param {Contract} contract @param {Picture} picture @returns {Input} */
function padded(contract, picture) {
  const { multiple } = contract;
  const columns = reflected(picture.width, paddedLength(picture.width, multiple));
  const rows = reflected(picture.height, paddedLength(picture.height, multiple));
  return gather(contract, picture, columns, rows);
}

/** @param {Contract} contract @param {Picture} picture @returns {Input} */
function square(contract, picture) {
  const { tile } = contract;
  return gather(contract, picture, middle(picture.width, tile), middle(picture.height, tile));
}

/**
 * Which pixel stands at each place of an axis that is cut or framed to a length; -1 in the frame.
 *
 * @param {number} length @param {number} side
 */
export function middle(length, side) {
  const room = length - side;
  const first = room > 0 ? Math.floor(room / 2) : -Math.ceil(-room / 2);
  return Int32Array.from({ length: side }, (_, place) => {
    const pixel = place + first;
    return pixel >= 0 && pixel < length ? pixel : -1;
  });
}

/**
 * @param {Contract} contract @param {Picture} picture
 * @param {Int32Array} columns which pixel stands at each place, or -1 @param {Int32Array} rows the same
 * @returns {Input}
 */
function gather(contract, { samples, width, channels }, columns, rows) {
  const { bands } = contract;
  const [across, down] = [columns.length, rows.length];
  const values = new Float32Array(bands.length * across * down);
  for (const [place, band] of bands.entries()) {
    const levels = levelsOf(contract, place);
    const frame = Math.fround(contract.pad_value * scaleOf(contract, place) + offsetOf(contract, place));
    let at = place * across * down;
    for (const row of rows) {
      const start = row * width * channels + band;
      for (const column of columns) values[at++] = row < 0 || column < 0 ? frame : levels[samples[start + column * channels]];
    }
  }
  return { values, width: across, height: down };
}

/** @param {Contract} contract @param {number} place */
function scaleOf({ divisor, std }, place) {
  return 1 / (divisor * std[place]);
}

/** @param {Contract} contract @param {number} place */
function offsetOf({ mean, std }, place) {
  return -mean[place] / std[place];
}

/** What each of the 256 samples becomes: computed in double precision and rounded once. @param {Contract} contract @param {number} place */
function levelsOf(contract, place) {
  const [scale, offset] = [scaleOf(contract, place), offsetOf(contract, place)];
  return Float32Array.from({ length: 256 }, (_, sample) => sample * scale + offset);
}

/**
 * Make probabilities of an answer, in place.
 *
 * @param {Contract['activation']} activation
 * @param {Float32Array} values `(n, classes, pixels)`
 * @param {number} classes @param {number} pixels
 * @returns {Float32Array} the same array
 */
export function activate(activation, values, classes, pixels) {
  if (activation === 'softmax') softmax(values, classes, pixels);
  else if (activation === 'sigmoid') {
    for (let i = 0; i < values.length; i += 1) values[i] = 1 / (1 + Math.exp(-values[i]));
  }
  return values;
}

/** @param {Float32Array} values @param {number} classes @param {number} pixels */
function softmax(values, classes, pixels) {
  const each = classes * pixels;
  for (let first = 0; first < values.length; first += each) {
    for (let pixel = first; pixel < first + pixels; pixel += 1) {
      let largest = -Infinity;
      for (let i = pixel; i < first + each; i += pixels) largest = Math.max(largest, values[i]);
      let sum = 0;
      for (let i = pixel; i < first + each; i += pixels) sum += values[i] = Math.exp(values[i] - largest);
      for (let i = pixel; i < first + each; i += pixels) values[i] /= sum;
    }
  }
}

// @ts-check
/** Takes single shapes out of the picture: those which a local edit replaces or the editor draws itself. */

import { SHAPE_NUMBERS } from '../wire.js';
import { texelsOfRing } from './texels.js';

/** @typedef {import('./cells.js').Cell} Cell */

/**
 * Where the styles of a shape lie: the floats `start`, `start + 4`, … in `data`.
 * @param {Cell} cell
 * @param {number} k
 * @returns {{data: Float32Array, start: number, count: number}}
 */
function styleFloats(cell, k) {
  const shape = cell.shapes[k];
  if (shape === SHAPE_NUMBERS.ellipse) return { data: cell.ellipses.data, start: 8 * cell.place[k] + 4, count: 1 };
  if (shape === 0 || shape === SHAPE_NUMBERS.point) {
    return { data: cell.points.data, start: 4 * cell.place[k] + 2, count: 1 };
  }
  let count = 0;
  for (let ring = cell.ringStart[k]; ring < cell.ringStart[k + 1]; ring++) {
    count += texelsOfRing(shape, cell.ringLength[ring]);
  }
  return { data: cell.paths.data, start: 4 * cell.place[k] + 2, count };
}

/** Whether a shape has anything to draw. @param {Cell} cell @param {number} k */
function isDrawn(cell, k) {
  return cell.shapes[k] === 0 || cell.ringStart[k] < cell.ringStart[k + 1];
}

/**
 * @param {Cell} cell
 * @param {number} k
 * @returns {boolean}
 */
export function isSuppressed(cell, k) {
  if (cell.suppressed === 0 || !isDrawn(cell, k)) return false;
  const { data, start } = styleFloats(cell, k);
  return data[start] < 0;
}

/**
 * Suppresses the shapes for which `test` holds and shows the others again.
 * @param {Cell} cell
 * @param {(k: number) => boolean} test
 * @returns {boolean} whether the cell's texels changed
 */
export function suppress(cell, test) {
  let changed = false;
  let count = 0;
  for (let k = 0; k < cell.n; k++) {
    const wanted = test(k) && isDrawn(cell, k);
    if (wanted) count += 1;
    if (wanted === isSuppressed(cell, k)) continue;
    const floats = styleFloats(cell, k);
    for (let f = 0; f < floats.count; f++) {
      const at = floats.start + 4 * f;
      floats.data[at] = -1 - floats.data[at];
    }
    // Before the count below is complete a shape that was just taken out must already read as suppressed.
    cell.suppressed = Math.max(1, cell.suppressed);
    changed = true;
  }
  cell.suppressed = count;
  if (changed) cell.version += 1;
  return changed;
}

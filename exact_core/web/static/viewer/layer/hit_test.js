// @ts-check
/** Exact geometry of the pointer: how far a place is from a shape's edge, and whether it lies inside. */

import { SHAPE_NUMBERS } from '../wire.js';
import { isOpen } from './texels.js';
import { forEachRing } from './geometry.js';

/** @typedef {{distance: number, inside: boolean}} Reach */

/**
 * @param {import('./cells.js').Cell} cell
 * @param {number} k
 * @param {number} x
 * @param {number} y
 * @returns {Reach | null} null for what has no place
 */
export function reachOf(cell, k, x, y) {
  const shape = cell.shapes[k];
  const px = x - cell.originX;
  const py = y - cell.originY;
  if (shape !== 0 && cell.ringStart[k] === cell.ringStart[k + 1]) return null;
  if (shape === 0 || shape === SHAPE_NUMBERS.point) {
    const at = 4 * cell.place[k];
    return { distance: Math.hypot(px - cell.points.data[at], py - cell.points.data[at + 1]), inside: false };
  }
  if (shape === SHAPE_NUMBERS.ellipse) {
    const e = cell.ellipses.data.subarray(8 * cell.place[k], 8 * cell.place[k] + 4);
    const [x0, y0, x1, y1] = e;
    return reachOfEllipse(px - (x0 + x1) / 2, py - (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2);
  }
  return reachOfPath(cell, k, px, py);
}

/**
 * @param {import('./cells.js').Cell} cell
 * @param {number} k
 * @param {number} px
 * @param {number} py
 * @returns {Reach}
 */
function reachOfPath(cell, k, px, py) {
  const { data } = cell.paths;
  const open = isOpen(cell.shapes[k]);
  let nearest = Infinity;
  let crossings = 0;
  forEachRing(cell, k, (texel, length) => {
    const segments = open ? Math.max(1, length - 1) : length;
    for (let s = 0; s < segments; s++) {
      const a = 4 * (texel + s);
      const ax = data[a];
      const ay = data[a + 1];
      const bx = data[a + 4];
      const by = data[a + 5];
      nearest = Math.min(nearest, squareDistance(px, py, ax, ay, bx, by));
      if ((ay > py) !== (by > py) && px < ax + ((py - ay) / (by - ay)) * (bx - ax)) crossings += 1;
    }
  });
  return { distance: Math.sqrt(nearest), inside: !open && crossings % 2 === 1 };
}

/**
 * @param {number} px @param {number} py
 * @param {number} ax @param {number} ay @param {number} bx @param {number} by
 */
function squareDistance(px, py, ax, ay, bx, by) {
  const dx = bx - ax;
  const dy = by - ay;
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / length));
  const ex = ax + t * dx - px;
  const ey = ay + t * dy - py;
  return ex * ex + ey * ey;
}

/**
 * Distance from a place to an upright ellipse around the origin: walks along the evolute, which converges in a few
 * steps from everywhere, the axes included.
 * @param {number} px @param {number} py
 * @param {number} rx @param {number} ry
 * @returns {Reach}
 */
export function reachOfEllipse(px, py, rx, ry) {
  const x = Math.abs(px);
  const y = Math.abs(py);
  if (rx === 0 || ry === 0) return { distance: Math.sqrt(squareDistance(x, y, -rx, -ry, rx, ry)), inside: false };
  let tx = Math.SQRT1_2;
  let ty = Math.SQRT1_2;
  for (let step = 0; step < 5; step++) {
    const ex = ((rx * rx - ry * ry) * tx ** 3) / rx;
    const ey = ((ry * ry - rx * rx) * ty ** 3) / ry;
    const r = Math.hypot(rx * tx - ex, ry * ty - ey);
    const q = Math.hypot(x - ex, y - ey) || 1;
    tx = Math.max(0, Math.min(1, (((x - ex) * r) / q + ex) / rx));
    ty = Math.max(0, Math.min(1, (((y - ey) * r) / q + ey) / ry));
    const norm = Math.hypot(tx, ty) || 1;
    tx /= norm;
    ty /= norm;
  }
  return {
    distance: Math.hypot(rx * tx - x, ry * ty - y),
    inside: (x / rx) ** 2 + (y / ry) ** 2 <= 1,
  };
}

// @ts-check
/** Outlines that cross themselves: where they do, and how a freehand one is mended. */

import { ringArea } from './geometry.js';

/** @typedef {import('./types.js').XY} XY */

const MOST_LOOPS = 200;

/**
 * Where two sides of a closed ring cross or touch that are no neighbours.
 *
 * @param {readonly XY[]} ring
 * @returns {{first: number, second: number, at: XY} | null} the sides by the index of their first vertex
 */
export function crossingOf(ring) {
  const count = ring.length;
  for (let first = 0; first < count - 2; first += 1) {
    const [a, b] = [ring[first], ring[first + 1]];
    const [left, right] = a[0] < b[0] ? [a[0], b[0]] : [b[0], a[0]];
    for (let second = first + 2; second < count; second += 1) {
      if (first === 0 && second === count - 1) continue;
      const [c, d] = [ring[second], ring[(second + 1) % count]];
      if ((c[0] < left && d[0] < left) || (c[0] > right && d[0] > right)) continue;
      const at = meeting(a, b, c, d);
      if (at) return { first, second, at };
    }
  }
  return null;
}

/**
 * The outline without the small loops that a hand makes, above all where it meets its beginning again: at every
 * crossing the larger side stays.
 *
 * @param {readonly XY[]} ring
 * @param {number} [step] of the grid on which coordinates are kept: crossings are looked for among these
 * @returns {XY[]}
 */
export function untangled(ring, step = 1) {
  const kept = (/** @type {XY} */ [x, y]) => /** @type {XY} */ ([Math.round(x / step) * step, Math.round(y / step) * step]);
  /** @type {XY[]} */
  let rest = withoutRepeats(ring.map(kept));
  for (let loops = 0; loops < MOST_LOOPS; loops += 1) {
    const crossing = crossingOf(rest);
    if (!crossing) break;
    const { first, second, at } = crossing;
    const inner = [kept(at), ...rest.slice(first + 1, second + 1)];
    const outer = [...rest.slice(0, first + 1), kept(at), ...rest.slice(second + 1)];
    rest = withoutRepeats(Math.abs(ringArea(inner)) > Math.abs(ringArea(outer)) ? inner : outer);
  }
  return rest;
}

/** @param {XY[]} ring */
function withoutRepeats(ring) {
  return ring.filter(([x, y], i) => {
    const [px, py] = ring.at(i - 1) ?? [];
    return ring.length < 2 || x !== px || y !== py;
  });
}

/** @param {XY} a @param {XY} b @param {XY} c @param {XY} d @returns {XY | null} where two sides cross or touch */
function meeting(a, b, c, d) {
  const [abC, abD, cdA, cdB] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (abC * abD < 0 && cdA * cdB < 0) {
    const part = cdA / (cdA - cdB);
    return [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])];
  }
  if (abC === 0 && isWithin(c, a, b)) return c;
  if (abD === 0 && isWithin(d, a, b)) return d;
  if (cdA === 0 && isWithin(a, c, d)) return a;
  return cdB === 0 && isWithin(b, c, d) ? b : null;
}

/** @param {XY} p @param {XY} a @param {XY} b whether a point of the line lies between its ends */
function isWithin([px, py], [ax, ay], [bx, by]) {
  return px >= Math.min(ax, bx) && px <= Math.max(ax, bx) && py >= Math.min(ay, by) && py <= Math.max(ay, by);
}

/** @param {XY} a @param {XY} b @param {XY} p positive on one side of the line, negative on the other */
function side([ax, ay], [bx, by], [px, py]) {
  return (bx - ax) * (py - ay) - (by - ay) * (px - ax);
}

/** Why the outline of a polygon cannot be kept, or an empty text. @param {import('./types.js').Geometry} geometry */
export function tangleOf({ shape, rings }) {
  const isArea = shape === 'polygon' || shape === 'multi_polygon';
  return isArea && rings.some((ring) => crossingOf(ring)) ? 'The outline would cross itself.' : '';
}

// @ts-check
/** Lines along which a map crosses a threshold: marching squares, with the crossing places interpolated. */

/**
 * Segments of the border between what is below and what is at or above a threshold.
 * Values stand in the middle of their pixels, so that the first one lies at (0.5, 0.5).
 * @param {ArrayLike<number>} values row by row @param {number} width @param {number} height @param {number} threshold
 * @returns {Float32Array} x0, y0, x1, y1 of each segment, in px of the map; what is high lies on its left
 */
export function contourSegments(values, width, height, threshold) {
  /** @type {number[]} */
  const found = [];
  const share = (/** @type {number} */ a, /** @type {number} */ b) => (threshold - a) / (b - a);
  for (let y = 0; y + 1 < height; y += 1) {
    for (let x = 0; x + 1 < width; x += 1) {
      const at = y * width + x;
      const [a, b, c, d] = [values[at], values[at + 1], values[at + width + 1], values[at + width]];
      const kind = (a >= threshold ? 8 : 0) | (b >= threshold ? 4 : 0) | (c >= threshold ? 2 : 0) | (d >= threshold ? 1 : 0);
      if (kind === 0 || kind === 15) continue;
      const [left, top] = [x + 0.5, y + 0.5];
      const points = {
        t: () => [left + share(a, b), top], r: () => [left + 1, top + share(b, c)], b: () => [left + share(d, c), top + 1], l: () => [left, top + share(a, d)],
      };
      for (const [from, to] of edgesOf(kind, (a + b + c + d) / 4 >= threshold)) found.push(...points[from](), ...points[to]());
    }
  }
  return Float32Array.from(found);
}

/** @typedef {'t' | 'r' | 'b' | 'l'} Side */

/** Which sides of a cell are joined. @type {Readonly<Record<number, [Side, Side][]>>} */
const EDGES = Object.freeze({
  1: [['b', 'l']], 2: [['r', 'b']], 3: [['r', 'l']], 4: [['t', 'r']], 6: [['t', 'b']], 7: [['t', 'l']],
  8: [['l', 't']], 9: [['b', 't']], 11: [['r', 't']], 12: [['l', 'r']], 13: [['b', 'r']], 14: [['l', 'b']],
});

/** @param {number} kind @param {boolean} isJoined whether the middle of a saddle is high @returns {[Side, Side][]} */
function edgesOf(kind, isJoined) {
  if (kind === 5) return isJoined ? [['t', 'l'], ['b', 'r']] : [['t', 'r'], ['b', 'l']];
  if (kind === 10) return isJoined ? [['l', 'b'], ['r', 't']] : [['l', 't'], ['r', 'b']];
  return EDGES[kind];
}

// @ts-check
/** Things in a field: connected pixels over the threshold, each with its middle and the mean of its probabilities. */

/**
 * @typedef {import('../../inference/field.js').Field} Field
 *
 * @typedef {object} Found
 * @property {number} x  Middle, in level-0 pixels.
 * @property {number} y
 * @property {number} score  Mean probability inside.
 * @property {number} radius  Of a disc of the same area, in level-0 pixels.
 * @property {number} label  Index of the class.
 */

/**
 * Connected components, touching along an edge (ml-spec 1.7: confidence is the mean inside).
 *
 * @param {Field} field @param {number} label index of the class @param {number} threshold 0 to 1
 * @param {number} least smallest area, in pixels of the field
 * @returns {Found[]}
 */
export function objectsIn({ values, width, height, x, y, scale }, label, threshold, least) {
  const size = width * height;
  const map = values.subarray(label * size, (label + 1) * size);
  const seen = new Uint8Array(size);
  /** @type {Found[]} */
  const found = [];
  const stack = new Int32Array(size);
  for (let start = 0; start < size; start += 1) {
    if (seen[start] || !(map[start] >= threshold)) continue;
    let [depth, pixels, sum, sx, sy] = [0, 0, 0, 0, 0];
    const visit = (/** @type {number} */ at) => {
      if (seen[at] || !(map[at] >= threshold)) return;
      seen[at] = 1;
      stack[depth++] = at;
    };
    visit(start);
    while (depth > 0) {
      const at = stack[--depth];
      const [column, row] = [at % width, Math.floor(at / width)];
      pixels += 1;
      sum += map[at];
      sx += column + 0.5;
      sy += row + 0.5;
      if (column > 0) visit(at - 1);
      if (column < width - 1) visit(at + 1);
      if (row > 0) visit(at - width);
      if (row < height - 1) visit(at + width);
    }
    if (pixels >= least) found.push({ x: x + (sx / pixels) * scale, y: y + (sy / pixels) * scale, score: sum / pixels, radius: Math.sqrt(pixels / Math.PI) * scale, label });
  }
  return found;
}

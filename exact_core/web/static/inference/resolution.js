// @ts-check
/** Which level of the image a model reads, how much it is shrunk, and the averaging that shrinks it. */

/**
 * @typedef {import('../viewer/types.js').ImageInfo} ImageInfo
 * @typedef {import('../viewer/types.js').Level} Level
 *
 * @typedef {object} Resolution
 * @property {Level} level  That is read.
 * @property {number} factor  How many pixels of the level become one of the model's; 1 reads them as they are.
 * @property {number} scale  Level-0 pixels per pixel of the model.
 * @property {number} width  Of the whole image, in pixels of the model.
 * @property {number} height
 * @property {string} note  What a person should know of it; empty when all is as the model wants.
 */

const TOLERANCE = 0.02;

/**
 * The coarsest level that is at least as fine as the model wants; what is within 2 % is read as it is.
 *
 * @param {Pick<ImageInfo, 'levels' | 'mpp_x'>} image
 * @param {number | null} wanted what the model wants, in micrometres per pixel
 * @returns {Resolution}
 */
export function resolutionFor({ levels, mpp_x: mpp }, wanted) {
  const byFineness = [...levels].sort((a, b) => a.downsample - b.downsample);
  if (wanted === null) return resolution(byFineness[0], 1, '');
  if (!mpp) return resolution(byFineness[0], 1, 'The image does not say its resolution; it is read at full size.');
  const downsample = wanted / mpp;
  const level = byFineness.findLast((one) => one.downsample <= downsample * (1 + TOLERANCE)) ?? byFineness[0];
  const factor = downsample / level.downsample;
  if (factor < 1 - TOLERANCE) {
    return resolution(level, 1, `The model wants ${wanted} µm per pixel; the image has only ${Number((mpp * level.downsample).toPrecision(3))}.`);
  }
  return resolution(level, Math.abs(factor - 1) <= TOLERANCE ? 1 : factor, '');
}

/** @param {Level} level @param {number} factor @param {string} note @returns {Resolution} */
function resolution(level, factor, note) {
  return {
    level, factor, note, scale: level.downsample * factor,
    width: Math.max(1, Math.floor(level.width / factor)),
    height: Math.max(1, Math.floor(level.height / factor)),
  };
}

/**
 * Shrink a picture: each new pixel is the mean of the area that it covers, rounded half up.
 *
 * @param {Uint8ClampedArray} samples RGBA @param {number} width @param {number} height of the source
 * @param {number} left @param {number} top where the first new pixel begins in the source
 * @param {number} factor @param {number} across @param {number} down size of the result
 * @returns {Uint8ClampedArray} RGBA
 */
export function shrink(samples, width, height, left, top, factor, across, down) {
  const rows = spans(top, factor, down, height);
  const columns = spans(left, factor, across, width);
  const between = new Float64Array(across * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < across; x += 1) {
      for (const [pixel, weight] of columns[x]) {
        const [from, to] = [(y * width + pixel) * 4, (y * across + x) * 3];
        for (let c = 0; c < 3; c += 1) between[to + c] += samples[from + c] * weight;
      }
    }
  }
  const found = new Uint8ClampedArray(across * down * 4).fill(255);
  for (let y = 0; y < down; y += 1) {
    for (let x = 0; x < across; x += 1) {
      for (let c = 0; c < 3; c += 1) {
        let sum = 0;
        for (const [row, weight] of rows[y]) sum += between[(row * across + x) * 3 + c] * weight;
        found[(y * across + x) * 4 + c] = Math.floor(sum + 0.5);
      }
    }
  }
  return found;
}

/**
 * Which source pixels each new one covers, with weights that sum to 1.
 *
 * @param {number} first @param {number} factor @param {number} count @param {number} length
 * @returns {[number, number][][]}
 */
function spans(first, factor, count, length) {
  return Array.from({ length: count }, (_, i) => {
    const [begin, end] = [first + i * factor, first + (i + 1) * factor];
    /** @type {[number, number][]} */
    const covered = [];
    for (let pixel = Math.floor(begin); pixel < end; pixel += 1) {
      const weight = (Math.min(end, pixel + 1) - Math.max(begin, pixel)) / factor;
      if (weight > 1e-9) covered.push([Math.min(Math.max(pixel, 0), length - 1), weight]);
    }
    return covered;
  });
}

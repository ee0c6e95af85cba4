// @ts-check
/** Turns a summary's counts into a small picture that is drawn soft over the image. */

/** @typedef {import('./api.js').Box} Box */

/** Pixels are premultiplied RGBA; `box` is where the picture lies, in image px. @typedef {{pixels: Uint8ClampedArray,
 *   width: number, height: number, box: Box}} HeatPicture */

const MOST_SIDE = 1024;
const STRONGEST = 0.8;

/**
 * Each cell takes the mean colour of its visible types; its strength grows with the root of their number.
 * @param {import('../wire.js').SummaryView} summary
 * @param {import('./palette.js').Palette} palette
 * @returns {HeatPicture | null} null when there is nothing to see
 */
export function paintHeat(summary, palette) {
  const extent = extentOf(summary);
  if (!extent) return null;
  const { column, row, step, width, height } = extent;
  const sums = new Float64Array(4 * width * height);
  const slots = summary.header.types.map((id) => palette.typeSlot(id));
  for (let i = 0; i < summary.count.length; i++) {
    const slot = slots[summary.type[i]];
    if (!palette.isTypeVisible(slot)) continue;
    const x = Math.floor((summary.cell[2 * i] - column) / step) + 1;
    const y = Math.floor((summary.cell[2 * i + 1] - row) / step) + 1;
    const at = 4 * (y * width + x);
    const color = palette.color(slot);
    const count = summary.count[i];
    for (let part = 0; part < 3; part++) sums[at + part] += color[part] * count;
    sums[at + 3] += count;
  }
  let most = 0;
  for (let at = 3; at < sums.length; at += 4) most = Math.max(most, sums[at]);
  if (most === 0) return null;
  const pixels = new Uint8ClampedArray(sums.length);
  for (let at = 0; at < sums.length; at += 4) {
    const count = sums[at + 3];
    if (count === 0) continue;
    const strength = STRONGEST * (0.15 + 0.85 * Math.sqrt(count / most));
    for (let part = 0; part < 3; part++) pixels[at + part] = (sums[at + part] / count) * strength;
    pixels[at + 3] = 255 * strength;
  }
  const edge = summary.header.cell * step;
  const x0 = summary.header.cell * column - edge;
  const y0 = summary.header.cell * row - edge;
  return { pixels, width, height, box: [x0, y0, x0 + width * edge, y0 + height * edge] };
}

/**
 * The grid of the picture: a rim of one empty cell around what was counted, so that it fades out.
 * @param {import('../wire.js').SummaryView} summary
 */
function extentOf({ cell, count }) {
  if (count.length === 0) return null;
  let column = Infinity;
  let row = Infinity;
  let lastColumn = 0;
  let lastRow = 0;
  for (let i = 0; i < count.length; i++) {
    column = Math.min(column, cell[2 * i]);
    row = Math.min(row, cell[2 * i + 1]);
    lastColumn = Math.max(lastColumn, cell[2 * i]);
    lastRow = Math.max(lastRow, cell[2 * i + 1]);
  }
  const side = Math.max(lastColumn - column, lastRow - row) + 1;
  const step = Math.ceil(side / MOST_SIDE);
  return {
    column, row, step, width: Math.ceil((lastColumn - column + 1) / step) + 2,
    height: Math.ceil((lastRow - row + 1) / step) + 2,
  };
}

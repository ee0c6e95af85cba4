// @ts-check
/** Lengths, areas and positions as people write them: µm and mm where the scale is known, else px. */

/** @param {number} value */
export function rounded(value) {
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}

/** @param {number} micrometres */
export function formatMicrometres(micrometres) {
  const size = Math.abs(micrometres);
  if (size >= 100_000) return `${rounded(micrometres / 10_000)} cm`;
  if (size >= 1000) return `${rounded(micrometres / 1000)} mm`;
  if (size > 0 && size < 0.1) return `${rounded(micrometres * 1000)} nm`;
  return `${rounded(micrometres)} µm`;
}

/** @param {number} squareMicrometres */
export function formatSquareMicrometres(squareMicrometres) {
  if (squareMicrometres >= 100_000) return `${rounded(squareMicrometres / 1e6)} mm²`;
  return `${rounded(squareMicrometres)} µm²`;
}

/** @param {number} pixels @param {string} [unit] */
export function formatPixels(pixels, unit = 'px') {
  return `${Math.round(pixels).toLocaleString('en-US').replaceAll(',', '\u202f')} ${unit}`;
}

/** @param {import('./types.js').XY} point @param {{mpp_x: number | null, mpp_y: number | null}} scale */
export function formatPosition([x, y], { mpp_x: mx, mpp_y: my }) {
  const pixels = `${formatPixels(Math.floor(x), '').trim()}, ${formatPixels(Math.floor(y), '').trim()} px`;
  if (!mx) return { pixels, metric: '' };
  const [ux, uy] = [x * mx, y * (my ?? mx)];
  const big = Math.max(Math.abs(ux), Math.abs(uy)) >= 10_000;
  const one = (/** @type {number} */ value) => (big ? (value / 1000).toFixed(3) : value.toFixed(1));
  return { pixels, metric: `${one(ux)}, ${one(uy)} ${big ? 'mm' : 'µm'}` };
}

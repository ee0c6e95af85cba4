// @ts-check
/** Scale bar and magnification: the numbers only. */

import { formatMicrometres, formatPixels } from './measure.js';

/** The largest of 1, 2, 5 × 10ⁿ that is not above ``value``. @param {number} value */
export function niceBelow(value) {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const step = [5, 2, 1].find((digit) => digit * power <= value * (1 + 1e-9)) ?? 1;
  return step * power;
}

/**
 * @param {number} zoom screen px per image px
 * @param {number | null} mpp
 * @param {number} widest of the bar in screen px
 * @returns {{width: number, label: string, beyondNative: boolean}}
 */
export function scaleBar(zoom, mpp, widest) {
  const beyondNative = zoom > 1.0005;
  const perScreenPixel = (mpp || 1) / zoom;
  const length = mpp ? niceBelow(widest * perScreenPixel) : Math.max(1, niceBelow(widest * perScreenPixel));
  const label = mpp ? formatMicrometres(length) : formatPixels(length);
  return { width: length / perScreenPixel, label, beyondNative };
}

/** Factors that the buttons offer where the picture allows. */
export const MAGNIFICATIONS = [1, 2.5, 5, 10, 20, 40];

/**
 * Magnification at one screen pixel per image pixel: the objective's power, or from the pixel size
 * (0.25 µm is what a 40× objective gives); null when the file says neither.
 *
 * @param {{objective_power: number | null, mpp_x: number | null}} image
 */
export function nativeMagnification({ objective_power: power, mpp_x: mpp }) {
  if (power && power > 0) return power;
  if (mpp && mpp > 0) return 10 / mpp;
  return null;
}

/** @param {number} magnification @param {number | null} native @returns {number} zoom */
export function zoomFor(magnification, native) {
  return magnification / (native ?? 1);
}

/** @param {number} zoom @param {number | null} native */
export function describeZoom(zoom, native) {
  if (native === null) return `${tidy(zoom * 100)}\u202f%`;
  return `${tidy(zoom * native)}×`;
}

/** @param {number} value */
function tidy(value) {
  if (value >= 100) return String(Math.round(value));
  if (value >= 10) return String(Number(value.toFixed(1)));
  return String(Number(value.toFixed(2)));
}

/**
 * What a person typed as magnification: ``20``, ``20x``, ``2,5×``, ``50 %``, ``fit``.
 *
 * @param {string} text @param {number | null} native
 * @returns {number | 'fit' | null} a zoom; null when it means nothing
 */
export function parseZoom(text, native) {
  const typed = text.trim().toLowerCase().replace(',', '.');
  if (typed === 'fit') return 'fit';
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*(x|×|%)?$/.exec(typed);
  if (!match) return null;
  const value = Number(match[1]);
  if (!(value > 0)) return null;
  if (match[2] === '%' || (native === null && match[2] === undefined)) return value / 100;
  return zoomFor(value, native);
}

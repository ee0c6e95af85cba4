// @ts-check
/**
 * The view in the address: ``#x=…&y=…&zoom=…&rotation=…&flip=1&frame=z.t.c&annotation=id&search=query``.
 *
 * ``x`` and ``y`` are the centre in level-0 pixels, ``zoom`` is screen px per image px, so that the link means the
 * same place on every screen size. Unknown or broken parts are ignored one by one.
 *
 * @typedef {object} View
 * @property {number} [x]
 * @property {number} [y]
 * @property {number} [zoom]
 * @property {number} [rotation]
 * @property {boolean} [flip]
 * @property {{z: number, t: number, c: number | 'rgb'}} [frame]
 * @property {number} [annotation]
 * @property {string} [search] what is searched for on the page
 */

/** @param {string} hash with or without the leading # @returns {View} */
export function parseView(hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ''));
  /** @type {View} */
  const view = {};
  for (const name of /** @type {const} */ (['x', 'y', 'rotation'])) {
    const value = numberOf(values.get(name));
    if (value !== null) view[name] = value;
  }
  const zoom = numberOf(values.get('zoom'));
  if (zoom !== null && zoom > 0) view.zoom = zoom;
  if (values.get('flip') === '1') view.flip = true;
  const frame = /^(\d{1,6})\.(\d{1,6})\.(rgb|\d{1,6})$/.exec(values.get('frame') ?? '');
  if (frame) view.frame = { z: Number(frame[1]), t: Number(frame[2]), c: frame[3] === 'rgb' ? 'rgb' : Number(frame[3]) };
  const annotation = values.get('annotation') ?? '';
  if (/^[1-9]\d{0,14}$/.test(annotation)) view.annotation = Number(annotation);
  const search = values.get('search') ?? '';
  if (search && search.length <= 4000) view.search = search;
  return view;
}

/** @param {string | null} text */
function numberOf(text) {
  if (text === null || !/^-?\d+(\.\d+)?$/.test(text)) return null;
  return Number(text);
}

/** @param {View} view @returns {string} without the leading #; what is at its default is left out */
export function formatView(view) {
  const parts = [];
  if (view.x !== undefined && view.y !== undefined) parts.push(`x=${round(view.x, 1)}`, `y=${round(view.y, 1)}`);
  if (view.zoom !== undefined) parts.push(`zoom=${Number(view.zoom.toPrecision(5))}`);
  if (view.rotation) parts.push(`rotation=${round(view.rotation, 2)}`);
  if (view.flip) parts.push('flip=1');
  if (view.frame && (view.frame.z || view.frame.t || view.frame.c !== 'rgb')) {
    parts.push(`frame=${view.frame.z}.${view.frame.t}.${view.frame.c}`);
  }
  if (view.annotation) parts.push(`annotation=${view.annotation}`);
  if (view.search) parts.push(`search=${encodeURIComponent(view.search)}`);
  return parts.join('&');
}

/** @param {number} value @param {number} digits */
function round(value, digits) {
  return Number(value.toFixed(digits));
}

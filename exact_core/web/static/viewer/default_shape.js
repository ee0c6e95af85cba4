// @ts-check
/** The shape that a single click places: of the type's default size, centred on the click. */

import { simple } from './geometry.js';

/**
 * @typedef {import('./types.js').AnnotationType} AnnotationType
 * @typedef {import('./types.js').Geometry} Geometry
 * @typedef {import('./types.js').Shape} Shape
 * @typedef {import('./types.js').XY} XY
 */

/** Side in screen pixels of a placed shape whose type names no size. */
const SIDE_ON_SCREEN = 48;

/**
 * Width and height in level-0 pixels. A size in µm on a picture without a scale is taken as pixels.
 *
 * @param {Pick<AnnotationType, 'default_width'|'default_height'|'default_unit'>} type
 * @param {{mpp_x: number | null, mpp_y: number | null}} image
 * @param {number} zoom screen px per image px
 * @returns {[number, number]}
 */
export function defaultSize(type, image, zoom) {
  const width = type.default_width ?? type.default_height;
  const height = type.default_height ?? type.default_width;
  if (!width || !height) {
    const side = Math.max(2, Math.round(SIDE_ON_SCREEN / zoom));
    return [side, side];
  }
  const scaled = type.default_unit === 'um' && image.mpp_x;
  const [mx, my] = scaled ? [image.mpp_x ?? 1, image.mpp_y ?? image.mpp_x ?? 1] : [1, 1];
  return [Math.max(1, width / mx), Math.max(1, height / my)];
}

/**
 * @param {Shape} shape
 * @param {XY} centre
 * @param {[number, number]} size
 * @returns {Geometry | null} null when a click alone does not make this shape
 */
export function placedShape(shape, [x, y], [width, height]) {
  const [left, top] = [x - Math.round(width) / 2, y - Math.round(height) / 2];
  const [right, bottom] = [left + Math.round(width), top + Math.round(height)];
  switch (shape) {
    case 'point':
      return simple('point', [[x, y]]);
    case 'box':
    case 'ellipse':
      return simple(shape, [[left, top], [right, bottom]]);
    case 'rotated_box':
      return simple(shape, [[left, top], [right, top], [right, bottom], [left, bottom]]);
    case 'line':
      return simple(shape, [[left, y], [right, y]]);
    default:
      return null;
  }
}

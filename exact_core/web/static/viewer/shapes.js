// @ts-check
/** What shapes are called, their icons and their keys. */

import { LABELS } from './geometry.js';

/** @typedef {import('./types.js').Shape} Shape */

/** @type {Record<Shape, {name: string, icon: string, key: string}>} */
export const SHAPES = {
  point: { name: 'Point', icon: 'circle-dot', key: '.' },
  box: { name: 'Box', icon: 'square', key: 'R' },
  ellipse: { name: 'Ellipse', icon: 'circle', key: 'O' },
  line: { name: 'Line', icon: 'slash', key: 'L' },
  polyline: { name: 'Polyline', icon: 'spline', key: 'V' },
  polygon: { name: 'Polygon', icon: 'pentagon', key: 'P' },
  rotated_box: { name: 'Rotated box', icon: 'diamond', key: 'T' },
  multi_polygon: { name: 'Multi-part polygon', icon: 'waypoints', key: '' },
  image: { name: 'Whole image', icon: 'image', key: '' },
  absent: { name: 'Not in this image', icon: 'ban', key: '' },
};

/** Tools that are always shown; the others appear when a type wants them. @type {Shape[]} */
export const COMMON_TOOLS = ['point', 'box', 'ellipse', 'line', 'polyline', 'polygon'];

/** The ways to draw a type, its default first. @param {{shapes: Shape[]}} type @returns {Shape[]} */
export function drawnShapes({ shapes }) {
  return shapes.filter((shape) => !LABELS.has(shape));
}

/** What a type can say of a whole image or frame. @param {{shapes: Shape[]}} type @returns {Shape[]} */
export function labelsOf({ shapes }) {
  return shapes.filter((shape) => LABELS.has(shape));
}

/** The keys of types: their own, else 1–9 by position among those without. @param {{id: number, key: string | null}[]} types */
export function typeKeys(types) {
  /** @type {Map<number, string>} */
  const keys = new Map();
  const free = new Set('123456789');
  for (const { id, key } of types) {
    if (key && free.delete(key)) keys.set(id, key);
  }
  for (const { id } of types) {
    const [next] = free;
    if (!keys.has(id) && next) {
      free.delete(next);
      keys.set(id, next);
    }
  }
  return keys;
}

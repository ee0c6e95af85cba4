// @ts-check
/** Geometries between the server's JSON and the page's own form. */

import { LABELS } from './geometry.js';

/**
 * @typedef {import('./types.js').Geometry} Geometry
 * @typedef {import('./types.js').XY} XY
 * @typedef {{shape: import('./types.js').Shape, points?: XY[], rings?: XY[][], parts?: XY[][][]}} GeometryJson
 */

/** @param {GeometryJson} json @returns {Geometry} */
export function fromJson(json) {
  if (json.parts) {
    const holes = json.parts.flatMap((part) => part.map((_, i) => i > 0));
    return { shape: json.shape, rings: json.parts.flat(), holes };
  }
  if (json.rings) return { shape: json.shape, rings: json.rings };
  return { shape: json.shape, rings: json.points ? [json.points] : [] };
}

/** @param {Geometry} geometry @returns {GeometryJson} */
export function toJson({ shape, rings, holes }) {
  if (LABELS.has(shape)) return { shape, rings: [] };
  if (shape === 'polygon') return { shape, rings };
  if (shape !== 'multi_polygon') return { shape, points: rings[0] };
  /** @type {XY[][][]} */
  const parts = [];
  rings.forEach((ring, i) => {
    const part = parts.at(-1);
    if (holes?.[i] && part) part.push(ring);
    else parts.push([ring]);
  });
  return { shape, parts };
}

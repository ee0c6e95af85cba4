// @ts-check
/** What one frame shows, and the sizes that every renderer draws it with. */

import { visibleBox } from './view_transform.js';

/** @typedef {import('./cells.js').Cell} Cell */
/** @typedef {import('./view_transform.js').ViewTransform} ViewTransform */

/**
 * @typedef {object} Scene
 * @property {ViewTransform} transform in CSS px
 * @property {number} ratio device px per CSS px
 * @property {Cell[]} cells that can be seen
 * @property {Cell[]} highlighted
 * @property {import('./palette.js').Palette} palette
 * @property {import('./heat.js').HeatPicture | null} heat
 * @property {number} lineWidth CSS px
 * @property {boolean} fill
 */

/** @typedef {{cells: number, shapes: number, vertices: number}} Drawn */

/**
 * @typedef {object} Renderer
 * @property {"webgl2" | "canvas2d"} name
 * @property {(scene: Scene) => Drawn} draw
 * @property {(cell: Cell) => void} drop
 * @property {number} uploaded cells of which a copy is held
 * @property {() => void} destroy
 */

/** Radius of a point annotation, in CSS px. */
export const POINT_RADIUS = 5;
export const POINT_BORDER = 1.25;
/** Radii of the dot that stands in for a shape: near by, and from afar where many lie side by side. */
const DOT_RADIUS = 2.5;
const FAR_DOT_RADIUS = 1.2;
/** How much wider than the others a highlighted outline is. */
export const HIGHLIGHT = 1.6;
export const FILL_OPACITY = 0.22;
/** From here on outlines get thinner, down to `LEAST_WIDTH` of their width three octaves further out. */
const FULL_WIDTH_SCALE = 0.5;
const LEAST_WIDTH = 0.4;

/**
 * Width of outlines in device px: constant on the screen when near, thinner when far, never under one device px.
 * @param {number} lineWidth CSS px
 * @param {number} scale
 * @param {number} ratio
 */
export function outlineWidth(lineWidth, scale, ratio) {
  const octaves = Math.log2(scale / FULL_WIDTH_SCALE);
  const part = Math.max(LEAST_WIDTH, Math.min(1, 1 + octaves / 3));
  return Math.max(1, lineWidth * part * ratio);
}

/**
 * Radius of the dot that stands in for a shape, in CSS px.
 * @param {number} scale
 */
export function dotRadius(scale) {
  const part = Math.max(0, Math.min(1, Math.log2(scale / 0.0125) / 3));
  return FAR_DOT_RADIUS + (DOT_RADIUS - FAR_DOT_RADIUS) * part;
}

/**
 * The cells that meet the screen.
 * @param {Iterable<Cell>} cells
 * @param {ViewTransform} transform
 * @returns {Cell[]}
 */
export function cull(cells, transform) {
  const box = visibleBox(transform, 2 * POINT_RADIUS);
  const seen = [];
  for (const cell of cells) {
    const { bounds } = cell;
    if (bounds[0] <= box[2] && bounds[2] >= box[0] && bounds[1] <= box[3] && bounds[3] >= box[1]) seen.push(cell);
  }
  return seen;
}

/**
 * Corners of an ellipse that look round: at most a fifth of a px off.
 * @param {number} radius on the screen
 */
export function ellipseSegments(radius) {
  const bend = Math.acos(1 - Math.min(0.5, 0.2 / Math.max(radius, 0.4)));
  return Math.max(12, Math.min(720, Math.ceil(Math.PI / bend)));
}

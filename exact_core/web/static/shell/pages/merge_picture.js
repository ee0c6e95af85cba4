// @ts-check
/** A small picture of a conflict: the piece of the slide, with the outline as it was and as each side has it. */

import { apiUrl } from '../api.js';
import { svg } from '../charts.js';

/** @typedef {{shape: string, rings: [number, number][][]}} Geometry as the API answers it, in level-0 pixels */
/** @typedef {{x: number, y: number, side: number}} Piece a square of the slide, in level-0 pixels */

const MARGIN = 0.3; // of the longer side, around all states
const SMALLEST = 64;
const MOST_VERTICES = 400; // of one ring: more are not told apart in a picture this small
const DOT = 0.025; // of the piece's side

/** The order of drawing, from the lowest. @type {['base' | 'ours' | 'theirs', string][]} */
export const SIDES = [['base', 'As it was'], ['ours', 'Ours'], ['theirs', 'Theirs']];

/** The square that shows a box with its surroundings. @param {number[]} box x0, y0, x1, y1 @returns {Piece} */
export function pieceAround([x0, y0, x1, y1]) {
  const side = Math.ceil(Math.max((Math.max(x1 - x0, y1 - y0) + 1) * (1 + 2 * MARGIN), SMALLEST));
  return { x: Math.floor((x0 + x1 + 1) / 2 - side / 2), y: Math.floor((y0 + y1 + 1) / 2 - side / 2), side };
}

/** Outlines of a geometry as the data of a path; a point becomes a small circle. @param {Geometry} geometry @param {number} side of the piece */
export function pathOf({ shape, rings }, side) {
  return rings.map((ring) => {
    if (shape === 'point') return circle(ring[0], side * DOT, side * DOT);
    const [[x0, y0], [x1, y1] = [0, 0]] = ring;
    if (shape === 'ellipse') return circle([(x0 + x1) / 2, (y0 + y1) / 2], Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2);
    if (shape === 'box') return `M${x0} ${y0}H${x1}V${y1}H${x0}Z`;
    return `M${thinned(ring).map(([x, y]) => `${x} ${y}`).join('L')}${shape === 'line' || shape === 'polyline' ? '' : 'Z'}`;
  }).join('');
}

/** @param {[number, number]} centre @param {number} rx @param {number} ry */
function circle([x, y], rx, ry) {
  return `M${x - rx} ${y}A${rx} ${ry} 0 1 0 ${x + rx} ${y}A${rx} ${ry} 0 1 0 ${x - rx} ${y}Z`;
}

/** @param {[number, number][]} ring */
function thinned(ring) {
  const step = Math.ceil(ring.length / MOST_VERTICES);
  return step > 1 ? ring.filter((_, index) => index % step === 0) : ring;
}

/**
 * @param {Record<string, any>} conflict as the preview gives it
 * @param {string} label what the picture shows, for those who do not see it
 */
export function conflictPicture(conflict, label) {
  const piece = pieceAround(conflict.box);
  const states = SIDES.filter(([name]) => conflict[name]?.geometry.rings.length);
  const shown = conflict.theirs ?? conflict.ours;
  const frame = shown && shown.frame.z >= 0 && shown.frame.t >= 0 ? `${shown.frame.z}.${shown.frame.t}.rgb` : '';
  const picture = svg('image', { ...place(piece), href: apiUrl(`/images/${conflict.image.id}/picture`, { ...piece, size: 256, frame }), preserveAspectRatio: 'none' });
  picture.addEventListener('error', () => picture.remove()); // the outlines say enough
  return svg('svg', { class: 'conflict-picture', viewBox: `${piece.x} ${piece.y} ${piece.side} ${piece.side}`, role: 'img', 'aria-label': label }, picture,
    ...states.flatMap(([name]) => {
      const d = pathOf(conflict[name].geometry, piece.side);
      return [svg('path', { d, class: 'conflict-halo' }), svg('path', { d, class: `conflict-line conflict-line--${name}` })];
    }));
}

/** @param {Piece} piece */
function place({ x, y, side }) {
  return { x, y, width: side, height: side };
}

/** A short line in the look of a side, for the legend. @param {string} name */
export function lineSample(name) {
  return svg('svg', { class: 'conflict-sample', viewBox: '0 0 28 10', 'aria-hidden': 'true' }, svg('path', { d: 'M1 5H27', class: `conflict-line conflict-line--${name}` }));
}

// @ts-check
/** Turns the server's JSON geometry into rings and back, and local edits into a view like a fetched one. */

import { SHAPE_NAMES, SHAPE_NUMBERS } from '../wire.js';

/** @typedef {import('./api.js').Geometry} Geometry */
/** @typedef {import('./api.js').Vertex} Vertex */
/** @typedef {import('./api.js').Box} Box */

/**
 * The rings of a geometry, and which of them are holes.
 * @param {Geometry} geometry
 * @returns {{rings: Vertex[][], holes: boolean[]}}
 */
export function ringsOf(geometry) {
  if (geometry.points) return { rings: geometry.points.length ? [geometry.points] : [], holes: [false] };
  const nested = /** @type {unknown[]} */ (geometry.parts ?? geometry.rings ?? []);
  const isParts = Array.isArray(nested[0]) && Array.isArray(nested[0][0]) && Array.isArray(nested[0][0][0]);
  const parts = /** @type {Vertex[][][]} */ (isParts ? nested : [nested]);
  /** @type {Vertex[][]} */
  const rings = [];
  /** @type {boolean[]} */
  const holes = [];
  for (const part of parts) {
    part.forEach((ring, position) => {
      if (ring.length === 0) return;
      rings.push(ring);
      holes.push(position > 0);
    });
  }
  return { rings, holes };
}

/**
 * @param {Vertex[][]} rings
 * @returns {Box} nothing but zeros where there is no vertex
 */
export function boxOf(rings) {
  /** @type {Box} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (const [x, y] of ring) {
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
  }
  return box[0] === Infinity ? [0, 0, 0, 0] : box;
}

/**
 * The geometry of one shape of a cell, with the vertices that the server stores: offsets from the cell's corner are
 * exact to 1/256 px as far as 65,536 px.
 * @param {import('./cells.js').Cell} cell
 * @param {number} k
 * @returns {Geometry | null} null for a centroid
 */
export function geometryOf(cell, k) {
  const shape = SHAPE_NAMES[cell.shapes[k]] ?? null;
  if (!shape) return null;
  const x = cell.originX;
  const y = cell.originY;
  const place = cell.place[k];
  if (cell.ringStart[k] === cell.ringStart[k + 1]) return { shape, points: [] };
  if (shape === 'point') {
    const { data } = cell.points;
    return { shape, points: [[data[4 * place] + x, data[4 * place + 1] + y]] };
  }
  if (shape === 'ellipse') {
    const e = cell.ellipses.data.subarray(8 * place, 8 * place + 4);
    return { shape, points: [[e[0] + x, e[1] + y], [e[2] + x, e[3] + y]] };
  }
  /** @type {Vertex[][]} */
  const rings = [];
  /** @type {Vertex[][][]} */
  const parts = [];
  forEachRing(cell, k, (texel, length, hole) => {
    /** @type {Vertex[]} */
    const ring = [];
    for (let v = 0; v < length; v++) {
      const at = 4 * (texel + v);
      ring.push([cell.paths.data[at] + x, cell.paths.data[at + 1] + y]);
    }
    rings.push(ring);
    if (hole && parts.length) parts[parts.length - 1].push(ring);
    else parts.push([ring]);
  });
  if (shape === 'polygon') return { shape, rings };
  if (shape === 'multi_polygon') return { shape, parts };
  if (shape === 'box') return { shape, points: [rings[0][0], rings[0][2]] };
  return { shape, points: rings[0] };
}

/**
 * Walks the rings of a path shape, boxes as their four corners.
 * @param {import('./cells.js').Cell} cell
 * @param {number} k
 * @param {(texel: number, length: number, hole: boolean) => void} visit
 */
export function forEachRing(cell, k, visit) {
  const { data } = cell.paths;
  let texel = cell.place[k];
  for (let ring = cell.ringStart[k]; ring < cell.ringStart[k + 1]; ring++) {
    const corners = cell.shapes[k] === SHAPE_NUMBERS.box && cell.ringLength[ring] >= 2;
    const length = corners ? 4 : cell.ringLength[ring];
    visit(texel, length, cell.ringHole[ring] !== 0);
    // A ring ends with the texel where no segment begins.
    while (data[4 * texel + 3] !== 0) texel += 1;
    texel += 1;
  }
}

/**
 * What a local edit needs to be drawn.
 * @typedef {{geometry: Geometry, typeId: number, authorId: number, revision: number}} Draft
 */

/**
 * Lays drafts out as a view, so that local edits take the same way to the screen as fetched shapes.
 * @param {Draft[]} drafts
 * @returns {import('../wire.js').ShapesView} `id` is the position among the drafts
 */
export function viewOfDrafts(drafts) {
  const n = drafts.length;
  const types = [...new Set(drafts.map((draft) => draft.typeId))];
  const authors = [...new Set(drafts.map((draft) => draft.authorId))];
  const shaped = drafts.map((draft) => ringsOf(draft.geometry));
  const ringStart = new Uint32Array(n + 1);
  shaped.forEach(({ rings }, i) => { ringStart[i + 1] = ringStart[i] + rings.length; });
  const rings = shaped.flatMap((entry) => entry.rings);
  return {
    kind: 'shapes',
    header: {
      kind: 'shapes', revision: 0, n, box: [0, 0, 0, 0], types, authors, coordinates: 'int32', cell: 2048, arrays: [],
    },
    id: Float64Array.from(drafts, (_, i) => i),
    type: Uint16Array.from(drafts, (draft) => types.indexOf(draft.typeId)),
    author: Uint16Array.from(drafts, (draft) => authors.indexOf(draft.authorId)),
    shape: Uint8Array.from(drafts, (draft) => SHAPE_NUMBERS[draft.geometry.shape] ?? 0),
    revision: Int32Array.from(drafts, (draft) => draft.revision),
    box: Int32Array.from(shaped.flatMap((entry) => outward(boxOf(entry.rings)))),
    ringStart,
    ringLength: Uint32Array.from(rings, (ring) => ring.length),
    ringHole: Uint8Array.from(shaped.flatMap((entry) => entry.rings.map((_, r) => Number(entry.holes[r])))),
    first: new Int32Array(0),
    delta: new Int16Array(0),
    xy: Float64Array.from(rings.flat(2)),
    fractionBits: new Uint8Array(0),
  };
}

/** @param {Box} box in whole px, as the server keeps it */
function outward([x0, y0, x1, y1]) {
  return [Math.floor(x0), Math.floor(y0), Math.ceil(x1), Math.ceil(y1)];
}

/**
 * Whether a geometry is the one that a cell's shape has, as far as the cell's float32 offsets tell.
 * @param {import('./cells.js').Cell} cell
 * @param {Geometry} own of the cell's shape
 * @param {Geometry} other
 */
export function isSameIn({ originX, originY }, own, other) {
  const [a, b] = [ringsOf(own).rings, ringsOf(other).rings];
  return a.length === b.length && a.every((ring, i) => ring.length === b[i].length && ring.every(([x, y], k) =>
    x - originX === Math.fround(b[i][k][0] - originX) && y - originY === Math.fround(b[i][k][1] - originY)));
}

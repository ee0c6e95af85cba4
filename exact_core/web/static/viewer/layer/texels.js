// @ts-check
/** Writes shapes as texels: rings as rows of segments, ellipses by size, points. */

import { SHAPE_NUMBERS } from '../wire.js';

/** @typedef {import('../wire.js').ShapesView} ShapesView */
/** @typedef {import('./cells.js').Cell} Cell */
/** @typedef {import('./cells.js').Texels} Texels */

export const AUTHOR_STRIDE = 4096;
const LARGEST_SHIFT = 11;
/** @returns {Texels} */
export const noTexels = () => ({ data: new Float32Array(0), count: 0, shift: 0 });

/** @param {number} count @returns {Texels} */
export function allocate(count) {
  if (count === 0) return noTexels();
  const shift = Math.min(Math.ceil(Math.log2(count)), LARGEST_SHIFT);
  const width = 2 ** shift;
  return { data: new Float32Array(4 * width * Math.ceil(count / width)), count, shift };
}

/** @param {Cell} cell @param {number} k */
export function styleOf(cell, k) {
  return cell.typeSlots[k] + AUTHOR_STRIDE * cell.authorSlots[k];
}

/**
 * What a ring's coordinates are multiplied with to be px; null where all are whole px.
 * @param {ShapesView} view
 */
function ringScales({ fractionBits, ringStart, ringLength }) {
  if (!fractionBits.some((bits) => bits > 0)) return null;
  const scales = new Float64Array(ringLength.length).fill(1);
  fractionBits.forEach((bits, i) => scales.fill(2 ** -bits, ringStart[i], ringStart[i + 1]));
  return scales;
}

/**
 * Gives the absolute vertices of a ring in px, whichever way the view writes coordinates.
 * @param {ShapesView} view
 * @returns {(ring: number) => Float64Array} valid until the next call
 */
export function ringReader(view) {
  const { ringLength, first, delta, xy } = view;
  const start = new Uint32Array(ringLength.length);
  let longest = 0;
  for (let ring = 0, sum = 0; ring < ringLength.length; ring++) {
    start[ring] = sum;
    sum += ringLength[ring];
    longest = Math.max(longest, ringLength[ring]);
  }
  const out = new Float64Array(2 * longest);
  const whole = view.header.coordinates === 'int32';
  const scales = ringScales(view);
  const read = (/** @type {number} */ ring) => {
    const length = ringLength[ring];
    if (whole) {
      for (let k = 0, from = 2 * start[ring]; k < 2 * length; k++) out[k] = xy[from + k];
      return out;
    }
    let x = first[2 * ring];
    let y = first[2 * ring + 1];
    out[0] = x;
    out[1] = y;
    for (let k = 1, from = 2 * (start[ring] - ring); k < length; k++, from += 2) {
      out[2 * k] = x += delta[from];
      out[2 * k + 1] = y += delta[from + 1];
    }
    return out;
  };
  if (!scales) return read;
  return (ring) => {
    read(ring);
    const scale = scales[ring];
    if (scale !== 1) for (let k = 0; k < 2 * ringLength[ring]; k++) out[k] *= scale;
    return out;
  };
}

/**
 * Fills a cell with the shapes of a view.
 * @param {Cell} cell
 * @param {ShapesView} view
 * @param {Uint32Array} members positions of the cell's shapes in the view
 * @param {(ring: number) => Float64Array} vertexOf
 */
export function writeShapes(cell, view, members, vertexOf) {
  const need = measure(view, members, cell);
  cell.paths = allocate(need.paths);
  cell.points = allocate(need.points);
  let texel = 0;
  let point = 0;
  /** @type {{k: number, x0: number, y0: number, x1: number, y1: number}[]} */
  const ellipses = [];
  /** @type {number[]} */
  const ranges = [];
  for (let k = 0; k < cell.n; k++) {
    const ring = view.ringStart[members[k]];
    const rings = view.ringStart[members[k] + 1] - ring;
    if (rings === 0) continue;
    const shape = cell.shapes[k];
    if (shape === SHAPE_NUMBERS.point) {
      const xy = vertexOf(ring);
      cell.place[k] = point;
      cell.points.data.set([xy[0] - cell.originX, xy[1] - cell.originY, styleOf(cell, k), 0], 4 * point);
      point += 1;
    } else if (shape === SHAPE_NUMBERS.ellipse) {
      const [x0, y0, x1, y1] = vertexOf(ring);
      ellipses.push({ k, x0, y0, x1, y1 });
    } else {
      const begin = texel;
      cell.place[k] = begin;
      for (let r = 0; r < rings; r++) {
        const hole = cell.ringHole[cell.ringStart[k] + r];
        texel = writeRing(cell, k, texel, vertexOf(ring + r), view.ringLength[ring + r], hole);
      }
      addRange(ranges, cell.typeSlots[k], begin, texel - begin);
    }
  }
  writeEllipses(cell, ellipses);
  cell.pathRanges = Uint32Array.from(ranges);
}

/**
 * Copies what the shapes have besides vertices, and counts the room that the vertices need.
 * @param {ShapesView} view
 * @param {Uint32Array} members
 * @param {Cell} cell
 */
function measure(view, members, cell) {
  let rings = 0;
  for (const i of members) rings += view.ringStart[i + 1] - view.ringStart[i];
  cell.ringLength = new Uint32Array(rings);
  cell.ringHole = new Uint8Array(rings);
  const need = { paths: 0, points: 0 };
  for (let k = 0, ring = 0; k < cell.n; k++) {
    const i = members[k];
    const shape = view.shape[i];
    cell.shapes[k] = shape;
    cell.revisions[k] = view.revision[i];
    for (let side = 0; side < 4; side++) cell.boxes[4 * k + side] = view.box[4 * i + side];
    cell.ringStart[k] = ring;
    for (let r = view.ringStart[i]; r < view.ringStart[i + 1]; r++, ring++) {
      const length = view.ringLength[r];
      cell.ringLength[ring] = length;
      cell.ringHole[ring] = view.ringHole[r];
      cell.vertices += length;
      if (shape === SHAPE_NUMBERS.point) need.points += 1;
      else if (shape !== SHAPE_NUMBERS.ellipse) need.paths += texelsOfRing(shape, length);
    }
    cell.ringStart[k + 1] = ring;
  }
  return need;
}

/** @param {number} shape */
export function isOpen(shape) {
  return shape === SHAPE_NUMBERS.line || shape === SHAPE_NUMBERS.polyline;
}

/** @param {number} shape @param {number} length vertices of the ring on the wire */
export function texelsOfRing(shape, length) {
  if (shape === SHAPE_NUMBERS.box) return 5;
  return isOpen(shape) && length > 1 ? length : length + 1;
}

/**
 * Writes the texels of one ring and gives the next free one.
 * @param {Cell} cell
 * @param {number} k
 * @param {number} texel
 * @param {Float64Array} xy
 * @param {number} length
 * @param {number} hole
 */
function writeRing(cell, k, texel, xy, length, hole) {
  const shape = cell.shapes[k];
  const corners = shape === SHAPE_NUMBERS.box && length >= 2;
  const ring = corners ? [xy[0], xy[1], xy[2], xy[1], xy[2], xy[3], xy[0], xy[3]] : xy;
  const vertices = corners ? 4 : length;
  const open = isOpen(shape);
  const against = !open && (signedArea(ring, vertices) < 0) !== (hole !== 0);
  const style = styleOf(cell, k);
  const count = texelsOfRing(shape, length);
  const { data } = cell.paths;
  for (let v = 0; v < count; v++) {
    const from = 2 * (v % vertices);
    const link = v === count - 1 ? 0 : open ? -1 - v : against ? v + 1.5 : v + 1;
    const to = 4 * (texel + v);
    data[to] = ring[from] - cell.originX;
    data[to + 1] = ring[from + 1] - cell.originY;
    data[to + 2] = style;
    data[to + 3] = link;
  }
  return texel + count;
}

/**
 * Twice the area, positive when the ring turns right on a screen whose y goes down.
 * @param {ArrayLike<number>} ring
 * @param {number} vertices
 */
function signedArea(ring, vertices) {
  let sum = 0;
  for (let v = 1; v + 1 < vertices; v++) {
    const ax = ring[2 * v] - ring[0];
    const ay = ring[2 * v + 1] - ring[1];
    sum += ax * (ring[2 * v + 3] - ring[1]) - (ring[2 * v + 2] - ring[0]) * ay;
  }
  return sum;
}

/**
 * Writes ellipses in classes of size: small ones need few corners to look round.
 * @param {Cell} cell
 * @param {{k: number, x0: number, y0: number, x1: number, y1: number}[]} ellipses
 */
function writeEllipses(cell, ellipses) {
  const radius = (/** @type {{x0: number, y0: number, x1: number, y1: number}} */ e) =>
    Math.max(Math.abs(e.x1 - e.x0), Math.abs(e.y1 - e.y0), 2) / 2;
  const sizeClass = (/** @type {number} */ r) => Math.floor(Math.log2(r) / 2);
  cell.ellipses = allocate(2 * ellipses.length);
  const sorted = ellipses.map((e) => ({ ...e, r: radius(e) })).sort((a, b) => a.r - b.r);
  /** @type {number[]} */
  const ranges = [];
  sorted.forEach((e, place) => {
    cell.place[e.k] = place;
    cell.ellipses.data.set([e.x0 - cell.originX, e.y0 - cell.originY, e.x1 - cell.originX, e.y1 - cell.originY,
      styleOf(cell, e.k), 0, 0, 0], 8 * place);
    const last = ranges.length - 3;
    if (last >= 0 && sizeClass(ranges[last + 2]) === sizeClass(e.r)) {
      ranges[last + 1] += 1;
      ranges[last + 2] = e.r;
    } else ranges.push(place, 1, e.r);
  });
  cell.ellipseRanges = Float32Array.from(ranges);
}

/** @param {number[]} ranges @param {number} slot @param {number} start @param {number} count */
function addRange(ranges, slot, start, count) {
  const last = ranges.length - 3;
  if (last >= 0 && ranges[last] === slot) ranges[last + 2] += count;
  else ranges.push(slot, start, count);
}

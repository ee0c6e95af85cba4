// @ts-check
/** Writes views as the format in `docs/architecture.md` says, for tests. */

import { SHAPE_NUMBERS } from '../../../exact_core/web/static/viewer/wire.js';

/** @typedef {import('../../../exact_core/web/static/viewer/layer/api.js').ShapeName} ShapeName */
/**
 * @typedef {{id: number, shape: ShapeName, rings: [number, number][][], holes?: boolean[], typeId?: number,
 *   authorId?: number, revision?: number, box?: number[], bits?: number}} Drawing  whose vertices have `bits` of fraction
 */
/** @typedef {{revision?: number, box?: number[], coordinates?: "int32" | "int16-delta"}} Options */

/** @type {Record<string, string>} */
const TYPE_NAMES = {
  Float64Array: 'float64', Int32Array: 'int32', Uint32Array: 'uint32', Int16Array: 'int16', Uint16Array: 'uint16',
  Uint8Array: 'uint8',
};

/**
 * @param {Record<string, unknown>} header
 * @param {Record<string, Float64Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Uint8Array>} arrays
 * @returns {ArrayBuffer}
 */
export function encode(header, arrays) {
  let offset = 0;
  const entries = Object.entries(arrays).map(([name, array]) => {
    const entry = { name, type: TYPE_NAMES[array.constructor.name], offset, length: array.length };
    offset += Math.ceil(array.byteLength / 8) * 8;
    return entry;
  });
  let text = JSON.stringify({ ...header, arrays: entries });
  while ((8 + new TextEncoder().encode(text).length) % 8) text += ' ';
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + offset);
  bytes.set(new TextEncoder().encode('EXV1'));
  new DataView(bytes.buffer).setUint32(4, json.length, true);
  bytes.set(json, 8);
  Object.values(arrays).forEach((array, i) => {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), 8 + json.length + entries[i].offset);
  });
  return bytes.buffer;
}

/** @param {Drawing[]} drawings */
function ids(drawings) {
  return {
    types: [...new Set(drawings.map((d) => d.typeId ?? 1))], authors: [...new Set(drawings.map((d) => d.authorId ?? 7))],
  };
}

/** @param {Drawing} drawing */
function boxOf({ rings, box }) {
  const xs = rings.flat().map(([x]) => x);
  const ys = rings.flat().map(([, y]) => y);
  return box ?? [Math.floor(Math.min(...xs)), Math.floor(Math.min(...ys)), Math.ceil(Math.max(...xs)), Math.ceil(Math.max(...ys))];
}

/**
 * @param {Drawing[]} drawings
 * @param {{types: number[], authors: number[]}} known
 * @param {"int32" | "int16-delta"} coordinates
 * @param {string} prefix
 */
function shapeArrays(drawings, known, coordinates, prefix) {
  const rings = drawings.flatMap((d) => d.rings.map((ring) => ring.map(([x, y]) => [x * 2 ** (d.bits ?? 0), y * 2 ** (d.bits ?? 0)])));
  /** @type {Record<string, Float64Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Uint8Array>} */
  const arrays = {
    id: Float64Array.from(drawings, (d) => d.id),
    type: Uint16Array.from(drawings, (d) => known.types.indexOf(d.typeId ?? 1)),
    author: Uint16Array.from(drawings, (d) => known.authors.indexOf(d.authorId ?? 7)),
    shape: Uint8Array.from(drawings, (d) => SHAPE_NUMBERS[d.shape]),
    revision: Int32Array.from(drawings, (d) => d.revision ?? 1),
    box: Int32Array.from(drawings.flatMap(boxOf)),
    ring_start: Uint32Array.from([0, ...drawings.map((_, i) => drawings.slice(0, i + 1).flatMap((d) => d.rings).length)]),
    ring_length: Uint32Array.from(rings, (ring) => ring.length),
    ring_hole: Uint8Array.from(drawings.flatMap((d) => d.rings.map((_, r) => Number(d.holes?.[r] ?? false)))),
  };
  if (coordinates === 'int32') arrays.xy = Int32Array.from(rings.flat(2));
  else {
    arrays.first = Int32Array.from(rings.flatMap((ring) => ring[0]));
    arrays.delta = Int16Array.from(rings.flatMap((ring) => ring.slice(1).flatMap(([x, y], v) => [x - ring[v][0], y - ring[v][1]])));
  }
  if (drawings.some((d) => d.bits)) arrays.fraction_bits = Uint8Array.from(drawings, (d) => d.bits ?? 0);
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [prefix + name, array]));
}

/** @param {Drawing[]} drawings @param {Options} [options] */
export function encodeShapes(drawings, { revision = 1, box = [0, 0, 4096, 4096], coordinates = 'int16-delta' } = {}) {
  const known = ids(drawings);
  const header = { kind: 'shapes', revision, n: drawings.length, box, ...known, coordinates, cell: 2048 };
  return encode(header, shapeArrays(drawings, known, coordinates, ''));
}

/** @param {Drawing[]} drawings @param {Drawing[]} large @param {Options} [options] */
export function encodeCentroids(drawings, large = [], { revision = 1, box = [0, 0, 4096, 4096], coordinates = 'int16-delta' } = {}) {
  const known = ids([...drawings, ...large]);
  const header = { kind: 'centroids', revision, n: drawings.length, large: large.length, box, ...known, coordinates, cell: 2048 };
  return encode(header, {
    id: Float64Array.from(drawings, (d) => d.id),
    type: Uint16Array.from(drawings, (d) => known.types.indexOf(d.typeId ?? 1)),
    author: Uint16Array.from(drawings, (d) => known.authors.indexOf(d.authorId ?? 7)),
    xy: Int32Array.from(drawings.flatMap((d) => { const b = boxOf(d); return [(b[0] + b[2]) >> 1, (b[1] + b[3]) >> 1]; })),
    ...(large.length ? shapeArrays(large, known, coordinates, 'large_') : {}),
  });
}

/** @param {{typeId: number, column: number, row: number, count: number}[]} counts */
export function encodeSummary(counts) {
  const types = [...new Set(counts.map((c) => c.typeId))];
  const header = { kind: 'summary', revision: 1, n: counts.length, box: [0, 0, 99999, 99999], types, authors: [], cell: 2048 };
  return encode(header, {
    type: Uint16Array.from(counts, (c) => types.indexOf(c.typeId)),
    cell: Uint32Array.from(counts.flatMap((c) => [c.column, c.row])),
    count: Uint32Array.from(counts, (c) => c.count),
  });
}

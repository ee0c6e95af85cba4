// @ts-check
/**
 * Sorts the shapes of a view into square cells, laid out as the GPU reads them.
 *
 * A shape belongs to the cell of its box's centre. Coordinates are float32 offsets from the cell's corner, so they
 * stay exact a million pixels from the image's corner. Runs in the worker; needs nothing of the page.
 */

import { SHAPE_NUMBERS } from '../wire.js';

/** @typedef {import('../wire.js').ShapesView} ShapesView */
/** @typedef {import('../wire.js').CentroidsView} CentroidsView */
/** @typedef {import('./api.js').Box} Box */

/**
 * Texels of one kind of primitive: four floats each, padded to whole rows of a texture.
 *
 * - paths: x, y, style, link. A link is 0 where no segment begins, else 1 + the steps back to the ring's first vertex;
 *   negative in an open path, plus a half in a ring that winds against its part's area.
 * - ellipses: two texels each: the corners x0, y0, x1, y1; then style.
 * - points: x, y, style, 0.
 *
 * A style is `type slot + 4096 * author slot`; `-1 - style` while the shape is suppressed.
 * @typedef {{data: Float32Array, count: number, width: number}} Texels
 */

/**
 * @typedef {object} Cell
 * @property {"shapes" | "centroids"} kind
 * @property {string} key kind, column and row
 * @property {number} originX
 * @property {number} originY
 * @property {Box} bounds of all its shapes, which may reach out of the cell
 * @property {boolean} complete whether the view had to hold every shape of this cell
 * @property {number} revision of the view
 * @property {number} n
 * @property {Float64Array} ids
 * @property {Uint16Array} typeSlots
 * @property {Uint16Array} authorSlots
 * @property {Uint8Array} shapes
 * @property {Int32Array} revisions
 * @property {Int32Array} boxes
 * @property {Uint32Array} place where the shape begins in its texels
 * @property {Uint32Array} ringStart
 * @property {Uint32Array} ringLength
 * @property {Uint8Array} ringHole
 * @property {Texels} paths
 * @property {Texels} ellipses
 * @property {Texels} points
 * @property {Uint32Array} pathRanges type slot, first texel, number of texels
 * @property {Float32Array} ellipseRanges first ellipse, number, largest radius
 * @property {number} vertices
 * @property {number} suppressed how many shapes are taken out of the picture
 * @property {number} version raised when texels change after the cell was built
 * @property {number} usedAt the last frame that drew the cell
 */

/**
 * @typedef {object} CellGrid
 * @property {number} size edge of a cell
 * @property {Uint16Array} typeSlots slot of each of the view's types
 * @property {Uint16Array} authorSlots
 * @property {number} imageWidth
 * @property {number} imageHeight
 */

export const AUTHOR_STRIDE = 4096;
const TEXTURE_WIDTH = 2048;
const NO_TEXELS = () => ({ data: new Float32Array(0), count: 0, width: 1 });

/** @param {number} count @returns {Texels} */
function allocate(count) {
  if (count === 0) return NO_TEXELS();
  const width = Math.min(count, TEXTURE_WIDTH);
  return { data: new Float32Array(4 * width * Math.ceil(count / width)), count, width };
}

/**
 * @param {ShapesView | CentroidsView} view
 * @param {CellGrid} grid
 * @returns {Cell[]}
 */
export function buildCells(view, grid) {
  const order = cellOrder(view, grid);
  const vertexOf = view.kind === 'shapes' ? ringReader(view) : null;
  /** @type {Cell[]} */
  const cells = [];
  for (let from = 0; from < order.index.length;) {
    let to = from + 1;
    while (to < order.index.length && order.cell[to] === order.cell[from]) to += 1;
    const members = order.index.subarray(from, to);
    const [column, row] = order.places[order.cell[from]];
    const cell = view.kind === 'shapes' && vertexOf
      ? shapesCell(view, members, grid, column, row, vertexOf)
      : centroidsCell(/** @type {CentroidsView} */ (view), members, grid, column, row);
    cells.push(cell);
    from = to;
  }
  return cells;
}

/**
 * Sorts shapes by cell, then by type, so that one type of one cell is one range.
 * @param {ShapesView | CentroidsView} view
 * @param {CellGrid} grid
 */
function cellOrder(view, grid) {
  const n = view.header.n;
  /** @type {Map<number, number>} */
  const numbers = new Map();
  /** @type {[number, number][]} */
  const places = [];
  const sortable = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const x = view.kind === 'shapes' ? (view.box[4 * i] + view.box[4 * i + 2]) / 2 : view.xy[2 * i];
    const y = view.kind === 'shapes' ? (view.box[4 * i + 1] + view.box[4 * i + 3]) / 2 : view.xy[2 * i + 1];
    const column = Math.floor(x / grid.size);
    const row = Math.floor(y / grid.size);
    const key = row * 0x1000000 + column;
    let number = numbers.get(key);
    if (number === undefined) {
      number = places.length;
      numbers.set(key, number);
      places.push([column, row]);
    }
    // Cell, type and position in one exact double: sorting a typed array needs no comparison function.
    sortable[i] = (number * AUTHOR_STRIDE + grid.typeSlots[view.type[i]]) * 0x200000 + i;
  }
  sortable.sort();
  const index = new Uint32Array(n);
  const cell = new Uint32Array(n);
  for (let k = 0; k < n; k++) {
    index[k] = sortable[k] % 0x200000;
    cell[k] = Math.floor(sortable[k] / 0x200000 / AUTHOR_STRIDE);
  }
  return { index, cell, places };
}

/**
 * Gives the absolute vertices of a ring, whichever way the view writes coordinates.
 * @param {ShapesView} view
 * @returns {(ring: number) => Float64Array} valid until the next call
 */
function ringReader(view) {
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
  return (ring) => {
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
}

/**
 * @param {CellGrid} grid
 * @param {Box} box of the view
 * @param {number} column
 * @param {number} row
 */
function isComplete(grid, box, column, row) {
  const x0 = Math.max(0, column * grid.size);
  const y0 = Math.max(0, row * grid.size);
  const x1 = Math.min(grid.imageWidth, (column + 1) * grid.size);
  const y1 = Math.min(grid.imageHeight, (row + 1) * grid.size);
  return x0 >= box[0] && y0 >= box[1] && x1 <= box[2] && y1 <= box[3];
}

/**
 * @param {ShapesView | CentroidsView} view
 * @param {Uint32Array} members
 * @param {CellGrid} grid
 * @param {number} column
 * @param {number} row
 * @returns {Cell}
 */
function emptyCell(view, members, grid, column, row) {
  const n = members.length;
  /** @type {Cell} */
  const cell = {
    kind: view.kind, key: `${view.kind} ${column}:${row}`, originX: column * grid.size, originY: row * grid.size,
    bounds: [Infinity, Infinity, -Infinity, -Infinity], complete: isComplete(grid, view.header.box, column, row),
    revision: view.header.revision, n, ids: new Float64Array(n), typeSlots: new Uint16Array(n),
    authorSlots: new Uint16Array(n), shapes: new Uint8Array(n), revisions: new Int32Array(n),
    boxes: new Int32Array(4 * n), place: new Uint32Array(n), ringStart: new Uint32Array(n + 1),
    ringLength: new Uint32Array(0), ringHole: new Uint8Array(0), paths: NO_TEXELS(), ellipses: NO_TEXELS(),
    points: NO_TEXELS(), pathRanges: new Uint32Array(0), ellipseRanges: new Float32Array(0), vertices: 0,
    suppressed: 0, version: 1, usedAt: 0,
  };
  for (let k = 0; k < n; k++) {
    const i = members[k];
    cell.ids[k] = view.id[i];
    cell.typeSlots[k] = grid.typeSlots[view.type[i]];
    cell.authorSlots[k] = grid.authorSlots[view.author[i]] ?? 0;
  }
  return cell;
}

/** @param {Cell} cell @param {number} k */
function styleOf(cell, k) {
  return cell.typeSlots[k] + AUTHOR_STRIDE * cell.authorSlots[k];
}

/** @param {Cell} cell */
function measureBounds(cell) {
  const { bounds, boxes } = cell;
  for (let k = 0; k < boxes.length; k += 4) {
    bounds[0] = Math.min(bounds[0], boxes[k]);
    bounds[1] = Math.min(bounds[1], boxes[k + 1]);
    bounds[2] = Math.max(bounds[2], boxes[k + 2]);
    bounds[3] = Math.max(bounds[3], boxes[k + 3]);
  }
}

/**
 * @param {CentroidsView} view
 * @param {Uint32Array} members
 * @param {CellGrid} grid
 * @param {number} column
 * @param {number} row
 */
function centroidsCell(view, members, grid, column, row) {
  const cell = emptyCell(view, members, grid, column, row);
  cell.points = allocate(cell.n);
  for (let k = 0; k < cell.n; k++) {
    const x = view.xy[2 * members[k]];
    const y = view.xy[2 * members[k] + 1];
    cell.boxes.set([x, y, x, y], 4 * k);
    cell.points.data.set([x - cell.originX, y - cell.originY, styleOf(cell, k), 0], 4 * k);
    cell.place[k] = k;
  }
  cell.vertices = cell.n;
  measureBounds(cell);
  return cell;
}

/**
 * @param {ShapesView} view
 * @param {Uint32Array} members
 * @param {CellGrid} grid
 * @param {number} column
 * @param {number} row
 * @param {(ring: number) => Float64Array} vertexOf
 */
function shapesCell(view, members, grid, column, row, vertexOf) {
  const cell = emptyCell(view, members, grid, column, row);
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
        texel = writeRing(cell, k, texel, vertexOf(ring + r), view.ringLength[ring + r], cell.ringHole[cell.ringStart[k] + r]);
      }
      addRange(ranges, cell.typeSlots[k], begin, texel - begin);
    }
  }
  writeEllipses(cell, ellipses);
  cell.pathRanges = Uint32Array.from(ranges);
  measureBounds(cell);
  return cell;
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

/**
 * What of the cells may be handed over to another thread instead of being copied.
 * @param {Cell[]} cells
 * @returns {Transferable[]}
 */
export function transferables(cells) {
  return cells.flatMap((cell) => [
    cell.ids, cell.typeSlots, cell.authorSlots, cell.shapes, cell.revisions, cell.boxes, cell.place, cell.ringStart,
    cell.ringLength, cell.ringHole, cell.paths.data, cell.ellipses.data, cell.points.data, cell.pathRanges,
    cell.ellipseRanges,
  ].map((array) => /** @type {ArrayBuffer} */ (array.buffer)));
}

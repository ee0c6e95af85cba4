// @ts-check
/**
 * Sorts the shapes of a view into square cells, laid out as the GPU reads them.
 *
 * A shape belongs to the cell of its box's centre. Coordinates are float32 offsets from the cell's corner, so they
 * stay exact a million pixels from the image's corner. Runs in the worker; needs nothing of the page.
 */

import { allocate, AUTHOR_STRIDE, noTexels, ringReader, styleOf, writeShapes } from './texels.js';

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
 * @typedef {{data: Float32Array, count: number, shift: number}} Texels  In rows of 2 ** shift.
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
    const cell = emptyCell(view, members, grid, column, row);
    if (view.kind === 'centroids') writeCentroids(cell, view, members);
    else if (vertexOf) writeShapes(cell, view, members, vertexOf);
    measureBounds(cell);
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
    ringLength: new Uint32Array(0), ringHole: new Uint8Array(0), paths: noTexels(), ellipses: noTexels(),
    points: noTexels(), pathRanges: new Uint32Array(0), ellipseRanges: new Float32Array(0), vertices: 0,
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
 * @param {Cell} cell
 * @param {CentroidsView} view
 * @param {Uint32Array} members
 */
function writeCentroids(cell, view, members) {
  cell.points = allocate(cell.n);
  for (let k = 0; k < cell.n; k++) {
    const x = view.xy[2 * members[k]];
    const y = view.xy[2 * members[k] + 1];
    cell.boxes.set([x, y, x, y], 4 * k);
    cell.points.data.set([x - cell.originX, y - cell.originY, styleOf(cell, k), 0], 4 * k);
    cell.place[k] = k;
  }
  cell.vertices = cell.n;
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

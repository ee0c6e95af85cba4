// @ts-check
/**
 * Reads the binary answer of `/annotation-view` (`EXV1`) into typed arrays, without copying where the bytes allow it.
 *
 * The format: magic, length of a JSON header, the header, then arrays that start at multiples of eight and lie in
 * little-endian order. A view is `shapes`, `centroids` or a `summary`; see `docs/architecture.md`.
 */

/** @typedef {import('./layer/api.js').Box} Box */
/** @typedef {import('./layer/api.js').ViewKind} ViewKind */
/** @typedef {import('./layer/api.js').ShapeName} ShapeName */

/** @typedef {{name: string, type: string, offset: number, length: number}} ArrayEntry */

/**
 * @typedef {object} ViewHeader
 * @property {ViewKind} kind
 * @property {number} revision
 * @property {number} n
 * @property {number} [large] how many whole shapes stand beside centroids or counts
 * @property {Box} box
 * @property {number[]} types
 * @property {number[]} authors
 * @property {"int32" | "int16-delta"} [coordinates]
 * @property {number} cell edge of a summary's cells
 * @property {ArrayEntry[]} arrays
 */

/**
 * @typedef {object} ShapesView
 * @property {"shapes"} kind
 * @property {ViewHeader} header
 * @property {Float64Array} id
 * @property {Uint16Array} type index in `header.types`
 * @property {Uint16Array} author index in `header.authors`
 * @property {Uint8Array} shape
 * @property {Int32Array} revision
 * @property {Int32Array} box four numbers for each shape
 * @property {Uint32Array} ringStart first ring of each shape, and one more for the end
 * @property {Uint32Array} ringLength vertices of each ring
 * @property {Uint8Array} ringHole
 * @property {Int32Array} first first vertex of each ring (int16-delta only)
 * @property {Int16Array} delta steps to the further vertices (int16-delta only)
 * @property {Int32Array | Float64Array} xy every vertex (int32 only)
 * @property {Uint8Array} fractionBits a vertex of shape `i` divided by `2 ** fractionBits[i]` is its place in px; empty when
 *   all vertices are whole px
 */

/**
 * @typedef {object} CentroidsView
 * @property {"centroids"} kind
 * @property {ViewHeader} header
 * @property {Float64Array} id
 * @property {Uint16Array} type
 * @property {Uint16Array} author
 * @property {Int32Array} xy
 * @property {ShapesView | null} large shapes that come whole because they are large on the screen
 */

/**
 * @typedef {object} SummaryView
 * @property {"summary"} kind
 * @property {ViewHeader} header
 * @property {Uint16Array} type
 * @property {Uint32Array} cell column and row of each count
 * @property {Uint32Array} count
 * @property {ShapesView | null} large
 */

/** @typedef {ShapesView | CentroidsView | SummaryView} View */

/** Shape numbers of storage and wire; the position is the number. @type {readonly (ShapeName | null)[]} */
export const SHAPE_NAMES = Object.freeze([
  null, 'point', 'box', 'ellipse', 'line', 'polyline', 'polygon', 'rotated_box', 'multi_polygon', 'image', 'absent',
]);

/** @type {Readonly<Record<ShapeName, number>>} */
export const SHAPE_NUMBERS = Object.freeze({
  point: 1, box: 2, ellipse: 3, line: 4, polyline: 5, polygon: 6, rotated_box: 7, multi_polygon: 8, image: 9,
  absent: 10,
});

const MAGIC = 0x31565845; // "EXV1", little-endian
const KINDS = new Set(['shapes', 'centroids', 'summary']);

const ARRAY_TYPES = Object.freeze({
  float64: Float64Array, int32: Int32Array, uint32: Uint32Array, int16: Int16Array, uint16: Uint16Array,
  uint8: Uint8Array,
});

/** What an answer that is no view, or half of one, is refused with. */
export class WireError extends Error {
  /** @param {string} what */
  constructor(what) {
    super(`The annotations that arrived cannot be read: ${what}. `
      + 'Reload the page; if that does not help, tell the administrator.');
    this.name = 'WireError';
  }
}

/**
 * Reads the header only, which is cheap.
 * @param {ArrayBuffer} buffer
 * @returns {{header: ViewHeader, start: number}} `start`: the byte where the first array begins
 */
export function readHeader(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new WireError('it does not begin with EXV1');
  const length = view.getUint32(4, true);
  const end = 8 + length;
  if (end > buffer.byteLength) throw new WireError('it ends inside its header');
  /** @type {any} */
  let header;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(buffer, 8, length)));
  } catch {
    throw new WireError('its header is not JSON');
  }
  if (!header || !KINDS.has(header.kind)) throw new WireError(`its kind is ${JSON.stringify(header?.kind)}`);
  for (const key of ['types', 'authors', 'arrays', 'box']) {
    if (!Array.isArray(header[key])) {
      if (key === 'authors' && header.kind === 'summary') header.authors = [];
      else throw new WireError(`its header has no ${key}`);
    }
  }
  if (header.box.length !== 4) throw new WireError('its box has no four sides');
  if (!Number.isInteger(header.n) || header.n < 0) throw new WireError('its count is no number');
  header.revision = Number(header.revision) || 0;
  header.cell = Number(header.cell) || 2048;
  return { header, start: Math.ceil(end / 8) * 8 };
}

/**
 * Reads a whole view.
 * @param {ArrayBuffer} buffer
 * @returns {View}
 */
export function decodeView(buffer) {
  const { header, start } = readHeader(buffer);
  const array = arrayReader(buffer, header, start);
  const n = header.n;
  if (header.kind === 'shapes') return decodeShapes(header, array, n, '');
  const large = header.large ? decodeShapes({ ...header, n: header.large }, array, header.large, 'large_') : null;
  if (header.kind === 'centroids') {
    const view = {
      kind: /** @type {const} */ ('centroids'), header,
      id: array('float64', 'id', n), type: array('uint16', 'type', n), author: array('uint16', 'author', n),
      xy: array('int32', 'xy', 2 * n), large,
    };
    checkIndices(view.type, header.types.length, 'type');
    checkIndices(view.author, header.authors.length, 'author');
    return view;
  }
  const view = {
    kind: /** @type {const} */ ('summary'), header,
    type: array('uint16', 'type', n), cell: array('uint32', 'cell', 2 * n), count: array('uint32', 'count', n),
    large,
  };
  checkIndices(view.type, header.types.length, 'type');
  return view;
}

/**
 * @param {ViewHeader} header
 * @param {ReturnType<typeof arrayReader>} array
 * @param {number} n
 * @param {string} prefix of the arrays' names
 * @returns {ShapesView}
 */
function decodeShapes(header, array, n, prefix) {
  const ringStart = array('uint32', `${prefix}ring_start`, n + 1);
  for (let i = 0; i < n; i++) {
    if (ringStart[i] > ringStart[i + 1]) throw new WireError('its rings are out of order');
  }
  const rings = n === 0 ? 0 : ringStart[n];
  const ringLength = array('uint32', `${prefix}ring_length`, rings);
  let vertices = 0;
  for (const length of ringLength) {
    if (length === 0) throw new WireError('it has a ring without a vertex');
    vertices += length;
  }
  const whole = header.coordinates === 'int32';
  const hasFractions = header.arrays.some((entry) => entry.name === `${prefix}fraction_bits`);
  /** @type {ShapesView} */
  const view = {
    kind: 'shapes', header, ringStart, ringLength,
    id: array('float64', `${prefix}id`, n),
    type: array('uint16', `${prefix}type`, n),
    author: array('uint16', `${prefix}author`, n),
    shape: array('uint8', `${prefix}shape`, n),
    revision: array('int32', `${prefix}revision`, n),
    box: array('int32', `${prefix}box`, 4 * n),
    ringHole: array('uint8', `${prefix}ring_hole`, rings),
    first: whole ? new Int32Array(0) : array('int32', `${prefix}first`, 2 * rings),
    delta: whole ? new Int16Array(0) : array('int16', `${prefix}delta`, 2 * (vertices - rings)),
    xy: whole ? array('int32', `${prefix}xy`, 2 * vertices) : new Int32Array(0),
    fractionBits: hasFractions ? array('uint8', `${prefix}fraction_bits`, n) : new Uint8Array(0),
  };
  checkIndices(view.type, header.types.length, 'type');
  checkIndices(view.author, header.authors.length, 'author');
  return view;
}

/**
 * @param {ArrayBuffer} buffer
 * @param {ViewHeader} header
 * @param {number} start
 */
function arrayReader(buffer, header, start) {
  const entries = new Map(header.arrays.map((entry) => [entry.name, entry]));
  /**
   * @template {keyof typeof ARRAY_TYPES} T
   * @param {T} type
   * @param {string} name
   * @param {number} length
   * @returns {InstanceType<(typeof ARRAY_TYPES)[T]>}
   */
  return function array(type, name, length) {
    const entry = entries.get(name);
    const Type = ARRAY_TYPES[type];
    if (!entry) {
      if (length === 0 || header.n === 0) return /** @type {any} */ (new Type(length));
      throw new WireError(`it has no ${name}`);
    }
    if (entry.type !== type) throw new WireError(`its ${name} is ${entry.type} and not ${type}`);
    if (entry.length !== length) throw new WireError(`its ${name} has ${entry.length} numbers and not ${length}`);
    const offset = start + entry.offset;
    const end = offset + length * Type.BYTES_PER_ELEMENT;
    if (!(entry.offset >= 0) || end > buffer.byteLength) throw new WireError(`it ends inside ${name}`);
    if (offset % Type.BYTES_PER_ELEMENT === 0) return /** @type {any} */ (new Type(buffer, offset, length));
    return /** @type {any} */ (new Type(buffer.slice(offset, end)));
  };
}

/**
 * @param {Uint16Array} indices
 * @param {number} length
 * @param {string} name
 */
function checkIndices(indices, length, name) {
  for (const index of indices) if (index >= length) throw new WireError(`it names a ${name} that its header lacks`);
}

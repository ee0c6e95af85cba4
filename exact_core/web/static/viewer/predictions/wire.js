// @ts-check
/** Reads the binary answer of `/predictions/{run}/view`: shapes of a run, or numbers per place where there are many. */

import { WireError } from '../wire.js';

const MAGIC = 0x31565845; // "EXV1", little-endian

const ARRAY_TYPES = Object.freeze({
  float32: Float32Array, int32: Int32Array, uint32: Uint32Array, int16: Int16Array, uint16: Uint16Array, uint8: Uint8Array,
});

/**
 * @typedef {object} PredictedView
 * @property {'shapes'} kind
 * @property {number} n
 * @property {Uint32Array} number of each shape in its run
 * @property {Uint16Array} label
 * @property {Float32Array} score
 * @property {Float32Array} uncertainty NaN where the model does not say
 * @property {Int32Array} box four numbers for each shape
 * @property {Uint8Array} shape
 * @property {Uint32Array} ringStart
 * @property {Uint32Array} ringLength
 * @property {Float64Array} xy every vertex, in level-0 px
 * @property {Uint32Array} ringVertex where each ring begins among the vertices
 *
 * @typedef {object} PredictedCounts
 * @property {'summary'} kind
 * @property {number} n
 * @property {Int32Array} box four numbers for each place
 * @property {Uint16Array} label
 * @property {Uint32Array} histogram 64 numbers for each place
 */

/** @param {ArrayBuffer} buffer @returns {PredictedView | PredictedCounts} */
export function decodePredictions(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new WireError('it does not begin with EXV1');
  const end = 8 + view.getUint32(4, true);
  if (end > buffer.byteLength) throw new WireError('it ends inside its header');
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, end - 8)));
  const start = Math.ceil(end / 8) * 8;
  const entries = new Map(header.arrays.map((/** @type {any} */ entry) => [entry.name, entry]));
  /** @param {string} name @returns {any} */
  const array = (name) => {
    const entry = entries.get(name);
    if (!entry) throw new WireError(`it has no ${name}`);
    const Type = /** @type {any} */ (ARRAY_TYPES)[entry.type];
    if (!Type || start + entry.offset + entry.length * Type.BYTES_PER_ELEMENT > buffer.byteLength) throw new WireError(`it ends inside ${name}`);
    return new Type(buffer, start + entry.offset, entry.length);
  };
  if (header.kind === 'summary') {
    return { kind: 'summary', n: header.n, box: array('box'), label: array('label'), histogram: array('histogram') };
  }
  const shapes = { kind: /** @type {const} */ ('shapes'), n: header.n, number: array('number'), label: array('label'), score: array('score'), uncertainty: array('uncertainty'), box: array('box') };
  if (header.n === 0) {
    return { ...shapes, shape: new Uint8Array(0), ringStart: new Uint32Array(1), ringLength: new Uint32Array(0), xy: new Float64Array(0), ringVertex: new Uint32Array(1) };
  }
  const [ringStart, ringLength] = [array('ring_start'), array('ring_length')];
  const bits = entries.has('fraction_bits') ? array('fraction_bits') : null;
  const steps = entries.has('xy') ? null : { first: array('first'), delta: array('delta') };
  return { ...shapes, shape: array('shape'), ringStart, ringLength, ...vertices(ringStart, ringLength, steps, steps ? null : array('xy'), bits) };
}

/**
 * Every vertex in px, whether it came whole or as a step from the one before.
 * @param {Uint32Array} ringStart @param {Uint32Array} ringLength
 * @param {{first: Int32Array, delta: Int16Array} | null} steps @param {Int32Array | null} whole @param {Uint8Array | null} bits
 */
function vertices(ringStart, ringLength, steps, whole, bits) {
  const ringVertex = new Uint32Array(ringLength.length + 1);
  ringLength.forEach((length, ring) => { ringVertex[ring + 1] = ringVertex[ring] + length; });
  const xy = new Float64Array(2 * ringVertex[ringLength.length]);
  let step = 0;
  for (let shape = 0; shape + 1 < ringStart.length; shape += 1) {
    const unit = bits ? 2 ** -bits[shape] : 1;
    for (let ring = ringStart[shape]; ring < ringStart[shape + 1]; ring += 1) {
      let [x, y] = steps ? [steps.first[2 * ring], steps.first[2 * ring + 1]] : [0, 0];
      for (let vertex = ringVertex[ring]; vertex < ringVertex[ring + 1]; vertex += 1) {
        if (whole) [x, y] = [whole[2 * vertex], whole[2 * vertex + 1]];
        else if (steps && vertex > ringVertex[ring]) {
          x += steps.delta[step];
          y += steps.delta[step + 1];
          step += 2;
        }
        xy[2 * vertex] = x * unit;
        xy[2 * vertex + 1] = y * unit;
      }
    }
  }
  return { xy, ringVertex };
}

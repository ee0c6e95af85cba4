// @ts-check
/** Predictions in the browser: reading the wire, sifting, walking, lines at a threshold, agreement. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { contourSegments } from '../../../exact_core/web/static/viewer/predictions/contours.js';
import { agreementOf } from '../../../exact_core/web/static/viewer/predictions/figures.js';
import { Decisions, nextPlace, ringsAt, shownPlaces } from '../../../exact_core/web/static/viewer/predictions/found.js';
import { decodePredictions } from '../../../exact_core/web/static/viewer/predictions/wire.js';

/** @param {Record<string, unknown>} header @param {Record<string, any>} arrays */
function encoded(header, arrays) {
  const names = /** @type {Map<any, string>} */ (new Map(/** @type {[any, string][]} */ ([[Float32Array, 'float32'], [Int32Array, 'int32'], [Uint32Array, 'uint32'], [Int16Array, 'int16'], [Uint16Array, 'uint16'], [Uint8Array, 'uint8']])));
  /** @type {any[]} */
  const table = [];
  let offset = 0;
  for (const [name, array] of Object.entries(arrays)) {
    table.push({ name, type: names.get(array.constructor), offset, length: array.length });
    offset += Math.ceil(array.byteLength / 8) * 8;
  }
  let text = JSON.stringify({ ...header, arrays: table });
  text += ' '.repeat((8 - ((8 + text.length) % 8)) % 8);
  const bytes = new Uint8Array(8 + text.length + offset);
  new DataView(bytes.buffer).setUint32(0, 0x31565845, true);
  new DataView(bytes.buffer).setUint32(4, text.length, true);
  bytes.set(new TextEncoder().encode(text), 8);
  table.forEach((entry, i) => {
    const array = Object.values(arrays)[i];
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), 8 + text.length + entry.offset);
  });
  return bytes.buffer;
}

/** Four squares of 10 px in two rows, scores 0.2, 0.4, 0.6, 0.8; the second has halves of px and a hole. */
function squares() {
  return /** @type {import('../../../exact_core/web/static/viewer/predictions/wire.js').PredictedView} */ (decodePredictions(encoded({ kind: 'shapes', n: 4, coordinates: 'int16-delta' }, {
    number: Uint32Array.of(10, 11, 12, 13), label: Uint16Array.of(0, 0, 1, 1), score: Float32Array.of(0.2, 0.4, 0.6, 0.8), uncertainty: Float32Array.of(1, 1, NaN, 0),
    box: Int32Array.of(0, 0, 10, 10, 100, 5, 110, 15, 0, 100, 10, 110, 100, 100, 110, 110), shape: Uint8Array.of(6, 6, 6, 6),
    ring_start: Uint32Array.of(0, 1, 3, 4, 5), ring_length: Uint32Array.of(4, 3, 3, 3, 3), ring_hole: Uint8Array.of(0, 0, 1, 0, 0),
    first: Int32Array.of(0, 0, 201, 10, 205, 15, 0, 100, 100, 100),
    delta: Int16Array.of(10, 0, 0, 10, -10, 0, 20, 0, 0, 20, 2, 0, 0, 2, 10, 0, 0, 10, 10, 0, 0, 10), fraction_bits: Uint8Array.of(0, 1, 0, 0),
  })));
}

test('vertices come out of their steps, with fractions and holes', () => {
  const view = squares();
  assert.deepEqual(ringsAt(view, 0), [[[0, 0], [10, 0], [10, 10], [0, 10]]]);
  assert.deepEqual(ringsAt(view, 1), [[[100.5, 5], [110.5, 5], [110.5, 15]], [[102.5, 7.5], [103.5, 7.5], [103.5, 8.5]]]);
  assert.deepEqual(ringsAt(view, 3), [[[100, 100], [110, 100], [110, 110]]]);
});

test('an empty view and counts are read too', () => {
  const none = { number: new Uint32Array(0), label: new Uint16Array(0), score: new Float32Array(0), uncertainty: new Float32Array(0), box: new Int32Array(0) };
  assert.equal(decodePredictions(encoded({ kind: 'shapes', n: 0 }, none)).n, 0);
  const counts = decodePredictions(encoded({ kind: 'summary', n: 1 }, { box: Int32Array.of(0, 0, 9, 9), label: Uint16Array.of(0), histogram: new Uint32Array(64).fill(2) }));
  assert.equal(counts.kind, 'summary');
  assert.throws(() => decodePredictions(new ArrayBuffer(8)), /cannot be read/);
  assert.throws(() => decodePredictions(encoded({ kind: 'shapes', n: 1 }, { number: Uint32Array.of(1) })), /no label/);
});

test('the threshold includes its own value, and labels and decisions can be hidden', () => {
  const view = squares();
  const decisions = new Decisions();
  const filter = { least: 0.4, hiddenLabels: new Set(), showDecided: true };
  assert.deepEqual([...shownPlaces(view, filter, decisions)], [1, 2, 3]);
  assert.deepEqual([...shownPlaces(view, { ...filter, hiddenLabels: new Set([1]) }, decisions)], [1]);
  decisions.replace({ accepted: [11], edited: [], rejected: [13] });
  assert.deepEqual([...shownPlaces(view, { ...filter, showDecided: false }, decisions)], [2]);
  decisions.set([11], 'open');
  assert.equal(decisions.of(11), 'open');
});

test('one walks row by row, past what is decided, and round', () => {
  const view = squares();
  const decisions = new Decisions();
  const places = [3, 1, 0, 2];
  const numbers = [];
  let current = /** @type {number | null} */ (null);
  for (let i = 0; i < 5; i += 1) {
    current = view.number[/** @type {number} */ (nextPlace(view, places, decisions, current, 1, 50))];
    numbers.push(current);
  }
  assert.deepEqual(numbers, [10, 11, 12, 13, 10]);
  assert.equal(view.number[/** @type {number} */ (nextPlace(view, places, decisions, null, -1, 50))], 13);
  decisions.set([11, 12], 'rejected');
  assert.equal(view.number[/** @type {number} */ (nextPlace(view, places, decisions, 10, 1, 50))], 13);
  decisions.set([13], 'accepted');
  assert.equal(nextPlace(view, places, decisions, 10, 1, 50), null);
});

test('lines follow the threshold between the middles of pixels, and close', () => {
  const values = [0, 0, 0, 0, 0, 100, 100, 0, 0, 100, 100, 0, 0, 0, 0, 0];
  const segments = contourSegments(values, 4, 4, 50);
  assert.equal(segments.length, 4 * 8);
  const ends = new Map();
  for (let i = 0; i < segments.length; i += 2) ends.set(`${segments[i]} ${segments[i + 1]}`, (ends.get(`${segments[i]} ${segments[i + 1]}`) ?? 0) + 1);
  assert.ok([...ends.values()].every((count) => count === 2));
  assert.ok(ends.has('1 1.5') && ends.has('3 1.5'));
  assert.equal(contourSegments(values, 4, 4, 200).length, 0);
  assert.equal(contourSegments([100, 0, 0, 100], 2, 2, 50).length, 8);
});

test('agreement pairs the nearest once, within half the usual size', () => {
  const people = /** @type {any} */ ([[0, 0, 20, 20], [100, 0, 120, 20], [300, 0, 320, 20]]);
  const model = /** @type {any} */ ([[2, 0, 22, 20], [4, 0, 24, 20], [100, 0, 120, 20], [500, 500, 520, 520]]);
  const found = agreementOf(model, people);
  assert.deepEqual([found.both, found.onlyModel, found.onlyPeople, found.distance], [2, 2, 1, 10]);
  assert.equal(found.precision, 0.5);
  assert.equal(found.f1, 4 / 7);
  assert.ok(Math.abs(/** @type {number} */ (found.iou) - (1 + 18 / 22) / 2) < 1e-9);
  assert.equal(agreementOf([], []).f1, null);
  assert.equal(agreementOf(model, []).precision, 0);
});

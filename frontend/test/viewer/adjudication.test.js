// @ts-check
/** What stands of a difference between readers. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verdictsOf } from '../../../exact_core/web/static/viewer/review/adjudication.js';

const shape = (/** @type {number} */ id) => ({ id, type_id: 1, geometry: {}, frame: {} });

test('one reader, all of them, or none', () => {
  const group = { agrees: false, measures: [1], shapes: { A: shape(1), B: shape(2) } };
  assert.deepEqual(verdictsOf(group, 'A'), [[1, 'accepted'], [2, 'rejected']]);
  assert.deepEqual(verdictsOf(group, 'B'), [[1, 'rejected'], [2, 'accepted']]);
  assert.deepEqual(verdictsOf(group, 'both'), [[1, 'accepted'], [2, 'accepted']]);
  assert.deepEqual(verdictsOf(group, 'neither'), [[1, 'rejected'], [2, 'rejected']]);
});

test('a reader who drew nothing is right when nothing is there', () => {
  assert.deepEqual(verdictsOf({ agrees: false, measures: [], shapes: { A: shape(1) } }, 'B'), [[1, 'rejected']]);
});

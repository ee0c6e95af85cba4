// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { titleOf, wordsSince } from '../../../exact_core/web/static/viewer/conflicts.js';
import { ghostsOf } from '../../../exact_core/web/static/viewer/panels/shape_history.js';

test('the heading says who was faster, as far as one may know', () => {
  const current = /** @type {any} */ ({ deleted: false, changed_by: { id: 2, name: 'Ben' } });
  assert.equal(titleOf(current), 'Ben changed this shape before you');
  assert.equal(titleOf({ ...current, deleted: true, changed_by: null }), 'Somebody else deleted this shape before you');
  assert.equal(titleOf({ ...current, changed_by: { id: null, name: 'somebody else' } }), 'Somebody else changed this shape before you');
});

test('of the history only what one has not seen is told, in the order it happened', () => {
  const items = [{ revision: 9, what: ['Deleted Cell'] }, { revision: 7, what: ['Moved', 'Remark'] }, { revision: 3, what: ['Drew Cell'] }];
  assert.deepEqual(wordsSince(items, 3), ['Moved', 'Remark', 'Deleted Cell']);
  assert.deepEqual(wordsSince(items, undefined), ['Deleted Cell']);
  assert.deepEqual(wordsSince(items, 9), []);
});

test('a state is shown beside the one before it', () => {
  const state = (/** @type {number} */ x) => ({ type: { id: 1, name: 'Cell', color: '#123456' }, geometry: { shape: 'point', rings: [[[x, x]]] }, frame: {}, text: '', attributes: {} });
  const items = /** @type {any[]} */ ([{ state: null }, { state: state(2) }, { state: state(1) }]);
  assert.deepEqual(ghostsOf(items, 1).map(({ kind, geometry }) => [kind, geometry.rings[0][0][0]]), [['before', 1], ['after', 2]]);
  assert.deepEqual(ghostsOf(items, 0).map(({ kind }) => kind), ['before']);
  assert.deepEqual(ghostsOf(items, 2).map(({ kind, label }) => [kind, label]), [['after', '']]);
});

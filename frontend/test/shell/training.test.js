// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pathOf, ticks } from '../../../exact_core/web/static/shell/charts_training.js';
import { grouped } from '../../../exact_core/web/static/shell/pages/training_run.js';
import { classesOf } from '../../../exact_core/web/static/shell/pages/version_training.js';

test('types with the same word are one class, and those without one are not used', () => {
  assert.deepEqual(classesOf([[1, 'Mitosis'], [2, '  '], [3, 'other'], [4, ' mitosis ']]), [
    { label: 'Mitosis', type_ids: [1, 4] }, { label: 'other', type_ids: [3] },
  ]);
  assert.deepEqual(classesOf([[1, '']]), []);
});

test('a curve has a gap where there is no value', () => {
  const itself = (/** @type {number} */ value) => value;
  assert.equal(pathOf([[0, 1], [1, 2], [2, null], [3, 4]], itself, itself), 'M0.0 1.0L1.0 2.0M3.0 4.0');
  assert.equal(pathOf([], itself, itself), '');
});

test('few whole steps are written below an axis', () => {
  assert.deepEqual(ticks(0, 1), [0, 1]);
  assert.deepEqual(ticks(0, 6), [0, 1, 2, 3, 4, 5, 6]);
  for (const last of [7, 39, 250, 10_000]) {
    const found = ticks(0, last);
    assert.ok(found.length >= 3 && found.length <= 8, `${last}: ${found}`);
    assert.ok(found.every(Number.isInteger));
  }
});

test('figures of one measure share a picture', () => {
  const groups = grouped({ 'train loss': [[0, 1]], 'validation loss': [[0, 2]], 'train accuracy': [[0, 0.5]] });
  assert.deepEqual(groups.map(([measure, lines]) => [measure, lines.map((line) => line.label)]), [
    ['loss', ['train loss', 'validation loss']], ['accuracy', ['train accuracy']],
  ]);
});

// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { figureText, labelPlaces, nice, withInterval } from '../../../exact_core/web/static/shell/charts.js';

test('figures have two digits, a true minus, and a dash where there is none', () => {
  assert.equal(figureText(0.8249), '0.82');
  assert.equal(figureText(-0.02), '−0.02');
  assert.equal(figureText(null), '–');
  assert.equal(figureText(undefined), '–');
  assert.equal(figureText(105.07, 1), '105.1');
});

test('intervals stand in brackets, if there is one', () => {
  assert.equal(withInterval({ value: 0.5, low: 0.4, high: 0.61 }), '0.50 [0.40, 0.61]');
  assert.equal(withInterval({ value: 0.5, low: null, high: null }), '0.50');
  assert.equal(withInterval({ value: null, low: null, high: null }), '–');
  assert.equal(withInterval(undefined), '–');
});

test('names at the ends of lines do not lie on each other', () => {
  const placed = labelPlaces([100, 101, 50, 102]);
  const sorted = [...placed].sort((a, b) => a - b);
  for (let index = 1; index < sorted.length; index += 1) assert.ok(sorted[index] - sorted[index - 1] >= 14);
  assert.equal(placed[2], 50);
});

test('axes end at a round number', () => {
  assert.deepEqual([0.7, 1, 3, 61, 99, 105.07, 2500].map(nice), [0.8, 1, 4, 80, 100, 200, 2500]);
});

// @ts-check
/** The EIPH panel's own arithmetic. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const FOLDER = new URL('../../../plugins/eiph_score/exact_eiph_score/static/', import.meta.url);

/**
 * The module with its import of the page's SDK taken out: what is tested here needs no page.
 * @param {string} name
 */
async function pureModule(name) {
  const source = readFileSync(new URL(name, FOLDER), 'utf8').replace(/^import .*;$/gm, '');
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}

test('the score is read without digits that a count of cells cannot carry', async () => {
  const { readable } = await pureModule('panel.js');
  assert.equal(readable(133.3333), '133');
  assert.equal(readable(null), '–');
});

test('shares of grades add up to one, and to nothing without cells', async () => {
  const { shares } = await pureModule('panel.js');
  assert.deepEqual(shares([1, 1, 2, 0, 0]), [0.25, 0.25, 0.5, 0, 0]);
  assert.deepEqual(shares([0, 0, 0, 0, 0]), [0, 0, 0, 0, 0]);
});

test('the asked rectangle holds the whole view', async () => {
  const { rounded } = await pureModule('index.js');
  assert.deepEqual(rounded({ x0: 0.2, y0: -3.5, x1: 10.1, y1: 8 }), { x0: 0, y0: -4, x1: 11, y1: 8 });
});

test('requests while panning are spaced out and the last one is never lost', async () => {
  const { atMostEvery } = await pureModule('index.js');
  let calls = 0;
  const soon = atMostEvery(20, () => calls++);
  for (let index = 0; index < 50; index++) soon();
  assert.equal(calls, 1);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(calls, 2);
});

test('scores fall into bins, and the highest belongs to the last one', async () => {
  const { binned, median } = await pureModule('study.js');
  assert.deepEqual(binned([0, 49, 50, 399, 400], 400), [2, 1, 0, 0, 0, 0, 0, 2]);
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([1, 4]), 2.5);
});

test('images are sorted by a column, and those without a score stay last', async () => {
  const { sorted } = await pureModule('study.js');
  const items = [
    { name: 'slide 10', value: 10, total: 1 },
    { name: 'slide 9', value: null, total: 0 },
    { name: 'slide 2', value: 300, total: 5 },
  ];
  const names = (/** @type {any} */ order) => sorted(items, order).map((/** @type {any} */ item) => item.name);
  assert.deepEqual(names({ column: 'value', isDescending: true }), ['slide 2', 'slide 10', 'slide 9']);
  assert.deepEqual(names({ column: 'value', isDescending: false }), ['slide 10', 'slide 2', 'slide 9']);
  assert.deepEqual(names({ column: 'name', isDescending: false }), ['slide 2', 'slide 9', 'slide 10']);
});

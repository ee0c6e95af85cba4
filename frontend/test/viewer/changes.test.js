// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Changes, byPlace, changeFromJson, inWords } from '../../../exact_core/web/static/viewer/version/changes.js';

/** @param {number} id @param {string[]} kinds @param {[number, number]} at @param {object} [more] */
function difference(id, kinds, [x, y], more = {}) {
  const state = { type_id: 1, geometry: { shape: 'box', points: [[x, y], [x + 10, y + 10]] }, frame: { z: -1, t: -1, c: -1 }, text: '', attributes: {}, author: null, edited_at: '', revision: 3 };
  return changeFromJson({ id, kinds, box: [x, y, x + 10, y + 10], before: kinds.includes('added') ? null : state, after: kinds.includes('removed') ? null : { ...state, ...more } });
}

test('they are gone through row by row, from left to right', () => {
  const changes = [difference(1, ['added'], [900, 5000]), difference(2, ['added'], [800, 100]), difference(3, ['removed'], [10, 300])];
  assert.deepEqual(byPlace(changes).map(({ id }) => id), [3, 2, 1]);
});

test('after the last comes the first, and before the first the last', () => {
  const changes = new Changes([difference(1, ['added'], [0, 0]), difference(2, ['removed'], [50, 0]), difference(3, ['geometry'], [90, 0])]);
  assert.equal(changes.current, null);
  assert.deepEqual([1, 1, 1, 1].map(() => changes.step(1)?.id), [1, 2, 3, 1]);
  assert.equal(changes.step(-1)?.id, 3);
  assert.equal(changes.position, 3);
});

test('a kind that is hidden is passed over', () => {
  const changes = new Changes([difference(1, ['added'], [0, 0]), difference(2, ['removed'], [50, 0]), difference(3, ['type'], [90, 0])]);
  changes.hidden.add('removed');
  assert.deepEqual([changes.step(1)?.id, changes.step(1)?.id, changes.step(1)?.id], [1, 3, 1]);
  changes.hidden.add('added').add('changed');
  assert.equal(changes.step(1), null);
  assert.equal(changes.position, 0);
});

test('newer answers leave one where one stood', () => {
  const before = new Changes([difference(1, ['added'], [0, 0]), difference(2, ['added'], [50, 0])]);
  before.step(1);
  before.step(1);
  const after = new Changes([difference(2, ['added'], [50, 0]), difference(7, ['added'], [20, 0])]);
  after.goOnFrom(before);
  assert.equal(after.current?.id, 2);
  const gone = new Changes([difference(7, ['added'], [20, 0])]);
  gone.goOnFrom(before);
  assert.equal(gone.current, null);
});

test('a change is told in words', () => {
  const name = (/** @type {number} */ id) => ['', 'Mitosis', 'Cell'][id];
  assert.equal(inWords(difference(1, ['added'], [0, 0]), name), 'Added: Mitosis');
  assert.equal(inWords(difference(1, ['type'], [0, 0], { type_id: 2 }), name), 'Changed: Mitosis → Cell');
  assert.equal(inWords(difference(1, ['geometry', 'attributes'], [0, 0]), name), 'Changed: Mitosis, outline, text or attributes');
  assert.equal(inWords(difference(1, ['geometry'], [0, 0], { frame: { z: 2, t: -1, c: -1 } }), name), 'Changed: Mitosis, outline or frame');
});

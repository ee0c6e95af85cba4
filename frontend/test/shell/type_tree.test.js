import assert from 'node:assert/strict';
import { test } from 'node:test';

import { flatten, moved, placeOfKey, withDescendants } from '../../../exact_core/web/static/shell/type_tree.js';

const types = [
  { id: 1, parent_id: null }, { id: 2, parent_id: 1 }, { id: 3, parent_id: 1 }, { id: 4, parent_id: 3 }, { id: 5, parent_id: null }, { id: 6, parent_id: 99 },
];
/** @param {any[] | null} list */
const shape = (list) => flatten(/** @type {any[]} */ (list)).map(({ type, depth }) => `${'-'.repeat(depth)}${type.id}`).join(' ');

test('a tree is shown from the top, each type with its branch', () => {
  assert.equal(shape(types), '1 -2 -3 --4 5 6');
  assert.equal(shape([types[3], types[2], types[0]]), '1 -3 --4');
  assert.deepEqual(flatten(types).map(({ children }) => children), [2, 0, 1, 0, 0, 0]);
});

test('a branch is a type with everything below it', () => {
  assert.deepEqual([...withDescendants(types, 1)], [1, 2, 3, 4]);
  assert.deepEqual([...withDescendants(types, 5)], [5]);
});

test('a type moves with its branch, and never below itself', () => {
  assert.equal(shape(moved(types, 3, { parent: null, before: 1 })), '3 -4 1 -2 5 6');
  assert.equal(shape(moved(types, 5, { parent: 1, before: 3 })), '1 -2 -5 -3 --4 6');
  assert.equal(shape(moved(types, 1, { parent: 5, before: null })), '5 -1 --2 --3 ---4 6');
  assert.equal(moved(types, 1, { parent: 4, before: null }), null);
  assert.equal(moved(types, 1, { parent: null, before: 1 }), null);
});

test('arrow keys move among neighbours, into the one above, and out of the parent', () => {
  /** @param {any[]} list @param {number} id @param {string} key */
  const press = (list, id, key) => {
    const place = placeOfKey(list, id, key);
    return place && shape(moved(list, id, place));
  };
  assert.equal(press(types, 3, 'ArrowUp'), '1 -3 --4 -2 5 6');
  assert.equal(press(types, 1, 'ArrowDown'), '5 1 -2 -3 --4 6');
  assert.equal(press(types, 5, 'ArrowDown'), '1 -2 -3 --4 6 5');
  assert.equal(press(types, 3, 'ArrowRight'), '1 -2 --3 ---4 5 6');
  assert.equal(press(types, 4, 'ArrowLeft'), '1 -2 -3 -4 5 6');
  assert.equal(press(types, 3, 'ArrowLeft'), '1 -2 3 -4 5 6');
  for (const [id, key] of /** @type {[number, string][]} */ ([[1, 'ArrowUp'], [6, 'ArrowDown'], [2, 'ArrowRight'], [1, 'ArrowLeft'], [4, 'ArrowUp'], [77, 'ArrowUp']])) assert.equal(placeOfKey(types, id, key), null);
});

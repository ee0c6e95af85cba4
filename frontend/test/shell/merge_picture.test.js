// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fieldsInWords, statementsOf } from '../../../exact_core/web/static/shell/pages/merge_page.js';
import { pathOf, pieceAround } from '../../../exact_core/web/static/shell/pages/merge_picture.js';

test('the piece of a conflict is a square around all states, never too small to see where it is', () => {
  assert.deepEqual(pieceAround([100, 200, 299, 249]), { x: 40, y: 65, side: 320 });
  assert.deepEqual(pieceAround([10, 10, 10, 10]), { x: -22, y: -22, side: 64 });
});

test('every shape has an outline', () => {
  assert.equal(pathOf({ shape: 'box', rings: [[[1, 2], [5, 9]]] }, 100), 'M1 2H5V9H1Z');
  assert.equal(pathOf({ shape: 'line', rings: [[[1, 2], [5, 9]]] }, 100), 'M1 2L5 9');
  assert.equal(pathOf({ shape: 'point', rings: [[[10, 20]]] }, 100), 'M7.5 20A2.5 2.5 0 1 0 12.5 20A2.5 2.5 0 1 0 7.5 20Z');
  assert.equal(pathOf({ shape: 'ellipse', rings: [[[0, 0], [20, 10]]] }, 100), 'M0 5A10 5 0 1 0 20 5A10 5 0 1 0 0 5Z');
  const rings = /** @type {[number, number][][]} */ ([[[0, 0], [9, 0], [9, 9]], [[2, 1], [3, 1], [3, 2]]]);
  assert.equal(pathOf({ shape: 'polygon', rings }, 100), 'M0 0L9 0L9 9ZM2 1L3 1L3 2Z');
  const fine = Array.from({ length: 100_000 }, (_, index) => /** @type {[number, number]} */ ([index, index % 7]));
  assert.ok(pathOf({ shape: 'polygon', rings: [fine] }, 100).length < 10_000);
  assert.equal(pathOf({ shape: 'image', rings: [] }, 100), '');
});

test('a conflict says what is decided and what each side has', () => {
  const state = { type: 'Cell', text: 'a', attributes: { size: 3, sure: true } };
  const conflict = { fields: ['geometry', 'text', 'attribute:size', 'attribute:note'], why: '', base: state, ours: state, theirs: { ...state, text: '', attributes: { note: ['x', 'y'] } } };
  assert.equal(fieldsInWords(/** @type {any} */ (conflict)), 'both changed the outline, the text, size, note');
  assert.deepEqual(statementsOf(conflict, 'ours'), ['This outline', '“a”', 'size: 3', 'No note']);
  assert.deepEqual(statementsOf(conflict, 'theirs'), ['This outline', 'No text', 'No size', 'note: x, y']);
  const gone = { ...conflict, fields: ['object'], theirs: null };
  assert.equal(fieldsInWords(/** @type {any} */ (gone)), 'deleted on one side, changed on the other');
  assert.deepEqual([statementsOf(gone, 'ours'), statementsOf(gone, 'theirs')], [['It is there: Cell', '“a”', 'size: 3, sure: yes'], ['It is deleted']]);
  assert.equal(fieldsInWords(/** @type {any} */ ({ ...conflict, fields: ['object'], base: null })), 'drawn on both sides');
  assert.equal(fieldsInWords(/** @type {any} */ ({ ...conflict, fields: ['object'], why: 'x' })), 'what both changed does not fit together');
});

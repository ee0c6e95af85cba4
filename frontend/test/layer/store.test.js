// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildPage } from '../../../exact_core/web/static/viewer/layer/decoder.js';
import { Palette } from '../../../exact_core/web/static/viewer/layer/palette.js';
import { AnnotationStore } from '../../../exact_core/web/static/viewer/store.js';
import { readHeader } from '../../../exact_core/web/static/viewer/wire.js';
import { encodeCentroids, encodeShapes, encodeSummary } from './encode_view.js';

/** @typedef {import('./encode_view.js').Drawing} Drawing */
/** @typedef {import('../../../exact_core/web/static/viewer/layer/api.js').AnnotationJson} AnnotationJson */

/** @param {{mostVertices?: number}} [options] */
function newStore(options = {}) {
  /** @type {import('../../../exact_core/web/static/viewer/layer/cells.js').Cell[]} */
  const dropped = [];
  const palette = new Palette(new Map([[1, { id: 1, name: 'Cell', color: '#ff0000', visible: true }]]));
  const store = new AnnotationStore(palette, { ...options, onDrop: (cell) => dropped.push(cell) });
  /** @param {ArrayBuffer} buffer @param {{fresh?: boolean, size?: number}} [how] */
  const take = (buffer, { fresh = false, size = 1024 } = {}) => {
    const { header } = readHeader(buffer);
    store.accept({
      ...buildPage(buffer, {
        size, imageWidth: 1_000_000, imageHeight: 1_000_000,
        typeSlots: Uint16Array.from(header.types, (id) => palette.typeSlot(id)),
        authorSlots: Uint16Array.from(header.authors, (id) => palette.authorSlot(id)),
      }), fresh,
    });
  };
  return { store, palette, take, dropped };
}

/** @param {number} id @param {number} x @param {number} y @param {number} [side] @returns {Drawing} */
const box = (id, x, y, side = 100) => ({ id, shape: 'box', rings: [[[x, y], [x + side, y + side]]] });

/** @param {AnnotationStore} store */
const idsOf = (store) => [...store.drawable()].flatMap((cell) => [...cell.ids].filter((_, k) => store.isVisible(cell, k)))
  .sort((a, b) => a - b);

/** @param {AnnotationStore} store @param {number} x @param {number} y */
const idsAt = (store, x, y) => store.picker.pick(x, y, 3, 5).map((hit) => hit.id ?? hit.uuid);

/** @returns {AnnotationJson} */
const edited = (changes = {}) => ({
  id: 1, uuid: 'a', type_id: 1, geometry: { shape: 'box', points: [[500, 500], [600, 600]] }, ...changes,
});

test('geometry comes back exactly a million pixels from the corner', () => {
  const { store, take } = newStore();
  /** @type {[number, number][]} */
  const ring = [[987_654, 999_999], [988_001, 999_123], [987_655, 998_765]];
  take(encodeShapes([{ id: 4, shape: 'polygon', rings: [ring, [[987_700, 999_500], [987_710, 999_500], [987_705, 999_510]]], holes: [false, true] }],
    { box: [980_000, 990_000, 1_000_000, 1_000_000] }));
  const shape = store.get(4);
  assert.deepEqual(shape?.geometry, { shape: 'polygon', rings: [ring, [[987_700, 999_500], [987_710, 999_500], [987_705, 999_510]]] });
});

test('fractions come back exactly from a cell far from the corner, and a local edit keeps its own', () => {
  const { store, take } = newStore();
  /** @type {[number, number][]} */
  const ring = [[987_654.5, 999_999.25], [988_001.00390625, 999_123], [987_655, 998_765.75]];
  take(encodeShapes([{ id: 4, shape: 'polygon', bits: 8, rings: [ring], revision: 3 }],
    { box: [980_000, 990_000, 1_000_000, 1_000_000], coordinates: 'int32', revision: 9 }));
  assert.deepEqual(store.get(4)?.geometry, { shape: 'polygon', rings: [ring] });
  assert.deepEqual(store.get(4)?.box, [987_654, 998_765, 988_002, 1_000_000]);
  const saved = { id: 4, uuid: 'u', type_id: 1, revision: 3 };
  store.upsert({ ...saved, geometry: { shape: 'polygon', rings: [ring] } });
  assert.equal(store.edits.edits.size, 0, 'it is what the view shows');
  const moved = ring.map(([x, y]) => /** @type {[number, number]} */ ([x, y + 1 / 256]));
  store.upsert({ ...saved, geometry: { shape: 'polygon', rings: [moved] } });
  assert.deepEqual(store.get(4)?.geometry, { shape: 'polygon', rings: [moved] });
  assert.deepEqual(store.get(4)?.box, [987_654, 998_765, 988_002, 1_000_000]);
});

/** @type {[Drawing, import('../../../exact_core/web/static/viewer/layer/api.js').Geometry][]} */
const SPELLINGS = [
  [{ id: 1, shape: 'point', rings: [[[7, 8]]] }, { shape: 'point', points: [[7, 8]] }],
  [box(1, 5, 5, 20), { shape: 'box', points: [[5, 5], [25, 25]] }],
  [{ id: 1, shape: 'ellipse', rings: [[[10, 20], [31, 41]]] }, { shape: 'ellipse', points: [[10, 20], [31, 41]] }],
  [{ id: 1, shape: 'line', rings: [[[1, 2], [3, 4]]] }, { shape: 'line', points: [[1, 2], [3, 4]] }],
  [{ id: 1, shape: 'polyline', rings: [[[1, 2], [3, 4], [1, 2]]] }, { shape: 'polyline', points: [[1, 2], [3, 4], [1, 2]] }],
  [{ id: 1, shape: 'rotated_box', rings: [[[5, 0], [9, 4], [5, 8], [1, 4]]] }, { shape: 'rotated_box', points: [[5, 0], [9, 4], [5, 8], [1, 4]] }],
  [{ id: 1, shape: 'multi_polygon', rings: [[[0, 0], [9, 0], [9, 9]], [[20, 0], [29, 0], [29, 29]], [[25, 2], [27, 2], [27, 8]]], holes: [false, false, true] },
    { shape: 'multi_polygon', parts: [[[[0, 0], [9, 0], [9, 9]]], [[[20, 0], [29, 0], [29, 29]], [[25, 2], [27, 2], [27, 8]]]] }],
  [{ id: 1, shape: 'image', rings: [], box: [0, 0, 0, 0] }, { shape: 'image', points: [] }],
  [{ id: 1, shape: 'absent', rings: [], box: [0, 0, 0, 0] }, { shape: 'absent', points: [] }],
];
for (const [drawing, geometry] of SPELLINGS) {
  test(`a ${drawing.shape} is given back as the server spells it`, () => {
    const { store, take } = newStore();
    take(encodeShapes([drawing]));
    assert.deepEqual(store.get(1)?.geometry, geometry);
  });
}

test('cells of an earlier view stay while nothing changed, and no shape is there twice', () => {
  const { store, take } = newStore();
  take(encodeShapes([box(1, 100, 100), box(2, 1500, 100)], { box: [0, 0, 2048, 1024] }));
  // The second view meets box 2 only at its rim; its cell is not complete there.
  take(encodeShapes([box(2, 1500, 100), box(3, 2100, 100)], { box: [1600, 0, 4096, 1024] }));
  assert.deepEqual(idsOf(store), [1, 2, 3]);
});

test('cells that a new view holds wholly are replaced, and emptied cells go', () => {
  const { store, take, dropped } = newStore();
  take(encodeShapes([box(1, 100, 100), box(2, 1500, 100)], { box: [0, 0, 4096, 4096] }));
  take(encodeShapes([box(2, 1500, 100)], { box: [0, 0, 4096, 4096] }));
  assert.deepEqual(idsOf(store), [2]);
  assert.equal(dropped.length, 2);
});

/** @type {[string, number, {fresh?: boolean, size?: number}][]} */
const BREAKS = [['a newer revision', 2, {}], ['a refresh', 1, { fresh: true }], ['another cell size', 1, { size: 2048 }]];
for (const [what, revision, how] of BREAKS) {
  test(`nothing old stays after ${what}`, () => {
    const { store, take } = newStore();
    take(encodeShapes([box(1, 100, 100)], { box: [0, 0, 1024, 1024] }));
    take(encodeShapes([box(2, 2000, 100)], { box: [1024, 0, 4096, 1024], revision }), how);
    assert.deepEqual(idsOf(store), [2]);
  });
}

test('the cells that were not looked at for longest are given up first', () => {
  const { store, take } = newStore({ mostVertices: 6 });
  take(encodeShapes([box(1, 100, 100), box(2, 1500, 100)], { box: [0, 0, 2048, 1024] }));
  for (const cell of store.cells.values()) cell.usedAt = cell.ids[0] === 1 ? 9 : 3;
  take(encodeShapes([box(3, 5000, 100), box(4, 5200, 100)], { box: [4096, 0, 8192, 1024] }));
  assert.deepEqual(idsOf(store), [1, 3, 4]);
});

test('an unsaved edit stays on top of every view', () => {
  const { store, take } = newStore();
  take(encodeShapes([box(1, 100, 100)]));
  store.upsert(edited());
  take(encodeShapes([box(1, 100, 100)], { revision: 5 }));
  assert.deepEqual(idsAt(store, 150, 150), []);
  assert.deepEqual(idsAt(store, 550, 550), [1]);
  assert.deepEqual(store.get('a')?.box, [500, 500, 600, 600]);
});

test('a saved edit gives way to the first view that includes it', () => {
  const { store, take } = newStore();
  take(encodeShapes([box(1, 100, 100)], { revision: 4 }));
  store.upsert(edited());
  store.upsert(edited({ revision: 6 }));
  take(encodeShapes([box(1, 100, 100)], { revision: 5 }));
  assert.deepEqual(idsAt(store, 550, 550), [1]);
  take(encodeShapes([box(1, 700, 700)], { revision: 6 }));
  assert.deepEqual([idsAt(store, 550, 550), idsAt(store, 750, 750)], [[], [1]]);
  assert.equal(store.edits.edits.size, 0);
});

test('an edit that carries its old revision is taken as unsaved', () => {
  const { store, take } = newStore();
  take(encodeShapes([{ ...box(1, 100, 100), revision: 3 }], { revision: 9 }));
  store.upsert(edited({ revision: 3 }));
  assert.deepEqual(idsAt(store, 550, 550), [1]);
  take(encodeShapes([{ ...box(1, 100, 100), revision: 3 }], { revision: 10 }));
  assert.deepEqual(idsAt(store, 550, 550), [1]);
});

test('an answer that comes after the view which shows it changes nothing', () => {
  const { store, take } = newStore();
  take(encodeShapes([{ ...box(1, 500, 500), revision: 7 }], { revision: 8 }));
  store.upsert(edited({ revision: 7 }));
  assert.equal(store.edits.edits.size, 0);
  assert.deepEqual(idsAt(store, 550, 550), [1]);
});

test('a new shape is known by its uuid first and by its id once it is saved', () => {
  const { store, take } = newStore();
  take(encodeShapes([], { revision: 1 }));
  store.upsert(edited({ id: undefined }));
  assert.deepEqual(idsAt(store, 550, 550), ['a']);
  store.upsert(edited({ id: 31, revision: 2 }));
  assert.equal(store.edits.edits.size, 1);
  assert.deepEqual([store.get(31)?.uuid, store.get('a')?.id], ['a', 31]);
});

test('a removed shape is hidden until a view without it comes, and undo brings it back', () => {
  const { store, take } = newStore();
  take(encodeShapes([box(1, 100, 100), box(2, 800, 800)], { revision: 4 }));
  store.remove(1);
  assert.deepEqual(idsOf(store), [2]);
  store.remove(1, 5);
  take(encodeShapes([box(2, 800, 800)], { revision: 5 }));
  assert.equal(store.edits.edits.size, 0);
  store.upsert(edited({ revision: 6 }));
  assert.deepEqual(idsAt(store, 550, 550), [1]);
});

test('a deleted annotation that is upserted is hidden, and forgetting an edit shows the server\'s state', () => {
  const { store, take } = newStore();
  take(encodeShapes([box(1, 100, 100)], { revision: 4 }));
  store.upsert(edited({ deleted: true, revision: 5 }));
  assert.deepEqual(idsOf(store), []);
  store.forget(1);
  assert.deepEqual(idsOf(store), [1]);
});

test('removing a shape that was never saved leaves nothing behind', () => {
  const { store } = newStore();
  store.upsert(edited({ id: undefined }));
  store.remove('a');
  assert.equal(store.edits.byKey.size, 0);
  assert.deepEqual([...store.drawable()], []);
});

test('hidden shapes are neither seen nor picked, by id and by uuid, and come back', () => {
  const { store, take } = newStore();
  take(encodeShapes([box(1, 100, 100), box(2, 300, 300)]));
  store.upsert(edited({ id: undefined, uuid: 'new' }));
  store.setHidden(new Set([1, 'new']));
  assert.deepEqual([idsAt(store, 150, 150), idsAt(store, 550, 550), idsAt(store, 350, 350)], [[], [], [2]]);
  assert.equal(store.get(1)?.id, 1);
  store.setHidden(new Set());
  assert.deepEqual([idsAt(store, 150, 150), idsAt(store, 550, 550)], [[1], ['new']]);
});

test('a hidden shape stays hidden when a view brings it anew', () => {
  const { store, take } = newStore();
  store.setHidden(new Set([1]));
  take(encodeShapes([box(1, 100, 100)]));
  take(encodeShapes([box(1, 100, 100)], { revision: 2 }));
  assert.deepEqual(idsAt(store, 150, 150), []);
});

test('what a type or an author hides is not picked', () => {
  const { store, take, palette } = newStore();
  take(encodeShapes([box(1, 100, 100), { ...box(2, 100, 100), typeId: 9 }, { ...box(3, 100, 100), authorId: 2 }]));
  assert.equal(idsAt(store, 150, 150).length, 3);
  palette.setTypeVisible(9, false);
  palette.setAuthorVisible(2, false);
  assert.deepEqual(idsAt(store, 150, 150), [1]);
});

test('edits of another frame wait until it is shown', () => {
  const { store } = newStore();
  store.setFrame({ z: 2, t: 0, c: -1 });
  store.upsert(edited({ frame: { z: 1, t: 0, c: -1 } }));
  assert.deepEqual(idsAt(store, 550, 550), []);
  store.setFrame({ z: 1, t: 0, c: 3 });
  assert.deepEqual(idsAt(store, 550, 550), [1]);
});

test('centroids are picked by place and say that their shape is not known', () => {
  const { store, take } = newStore();
  take(encodeCentroids([box(1, 100, 100)], [box(2, 1000, 1000, 900)]));
  const [hit] = store.picker.pick(153, 150, 3, 5);
  assert.deepEqual([hit.id, hit.shape, hit.geometry], [1, null, null]);
  assert.deepEqual(idsAt(store, 1500, 1500), [2]);
});

test('a summary replaces cells, and shows nothing to pick', () => {
  const { store, take } = newStore();
  take(encodeShapes([box(1, 100, 100)]));
  take(encodeSummary([{ typeId: 1, column: 0, row: 0, count: 5 }]));
  assert.deepEqual([store.kind, [...store.drawable()].length, idsAt(store, 150, 150)], ['summary', 0, []]);
  assert.equal(store.summary?.count[0], 5);
});

test('clearing gives every cell back', () => {
  const { store, take, dropped } = newStore();
  take(encodeShapes([box(1, 100, 100), box(2, 2000, 2000)]));
  store.upsert(edited({ id: 9 }));
  store.clear();
  assert.equal(dropped.length, 3);
  assert.deepEqual([...store.drawable()], []);
});

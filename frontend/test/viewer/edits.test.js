// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Counts, shiftsOf } from '../../../exact_core/web/static/viewer/counts.js';
import { Edits, sent } from '../../../exact_core/web/static/viewer/edits.js';
import { simple } from '../../../exact_core/web/static/viewer/geometry.js';
import { Journal } from '../../../exact_core/web/static/viewer/journal.js';
import { memoryStorage } from '../../../exact_core/web/static/viewer/journal_storage.js';
import { Walk } from '../../../exact_core/web/static/viewer/jump.js';
import { typeKeys } from '../../../exact_core/web/static/viewer/shapes.js';

/** A layer that only remembers what lies on top, and a server that can refuse. */
function desk(/** @type {(id: number) => Promise<any>} */ restore = async () => null, storage = memoryStorage()) {
  /** @type {Map<number | string, any>} */
  const shown = new Map();
  const layer = {
    upsert: (/** @type {any} */ one) => [one.id, one.uuid].forEach((key) => key && shown.set(key, one)),
    remove: (/** @type {number | string} */ key) => void shown.set(key, null),
    forget: (/** @type {number | string} */ key) => void shown.delete(key),
    get: (/** @type {number | string} */ key) => {
      const one = shown.get(key);
      return one ? { id: one.id, uuid: one.uuid, typeId: one.type_id, authorId: 1, shape: one.geometry.shape, geometry: one.geometry, revision: one.revision ?? 0, box: [0, 0, 0, 0] } : null;
    },
  };
  /** @type {any} */
  let failure = null;
  let revision = 0;
  /** @type {any[]} */
  const requests = [];
  const journal = new Journal({
    storage,
    later: () => 0,
    send: async (/** @type {any[]} */ operations) => {
      if (failure) throw failure;
      requests.push(operations.map(sent));
      revision += 1;
      return {
        revision,
        annotations: operations.map((one) => ({
          id: one.id ?? 50, uuid: one.uuid ?? 'u', image_id: 1, type_id: one.type_id ?? 1, geometry: one.geometry ?? { shape: 'point', rings: [[[1, 1]]] },
          frame: { z: 0, t: 0, c: -1 }, text: '', attributes: {}, author: { id: 1, name: 'Ann' }, revision, deleted: one.op === 'delete',
        })),
      };
    },
    onSaved: (_, answer) => edits.confirm(/** @type {any} */ (answer)),
    onProblem: (problem) => edits.refuse(problem),
  });
  const edits = new Edits({
    layer: /** @type {any} */ (layer), journal, image: { width: 100, height: 100 }, actor: { id: 1, name: 'Ann' }, frame: () => ({ z: 0, t: 0, c: -1 }), restore,
  });
  return { edits, journal, shown, requests, fail: (/** @type {any} */ one) => { failure = one; } };
}

test('a new shape is on the screen before the server knows it, and gets its number from the answer', async () => {
  const { edits, journal, shown } = desk();
  const item = edits.create(1, simple('box', [[1, 1], [20, 20]]), 'Add');
  assert.equal(shown.get(item.uuid ?? '')?.revision, null);
  await journal.drained();
  assert.equal(shown.get(item.uuid ?? '')?.id, 50);
  assert.equal(shown.get(50)?.revision, 1);
});

test('a request names a shape once and tells nothing that is the page\'s own', async () => {
  const { edits, journal, requests } = desk();
  const item = edits.create(1, simple('point', [[5, 5]]), 'Add');
  await journal.drained();
  const saved = edits.current({ id: 50, uuid: item.uuid });
  assert.ok(saved);
  edits.update([{ ...saved, isComplete: true }], () => ({ text: 'x' }), 'Change');
  await journal.drained();
  assert.deepEqual(requests[1], [{ op: 'update', base_revision: 1, text: 'x', id: 50 }]);
});

test('a change made while an answer is being noted on this computer builds on that answer', async () => {
  const storage = memoryStorage();
  const { edits, journal, requests } = desk(undefined, {
    ...storage,
    change: async (change) => {
      if (change.remove?.length && requests.length === 2) {
        edits.update([/** @type {any} */ (edits.current({ id: 50, uuid: item.uuid }))], () => ({ text: 'z' }), 'Change');
      }
      return storage.change(change);
    },
  });
  const item = edits.create(1, simple('point', [[5, 5]]), 'Add');
  await journal.drained();
  edits.update([/** @type {any} */ (edits.current({ id: 50, uuid: item.uuid }))], () => ({ text: 'y' }), 'Change');
  await journal.drained();
  assert.deepEqual(requests.map(([one]) => one.base_revision), [undefined, 1, 2]);
});

test('a refused change is taken off the screen, and the server\'s state is shown', async () => {
  const { edits, journal, shown, fail } = desk();
  edits.create(1, simple('point', [[5, 5]]), 'Add');
  await journal.drained();
  const saved = edits.current({ id: 50, uuid: null });
  assert.ok(saved);
  fail({ status: 409, code: 'conflict', detail: 'faster', current: { id: 50, uuid: saved.uuid, type_id: 9, geometry: { shape: 'point', rings: [[[7, 7]]] }, revision: 12, deleted: false } });
  edits.update([saved], () => ({ geometry: simple('point', [[30, 30]]) }), 'Move');
  assert.deepEqual(edits.current(saved)?.geometry.rings, [[[30, 30]]]);
  await journal.drained();
  assert.equal(shown.get(50).type_id, 9);
  assert.deepEqual(edits.current(saved)?.geometry.rings, [[[7, 7]]]);
  fail(null);
  await edits.retry(journal.problems[0]);
  await journal.drained();
  assert.equal(journal.problems.length, 0);
});

test('one\'s own change of a shape that somebody deleted brings the same shape back', async () => {
  /** @type {number[]} */
  const asked = [];
  const { edits, journal, requests, fail } = desk(async (id) => {
    asked.push(id);
    return { id, uuid: 'u', type_id: 1, geometry: { shape: 'point', rings: [[[7, 7]]] }, revision: 20, deleted: false };
  });
  edits.create(1, simple('point', [[5, 5]]), 'Add');
  await journal.drained();
  const saved = edits.current({ id: 50, uuid: null });
  assert.ok(saved);
  fail({ status: 409, code: 'stale-annotation', detail: 'deleted', current: { id: 50, uuid: saved.uuid, revision: 0, deleted: true }, conflicts: [{ id: 50, uuid: saved.uuid, revision: 0, deleted: true }] });
  edits.update([saved], () => ({ geometry: simple('point', [[30, 30]]) }), 'Move');
  await journal.drained();
  assert.equal(edits.current(saved), null);
  fail(null);
  await edits.retry(journal.problems[0]);
  await journal.drained();
  assert.deepEqual(asked, [50]);
  assert.deepEqual(requests.at(-1).map((/** @type {any} */ one) => [one.op, one.id, one.base_revision]), [['update', 50, 20]]);
});

test('where it cannot come back it is drawn anew, and deleting what is gone needs nothing', async () => {
  const { edits, journal, requests, fail } = desk();
  edits.create(1, simple('point', [[5, 5]]), 'Add');
  await journal.drained();
  const saved = edits.current({ id: 50, uuid: null });
  assert.ok(saved);
  const gone = { id: 50, uuid: saved.uuid, revision: 0, deleted: true };
  fail({ status: 409, code: 'stale-annotation', detail: 'deleted', current: gone, conflicts: [gone] });
  edits.update([{ ...saved, isComplete: true }], () => ({ geometry: simple('point', [[30, 30]]) }), 'Move');
  await journal.drained();
  const [problem] = journal.problems;
  assert.deepEqual(edits.wouldBe(problem.operations[0], gone)?.geometry.rings, [[[30, 30]]]);
  fail(null);
  await edits.retry(problem);
  await journal.drained();
  assert.equal(requests.at(-1)[0].op, 'create');
  assert.notEqual(requests.at(-1)[0].uuid, saved.uuid);
});

test('an act that is taken back before it was sent shows what was there before', async () => {
  const { edits, journal, fail } = desk();
  fail({ status: 0, code: '', detail: '' });
  const item = edits.create(1, simple('point', [[5, 5]]), 'Add');
  await journal.drained();
  edits.update([item], () => ({ geometry: simple('point', [[9, 9]]) }), 'Move');
  const entry = await journal.takeBack();
  assert.ok(entry);
  edits.revert(entry);
  assert.deepEqual(edits.current(item)?.geometry.rings, [[[5, 5]]]);
});

test('counts add what waits, and forget it once the server has counted it', async () => {
  /** @type {any[]} */
  const waiting = [{ operations: [{ op: 'create', uuid: 'a', type_id: 1 }, { op: 'delete', id: 2, was: 1 }, { op: 'update', id: 3, was: 1, type_id: 2 }] }];
  assert.deepEqual(shiftsOf(waiting[0]), [[1, 1], [1, -1], [2, 1], [1, -1]]);
  let rows = [{ type_id: 1, author: null, count: 10 }];
  const counts = new Counts(async () => rows, () => waiting);
  counts.askSoon.cancel();
  await counts.load();
  assert.deepEqual([counts.ofType(1), counts.ofType(2), counts.total], [9, 1, 10]);
  counts.noteSaved(waiting.pop());
  counts.askSoon.cancel();
  assert.equal(counts.ofType(1), 9);
  rows = [{ type_id: 1, author: null, count: 9 }, { type_id: 2, author: null, count: 1 }];
  await counts.load();
  assert.deepEqual([counts.ofType(1), counts.ofType(2)], [9, 1]);
});

test('stepping through shapes loads pages as needed and goes round at both ends', async () => {
  const pages = /** @type {Record<string, any>} */ ({ first: { items: [{ id: 1 }, { id: 2 }], next: 'second' }, second: { items: [{ id: 3 }], next: null } });
  const walk = new Walk(async (cursor) => pages[cursor ?? 'first']);
  const ids = [];
  for (let i = 0; i < 4; i += 1) ids.push((await walk.step(null, 1)).id);
  assert.deepEqual(ids, [1, 2, 3, 1]);
  assert.equal((await walk.step(1, -1)).id, 3);
  assert.equal(await new Walk(async () => ({ items: [], next: null })).step(null, 1), null);
});

test('types get their own keys first and the others fill the gaps', () => {
  const keys = typeKeys([{ id: 1, key: null }, { id: 2, key: '1' }, { id: 3, key: null }]);
  assert.deepEqual([...keys].sort(), [[1, '2'], [2, '1'], [3, '3']]);
});

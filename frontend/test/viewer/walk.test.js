// @ts-check
/** The verification walk: pages as they are needed, verdicts in order, counts that follow, and what happens to refusals. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VerificationWalk } from '../../../exact_core/web/static/viewer/review/walk.js';

/** A server with shapes 1 to n, in pages. @param {number} n @param {{refuse?: (id: number) => boolean}} [how] */
function server(n, { refuse = () => false } = {}) {
  const state = new Map(Array.from({ length: n }, (_, i) => [i + 1, 'unverified']));
  /** @type {any[]} */
  const sent = [];
  /** @type {any[]} */
  const refused = [];
  /** @type {any[]} */
  const asked = [];
  const item = (/** @type {number} */ id) => ({ id, revision: 5, type_id: 1, verification: { state: state.get(id) ?? '', verdicts: [] } });
  const walk = new VerificationWalk({
    page: async (query) => {
      asked.push(query);
      const fits = [...state.keys()].filter((id) => !query.verification || state.get(id) === query.verification);
      if (query.backwards) {
        const before = fits.filter((id) => id < query.start);
        return { items: before.slice(-query.limit).map(item), next_cursor: before.length > query.limit ? 'more' : null };
      }
      const from = query.cursor ? Number(query.cursor) + 1 : (query.start ?? 1);
      const after = fits.filter((id) => id >= from);
      const page = after.slice(0, query.limit);
      return { items: page.map(item), next_cursor: after.length > query.limit ? String(page.at(-1)) : null };
    },
    count: async () => {
      const of = (/** @type {string} */ name) => [...state.values()].filter((one) => one === name).length;
      return { total: n, unverified: of('unverified'), outdated: 0, accepted: of('accepted'), rejected: of('rejected'), dubious: of('dubious') };
    },
    judge: async (judgement) => {
      if (refuse(judgement.id)) throw new Error('no');
      sent.push(judgement);
      state.set(judgement.id, judgement.verdict ?? 'unverified');
    },
    refused: (one, error) => refused.push([one.id, String(error)]),
  });
  return { walk, sent, refused, asked, state };
}

test('it goes through all shapes once, a page at a time, and stays at the ends', async () => {
  const { walk, asked } = server(120);
  await walk.begin({});
  const seen = [walk.current?.id];
  while (await walk.step(1)) seen.push(walk.current?.id);
  assert.deepEqual(seen, Array.from({ length: 120 }, (_, i) => i + 1));
  assert.equal(asked.length, 3);
  assert.equal(walk.current?.id, 120);
  while (await walk.step(-1));
  assert.equal(walk.current?.id, 1);
  assert.equal(asked.length, 3);
});

test('it begins where one left, and what lies before can be reached', async () => {
  const { walk } = server(120);
  await walk.begin({}, 70);
  assert.equal(walk.current?.id, 70);
  assert.equal((await walk.step(-1))?.id, 69);
  for (let n = 0; n < 68; n += 1) await walk.step(-1);
  assert.equal(walk.current?.id, 1);
  assert.equal(await walk.step(-1), null);
});

test('a bookmark behind the last shape begins anew', async () => {
  const { walk } = server(3);
  assert.equal((await walk.begin({}, 99))?.id, 1);
});

test('a verdict shows at once, is sent with what was seen, and counts', async () => {
  const { walk, sent } = server(4);
  await walk.begin({ verification: 'unverified' });
  assert.equal(walk.judged, 0);
  const done = walk.judge('accepted');
  assert.equal(walk.current?.verification.state, 'accepted');
  assert.equal(walk.judged, 1);
  await walk.step(1);
  void walk.judge('rejected', { reason: 'blurred' });
  await walk.step(1);
  await walk.judge('accepted', { typeId: 7 });
  await done;
  assert.deepEqual(sent, [
    { id: 1, verdict: 'accepted', base_revision: 5, reason: '' },
    { id: 2, verdict: 'rejected', base_revision: 5, reason: 'blurred' },
    { id: 3, verdict: 'accepted', base_revision: 5, reason: '', type_id: 7 },
  ]);
  assert.deepEqual([walk.counts.accepted, walk.counts.rejected, walk.counts.unverified], [2, 1, 1]);
  await walk.step(-1);
  await walk.judge('rejected');
  assert.equal(walk.counts.rejected, 1);
});

test('its own type is no relabelling', async () => {
  const { walk, sent } = server(1);
  await walk.begin({});
  await walk.judge('accepted', { typeId: 1 });
  assert.equal('type_id' in sent[0], false);
});

test('a refused verdict is taken back, told, and stops no other', async () => {
  const { walk, sent, refused } = server(3, { refuse: (id) => id === 1 });
  await walk.begin({});
  void walk.judge('accepted');
  await walk.step(1);
  void walk.judge('dubious');
  await walk.settled();
  assert.deepEqual(refused, [[1, 'Error: no']]);
  assert.deepEqual(sent.map(({ id }) => id), [2]);
  assert.equal(walk.goTo(1)?.verification.state, 'unverified');
  assert.deepEqual([walk.counts.accepted, walk.counts.dubious, walk.counts.unverified], [0, 1, 2]);
});

test('nothing to walk is no error', async () => {
  const { walk } = server(0);
  assert.equal(await walk.begin({}), null);
  await walk.judge('accepted');
  assert.equal(await walk.step(1), null);
});

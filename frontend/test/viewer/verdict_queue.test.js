// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { VerdictQueue } from '../../../exact_core/web/static/viewer/review/verdict_queue.js';

/** @param {number} id @param {object} [more] @returns {any} */
const verdict = (id, more = {}) => ({ id, verdict: 'accepted', base_revision: 1, reason: '', ...more });

/** A computer, and a server that answers as told. @param {(judgements: any[]) => Promise<unknown>} answer @param {Map<string, string>} [kept] */
function desk(answer, kept = new Map()) {
  /** @type {number[][]} */
  const sent = [];
  /** @type {number[]} */
  const waits = [];
  /** @type {number[]} */
  const refused = [];
  const queue = new VerdictQueue({
    name: 'q',
    storage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value), removeItem: (key) => void kept.delete(key) },
    send: (judgements) => {
      sent.push(judgements.map(({ id }) => id));
      return answer(judgements);
    },
    sendAndGo: (judgements) => void sent.push(judgements.map(({ id }) => id)),
    refused: ({ id }) => refused.push(id),
    wait: async (milliseconds) => void waits.push(milliseconds),
  });
  return { queue, sent, waits, refused, kept };
}

test('verdicts go one after the other, and are forgotten when the server has them', async () => {
  const { queue, sent, kept } = desk(async () => undefined);
  const all = [1, 2, 3].map((id) => queue.add(verdict(id)));
  assert.equal(JSON.parse(kept.get('q') ?? '').length, 3);
  await Promise.all(all);
  assert.deepEqual(sent, [[1], [2], [3]]);
  assert.equal(kept.has('q'), false);
  assert.equal(queue.waiting, 0);
});

test('a server that is away is asked again, ever more seldom', async () => {
  let tries = 0;
  const { queue, sent, waits } = desk(async () => {
    tries += 1;
    if (tries < 4) throw Object.assign(new Error('away'), { status: [0, 503, 401][tries - 1] }); // who has to log in again loses none
  });
  await queue.add(verdict(7));
  assert.deepEqual(waits, [1000, 2000, 4000]);
  assert.deepEqual(sent, [[7], [7], [7], [7]]);
});

test('a refused one is told to who gave it, and the next goes on', async () => {
  const { queue, sent, kept } = desk(async ([{ id }]) => {
    if (id === 1) throw Object.assign(new Error('stale'), { status: 409 });
  });
  const first = queue.add(verdict(1));
  const second = queue.add(verdict(2));
  await assert.rejects(first, /stale/);
  await second;
  assert.deepEqual(sent, [[1], [2]]);
  assert.equal(kept.has('q'), false);
});

test('what a page that goes has not sent is sent in one piece, and by the next page again', async () => {
  const never = new Promise(() => undefined);
  const before = desk(() => never);
  [1, 2, 3].forEach((id) => void before.queue.add(verdict(id, id === 3 ? { type_id: 9 } : {})));
  before.queue.leave();
  assert.deepEqual(before.sent, [[1], [2, 3]]);

  const after = desk(async ([{ id }]) => {
    if (id === 2) throw Object.assign(new Error('gone'), { status: 404 });
    if (id === 3) throw Object.assign(new Error('stale'), { status: 409, body: { current: { type_id: 9 } } });
  }, before.kept);
  assert.equal(after.queue.waiting, 3);
  after.queue.restore();
  await after.queue.add(verdict(4));
  assert.deepEqual(after.sent, [[1], [2], [3], [4]]);
  assert.deepEqual(after.refused, [2]); // of the third the server says that it has it
  assert.equal(after.kept.has('q'), false);
});

test('what is written down and makes no sense is left alone', () => {
  for (const text of ['{', '{"a": 1}', '[{"key": "x"}, null]']) {
    assert.equal(desk(async () => undefined, new Map([['q', text]])).queue.waiting, 0);
  }
});

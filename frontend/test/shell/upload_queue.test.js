// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';

import { Refusal, UploadQueue } from '../../../exact_core/web/static/shell/upload_queue.js';

/** A sender whose files arrive or break when the test says so. */
class Hand {
  /** @type {Map<string, {resolve: (key: string) => void, reject: (error: Error) => void, progress: (bytes: number) => void}>} */
  open = new Map();
  /** @type {string[]} */
  finished = [];
  /** @type {string[]} */
  groups = [];
  /** @type {string[]} */
  stopped = [];
  duplicates = new Set();

  /**
   * @param {import('../../../exact_core/web/static/shell/upload_queue.js').Item} item
   * @param {{progress: (bytes: number) => void}} sending
   */
  send(item, { progress }) {
    const { path } = item.chosen;
    const done = new Promise((resolve, reject) => { this.open.set(path, { resolve, reject, progress }); });
    return { done: /** @type {Promise<string>} */ (done), stop: async () => { this.stopped.push(path); this.open.get(path)?.reject(new Error('stopped')); } };
  }

  /** @param {string} key */
  async finish(key) {
    this.finished.push(key);
    return { is_duplicate: this.duplicates.has(key) };
  }

  /** @param {string} group */
  async finishGroup(group) {
    this.groups.push(group);
    return { images: 1, ignored: 0 };
  }

  /** @param {string} path */
  async arrive(path) {
    this.open.get(path)?.resolve(path);
    this.open.delete(path);
    await tick();
    await tick();
  }

  /**
   * @param {string} path
   * @param {Error} error
   */
  async break(path, error) {
    this.open.get(path)?.reject(error);
    this.open.delete(path);
    await tick();
    await tick();
  }
}

/** @param {string} path */
const chosen = (path) => ({ path, file: new File(['0123456789'], path) });
/** @param {...string} paths */
const plan = (...paths) => ({ single: paths.map(chosen), groups: [], skipped: [] });
/** @param {UploadQueue} queue */
const states = (queue) => queue.items.map((item) => item.status);

test('a few files travel at a time, and each place that becomes free is taken', async () => {
  const hand = new Hand();
  const queue = new UploadQueue(hand, 2);
  queue.add(plan('a', 'b', 'c'), () => 'g');
  assert.deepEqual(states(queue), ['sending', 'sending', 'waiting']);
  await hand.arrive('a');
  assert.deepEqual(states(queue), ['done', 'sending', 'sending']);
  assert.deepEqual(hand.finished, ['a']);
});

test('one failure holds nothing up and can be tried again', async () => {
  const hand = new Hand();
  const queue = new UploadQueue(hand, 1);
  queue.add(plan('a', 'b'), () => 'g');
  await hand.break('a', new Error('no connection'));
  assert.deepEqual(states(queue), ['failed', 'sending']);
  assert.equal(queue.items[0].reason, 'no connection');
  await hand.arrive('b');
  queue.retryAll();
  await hand.arrive('a');
  assert.deepEqual(states(queue), ['done', 'done']);
});

test('what the server refuses for good is not offered again', async () => {
  const hand = new Hand();
  const queue = new UploadQueue(hand);
  queue.add(plan('a'), () => 'g');
  await hand.break('a', new Refusal('too large'));
  assert.equal(queue.items[0].canRetry, false);
  queue.retryAll();
  assert.deepEqual(states(queue), ['failed']);
});

test('a cancelled file is stopped and never finished', async () => {
  const hand = new Hand();
  const queue = new UploadQueue(hand, 1);
  queue.add(plan('a', 'b'), () => 'g');
  await queue.cancel(queue.items[0]);
  await tick();
  assert.deepEqual(hand.stopped, ['a']);
  assert.deepEqual(states(queue), ['cancelled', 'sending']);
  assert.deepEqual(hand.finished, []);
});

test('cancelling everything starts nothing new', async () => {
  const hand = new Hand();
  const queue = new UploadQueue(hand, 1);
  queue.add(plan('a', 'b', 'c'), () => 'g');
  await queue.cancelAll();
  await tick();
  assert.deepEqual(states(queue), ['cancelled', 'cancelled', 'cancelled']);
  assert.deepEqual(hand.stopped, ['a']);
});

test('a group is finished once, when its last file has arrived', async () => {
  const hand = new Hand();
  const queue = new UploadQueue(hand, 3);
  queue.add({ single: [], groups: [{ folder: 's', files: ['s/a.mrxs', 's/a/1', 's/a/2'].map(chosen) }], skipped: [] }, () => 'key');
  await hand.arrive('s/a/2');
  await hand.arrive('s/a.mrxs');
  assert.deepEqual(hand.groups, []);
  await hand.arrive('s/a/1');
  assert.deepEqual(hand.groups, ['key']);
  assert.deepEqual(states(queue), ['done', 'done', 'done']);
  assert.deepEqual(hand.finished, []);
});

test('a repeated picture is said to be one', async () => {
  const hand = new Hand();
  hand.duplicates.add('a');
  const queue = new UploadQueue(hand);
  queue.add(plan('a'), () => 'g');
  await hand.arrive('a');
  assert.deepEqual(states(queue), ['duplicate']);
  assert.equal(queue.totals.duplicates, 1);
});

test('progress is counted over all files that were not cancelled', async () => {
  const hand = new Hand();
  const queue = new UploadQueue(hand);
  queue.add(plan('a', 'b'), () => 'g');
  hand.open.get('a')?.progress(4);
  assert.deepEqual([queue.totals.sent, queue.totals.bytes, queue.totals.open], [4, 20, 2]);
  await queue.cancel(queue.items[1]);
  assert.equal(queue.totals.bytes, 10);
});

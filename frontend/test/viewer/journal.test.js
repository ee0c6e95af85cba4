// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Journal, fold } from '../../../exact_core/web/static/viewer/journal.js';
import { memoryStorage } from '../../../exact_core/web/static/viewer/journal_storage.js';

/**
 * @typedef {import('../../../exact_core/web/static/viewer/types.js').Operation} Operation
 * @typedef {import('../../../exact_core/web/static/viewer/journal.js').Failure} Failure
 */

/** A server that can be cut off, and remembers requests by their key. */
class Server {
  revision = 0;
  /** @type {Failure | null} */
  failure = null;
  /** After this many requests the answer is lost, though the work is done. */
  losesAnswer = false;
  /** @type {Map<string, any>} */
  answers = new Map();
  /** @type {{key: string, operations: Operation[]}[]} */
  done = [];

  /** @param {Operation[]} operations @param {string} key */
  async send(operations, key) {
    await null;
    if (this.failure && !this.losesAnswer) throw this.failure;
    if (!this.answers.has(key)) {
      this.revision += 1;
      this.done.push({ key, operations: structuredClone(operations) });
      const annotations = operations.map((one, i) => ({ id: one.id ?? 100 + this.revision * 10 + i, uuid: one.uuid, revision: this.revision, deleted: one.op === 'delete' }));
      this.answers.set(key, { revision: this.revision, annotations });
    }
    if (this.losesAnswer) throw { status: 0, code: 'unreachable', detail: 'cut off' };
    return this.answers.get(key);
  }
}

/** @param {Server} server @param {Partial<import('../../../exact_core/web/static/viewer/journal.js').Ports>} [more] */
function journalOf(server, more = {}) {
  /** @type {(() => void)[]} */
  const timers = [];
  /** @type {string[]} */
  const states = [];
  let keys = 0;
  const journal = new Journal({
    storage: memoryStorage(),
    send: (operations, key) => server.send(operations, key),
    newKey: () => `key-${(keys += 1)}-${Math.random()}`,
    later: (run) => timers.push(run),
    cancel: () => undefined,
    onState: (one) => states.push(`${one.state}:${one.waiting}`),
    ...more,
  });
  return { journal, timers, states };
}

/** @param {string} uuid @returns {Operation} */
const create = (uuid) => ({ op: 'create', uuid, type_id: 1, geometry: {} });
/** @param {string} uuid @param {Partial<Operation>} more @returns {Operation} */
const update = (uuid, more) => ({ op: 'update', uuid, ...more });

test('acts are sent in order, each once, and the light goes to saved', async () => {
  const server = new Server();
  const { journal, states } = journalOf(server);
  await Promise.all(['a', 'b', 'c'].map((uuid) => journal.add([create(uuid)], `Add ${uuid}`)));
  assert.equal(await journal.drained(), true);
  assert.deepEqual(server.done.map(({ operations }) => operations[0].uuid), ['a', 'b', 'c']);
  assert.equal(new Set(server.done.map(({ key }) => key)).size, 3);
  assert.equal(states.at(-1), 'saved:0');
});

test('a change that follows an unconfirmed one gets the revision that the first made', async () => {
  const server = new Server();
  const { journal } = journalOf(server);
  await journal.add([create('a')], 'Add');
  await journal.add([update('a', { text: 'x' })], 'Change');
  await journal.add([{ op: 'delete', uuid: 'a' }], 'Delete');
  await journal.drained();
  assert.deepEqual(server.done.map(({ operations }) => operations[0].base_revision), [undefined, 1, 2]);
});

test('without a connection everything waits, is tried again, and arrives once', async () => {
  const server = new Server();
  const { journal, timers, states } = journalOf(server);
  server.failure = { status: 0, code: 'unreachable', detail: 'The server cannot be reached.' };
  await journal.add([create('a')], 'Add a');
  await journal.add([create('b')], 'Add b');
  assert.equal(await journal.drained(), false);
  assert.equal(states.at(-1), 'offline:2');
  server.failure = null;
  timers.at(-1)?.();
  assert.equal(await journal.drained(), true);
  assert.equal(server.done.length, 2);
});

test('pauses between tries grow up to half a minute', async () => {
  const server = new Server();
  server.failure = { status: 503, code: 'unavailable', detail: 'busy' };
  /** @type {[() => void, number][]} */
  const planned = [];
  const { journal } = journalOf(server, { later: (run, ms) => planned.push([run, ms]) });
  await journal.add([create('a')], 'Add');
  for (let i = 0; i < 8; i += 1) {
    await journal.drained();
    planned.at(-1)?.[0]();
  }
  await journal.drained();
  assert.deepEqual(planned.slice(0, 7).map(([, ms]) => ms), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('a lost answer does nothing twice', async () => {
  const server = new Server();
  const { journal, timers } = journalOf(server);
  server.losesAnswer = true;
  await journal.add([create('a')], 'Add');
  assert.equal(await journal.drained(), false);
  server.losesAnswer = false;
  timers.at(-1)?.();
  await journal.drained();
  assert.equal(server.done.length, 1);
  assert.equal(journal.waiting, 0);
});

test('a crash loses nothing: the next page sends what waits, with the same key', async () => {
  const storage = memoryStorage();
  const server = new Server();
  server.losesAnswer = true;
  const first = journalOf(server, { storage }).journal;
  await first.add([create('a')], 'Add a');
  await first.add([update('a', { text: 'later' })], 'Change a');
  await first.drained();
  server.losesAnswer = false;
  const second = journalOf(server, { storage }).journal;
  const kept = await second.open();
  assert.deepEqual(kept.map(({ label }) => label), ['Add a', 'Change a']);
  await second.drained();
  assert.equal(server.done.length, 2);
  assert.equal(server.done[1].operations[0].base_revision, 1);
  assert.deepEqual((await storage.load()).entries, []);
});

test('a refused act becomes a problem that survives, with all that was built on it, and the rest goes on', async () => {
  const storage = memoryStorage();
  const server = new Server();
  /** @type {any[]} */
  const told = [];
  const { journal } = journalOf(server, { storage, onProblem: (problem) => told.push(problem) });
  server.failure = { status: 0, code: '', detail: '' };
  await journal.add([update('a', { id: 7, text: 'mine', base_revision: 3 })], 'Change a');
  await journal.add([update('a', { id: 7, type_id: 5 }), create('b')], 'Mixed');
  await journal.drained();
  const send = server.send.bind(server);
  server.failure = null;
  server.send = async (operations, key) => {
    if (operations.some((one) => one.uuid === 'a')) throw { status: 409, code: 'conflict', detail: 'Somebody was faster.', current: { id: 7, uuid: 'a', revision: 9 } };
    return send(operations, key);
  };
  await journal.retryNow();
  assert.equal(told.length, 1);
  assert.equal(told[0].kind, 'conflict');
  assert.deepEqual(told[0].operations, [{ op: 'update', uuid: 'a', id: 7, text: 'mine', type_id: 5, base_revision: 3 }]);
  assert.deepEqual(server.done.map(({ operations }) => operations.map((one) => one.uuid)), [['b']]);
  assert.equal((await storage.load()).problems.length, 1);
  await journal.dismiss(journal.problems[0]);
  assert.equal((await storage.load()).problems.length, 0);
});

test('when the login has ended nothing is tried or dropped until the person is back', async () => {
  const server = new Server();
  const { journal, timers, states } = journalOf(server);
  server.failure = { status: 401, code: 'unauthenticated', detail: 'Log in.' };
  await journal.add([create('a')], 'Add');
  assert.equal(await journal.drained(), false);
  assert.equal(states.at(-1), 'stopped:1');
  assert.equal(timers.length, 0);
  server.failure = null;
  await journal.retryNow();
  assert.equal(journal.waiting, 0);
});

test('only an act that never left can be taken back here', async () => {
  const server = new Server();
  const { journal } = journalOf(server);
  server.failure = { status: 0, code: '', detail: '' };
  await journal.add([create('a')], 'Add a');
  await journal.drained();
  await journal.add([create('b')], 'Add b');
  assert.equal((await journal.takeBack())?.label, 'Add b');
  assert.equal(await journal.takeBack(), null, 'the first may have arrived');
});

test('operations on one shape fold into one that says the same', () => {
  assert.deepEqual(fold([create('a'), { op: 'delete', uuid: 'a' }]), []);
  assert.deepEqual(fold([create('a'), update('a', { text: 'x' })])[0], { op: 'create', uuid: 'a', type_id: 1, geometry: {}, text: 'x', base_revision: undefined });
  assert.deepEqual(fold([update('a', { id: 1, base_revision: 4, text: 'x' }), { op: 'delete', id: 1, base_revision: 5 }]), [{ op: 'delete', id: 1, base_revision: 4 }]);
});

/** A server on which somebody else has changed some shapes. @param {Server} server @param {string[]} uuids */
function changedByOthers(server, uuids) {
  const send = server.send.bind(server);
  server.send = async (operations, key) => {
    const conflicts = operations.filter((one) => uuids.includes(one.uuid ?? '')).map((one) => ({ id: 70 + uuids.indexOf(one.uuid ?? ''), uuid: one.uuid, revision: 9 }));
    if (conflicts.length > 0) throw { status: 409, code: 'stale-annotation', detail: 'Somebody was faster.', current: conflicts[0], conflicts };
    return send(operations, key);
  };
}

test('of work on several shapes only those in conflict wait, each with its own decision', async () => {
  const storage = memoryStorage();
  const server = new Server();
  changedByOthers(server, ['b', 'c']);
  /** @type {any[]} */
  const told = [];
  const { journal } = journalOf(server, { storage, onProblem: (problem) => told.push(problem) });
  await journal.add(['a', 'b', 'c', 'd'].map((uuid) => update(uuid, { type_id: 2, base_revision: 3 })), 'Relabel 4 × Cell');
  await journal.add([update('b', { text: 'later' }), update('a', { text: 'later' })], 'Say');
  assert.equal(await journal.drained(), true);
  assert.deepEqual(server.done.map(({ operations }) => operations.map((one) => one.uuid)), [['a', 'd'], ['a']]);
  assert.deepEqual(told.map((problem) => [problem.kind, problem.current.uuid, problem.operations.map((/** @type {any} */ one) => [one.uuid, one.type_id, one.text])]), [
    ['conflict', 'b', [['b', 2, 'later']]],
    ['conflict', 'c', [['c', 2, undefined]]],
  ]);
  const kept = await storage.load();
  assert.deepEqual([kept.entries.length, kept.problems.length], [0, 2]);
});

test('an act that makes new shapes of old ones waits as a whole', async () => {
  const server = new Server();
  changedByOthers(server, ['a', 'b']);
  const { journal } = journalOf(server);
  await journal.add([{ op: 'delete', uuid: 'a', base_revision: 1 }, { op: 'delete', uuid: 'b', base_revision: 1 }, create('ab')], 'Merge');
  await journal.drained();
  assert.equal(server.done.length, 0);
  assert.equal(journal.problems.length, 1);
  assert.deepEqual(journal.problems[0].operations.map((one) => one.uuid), ['a', 'b', 'ab']);
  assert.deepEqual(journal.problems[0].conflicts?.map((one) => one.uuid), ['a', 'b']);
});

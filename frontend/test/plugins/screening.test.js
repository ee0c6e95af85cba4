// @ts-check
/** Screening without a page: the way through fields, a session with a server that fails, views that count. */

import assert from 'node:assert/strict';
import { register } from 'node:module';
import test from 'node:test';

import { Path, boxOf, fieldCount, flagsOf } from '../../../plugins/screening/exact_screening/static/fields.js';
import { Session } from '../../../plugins/screening/exact_screening/static/session.js';
import { ViewLog } from '../../../plugins/screening/exact_screening/static/views.js';

/** @type {import('../../../plugins/screening/exact_screening/static/fields.js').Grid} */
const GRID = { x0: 0, y0: 0, x1: 3500, y1: 2000, width: 1000, height: 1000, step_x: 1000, step_y: 1000, columns: 4, rows: 2, order: 'snake' };

/** @param {number[]} fields @param {number} [count] */
function packed(fields, count = 8) {
  const bytes = new Uint8Array(Math.ceil(count / 8));
  for (const field of fields) bytes[field >> 3] |= 128 >> (field & 7);
  return btoa(String.fromCharCode(...bytes));
}

test('flags are read from bits, the first one highest', () => {
  assert.deepEqual([...flagsOf(packed([0, 3, 9], 10), 10)], [1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
});

test('the last column is moved inwards, as on the server', () => {
  assert.deepEqual(boxOf(GRID, 3), [2500, 0, 3500, 1000]);
  assert.deepEqual(boxOf(GRID, 4), [0, 1000, 1000, 2000]);
});

test('a snake goes back in every second row and jumps over fields that do not belong', () => {
  const path = new Path(GRID, flagsOf(packed([0, 1, 3, 4, 6, 7]), 8));
  const seen = new Uint8Array(8);
  assert.deepEqual([...path.fields], [0, 1, 3, 7, 6, 4]);
  assert.equal(path.step(1, 'next', seen), 3);
  assert.equal(path.step(3, 'next', seen), 7);
  assert.equal(path.step(0, 'previous', seen), 0);
  assert.equal(path.step(4, 'next', seen), 4);
  assert.equal(path.step(1, 'right', seen), 3);
  assert.equal(path.step(6, 'left', seen), 4);
  assert.equal(path.step(1, 'down', seen), 1);
  assert.equal(path.step(3, 'down', seen), 7);
  seen.set([1, 0, 0, 1], 0);
  assert.equal(path.step(0, 'unseen', seen), 1);
  seen[1] = 1;
  assert.equal(path.step(4, 'unseen', seen), 7);
  assert.equal(path.nearest(2900, 900), 3);
  seen.fill(1);
  assert.equal(path.step(4, 'unseen', seen), 4);
});

test('the number of fields is told before they are made', () => {
  assert.equal(fieldCount(3500, 2000, 1000, 1000, 0), 8);
  assert.equal(fieldCount(3500, 2000, 1000, 1000, 0.5), 6 * 3);
  assert.equal(fieldCount(300, 200, 1000, 1000, 0), 1);
});

function pass(more = {}) {
  const whole = packed([0, 1, 2, 3, 4, 5, 6, 7]);
  return {
    number: 1, done: 0, total: 8, carried: 0, seconds: 0, position: 0, revision: 0, finished_at: null, chosen: whole, seen: packed([]),
    grid: { ...GRID }, wishes: {}, ...more,
  };
}

/** A server that keeps marks as ours does; `fail` makes the next requests fail. */
function world() {
  const state = { now: 0, fail: /** @type {any[]} */ ([]), seen: new Set(), revision: 0, asked: /** @type {any[]} */ ([]), later: /** @type {(() => void)[]} */ ([]), loseAnswer: false, taken: 0, newest: 1 };
  const outside = {
    now: () => state.now,
    later: (/** @type {() => void} */ run) => state.later.push(run),
    send: async (/** @type {number} */ _number, /** @type {any} */ body) => {
      state.asked.push(body);
      if (state.fail.length) throw state.fail.shift();
      const knew = body.revision === state.revision;
      if (body.sequence > state.taken) {
        state.taken = body.sequence;
        body.marks.forEach((/** @type {number} */ field) => state.seen.add(field));
        body.unmarks.forEach((/** @type {number} */ field) => state.seen.delete(field));
        state.revision += 1;
      }
      if (state.loseAnswer) {
        state.loseAnswer = false;
        throw { status: 0, message: 'The server cannot be reached.' };
      }
      const seen = packed([.../** @type {Set<number>} */ (state.seen)]);
      return { revision: state.revision, position: body.position, done: state.seen.size, total: 8, seconds: 5, finished_at: null, newest: state.newest, seen: knew ? null : seen };
    },
  };
  return { state, outside };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

test('marks are shown at once and told one request after the other', async () => {
  const { state, outside } = world();
  const session = new Session(pass(), outside, 'w');
  session.show(true);
  state.now = 4000;
  session.markAndNext();
  session.markAndNext();
  session.go('down');
  assert.deepEqual([session.position, session.done, session.fieldNumber], [6, 2, 6]);
  assert.equal(state.asked.length, 1);
  await settled();
  await settled();
  assert.deepEqual(state.asked.map((body) => [body.sequence, body.marks, body.position]), [[1, [0], 1], [2, [1], 6]]);
  assert.deepEqual(state.asked[0].seconds, { 0: 4 });
  assert.ok(session.isSaved);
  session.undo();
  assert.deepEqual([session.position, session.done], [1, 1]);
  await settled();
  assert.deepEqual([...state.seen], [0]);
});

test('without a connection nothing is lost, and a lost answer counts once', async () => {
  const { state, outside } = world();
  const session = new Session(pass(), outside, 'w');
  state.fail = [{ status: 0, message: 'The server cannot be reached.' }, { status: 503, message: 'Busy.' }];
  session.markAndNext();
  await settled();
  assert.match(session.trouble, /cannot be reached/);
  session.markAndNext();
  assert.equal(session.isSaved, false);
  state.later.shift()?.();
  await settled();
  assert.equal(session.trouble, 'Busy.');
  state.loseAnswer = true;
  state.later.shift()?.();
  await settled();
  state.later.shift()?.();
  await settled();
  await settled();
  assert.equal(session.trouble, '');
  assert.ok(session.isSaved);
  assert.deepEqual([...state.seen], [0, 1]);
  assert.deepEqual(state.asked.map((body) => body.sequence), [1, 1, 1, 1, 2]);
  assert.equal(session.done, 2);
});

test('another window adds its marks, and a newer pass ends this one', async () => {
  const { state, outside } = world();
  const session = new Session(pass(), outside, 'w');
  state.seen.add(7);
  state.revision = 3;
  session.markAndNext();
  await settled();
  assert.ok(session.isElsewhere);
  assert.deepEqual([session.done, session.seen[7], session.seen[0]], [2, 1, 1]);
  state.newest = 2;
  session.go('next');
  await settled();
  assert.match(session.ended, /newer pass/);
});

test('a page that goes tells in one request what is on its way and what is not', async () => {
  const { state, outside } = world();
  const session = new Session(pass(), outside, 'w');
  session.markAndNext();
  session.markAndNext();
  session.undo();
  session.markAndNext();
  session.leave();
  assert.deepEqual(state.asked.map((body) => [body.sequence, body.marks, body.unmarks]), [[1, [0], []], [2, [1, 0], []]]);
  await settled();
  assert.deepEqual([...state.seen], [0, 1]);
});

test('what could not be told is kept and taken up by the next page', async () => {
  const { state, outside } = world();
  const session = new Session(pass(), outside, 'w');
  assert.equal(session.pending(), null);
  state.fail = [{ status: 401, message: 'You are not logged in any more.' }];
  session.markAndNext();
  await settled();
  session.markAndNext();
  session.undo();
  session.markAndNext();
  assert.equal(session.ended, '');
  assert.deepEqual(session.pending(), { number: 1, marks: [0, 1], unmarks: [] });

  const next = new Session(pass(), outside, 'x');
  next.restore({ number: 2, marks: [5], unmarks: [] }); // of another pass
  next.restore({ .../** @type {any} */ (session.pending()), unmarks: [7, 99] });
  await settled();
  assert.deepEqual([...state.seen], [0, 1]);
  assert.ok(next.isSaved);
});

test('an answer that a newer one overtook changes nothing', () => {
  const session = new Session(pass(), world().outside, 'w');
  const answer = { revision: 5, position: 0, done: 3, total: 8, seconds: 9, finished_at: '2026-11-30T20:00:00Z', newest: 1, seen: null };
  session.accept(answer);
  session.accept({ ...answer, revision: 4, done: 2, finished_at: null });
  assert.deepEqual([session.finishedAt, session.done, session.revision], ['2026-11-30T20:00:00Z', 3, 5]);
});

test('switched off in the middle, the session says so and stops', async () => {
  const { state, outside } = world();
  const session = new Session(pass(), outside, 'w');
  state.fail = [{ status: 404, code: 'plugin-not-enabled', message: 'off' }];
  session.markAndNext();
  await settled();
  assert.match(session.ended, /switched off/);
  session.markAndNext();
  await settled();
  assert.equal(state.asked.length, 1);
});

test('the time that is left follows the own pace, not fields that were carried over', () => {
  const session = new Session(pass({ carried: 2, done: 2, seconds: 0 }), world().outside, 'w');
  assert.equal(session.secondsLeft, null);
  session.done = 6;
  session.seconds = 40;
  assert.equal(session.secondsLeft, 20);
});

test('views count while the picture rests and somebody is there', () => {
  let now = 0;
  const log = new ViewLog(() => now);
  const view = { bounds: { x0: 0, y0: 0, x1: 10, y1: 10 }, zoom: 0.5 };
  log.rest(view);
  now = 100;
  log.rest(view); // passed by
  now = 3100;
  assert.deepEqual(log.take(), [{ x0: 0, y0: 0, x1: 10, y1: 10, zoom: 0.5, seconds: 3 }]);
  now = 10_000_000;
  log.stop();
  const [long] = log.take();
  assert.equal(long.seconds, 120);
  log.giveBack([long]);
  assert.equal(log.length, 1);
  assert.deepEqual(log.take(), [long]);
});

register('../../../sdk/js/resolve.js', import.meta.url);
const { start } = await import('../../../sdk/js/testing.js');
const { default: activate } = await import('../../../plugins/screening/exact_screening/static/index.js');

test('the tab of an image set says how far everybody is, and to others where to begin', async () => {
  const person = { user_id: 1, name: 'Ann <b>', passes: 2, done: 30, total: 40, share: 0.1, area_mm2: 2, seconds: 9, updated_at: '2026-11-30T20:00:00Z', finished_at: '2026-11-30T21:00:00Z' };
  const answers = { 'GET team': [{ image_id: 7, name: 'slide-7', people: [person] }] };
  const page = await start(activate, { plugin: 'screening', image: null, answers, rights: { 'screening.team': true } });
  const text = page.panel('screening.progress').textContent;
  assert.match(text, /slide-7/);
  assert.match(text, /Ann <b>.*finished.*30 of 40 fields, pass 2/s);
  const empty = await start(activate, { plugin: 'screening', image: null, answers: { 'GET team': [] }, rights: { 'screening.team': true } });
  assert.match(empty.panel('screening.progress').textContent, /Nobody has begun yet/);
  const failing = await start(activate, { plugin: 'screening', image: null, answers: {}, rights: { 'screening.team': true } });
  assert.match(failing.panel('screening.progress').textContent, /Try again/);
  const other = await start(activate, { plugin: 'screening', image: null, rights: {} });
  assert.match(other.panel('screening.progress').textContent, /reviewers and managers/);
});

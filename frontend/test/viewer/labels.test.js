// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Labels } from '../../../exact_core/web/static/viewer/labels.js';

/** @typedef {import('../../../exact_core/web/static/viewer/items.js').Item} Item */

const EVERYWHERE = { z: -1, t: -1, c: -1 };
const type = /** @type {any} */ ({ id: 1, name: 'Mitosis', shapes: ['box', 'image', 'absent'] });

/** @param {number} id @param {'image' | 'absent'} shape @param {{z: number, t: number, c: number}} frame @returns {Item} */
const label = (id, shape, frame = EVERYWHERE, author = 5) => ({
  id, uuid: `u${id}`, typeId: 1, geometry: { shape, rings: [] }, frame, revision: 1, author: { id: author, name: `P${author}` },
  text: '', attributes: {}, createdAt: '', editedAt: '', isComplete: true,
});

/** @param {Partial<import('../../../exact_core/web/static/viewer/labels.js').Desk>} parts */
function desk(parts = {}) {
  /** @type {any[]} */
  const done = [];
  const frame = { z: 2, t: 0, c: -1 };
  const labels = new Labels({
    image: { size_z: 5, size_t: 1 }, frame: () => frame, ask: async () => [], waiting: () => [], isGone: () => false,
    mayEdit: (item) => item.author?.id === 5, set: (_, shape, on) => done.push(['set', shape, on]),
    takeOff: (items) => done.push(['off', ...items.map((item) => item.id)]), tell: (text) => done.push(['tell', text]),
    drawn: () => 0, changed: () => undefined, ...parts,
  });
  return { labels, done, frame };
}

test('a label is set of the whole image, or of the frame on the screen', () => {
  const { labels, done, frame } = desk();
  labels.toggle(type, 'image');
  labels.choose('frame');
  labels.toggle(type, 'absent');
  assert.deepEqual(done, [['set', 'image', EVERYWHERE], ['set', 'absent', frame]]);
});

test('labels of the image and of a frame are told apart', async () => {
  const { labels } = desk({ ask: async () => [label(1, 'image'), label(2, 'image', { z: 2, t: 0, c: -1 }), label(3, 'image', { z: 4, t: 0, c: -1 })] });
  await labels.load();
  assert.deepEqual(labels.of(1, 'image').map((item) => item.id), [1]);
  labels.choose('frame');
  assert.deepEqual(labels.of(1, 'image').map((item) => item.id), [2]);
});

test('on an image of one frame every label counts, whatever frame it names', async () => {
  const { labels } = desk({ image: { size_z: 1, size_t: 1 }, ask: async () => [label(1, 'image'), label(2, 'absent', { z: 0, t: 0, c: -1 })] });
  await labels.load();
  assert.equal(labels.hasFrames, false);
  assert.deepEqual([labels.of(1, 'image').length, labels.of(1, 'absent').length], [1, 1]);
});

test('a second press takes the own label off, and what contradicts a new one goes', async () => {
  const { labels, done } = desk({ ask: async () => [label(1, 'image')] });
  await labels.load();
  labels.toggle(type, 'image');
  assert.deepEqual(done, [['off', 1]]);
  done.length = 0;
  labels.toggle(type, 'absent');
  assert.deepEqual(done, [['off', 1], ['set', 'absent', EVERYWHERE]]);
});

test("somebody else's label stays, and the person is told", async () => {
  const { labels, done } = desk({ ask: async () => [label(1, 'image', EVERYWHERE, 9)] });
  await labels.load();
  labels.toggle(type, 'image');
  assert.equal(done[0][0], 'tell');
  assert.equal(done.length, 1);
});

test('who says that there is none is told of those that are drawn', async () => {
  const { labels, done } = desk({ drawn: () => 3, ask: async () => [label(1, 'image', EVERYWHERE, 9)] });
  await labels.load();
  labels.toggle(type, 'absent');
  assert.deepEqual(done[0], ['tell', '2 × Mitosis are drawn on this image all the same.']);
  assert.deepEqual(done[1], ['set', 'absent', EVERYWHERE]);
});

test('changes on this page count at once, and what waits is not lost or doubled by an answer', async () => {
  const waits = { ...label(0, 'absent'), id: null, uuid: 'new' };
  const { labels } = desk({ waiting: () => [waits], isGone: (item) => item.id === 2, ask: async () => [label(1, 'image'), label(2, 'image')] });
  labels.note([waits], []);
  assert.equal(labels.of(1, 'absent').length, 1);
  await labels.load();
  assert.deepEqual(labels.items.map((item) => item.uuid), ['u1', 'new']);
  labels.note([{ ...waits, id: 9 }], [{ id: 1, uuid: null }]);
  assert.deepEqual(labels.items.map((item) => item.id), [9]);
});

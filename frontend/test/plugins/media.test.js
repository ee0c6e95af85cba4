// @ts-check
/** The media plugin's own arithmetic: times, sizes, what comes next. */

import assert from 'node:assert/strict';
import test from 'node:test';

const { brief, bytes, clock, facts, isDecodedHere, likings, nextOf } = await import('../../../plugins/media/exact_media/static/media.js');

const ITEM = /** @type {any} */ ({ duration: 2.05, sample_rate: 44_100, channels: 2, width: null, height: null, size_bytes: 361_000 });

test('times are read to a tenth of a second while that matters', () => {
  assert.deepEqual([0, 2.04, 59.96, 64.2, 599.9, 725, 3725].map(clock), ['0:00.0', '0:02.0', '1:00.0', '1:04.2', '9:59.9', '12:05', '1:02:05']);
  assert.equal(clock(Number.NaN), '–');
  assert.equal(clock(Infinity), '–');
});

test('facts leave out what is not known', () => {
  assert.equal(facts(ITEM), '0:02.1 · 44.1 kHz · stereo · 361 kB');
  assert.equal(brief(ITEM), '0:02.1 · 44.1 kHz · stereo');
  assert.equal(facts({ ...ITEM, duration: null, sample_rate: null, channels: null, width: 640, height: 480 }), '640 × 480 · 361 kB');
  assert.deepEqual([0, 999, 1000, 1_500_000_000].map(bytes), ['0 B', '999 B', '1.0 kB', '1.5 GB']);
});

test('the next shape is the one drawn next, and after the last there is none', () => {
  assert.equal(nextOf([3, 5, 9], 3), 5);
  assert.equal(nextOf([3, 5, 9], 4), 5); // the one that played was taken off meanwhile
  assert.equal(nextOf([3, 5, 9], 9), null);
  assert.equal(nextOf([], 1), null);
});

test('long sounds are not decoded in the browser', () => {
  assert.ok(isDecodedHere(ITEM));
  assert.ok(!isDecodedHere({ ...ITEM, duration: 3600 }));
  assert.ok(!isDecodedHere({ ...ITEM, size_bytes: 1_000_000_000 }));
});

test('without storage the settings of the image set hold', () => {
  assert.deepEqual(likings({ play_on_click: false, autoplay_next: true }), { playOnClick: false, autoplayNext: true, volume: 1 });
  assert.deepEqual(likings({}), { playOnClick: true, autoplayNext: false, volume: 1 });
});

test('only boxes have a line that runs over them', async () => {
  const { readFileSync } = await import('node:fs');
  const source = readFileSync(new URL('../../../plugins/media/exact_media/static/play_line.js', import.meta.url), 'utf8').replace(/^import .*;$/gm, '');
  const { boxOf } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  assert.deepEqual(boxOf({ shape: 'box', rings: [[[10, 40], [5, 20]]] }), { x0: 5, y0: 20, x1: 10, y1: 40 });
  assert.equal(boxOf({ shape: 'polygon', rings: [[[1, 2], [3, 4]]] }), null);
  assert.equal(boxOf(undefined), null);
});

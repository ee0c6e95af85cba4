// @ts-check
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { paintHeat } from '../../../exact_core/web/static/viewer/layer/heat.js';
import { cellSizeFor } from '../../../exact_core/web/static/viewer/layer/decoder.js';
import { rectangleFor, ViewLoader } from '../../../exact_core/web/static/viewer/layer/loader.js';
import { Palette } from '../../../exact_core/web/static/viewer/layer/palette.js';
import { visibleBox } from '../../../exact_core/web/static/viewer/layer/view_transform.js';
import { decodeView } from '../../../exact_core/web/static/viewer/wire.js';
import { encodeSummary } from './encode_view.js';

/** @typedef {import('../../../exact_core/web/static/viewer/layer/api.js').ViewParams} ViewParams */

const IMAGE = { width: 100_000, height: 80_000 };
const ORIGIN = { z: 0, t: 0, c: -1 };

/** A loader in front of a server that answers when the test says so, with a clock that the test moves. */
function newLoader(kind = 'shapes') {
  mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  /** @type {{params: ViewParams, signal: AbortSignal, answer: (value?: ArrayBuffer) => void, fail: (error: Error) => void}[]} */
  const asked = [];
  /** @type {any[]} */
  const pages = [];
  /** @type {string[]} */
  const errors = [];
  const state = { paused: false };
  const loader = new ViewLoader({
    imageSize: IMAGE, frame: ORIGIN, limit: 5000, now: () => now, isPaused: () => state.paused,
    fetchView: (params, signal) => new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      asked.push({ params, signal, answer: (value = new ArrayBuffer(0)) => resolve(value), fail: reject });
    }),
    decode: async () => /** @type {any} */ ({ header: { kind }, cells: [] }),
    onPage: (page) => pages.push(page), onError: (error) => errors.push(error.message),
  });
  const wait = async (/** @type {number} */ ms) => {
    for (let passed = 0; passed < ms; passed += 10) {
      now += 10;
      mock.timers.tick(10);
      await Promise.resolve();
    }
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  const look = (/** @type {number} */ x, /** @type {number} */ y, scale = 0.5) =>
    loader.look({ box: [x, y, x + 1000 / scale, y + 800 / scale], scale });
  const done = () => {
    loader.destroy();
    mock.timers.reset();
  };
  return { loader, asked, pages, errors, wait, look, done, state };
}

test('the rectangle is the view grown by half on each side, inside the image', () => {
  assert.deepEqual(rectangleFor([1000, 1000, 3000, 2000], IMAGE), [0, 500, 4000, 2500]);
  assert.deepEqual(rectangleFor([98_000, 79_000, 100_000, 80_000], IMAGE), [97_000, 78_500, 100_000, 80_000]);
  assert.equal(rectangleFor([200_000, 0, 201_000, 10], IMAGE), null);
});

test('the first view is asked for at once, and again only when the screen leaves what is loaded', async () => {
  const { asked, pages, wait, look, done } = newLoader();
  look(10_000, 10_000);
  await wait(10);
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0].params, { x0: 9000, y0: 9200, x1: 13_000, y1: 12_400, scale: 0.5, ...ORIGIN, limit: 5000 });
  asked[0].answer();
  await wait(10);
  assert.equal(pages.length, 1);
  look(10_900, 10_700);
  await wait(1000);
  assert.equal(asked.length, 1);
  look(11_100, 10_700);
  await wait(1000);
  assert.equal(asked.length, 2);
  done();
});

test('while the view moves, requests wait, but not for ever', async () => {
  const { asked, wait, look, done } = newLoader();
  look(10_000, 10_000);
  await wait(10);
  asked[0].answer();
  await wait(10);
  for (let step = 0; step < 20; step++) {
    look(20_000 + step, 10_000);
    await wait(30);
  }
  assert.equal(asked.length, 2);
  done();
});

test('a request for a place that was left is given up', async () => {
  const { asked, pages, errors, wait, look, done } = newLoader();
  look(10_000, 10_000);
  await wait(10);
  look(50_000, 50_000);
  await wait(200);
  assert.equal(asked[0].signal.aborted, true);
  assert.equal(asked.length, 2);
  asked[1].answer();
  await wait(10);
  assert.deepEqual([pages.length, errors], [1, []]);
  done();
});

for (const [kind, closer] of /** @type {const} */ ([['shapes', 1], ['centroids', 2]])) {
  test(`coming closer within ${kind} asks ${closer - 1} times, going away asks again`, async () => {
    const { asked, wait, look, done } = newLoader(kind);
    look(10_000, 10_000, 0.5);
    await wait(10);
    asked[0].answer();
    await wait(10);
    look(10_500, 10_500, 1.1);
    await wait(500);
    assert.equal(asked.length, closer);
    asked[1]?.answer();
    await wait(10);
    look(10_000, 10_000, 0.2);
    await wait(500);
    assert.equal(asked.length, closer + 1);
    done();
  });
}

test('errors are told once and retried more and more seldom until one answer comes', async () => {
  const { asked, pages, errors, wait, look, done } = newLoader();
  look(10_000, 10_000);
  await wait(10);
  asked[0].fail(new Error('no network'));
  await wait(900);
  assert.equal(asked.length, 1);
  await wait(200);
  assert.equal(asked.length, 2);
  asked[1].fail(new Error('no network'));
  await wait(1800);
  assert.equal(asked.length, 2);
  await wait(300);
  assert.equal(asked.length, 3);
  assert.deepEqual(errors, ['no network']);
  asked[2].answer();
  await wait(10);
  assert.equal(pages.length, 1);
  done();
});

test('a refusal is not asked again until the view moves', async () => {
  const { asked, errors, wait, look, done } = newLoader();
  look(10_000, 10_000);
  await wait(10);
  asked[0].fail(Object.assign(new Error('not yours'), { status: 403 }));
  await wait(10);
  for (let frame = 0; frame < 10; frame++) {
    look(10_000, 10_000);
    await wait(1000);
  }
  assert.deepEqual([asked.length, errors], [1, ['not yours']]);
  look(10_500, 10_000);
  await wait(500);
  assert.equal(asked.length, 2);
  done();
});

test('a refresh asks again and says that nothing older may stay', async () => {
  const { loader, asked, pages, wait, look, done } = newLoader();
  look(10_000, 10_000);
  await wait(10);
  asked[0].answer();
  await wait(10);
  loader.refresh();
  await wait(10);
  loader.refresh();
  assert.equal(asked.length, 2);
  asked[1].answer();
  await wait(200);
  assert.equal(asked.length, 3);
  assert.deepEqual(pages.map((page) => page.fresh), [false, true]);
  done();
});

test('another frame gives up what is under way and asks for its own', async () => {
  const { loader, asked, wait, look, done } = newLoader();
  look(10_000, 10_000);
  await wait(10);
  loader.setFrame({ z: 3, t: 0, c: 1 });
  await wait(10);
  assert.deepEqual([asked[0].signal.aborted, asked[1].params.z, asked[1].params.c], [true, 3, 1]);
  done();
});

test('nothing is asked while nobody sees the page, and everything when it is shown again', async () => {
  const { loader, asked, wait, look, done, state } = newLoader();
  state.paused = true;
  look(10_000, 10_000);
  await wait(500);
  assert.equal(asked.length, 0);
  state.paused = false;
  loader.wake();
  await wait(10);
  assert.equal(asked.length, 1);
  done();
});

test('a loader that is gone asks for nothing', async () => {
  const { loader, asked, wait, look, done } = newLoader();
  look(10_000, 10_000);
  await wait(10);
  loader.destroy();
  assert.equal(asked[0].signal.aborted, true);
  look(60_000, 10_000);
  loader.refresh();
  await wait(1000);
  assert.equal(asked.length, 1);
  done();
});

test('cells are 1024 px near by and a good part of the screen from afar', () => {
  assert.deepEqual([4, 0.5, 0.25, 0.1, 0.01, 0.0001].map(cellSizeFor), [1024, 1024, 1024, 4096, 32_768, 65_536]);
});

test('the visible box covers a turned and mirrored screen', () => {
  const turn = Math.PI / 6;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const box = visibleBox({ a: -cos, b: sin, c: sin, d: cos, e: 300, f: 20, scale: 1, width: 800, height: 600 });
  const half = [(800 * cos + 600 * sin) / 2, (800 * sin + 600 * cos) / 2];
  assert.ok(Math.abs((box[2] - box[0]) / 2 - half[0]) < 1e-6);
  assert.ok(Math.abs((box[3] - box[1]) / 2 - half[1]) < 1e-6);
});

test('heat takes the mean colour of what is visible and more of it where there is more', () => {
  const view = decodeView(encodeSummary([
    { typeId: 1, column: 10, row: 5, count: 300 }, { typeId: 2, column: 10, row: 5, count: 100 },
    { typeId: 1, column: 12, row: 6, count: 4 },
  ]));
  assert.ok(view.kind === 'summary');
  const palette = new Palette(new Map([
    [1, { id: 1, name: 'a', color: '#ff0000', visible: true }], [2, { id: 2, name: 'b', color: '#0000ff', visible: true }],
  ]));
  const heat = paintHeat(view, palette);
  assert.ok(heat);
  assert.deepEqual([heat.width, heat.height, heat.box], [5, 4, [9 * 2048, 4 * 2048, 14 * 2048, 8 * 2048]]);
  const many = heat.pixels.subarray(4 * (1 * 5 + 1), 4 * (1 * 5 + 1) + 4);
  const few = heat.pixels.subarray(4 * (2 * 5 + 3), 4 * (2 * 5 + 3) + 4);
  assert.ok(many[3] > 2 * few[3] && few[3] > 20);
  assert.ok(Math.abs(many[0] / many[2] - 3) < 0.1);
  palette.setTypeVisible(1, false);
  const blue = paintHeat(view, palette);
  assert.deepEqual([blue?.pixels[4 * 6], blue?.pixels[4 * 13 + 3]], [0, 0]);
  palette.setTypeVisible(2, false);
  assert.equal(paintHeat(view, palette), null);
});

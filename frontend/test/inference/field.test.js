// @ts-check
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { readContract } from '../../../exact_core/web/static/inference/contract.js';
import { Answers, FieldRunner, TooLargeError, boxOf } from '../../../exact_core/web/static/inference/field.js';
import { DamagedModelError, loadModelFile, namesToDrop } from '../../../exact_core/web/static/inference/model_file.js';
import { SlidePixels } from '../../../exact_core/web/static/inference/pixels.js';
import { isOutOfMemory } from '../../../exact_core/web/static/inference/runtime.js';
import { classesOf, paint } from '../../../exact_core/web/static/viewer/live/colours.js';
import { objectsIn } from '../../../exact_core/web/static/viewer/live/objects.js';

const LEVEL = { index: 0, downsample: 1, width: 20, height: 10, tile_width: 8, tile_height: 8, columns: 3, rows: 2 };
const AS_IT_IS = { level: LEVEL, factor: 1, scale: 1, width: 20, height: 10, note: '' };

/** A slide whose red is the column and whose green is the row. */
function slide() {
  /** @type {string[]} */
  const asked = [];
  const pixels = new SlidePixels({ id: 5, content_version: 'a b' }, '0.0.rgb', async (url) => {
    asked.push(url);
    const [column, row] = /** @type {RegExpMatchArray} */ (url.match(/(\d+)_(\d+)/)).slice(1).map(Number);
    const samples = Uint8ClampedArray.from({ length: 8 * 8 * 4 }, (_, i) =>
      [column * 8 + (Math.floor(i / 4) % 8), row * 8 + Math.floor(i / 32), 0, 255][i % 4]);
    return { samples, width: 8, height: 8, channels: 4 };
  });
  return { pixels, asked };
}

/** A network that answers red, of its input, and counts. */
function redNetwork() {
  const network = {
    backend: /** @type {const} */ ('wasm'), threads: 1, note: '', runs: 0,
    /** @param {Float32Array} values @param {[number, number, number, number]} shape */
    async run(values, [, , height, width]) {
      network.runs += 1;
      return { values: values.slice(0, height * width), shape: [1, 1, height, width] };
    },
    close: async () => undefined,
  };
  return network;
}

const CONTRACT = readContract({ classes: ['red'], divisor: 1, activation: 'none', multiple: 8, tile: 8, step: 6 });

/** @param {FieldRunner} runner @param {any} box @param {AbortSignal} [signal] @param {() => boolean} [isDue] */
async function stepsOf(runner, box, signal = new AbortController().signal, isDue = () => false) {
  const steps = [];
  for await (const step of runner.run(AS_IT_IS, box, 'frame', signal, isDue)) steps.push(step);
  return steps;
}

test('pixels are put together of tiles, each asked for once', async () => {
  const { pixels, asked } = slide();
  const { samples } = await pixels.read(AS_IT_IS, { x: 6, y: 7, width: 3, height: 2 });
  assert.deepEqual([...samples].filter((_, i) => i % 4 === 0), [6, 7, 8, 6, 7, 8]);
  assert.deepEqual([...samples].filter((_, i) => i % 4 === 1), [7, 7, 7, 8, 8, 8]);
  await pixels.read(AS_IT_IS, { x: 0, y: 0, width: 16, height: 10 });
  assert.equal(asked.length, 4);
  assert.equal(asked[0], '/api/v2/images/5/tiles/0.0.rgb/0/0_0?v=a%20b');
});

test('a tile that could not be loaded is asked for again', async () => {
  let tries = 0;
  const pixels = new SlidePixels({ id: 1, content_version: '' }, '0.0.rgb', async () => {
    tries += 1;
    if (tries === 1) throw new Error('away');
    return { samples: new Uint8ClampedArray(256), width: 8, height: 8, channels: 4 };
  });
  const place = { x: 0, y: 0, width: 8, height: 8 };
  await assert.rejects(pixels.read(AS_IT_IS, place), /away/);
  await pixels.read(AS_IT_IS, place);
  assert.equal(tries, 2);
});

test('a field has the answers of its tiles, and a moved view computes only what is new', async () => {
  const { pixels } = slide();
  const network = redNetwork();
  const runner = new FieldRunner(CONTRACT, network, new Answers(), (place) => pixels.read(AS_IT_IS, place));
  const steps = await stepsOf(runner, { x0: 3, y0: 2, x1: 7, y1: 4 }, undefined, () => true);
  const whole = steps.at(-1);
  assert.equal(whole?.isWhole, true);
  assert.deepEqual([...(whole?.field.values ?? [])].map(Math.round), [3, 4, 5, 6, 3, 4, 5, 6]);
  assert.deepEqual([whole?.field.x, whole?.field.y, whole?.computed], [3, 2, network.runs]);
  const before = network.runs;
  const [again] = await stepsOf(runner, { x0: 4, y0: 2, x1: 7, y1: 4 });
  assert.deepEqual([again.computed, network.runs], [0, before]);
});

test('a view that is not wanted any more ends between two tiles', async () => {
  const { pixels } = slide();
  const network = redNetwork();
  const controller = new AbortController();
  const runner = new FieldRunner(CONTRACT, network, new Answers(), async (place) => {
    if (network.runs === 1) controller.abort();
    return pixels.read(AS_IT_IS, place);
  });
  await assert.rejects(stepsOf(runner, { x0: 0, y0: 0, x1: 20, y1: 10 }, controller.signal), { name: 'AbortError' });
  assert.ok(network.runs <= 2);
});

test('a network that answers in another shape than promised is refused with both', async () => {
  const { pixels } = slide();
  const runner = new FieldRunner({ ...CONTRACT, classes: ['a', 'b'] }, redNetwork(), new Answers(), (place) => pixels.read(AS_IT_IS, place));
  await assert.rejects(stepsOf(runner, { x0: 0, y0: 0, x1: 4, y1: 4 }), /1 × 1 × 8 × 8.*1 × 2 × 8 × 8/);
});

test('a view is cut to the image, and one that is too large says how much closer it must be', () => {
  assert.deepEqual(boxOf(AS_IT_IS, [-5, 2.5, 8.2, 99]), { x0: 0, y0: 2, x1: 9, y1: 10 });
  assert.equal(boxOf(AS_IT_IS, [30, 0, 40, 5]), null);
  assert.throws(() => boxOf(AS_IT_IS, [0, 0, 20, 10], 50), (error) => error instanceof TooLargeError && error.zoomBy === 2);
});

const BYTES = Uint8Array.of(1, 2, 3, 4);
const FILE = { file: 'model.onnx', bytes: 4, sha256: createHash('sha256').update(BYTES).digest('hex'), integrity: '' };
const answerOf = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => /** @type {any} */ (async () => new Response(bytes));

test('a model’s file is told while it comes, and refused when it is another one, shorter or longer', async () => {
  /** @type {number[]} */
  const told = [];
  const { subtle } = globalThis.crypto;
  const loaded = await loadModelFile('/m', FILE, (now) => told.push(now), { fetch: answerOf(BYTES), subtle });
  assert.deepEqual([[...loaded.bytes], told.at(-1)], [[1, 2, 3, 4], 4]);
  for (const other of [Uint8Array.of(1, 2, 3, 5), Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3, 4, 5)]) {
    await assert.rejects(loadModelFile('/m', FILE, () => undefined, { fetch: answerOf(other), subtle }), DamagedModelError);
  }
});

test('without TLS the browser itself compares the checksum', async () => {
  /** @type {any} */
  let asked;
  const fetch = /** @type {any} */ (async (/** @type {string} */ _, /** @type {any} */ options) => {
    asked = options;
    return new Response(BYTES);
  });
  await loadModelFile('/m', { ...FILE, integrity: 'sha256-x' }, () => undefined, { fetch });
  assert.deepEqual(asked, { integrity: 'sha256-x' });
});

test('of the kept files those go that were not used for the longest, never the one in use', () => {
  const kept = { a: { bytes: 60, used: 1 }, b: { bytes: 60, used: 2 }, c: { bytes: 60, used: 3 } };
  assert.deepEqual(namesToDrop(kept, 130, 'c'), ['a']);
  assert.deepEqual(namesToDrop(kept, 60, 'a'), ['b', 'c']);
  assert.deepEqual(namesToDrop(kept, 500, 'a'), []);
});

test('want of memory is known by what browsers say', () => {
  for (const error of [new RangeError('Array buffer allocation failed'), new Error('std::bad_alloc'), 'RuntimeError: Out of memory']) assert.ok(isOutOfMemory(error));
  assert.ok(!isOutOfMemory(new Error('no such input')));
});

test('the likeliest shown class over the threshold colours a pixel', () => {
  const classes = classesOf(['background', 'Cell', 'gland'], [{ name: 'cell', color: '#102030' }]);
  assert.deepEqual(classes.map(({ isShown }) => isShown), [false, true, true]);
  assert.equal(classes[1].color, '#102030');
  const field = { values: Float32Array.of(0.9, 0.1, NaN, 0.6, 0.2, NaN, 0.5, 0.1, NaN), classes: 3, width: 3, height: 1, x: 0, y: 0, scale: 1 };
  const painted = paint(field, classes, 0.5);
  assert.deepEqual([...painted.slice(0, 3)], [0x10, 0x20, 0x30]);
  assert.ok(painted[3] > 0);
  assert.deepEqual([painted[7], painted[11]], [0, 0]);
});

test('objects are what hangs together along edges, in level-0 pixels', () => {
  const map = [1, 1, 0, 0, 0, 0, 0, 0.5, 0, 0, 0.75, 0];
  const field = { values: Float32Array.from(map), classes: 1, width: 4, height: 3, x: 100, y: 50, scale: 2 };
  const found = objectsIn(field, 0, 0.5, 1);
  assert.deepEqual(found.map(({ x, y, score }) => [x, y, score]), [[102, 51, 1], [107, 53, 0.5], [105, 55, 0.75]]);
  assert.ok(Math.abs(Math.PI * found[0].radius ** 2 - 8) < 1e-9, 'two pixels of 2 × 2 level-0 pixels');
  assert.equal(objectsIn(field, 0, 0.5, 2).length, 1);
});

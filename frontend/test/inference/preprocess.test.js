// @ts-check
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ContractError, readContract } from '../../../exact_core/web/static/inference/contract.js';
import { Stitcher, paddedLength, reflected, startsOf, tilesOf, windowWeights } from '../../../exact_core/web/static/inference/placing.js';
import { activate, prepare } from '../../../exact_core/web/static/inference/preprocess.js';
import { resolutionFor, shrink } from '../../../exact_core/web/static/inference/resolution.js';

// Python checks the same file: sdk/tests/ml/test_preprocess_in_the_browser.py.
const cases = JSON.parse(readFileSync(new URL('./preprocess_cases.json', import.meta.url), 'utf8'));

for (const one of cases) {
  test(`the input of a network is that of the file: ${one.name}`, () => {
    const [height, width] = [one.pixels.length, one.pixels[0].length];
    const samples = Uint8ClampedArray.from(one.pixels.flat(2));
    const input = prepare(readContract(one.contract), { samples, width, height, channels: 3 });
    assert.deepEqual([input.width, input.height], [one.width, one.height]);
    assert.deepEqual([...input.values], one.expected);
  });
}

test('a fourth sample, alpha, is not read', () => {
  const contract = readContract({ classes: ['a'], multiple: 1, tile: 4, step: 4 });
  const { values } = prepare(contract, { samples: Uint8ClampedArray.of(255, 0, 51, 9), width: 1, height: 1, channels: 4 });
  assert.deepEqual([...values], [1, 0, Math.fround(0.2)]);
});

test('a file that does not follow the rules is refused with the field', () => {
  const good = { classes: ['a', 'b'] };
  assert.equal(readContract(good).tile, 512);
  for (const [change, field] of /** @type {[any, RegExp][]} */ ([
    [{ format: 2 }, /format/], [{ classes: [] }, /classes/], [{ std: [1, 0, 1] }, /std/], [{ extra: 1 }, /extra.*unknown/],
    [{ step: 600 }, /step/], [{ tile: 500 }, /tile/], [{ bands: [0] }, /bands/], [{ mpp: -1 }, /mpp/], [{ activation: 'tanh' }, /activation/],
    [{ model: { file: '../x.onnx', bytes: 1, sha256: 'a'.repeat(64), integrity: '' } }, /model/],
  ])) {
    assert.throws(() => readContract({ ...good, ...change }), (error) => error instanceof ContractError && field.test(error.message));
  }
  assert.throws(() => readContract({}), /classes.*missing/);
});

test('softmax and sigmoid make probabilities of any logits', () => {
  const softmax = activate('softmax', Float32Array.of(1000, -1000, 1000, 1000), 2, 2);
  assert.deepEqual([...softmax], [0.5, 0, 0.5, 1]);
  const sigmoid = activate('sigmoid', Float32Array.of(0, -1000, 1000), 1, 3);
  assert.deepEqual([...sigmoid], [0.5, 0, 1]);
});

test('tiles lie every step and once flush with the end', () => {
  assert.deepEqual(startsOf(10, 16, 8), [0]);
  assert.deepEqual(startsOf(40, 16, 12), [0, 12, 24]);
  assert.deepEqual(startsOf(41, 16, 12), [0, 12, 24, 25]);
  assert.equal(paddedLength(33, 32), 64);
  assert.deepEqual([...reflected(4, 8)], [0, 1, 2, 3, 2, 1, 0, 1]);
  assert.deepEqual([...reflected(1, 3)], [0, 0, 0]);
});

test('the tiles of a field are those of the whole image that touch it, the middle first', () => {
  const places = tilesOf({ width: 100, height: 20 }, { x0: 30, y0: 0, x1: 60, y1: 20 }, { tile: 32, step: 16 });
  assert.deepEqual(places.map(({ x }) => x), [32, 16, 48, 0].filter((x) => x + 32 > 30 && x < 60));
  assert.ok(places.every(({ width, height }) => width === 32 && height === 20));
});

test('overlapping tiles are averaged by their windows, and what no tile touched is not a number', () => {
  const field = { x0: 0, y0: 0, x1: 7, y1: 1 };
  const stitcher = new Stitcher(field, 1, 'hann');
  stitcher.add({ x: 0, y: 0, width: 4, height: 1 }, Float32Array.of(1, 1, 1, 1), 4, 1);
  stitcher.add({ x: 2, y: 0, width: 4, height: 1 }, Float32Array.of(0, 0, 0, 0), 4, 1);
  const weights = windowWeights(4, 1, 'hann');
  const [, , third, fourth, , , last] = stitcher.averages();
  assert.ok(Math.abs(third - weights[2] / (weights[2] + weights[0])) < 1e-6);
  assert.ok(Math.abs(fourth - weights[3] / (weights[3] + weights[1])) < 1e-6);
  assert.ok(Number.isNaN(last));
});

const LEVELS = [1, 4, 16].map((downsample, index) => ({
  index, downsample, width: 16_000 / downsample, height: 8000 / downsample, tile_width: 256, tile_height: 256, columns: 1, rows: 1,
}));

test('the coarsest level that is fine enough is read, and shrunk by the rest', () => {
  const at = (/** @type {number | null} */ mpp, /** @type {number | null} */ own = 0.25) => resolutionFor({ levels: LEVELS, mpp_x: own }, mpp);
  assert.deepEqual([at(0.252).level.index, at(0.252).factor], [0, 1]);
  assert.deepEqual([at(0.5).level.index, at(0.5).factor, at(0.5).width], [0, 2, 8000]);
  assert.deepEqual([at(1).level.index, at(1).factor, at(1).scale], [1, 1, 4]);
  assert.match(at(0.1).note, /0\.25/);
  assert.match(at(0.5, null).note, /full size/);
  assert.equal(at(null).factor, 1);
});

test('a shrunk pixel is the mean of the area that it covers, rounded half up', () => {
  const row = [10, 20, 30, 40, 50].flatMap((value) => [value, value, value, 255]);
  const twice = shrink(Uint8ClampedArray.from([...row.slice(0, 16), ...row.slice(0, 16)]), 4, 2, 0, 0, 2, 2, 1);
  assert.deepEqual([...twice], [15, 15, 15, 255, 35, 35, 35, 255]);
  const odd = shrink(Uint8ClampedArray.from([...row, ...row]), 5, 2, 0.5, 0, 1.5, 2, 1);
  assert.deepEqual([odd[0], odd[4]], [17, 33], '(10/2 + 20) / 1.5 and (30 + 40/2) / 1.5');
});

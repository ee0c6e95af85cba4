// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BoxGrid } from '../../../exact_core/web/static/viewer/layer/box_grid.js';
import { reachOfEllipse } from '../../../exact_core/web/static/viewer/layer/hit_test.js';
import { Palette, parseColor } from '../../../exact_core/web/static/viewer/layer/palette.js';
import { AnnotationStore } from '../../../exact_core/web/static/viewer/store.js';

/** Random numbers that are the same in each run. */
function random(seed = 1) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** @typedef {import('../../../exact_core/web/static/viewer/layer/api.js').Geometry} Geometry */

/** A store with local shapes, whose uuids are their names. @param {Record<string, Geometry>} shapes */
function storeOf(shapes) {
  const store = new AnnotationStore(new Palette(new Map()));
  for (const [uuid, geometry] of Object.entries(shapes)) store.upsert({ uuid, type_id: 1, geometry });
  return store;
}

/** @param {AnnotationStore} store @param {number} x @param {number} y @param {number} [tolerance] */
const at = (store, x, y, tolerance = 2) => store.picker.pick(x, y, tolerance, 5).map((hit) => hit.uuid);

/** @type {Record<string, Geometry>} */
const SHAPES = {
  ring: {
    shape: 'polygon',
    rings: [[[0, 0], [100, 0], [100, 100], [0, 100]], [[30, 30], [70, 30], [70, 70], [30, 70]]],
  },
  point: { shape: 'point', points: [[300, 300]] },
  box: { shape: 'box', points: [[200, 0], [260, 40]] },
  ellipse: { shape: 'ellipse', points: [[0, 200], [100, 240]] },
  line: { shape: 'line', points: [[200, 200], [300, 240]] },
  polyline: { shape: 'polyline', points: [[400, 0], [500, 0], [500, 100]] },
  diamond: { shape: 'rotated_box', points: [[450, 200], [500, 250], [450, 300], [400, 250]] },
  parts: { shape: 'multi_polygon', parts: [[[[600, 0], [650, 0], [650, 50], [600, 50]]], [[[700, 0], [780, 0], [780, 80], [700, 80]], [[720, 20], [760, 20], [760, 60], [720, 60]]]] },
  image: { shape: 'image', points: [] },
};

/** @type {[number, number, string[]][]} */
const PLACES = [
  [15, 50, ['ring']], [50, 50, []], [31, 50, ['ring']], [-1, 50, ['ring']], [-4, 50, []],
  [306, 300, ['point']], [310, 300, []], [230, 20, ['box']], [261, 41, ['box']],
  [50, 220, ['ellipse']], [3, 203, []], [50, 199, ['ellipse']], [250, 221, ['line']], [250, 230, []],
  [501, 50, ['polyline']], [450, 50, []], [420, 250, ['diamond']], [410, 210, []],
  [620, 20, ['parts']], [675, 20, []], [710, 40, ['parts']], [740, 40, []], [0, 0, ['ring']],
];
for (const [x, y, names] of PLACES) {
  test(`${names[0] ?? 'nothing'} lies at ${x}, ${y}`, () => assert.deepEqual(at(storeOf(SHAPES), x, y), names));
}

test('an edge under the mouse comes before areas, and a small area before the large one around it', () => {
  const store = storeOf({
    large: { shape: 'box', points: [[0, 0], [1000, 1000]] },
    small: { shape: 'box', points: [[100, 100], [200, 200]] },
    line: { shape: 'line', points: [[0, 150], [1000, 150]] },
  });
  assert.deepEqual(at(store, 150, 160), ['small', 'large']);
  assert.deepEqual(at(store, 150, 151), ['line', 'small', 'large']);
  assert.deepEqual(at(store, 101, 120), ['small', 'large']);
});

test('of two shapes on one place the one drawn later is on top', () => {
  const geometry = /** @type {Geometry} */ ({ shape: 'box', points: [[0, 0], [50, 50]] });
  assert.deepEqual(at(storeOf({ below: geometry, above: geometry }), 25, 25), ['above', 'below']);
});

test('a rectangle picks what lies wholly in it, whichever way it was drawn', () => {
  const store = storeOf(SHAPES);
  const names = store.picker.pickBox([510, 110, -10, -10]).map((shape) => shape.uuid).sort();
  assert.deepEqual(names, ['box', 'polyline', 'ring']);
  assert.deepEqual(store.picker.pickBox([10, 10, 90, 90]), []);
});

test('the distance to an ellipse agrees with a search over its outline', () => {
  const next = random();
  for (let i = 0; i < 200; i++) {
    const [rx, ry] = [1 + next() * 200, 1 + next() * 200];
    const [x, y] = [(next() - 0.5) * 600, (next() - 0.5) * 600];
    let nearest = Infinity;
    for (let step = 0; step < 20_000; step++) {
      const angle = (step / 20_000) * 2 * Math.PI;
      nearest = Math.min(nearest, Math.hypot(rx * Math.cos(angle) - x, ry * Math.sin(angle) - y));
    }
    const { distance } = reachOfEllipse(x, y, rx, ry);
    assert.ok(Math.abs(distance - nearest) < 0.02 * Math.max(rx, ry), `${x} ${y} ${rx} ${ry}: ${distance} ${nearest}`);
  }
});

test('the grid finds the same boxes as asking each', () => {
  const next = random(7);
  const boxes = new Int32Array(4 * 3000);
  for (let i = 0; i < 3000; i++) {
    const side = next() < 0.02 ? 20_000 : 40;
    const [x, y] = [next() * 30_000 - 5000, next() * 30_000];
    boxes.set([x, y, x + next() * side, y + next() * side], 4 * i);
  }
  const grid = new BoxGrid(boxes);
  for (let i = 0; i < 100; i++) {
    const [x, y, w] = [next() * 40_000 - 10_000, next() * 40_000 - 5000, next() * next() * 8000];
    const expected = [];
    for (let k = 0; k < 3000; k++) {
      const b = boxes.subarray(4 * k, 4 * k + 4);
      if (b[0] <= x + w && b[2] >= x && b[1] <= y + w && b[3] >= y) expected.push(k);
    }
    assert.deepEqual(grid.meeting(x, y, x + w, y + w), expected);
  }
  assert.deepEqual(new BoxGrid(new Int32Array(0)).meeting(0, 0, 1, 1), []);
});

test('colours are read in each way that they are written', () => {
  assert.deepEqual(parseColor('#ff8000'), [255, 128, 0]);
  assert.deepEqual(parseColor('#F80'), [255, 136, 0]);
  assert.deepEqual(parseColor('#ff800080'), [255, 128, 0]);
  assert.deepEqual(parseColor('tomato').length, 3);
});

test('the palette keeps a slot for each type, and shows types it has never heard of', () => {
  const palette = new Palette(new Map([[3, { id: 3, name: 'a', color: '#112233', visible: false }]]));
  assert.equal(palette.isTypeVisible(palette.typeSlot(3)), false);
  assert.equal(palette.isTypeVisible(palette.typeSlot(77)), true);
  assert.deepEqual([palette.typeAt(palette.typeSlot(77)), palette.typeSlot(3)], [77, 0]);
  const { version } = palette;
  palette.setTypeColor(3, '#fff');
  assert.deepEqual([palette.color(0), palette.version > version], [[255, 255, 255], true]);
});

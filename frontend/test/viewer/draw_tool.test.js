// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { filterOf, NEUTRAL } from '../../../exact_core/web/static/viewer/adjustments.js';
import { crossingOf } from '../../../exact_core/web/static/viewer/crossing.js';
import { ringArea } from '../../../exact_core/web/static/viewer/geometry.js';
import { score } from '../../../exact_core/web/static/viewer/palette.js';
import { tileSourceOptions } from '../../../exact_core/web/static/viewer/tile_source.js';
import { DrawTool } from '../../../exact_core/web/static/viewer/tools/draw_tool.js';

/** @typedef {import('../../../exact_core/web/static/viewer/types.js').XY} XY */

/** @param {import('../../../exact_core/web/static/viewer/types.js').Shape} shape */
function drawing(shape) {
  /** @type {any[]} */
  const done = [];
  /** @type {string[]} */
  const hints = [];
  const tool = new DrawTool(shape, {
    color: () => '#ff0000', size: () => [20, 10], zoom: () => 1, rotation: () => 0, show: () => undefined,
    done: (geometry) => done.push(geometry), hint: (text) => hints.push(text), contextMenu: () => false,
  });
  const at = (/** @type {number} */ x, /** @type {number} */ y, more = {}) =>
    ({ at: /** @type {XY} */ ([x, y]), screen: /** @type {XY} */ ([x, y]), reach: 7, shift: false, alt: false, command: false, isTouch: false, ...more });
  const click = (/** @type {number} */ x, /** @type {number} */ y, more = {}) => {
    tool.press(at(x, y, more));
    tool.release(at(x, y, more), false);
  };
  const drag = (/** @type {XY[]} */ points, more = {}) => {
    tool.press(at(...points[0]));
    points.slice(1).forEach((p) => tool.drag(at(...p, more)));
    tool.release(at(.../** @type {XY} */ (points.at(-1)), more), true);
  };
  return { tool, done, hints, click, drag };
}

test('a drag draws a box, Shift a square, Alt from the centre, and a click places the default size', () => {
  const { done, drag, click } = drawing('box');
  drag([[10, 10], [50, 30]]);
  drag([[10, 10], [50, 30]], { shift: true });
  drag([[50, 50], [60, 70]], { alt: true });
  click(100, 100);
  assert.deepEqual(done.map(({ rings }) => rings[0]), [[[10, 10], [50, 30]], [[10, 10], [50, 50]], [[40, 30], [60, 70]], [[90, 95], [110, 105]]]);
});

test('clicks draw a polygon that a click on its first point closes', () => {
  const { done, click } = drawing('polygon');
  [[0, 0], [100, 0], [100, 100], [3, 4]].forEach(([x, y]) => click(x, y));
  assert.deepEqual(done[0].rings[0], [[0, 0], [100, 0], [100, 100]]);
});

test('a freehand outline that runs past its beginning loses the loose ends, not the shape', () => {
  const { done, drag } = drawing('polygon');
  drag([[0, 0], [0, 20], [50, 0], [100, 50], [50, 100], [0, 50], [-10, 10], [20, 10], [40, -30]]);
  assert.equal(done.length, 1);
  const [ring] = done[0].rings;
  assert.equal(crossingOf(ring), null);
  assert.ok(Math.abs(ringArea(ring)) > 5000, 'the large part stays');
});

test('clicks whose outline crosses itself go on instead of making a shape that nobody accepts', () => {
  const { tool, done, hints, click } = drawing('polygon');
  [[0, 0], [100, 100], [100, 0], [0, 90]].forEach(([x, y]) => click(x, y));
  assert.ok(tool.finish());
  assert.equal(done.length, 0);
  assert.match(hints.at(-1) ?? '', /crosses itself/);
  tool.undoStep();
  tool.finish();
  assert.deepEqual(done[0].rings[0], [[0, 0], [100, 100], [100, 0]]);
});

test('undo inside an unfinished shape takes points back and redo brings them again', () => {
  const { tool, done, click } = drawing('polyline');
  [[0, 0], [50, 0], [90, 40]].forEach(([x, y]) => click(x, y));
  assert.ok(tool.undoStep());
  assert.ok(tool.undoStep());
  assert.ok(tool.redoStep());
  tool.finish();
  assert.deepEqual(done[0].rings[0], [[0, 0], [50, 0]]);
  assert.equal(tool.undoStep(), false, 'nothing unfinished is left');
});

test('dragging draws freehand, and a freehand stretch is one step', () => {
  const { tool, done, drag, click } = drawing('polygon');
  click(0, 0);
  drag(Array.from({ length: 30 }, (_, i) => /** @type {XY} */ ([100 + 40 * Math.sin(i / 5), i * 10])));
  tool.undoStep();
  [[100, 0], [100, 100]].forEach(([x, y]) => click(x, y));
  tool.finish();
  assert.deepEqual(done[0].rings[0], [[0, 0], [100, 0], [100, 100]]);
  drag([...Array.from({ length: 41 }, (_, i) => /** @type {XY} */ ([100 * Math.cos((i / 40) * 2 * Math.PI), 100 * Math.sin((i / 40) * 2 * Math.PI)]))]);
  assert.equal(done.length, 2);
  assert.ok(done[1].rings[0].length > 8);
});

test('a path with too few points is not ended, and Esc throws it away', () => {
  const { tool, done, hints, click } = drawing('polygon');
  click(0, 0);
  click(50, 0);
  assert.equal(tool.finish(), true);
  assert.match(hints.at(-1) ?? '', /at least 3 points/);
  assert.equal(tool.isDrawing, true);
  assert.equal(tool.cancel(), true);
  assert.deepEqual([done.length, tool.isDrawing, tool.cancel()], [0, false, false]);
});

test('Shift draws lines in steps of 45 degrees', () => {
  const { done, drag } = drawing('line');
  drag([[0, 0], [100, 9]], { shift: true });
  assert.ok(Math.abs(done[0].rings[0][1][1]) < 1e-9);
});

test('the tile source tells the file\'s own levels, from the smallest', () => {
  class Point {
    /** @param {number} x @param {number} y */
    constructor(x, y) {
      Object.assign(this, { x, y });
    }
  }
  const levels = [
    { index: 0, width: 1000, height: 700, downsample: 1, tile_width: 256, tile_height: 240, columns: 4, rows: 3 },
    { index: 1, width: 250, height: 175, downsample: 4.0003, tile_width: 512, tile_height: 512, columns: 1, rows: 1 },
  ];
  const source = tileSourceOptions(/** @type {any} */ ({ id: 9, width: 1000, height: 700, levels, content_version: 'ab' }), '0.0.rgb', /** @type {any} */ ({ Point, TileSource: class {} }));
  assert.deepEqual([source.maxLevel, source.getLevelScale(1), source.getTileWidth(0), source.getTileHeight(1)], [1, 1, 512, 240]);
  assert.deepEqual({ ...source.getNumTiles(1) }, { x: 4, y: 3 });
  assert.deepEqual({ ...source.getTileAtPoint(1, { x: 1, y: 0.7 }) }, { x: 3, y: 2 });
  assert.equal(source.getTileUrl(1, 2, 1), '/api/v2/images/9/tiles/0.0.rgb/0/2_1?v=ab');
  assert.equal(source.getTileUrl(0, 0, 0), '/api/v2/images/9/tiles/0.0.rgb/1/0_0?v=ab');
});

test('an adjustment is a filter, and none is no filter', () => {
  assert.equal(filterOf(NEUTRAL), '');
  assert.equal(filterOf({ ...NEUTRAL, brightness: 1.2, gamma: 2 }), 'url(#viewer-gamma) brightness(1.2)');
});

test('commands are found by parts of their names, the best first', () => {
  assert.ok(score('Zoom in', 'zoom') > score('Draw: Zoo map', 'zom'));
  assert.ok(score('Next image', 'nim') >= 0);
  assert.equal(score('Next image', 'xyz'), -1);
});

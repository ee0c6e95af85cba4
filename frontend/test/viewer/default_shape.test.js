// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultSize, placedShape } from '../../../exact_core/web/static/viewer/default_shape.js';

const type = { default_width: 25, default_height: 12.5, default_unit: /** @type {const} */ ('um') };

test('a size in µm becomes pixels by the size of a pixel on each axis', () => {
  assert.deepEqual(defaultSize(type, { mpp_x: 0.25, mpp_y: 0.5 }, 1), [100, 25]);
  assert.deepEqual(defaultSize(type, { mpp_x: 0.5, mpp_y: null }, 1), [50, 25]);
});

test('a size in px, or on a picture without a scale, is taken as it is', () => {
  assert.deepEqual(defaultSize({ ...type, default_unit: 'px' }, { mpp_x: 0.25, mpp_y: 0.25 }, 1), [25, 12.5]);
  assert.deepEqual(defaultSize(type, { mpp_x: null, mpp_y: null }, 1), [25, 12.5]);
});

test('one side stands for both, and no size means one that fits the screen', () => {
  assert.deepEqual(defaultSize({ ...type, default_height: null }, { mpp_x: 0.25, mpp_y: 0.25 }, 1), [100, 100]);
  const none = { default_width: null, default_height: null, default_unit: /** @type {const} */ ('um') };
  assert.deepEqual(defaultSize(none, { mpp_x: 0.25, mpp_y: 0.25 }, 0.5), [96, 96]);
});

test('a click places the shape centred, with sides of whole pixels', () => {
  assert.deepEqual(placedShape('box', [100, 100], [51, 20])?.rings[0], [[74.5, 90], [125.5, 110]]);
  assert.deepEqual(placedShape('box', [100, 100], [50.8, 20.2])?.rings[0], [[74.5, 90], [125.5, 110]]);
  assert.deepEqual(placedShape('point', [10.4, 9.6], [0, 0])?.rings[0], [[10.4, 9.6]]);
  assert.deepEqual(placedShape('line', [100, 50], [40, 10])?.rings[0], [[80, 50], [120, 50]]);
  assert.equal(placedShape('polygon', [0, 0], [10, 10]), null);
});

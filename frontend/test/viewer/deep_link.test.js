// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatView, parseView } from '../../../exact_core/web/static/viewer/deep_link.js';

test('a view survives the way into the address and back', () => {
  const view = { x: 1234.5, y: 99, zoom: 0.31415, rotation: 90, flip: true, frame: { z: 2, t: 0, c: /** @type {const} */ ('rgb') }, annotation: 17 };
  assert.deepEqual(parseView(`#${formatView(view)}`), view);
});

test('what is at its default is not in the address', () => {
  assert.equal(formatView({ x: 10, y: 20, zoom: 1, rotation: 0, flip: false, frame: { z: 0, t: 0, c: 'rgb' } }), 'x=10&y=20&zoom=1');
});

test('a single channel is kept', () => {
  assert.deepEqual(parseView(formatView({ frame: { z: 0, t: 3, c: 1 } })).frame, { z: 0, t: 3, c: 1 });
});

test('broken parts are ignored one by one', () => {
  assert.deepEqual(parseView('#x=12&y=abc&zoom=-1&rotation=45&frame=1.2&annotation=0x10'), { x: 12, rotation: 45 });
  assert.deepEqual(parseView('#%%%'), {});
  assert.deepEqual(parseView(''), {});
});

test('a search travels in the link, whatever is in it', () => {
  const view = { search: 'class:"Mitotic figure" size>50 & a=b#c+d %' };
  assert.equal(parseView(`#${formatView(view)}`).search, view.search);
  assert.equal(parseView('#search=').search, undefined);
  assert.equal(parseView(`#search=${'x'.repeat(5000)}`).search, undefined);
});

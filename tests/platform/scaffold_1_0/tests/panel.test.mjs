/** The panel, on a page without a browser. Run by pytest, or by: node --import PATH/register.js --test tests */

import assert from 'node:assert/strict';
import test from 'node:test';

import { start } from 'exact/testing';

import activate from '../exact_kept_sample/static/index.js';

test('the panel follows the view', async () => {
  const answers = { 'GET images/7/count': ({ x1 }) => ({ total: x1 > 500 ? 2 : 1, note: '' }) };
  const page = await start(activate, { plugin: 'kept_sample', answers });
  assert.match(page.panel('kept_sample.panel').textContent, /2 shapes/);
  await page.look({ bounds: { x0: 0, y0: 0, x1: 400, y1: 400 } });
  assert.match(page.panel('kept_sample.panel').textContent, /1 shape in view/);
  page.stop();
  assert.equal(page.panel('kept_sample.panel').textContent, '');
});

test('a failing route is said in the panel', async () => {
  const page = await start(activate, { plugin: 'kept_sample' });
  assert.match(page.panel('kept_sample.panel').textContent, /could not be counted/);
});

// @ts-check
/** The fake viewer that authors of plugins test with behaves as the real one, as far as a panel can tell. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { register } from 'node:module';

register('../../../sdk/js/resolve.js', import.meta.url);
const { ApiError, start } = await import('../../../sdk/js/testing.js');
const { html, render, toasts, toast } = await import('../../../sdk/js/fake_sdk.js');

/** @param {import('exact/sdk').PluginContext} ctx */
function counting(ctx) {
  if (!ctx.viewer || !ctx.annotations) return;
  const { viewer, annotations } = ctx;
  ctx.panels.mount('mine.count', (element) => {
    const ask = async () => {
      try {
        const { total } = await ctx.api.get('count', viewer.view().bounds);
        render(/** @type {any} */ (element), html`<p class=${'note'} hidden=${false}>${total} <b>${'<cells>'}</b></p>`);
      } catch (error) {
        render(/** @type {any} */ (element), html`<p>${String(error)}</p>`);
      }
    };
    viewer.on('view-settled', () => void ask());
    annotations.on('changed', () => void ask());
    void ask();
  });
  ctx.shortcuts.add({ keys: 'g', title: 'Say', run: () => toast('said') });
}

test('a panel shows what its route answers, again after each move, and text is never markup', async () => {
  const page = await start(counting, { plugin: 'mine', answers: { 'GET count': (/** @type {any} */ box) => ({ total: box.x1 }) } });
  assert.equal(page.panel('mine.count').textContent, '1000 <cells>');
  assert.match(page.panel('mine.count').innerHTML, /<p class="note">1000 <b>&lt;cells&gt;<\/b><\/p>/);
  await page.look({ bounds: { x0: 0, y0: 0, x1: 5, y1: 5 } });
  assert.match(page.panel('mine.count').textContent, /^5 /);
  await page.annotations('changed', [3]);
  assert.equal(page.requests.length, 3);
  assert.deepEqual(await page.ctx.api.get('/count?x1=9', { x1: 4 }), { total: 4 });
  await page.press('g');
  assert.deepEqual(toasts, [{ message: 'said', kind: 'info' }]);
});

test('a control of a panel is clicked by the words on it', async () => {
  /** @type {string[]} */
  const done = [];
  const rows = ['One', 'Two & three'];
  const page = await start((ctx) => {
    ctx.panels.mount('mine.list', (element) => {
      const again = Object.assign(/** @type {any} */ (document).createElement('button'), { textContent: 'Again' });
      again.addEventListener('click', async () => done.push((await ctx.api.post('again')).said));
      const show = () => render(/** @type {any} */ (element), html`<ul @click=${() => done.push('outside')}>
        ${rows.map((row) => html`<li><button type="button" class="btn btn--small" @click=${() => done.push(row)}><svg/>${row}</button>
          <button aria-label="Remove" @click=${(/** @type {any} */ event) => (event.stopPropagation(), done.push(`${event.target.tag} ${row}`))}>×</button></li>`)}
        </ul><button .disabled=${true} @click=${() => done.push('never')}>Save</button><button>Silent</button>${again}`);
      show();
    });
  }, { plugin: 'mine', answers: { 'POST again': { said: 'asked' } } });
  await page.click('mine.list', 'Two & three');
  await page.click('mine.list', 'Remove', 1);
  await page.click('mine.list', 'Again');
  assert.deepEqual(done, ['Two & three', 'outside', 'button Two & three', 'asked']);
  await assert.rejects(page.click('mine.list', 'Save'), /Save is disabled/);
  await assert.rejects(page.click('mine.list', 'Silent'), /nothing happens at Silent/);
  await assert.rejects(page.click('mine.list', 'Remove', 2), /only 2 controls/);
  await assert.rejects(page.click('mine.list', 'Four'), /no control is called Four; there are: .*One, Remove, /);
});

test('a route without an answer is a 404, and a given error is thrown', async () => {
  const silent = await start(counting, { plugin: 'mine' });
  assert.match(silent.panel('mine.count').textContent, /no answer to GET count/);
  const failing = await start(counting, { plugin: 'mine', answers: { 'GET count': () => new ApiError(503, 'busy', 'Later.') } });
  assert.match(failing.panel('mine.count').textContent, /Later/);
});

test('after the end nothing is heard and nothing is shown', async () => {
  const page = await start(counting, { plugin: 'mine', answers: { 'GET count': { total: 1 } } });
  page.stop();
  await page.look({ zoom: 2 });
  assert.equal(page.requests.length, 1);
  assert.equal(page.panel('mine.count').textContent, '');
  assert.equal(page.ctx.signal.aborted, true);
});

test('foreign panels and taken keys are refused, and a page without an image has no viewer', async () => {
  await assert.rejects(start((ctx) => ctx.panels.mount('other.count', () => undefined), { plugin: 'mine' }), /start with the plugin/);
  const twice = (/** @type {import('exact/sdk').PluginContext} */ ctx) => [1, 2].map(() => ctx.shortcuts.add({ keys: 'g', title: '', run: () => 0 }));
  await assert.rejects(start(twice, { plugin: 'mine' }), /taken/);
  const bare = await start(counting, { plugin: 'mine', image: null });
  assert.equal(bare.ctx.viewer, null);
  assert.throws(() => bare.panel('mine.count'), /filled no panel/);
});

test('what stands in for the SDK has every name that the SDK has', async () => {
  const { readFileSync } = await import('node:fs');
  const told = readFileSync(new URL('../../../sdk/js/exact-sdk.d.ts', import.meta.url), 'utf8');
  const names = [...told.matchAll(/^  export (?:function|class|const) (\w+)/gm)].map((found) => found[1]);
  const stub = await import('../../../sdk/js/fake_sdk.js');
  assert.ok(names.length > 15);
  assert.deepEqual(names.filter((name) => !(name in stub)), []);
});

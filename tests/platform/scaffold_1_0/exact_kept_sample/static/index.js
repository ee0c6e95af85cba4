// @ts-check
/** The panel of Kept sample. `activate` runs once per page; what it sets up through `ctx` ends with the plugin. */

import { html, plural, render } from 'exact/sdk';

/** @param {import('exact/sdk').PluginContext} ctx */
export default function activate(ctx) {
  if (!ctx.viewer || !ctx.image || !ctx.annotations) return;
  const { viewer, image, annotations } = ctx;

  ctx.panels.mount('kept_sample.panel', (element) => {
    const body = document.createElement('div');
    body.className = 'kept-sample';
    render(element, body);

    let asked = 0;
    const show = async () => {
      const turn = ++asked;
      const { x0, y0, x1, y1 } = viewer.view().bounds;
      try {
        const { total, note } = await ctx.api.get(`images/${image.id}/count`, { x0, y0, x1, y1 });
        if (turn !== asked) return; // the view has moved on meanwhile
        render(body, html`<p class="kept-sample__count">${plural(total, 'shape')} in view</p>`, note ? html`<p>${note}</p>` : null);
      } catch (error) {
        if (!ctx.signal.aborted) render(body, html`<p>The shapes could not be counted: ${String(error)}</p>`);
      }
    };
    viewer.on('view-settled', () => void show());
    annotations.on('changed', () => void show());
    void show();
  });
}

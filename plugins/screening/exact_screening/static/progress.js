// @ts-check
/** The tab of the image set: who has screened which image, and how far. */

import { html, icon, render } from 'exact/sdk';

import { personRow } from './people.js';

/** @param {import('exact/sdk').PluginContext} ctx @param {HTMLElement} element */
export async function showProgress(ctx, element) {
  element.setAttribute('data-plugin', 'screening');
  if (!ctx.rights['screening.team']) {
    render(element, html`<div class="empty">${icon('grid-3x3', 'icon--xl')}<p>Open an image and start to screen it in the panel on the right. How far others are is shown to reviewers and managers.</p></div>`);
    return;
  }
  const load = async () => {
    render(element, html`<div class="skeleton skeleton--row"></div>`);
    try {
      const images = await ctx.api.get('team');
      render(element, images.length ? table(ctx, images) : html`<div class="empty">${icon('grid-3x3', 'icon--xl')}<h2>Nobody has begun yet</h2><p>Open an image and start to screen it in the panel on the right: its progress is shown here.</p></div>`);
    } catch (error) {
      if (ctx.signal.aborted) return;
      render(element, html`<div class="empty"><p>${error instanceof Error ? error.message : String(error)}</p><button type="button" class="btn" @click=${load}>${icon('refresh-cw')}Try again</button></div>`);
    }
  };
  await load();
}

/** @param {import('exact/sdk').PluginContext} ctx @param {any[]} images */
function table(ctx, images) {
  return html`<div class="card table-wrap screening-tab"><table class="table table--cards screening-progress">
    <thead><tr><th>Image</th><th>Progress</th></tr></thead>
    <tbody>${images.map(({ image_id: id, name, people }) => html`<tr>
      <th scope="row"><a href="/image-sets/${ctx.imageSet.id}/images/${id}">${name}</a></th>
      <td><ul class="screening-people">${people.map(personRow)}</ul></td></tr>`)}</tbody></table></div>`;
}

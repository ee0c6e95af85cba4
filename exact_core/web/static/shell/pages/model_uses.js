// @ts-check
/** What a model was used for: its predictions, with links to the images. */

import { api } from '../api.js';
import { html, icon, render } from '../html.js';
import { dateTime, plural } from '../time.js';
import { busy, failure } from '../view.js';

/** @typedef {import('./model_parts.js').Model} Model */

const PAGE = 20;

/** @param {Model} model */
export function usesCard(model) {
  if (!model.run_count) return null;
  const list = html`<ul class="list" id="uses" aria-busy="true"></ul>`;
  const foot = html`<div class="card__foot" hidden></div>`;
  /** @type {string | null} */
  let next = null;
  const more = async () => {
    const answer = await api.get(`/models/${model.uuid}/predictions`, { cursor: next ?? undefined, limit: PAGE });
    next = answer.next_cursor;
    list.append(...answer.items.map(use));
    list.setAttribute('aria-busy', 'false');
    foot.hidden = !next;
  };
  render(foot, html`<button type="button" class="btn btn--small" @click=${(/** @type {any} */ event) => busy(event.currentTarget, more)}>Show more</button>`);
  const first = () => more().catch((error) => render(list, html`<li>${failure(error, () => {
    render(list);
    void first();
  })}</li>`));
  void first();
  return html`<section class="card" aria-label="Predictions"><div class="card__head">${icon('microscope')}<h2 class="grow">Predictions <span class="count num">${model.run_count}</span></h2></div>${list}${foot}</section>`;
}

/** @param {Record<string, any>} run */
function use(run) {
  return html`<li><div class="list__item"><div class="grow"><a href="/image-sets/${run.image_set_id}/images/${run.image_id}">${run.image_name}</a>
    <div class="small muted">${run.image_set_name}${run.ready_at ? ` · ${dateTime(run.ready_at)}` : ''}</div></div>
    <span class="small num">${plural(run.shapes, 'shape')}</span></div></li>`;
}

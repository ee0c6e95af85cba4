// @ts-check
/** Models that were trained on a version. */

import { api } from '../api.js';
import { html, icon, render } from '../html.js';
import { dateTime } from '../time.js';
import { everything } from '../view.js';
import { interval, kindBadge, number, words } from './model_parts.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

const SHOWN_FIGURES = 2;

/** @param {HTMLElement} target @param {SetPage} page @param {Record<string, any>} version */
export async function modelsCard(target, page, version) {
  const models = await everything((cursor) => api.get('/models', { version_id: version.id, cursor }, { signal: page.signal }));
  if (!models.length) return;
  render(target, html`<section class="card" aria-label="Models"><div class="card__head">${icon('brain-circuit')}<h2 class="grow">Models <span class="count num">${models.length}</span></h2></div>
    <ul class="list" id="version-models">${models.map((model) => html`<li><div class="list__item"><div class="grow">
      <div class="row"><a href="/models/${model.uuid}"><strong>${model.name}</strong></a>${kindBadge(model)}</div>
      <div class="small muted">${model.kind_title} · ${model.created_by ? `by ${model.created_by}, ` : ''}${dateTime(model.created_at)}</div></div>
      ${model.figures.slice(0, SHOWN_FIGURES).map((/** @type {any} */ figure) => html`<span class="small" data-tip=${interval(figure) && `95 %: ${interval(figure)}`}>${words(figure.name)} <strong class="num">${number(figure.value)}</strong></span>`)}</div></li>`)}</ul></section>`);
}

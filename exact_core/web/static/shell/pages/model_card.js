// @ts-check
/** The card of a model as people read it: figures with their intervals, what it is for, and every other fact. */

import { html, icon } from '../html.js';
import { date } from '../time.js';
import { interval, number, words } from './model_parts.js';

/** @typedef {import('./model_parts.js').Model} Model */

/** @type {[string, string][]} What people ask first, with its title. */
const PURPOSE = [
  ['intended_use', 'Intended use'], ['out_of_scope', 'Not for'], ['known_failure_modes', 'Known to fail'],
  ['failure_modes', 'Known to fail'], ['limitations', 'Limitations'],
];
/** Shown elsewhere on the page. */
const ELSEWHERE = new Set(['metrics', 'model_id', 'parent_model_id', 'name', 'title', 'kind', ...PURPOSE.map(([key]) => key)]);

/** @param {Model} model */
export function figuresCard(model) {
  if (!model.figures.length) return null;
  const isShare = model.figures.every((/** @type {any} */ each) => [each.value, each.low ?? 0, each.high ?? 1].every((value) => value >= 0 && value <= 1));
  return html`<section class="card" aria-label="Figures of merit"><div class="card__head">${icon('target')}<h2 class="grow">Figures of merit</h2></div>
    <div class="table-wrap"><table class="table" id="figures"><thead><tr><th scope="col">Figure</th><th scope="col" class="end">Value</th><th scope="col">95 % interval</th>${isShare ? html`<th scope="col" class="model-picture"><span class="visually-hidden">Picture</span></th>` : null}</tr></thead>
      <tbody>${model.figures.map((/** @type {any} */ each) => html`<tr><th scope="row">${words(each.name)}</th><td class="end num">${number(each.value)}</td><td class="num">${interval(each) || html`<span class="muted">not told</span>`}</td>${isShare ? html`<td class="model-picture">${bar(each)}</td>` : null}</tr>`)}</tbody></table></div></section>`;
}

/** @param {import('./model_parts.js').Figure} figure */
function bar({ value, low, high }) {
  const range = low === null || high === null ? null
    : html`<span class="model-interval__range" .style=${{ left: `${low * 100}%`, width: `${Math.max(0, high - low) * 100}%` }}></span>`;
  return html`<div class="model-interval" aria-hidden="true">${range}<span class="model-interval__value" .style=${{ left: `${value * 100}%` }}></span></div>`;
}

/** @param {Model} model */
export function cardFacts(model) {
  const { card } = model;
  const purpose = PURPOSE.filter(([key]) => hasSaid(card[key]));
  const rest = Object.keys(card).filter((key) => !ELSEWHERE.has(key) && hasSaid(card[key]));
  if (!purpose.length && !rest.length) return null;
  return html`<section class="card" aria-label="Facts of the card"><div class="card__head">${icon('list')}<h2>Facts</h2></div>
    <div class="card__body"><dl class="facts" id="facts">
      ${purpose.map(([key, title]) => [html`<dt>${title}</dt>`, html`<dd class="model-text">${plain(card[key])}</dd>`])}
      ${rest.map((key) => [html`<dt>${heading(key)}</dt>`, html`<dd>${value(key, card[key])}</dd>`])}
    </dl></div></section>`;
}

/** `created_utc` is "Created": times are shown as the reader's own. @param {string} key */
function heading(key) {
  const name = words(key.replace(/_utc$/, ''));
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** @param {unknown} said */
function hasSaid(said) {
  return !(said === null || said === undefined || said === '' || (typeof said === 'object' && !Object.keys(/** @type {object} */ (said)).length));
}

/** @param {any} said */
function plain(said) {
  return Array.isArray(said) && said.every((each) => typeof each !== 'object') ? said.join('\n') : typeof said === 'object' ? JSON.stringify(said, null, 1) : String(said);
}

/** @param {string} key @param {any} said */
function value(key, said) {
  if (typeof said === 'number') return html`<span class="num">${Number.isInteger(said) ? said.toLocaleString('en') : number(said)}</span>`;
  if (typeof said === 'string' && key.endsWith('_utc') && !Number.isNaN(Date.parse(said))) return date(said);
  if (typeof said !== 'object') return String(said);
  if (Array.isArray(said) && said.every((each) => typeof each !== 'object')) return said.join(', ');
  const entries = Object.entries(said);
  if (entries.every(([, each]) => typeof each !== 'object' || each === null) && entries.length <= 12) {
    return html`<ul class="list-plain">${entries.map(([name, each]) => html`<li>${words(name)}: <span class="num">${typeof each === 'number' ? number(each) : String(each)}</span></li>`)}</ul>`;
  }
  return html`<details><summary>${entries.length} entries</summary><pre class="model-json">${JSON.stringify(said, null, 2)}</pre></details>`;
}

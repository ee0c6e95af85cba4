// @ts-check
/** Every model that the person may see. */

import { api, bootstrap } from '../api.js';
import { $, html, icon, render } from '../html.js';
import { plural, size } from '../time.js';
import { showError } from '../toast.js';
import { debounce, empty, everything, show } from '../view.js';
import { classes, interval, kindBadge, number, trainedOn, words } from './model_parts.js';
import { destinations, openUpload } from './model_upload.js';

/** @typedef {import('./model_parts.js').Model} Model */

const SHOWN_CLASSES = 5;
const SHOWN_FIGURES = 3;

const page = bootstrap();
const target = $('#list');
const upload = /** @type {HTMLButtonElement} */ ($('#upload'));
const filter = { q: '', kind: '', deleted: false };
/** @type {import('./model_upload.js').Destination[]} */
let places = [];
/** @type {any[]} */
let kinds = [];
/** @type {Model[]} */
let models = [];
/** @type {string | null} */
let next = null;

/** @param {string} [cursor] */
function ask(cursor) {
  return api.get('/models', { q: filter.q, kind: filter.kind, deleted: filter.deleted || undefined, cursor });
}

async function load() {
  await show(target, () => ask(), (answer) => {
    models = answer.items;
    next = answer.next_cursor;
    return draw();
  });
}

function draw() {
  if (!models.length) return nothing();
  return [
    html`<ul class="set-grid" id="models">${models.map(card)}</ul>`,
    models.every((model) => model.is_built_in) && !filter.q && !filter.kind ? howTo() : null,
    next ? html`<div class="pager pager--end"><button type="button" class="btn" @click=${more}>Show more</button></div>` : null,
  ];
}

/** @param {Event} event */
async function more(event) {
  const button = /** @type {HTMLElement} */ (event.currentTarget);
  button.setAttribute('aria-busy', 'true');
  try {
    const answer = await ask(next ?? undefined);
    models = [...models, ...answer.items];
    next = answer.next_cursor;
    render(target, draw());
  } catch (error) {
    button.removeAttribute('aria-busy');
    showError(error);
  }
}

function nothing() {
  if (filter.deleted) return empty('trash-2', 'No deleted models', 'Models that are deleted keep their cards, and can be restored from here for a while.');
  if (filter.q || filter.kind) return empty('search', 'No model fits', 'Try other words, or another kind.');
  return empty('brain-circuit', 'No models yet', howToText(), upload.hidden ? null
    : html`<button type="button" class="btn btn--primary" @click=${startUpload}>${icon('upload')}Upload a model</button>`);
}

function howTo() {
  return html`<p class="banner models-hint">${icon('info')}<span>${howToText()}</span></p>`;
}

function howToText() {
  return 'A model is trained from a version of an image set with a plugin that can, or comes as an archive of safetensors and JSON that exact_sdk.ml writes. Files that are pickles, such as .pth, are converted first: exact models convert.';
}

/** @param {Model} model */
function card(model) {
  const figures = model.figures.slice(0, SHOWN_FIGURES);
  return html`
    <li><article class="card set-card model-card"><div class="set-card__body">
      <div class="set-card__title"><a class="set-card__link" href="/models/${model.uuid}">${model.name}</a>
        ${model.is_pinned ? html`<span class="push-end" data-tip="Pinned" aria-label="Pinned">${icon('pin')}</span>` : null}</div>
      <div class="row">${kindBadge(model)}</div>
      ${classes(model.labels, SHOWN_CLASSES)}
      ${figures.length ? html`<dl class="model-figures">${figures.map((/** @type {any} */ figure) => html`<div><dt class="truncate">${words(figure.name)}</dt><dd class="num" data-tip=${interval(figure) && `95 %: ${interval(figure)}`}>${number(figure.value)}</dd></div>`)}</dl>` : null}
      <p class="small model-card__from">${trainedOn(model)}</p>
      <div class="set-card__meta">${model.kind_title === model.name ? null : html`<span class="truncate">${model.kind_title}</span>`}
        ${model.size_bytes ? html`<span class="num">${size(model.size_bytes)}</span>` : null}
        ${model.run_count ? html`<span class="num">${plural(model.run_count, 'prediction')}</span>` : null}
        ${model.team ? html`<span class="truncate">${model.team.name}</span>` : null}</div>
    </div></article></li>`;
}

function startUpload() {
  void openUpload(places, kinds).then((made) => made && location.assign(`/models/${made.uuid}`));
}

function drawToolbar() {
  render($('#toolbar'), html`
    <div class="search">${icon('search')}<input class="input" type="search" id="search" data-search placeholder="Search models" aria-label="Search models"
      @input=${debounce((/** @type {any} */ event) => {
        filter.q = event.target.value;
        void load();
      })}><span class="kbd" aria-hidden="true">/</span></div>`,
  html`<select class="select" id="kind" aria-label="Kind" @change=${(/** @type {any} */ event) => {
    filter.kind = event.target.value;
    void load();
  }}><option value="">Every kind</option>${kinds.map((kind) => html`<option value=${kind.name}>${kind.title}</option>`)}</select>`,
  html`<button type="button" class="btn btn--ghost" aria-pressed="false" id="deleted" @click=${(/** @type {any} */ event) => {
    filter.deleted = !filter.deleted;
    event.currentTarget.setAttribute('aria-pressed', String(filter.deleted));
    void load();
  }}>${icon('trash-2')}Deleted</button>`);
}

upload.addEventListener('click', startUpload);
const [, known, found] = await Promise.all([
  load(),
  api.get('/model-kinds').catch(() => []),
  Promise.all([everything((cursor) => api.get('/image-sets', { cursor, limit: 200 })), api.get('/teams')]).catch(() => null),
]);
kinds = known;
places = found ? destinations(found[0], found[1], page.actor.is_admin) : [];
drawToolbar();
upload.hidden = !places.length;

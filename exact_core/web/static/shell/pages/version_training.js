// @ts-check
/** Trainings of a version: the list of them, and the dialog that starts one. */

import { InputError, api } from '../api.js';
import { openDialog } from '../dialog.js';
import { selectField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { schemaForm } from '../schema_form.js';
import { dateTime, plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { inPlace } from './set_versions.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {import('./set_versions.js').Go} Go */
/** @typedef {Record<string, any>} Training */

const LOOK_AGAIN_MS = 2000;
const PARTS = ['train', 'validation', 'test'];
/** @type {Record<string, [string, string, string]>} */
const STATES = {
  queued: ['', 'clock', 'Waiting'], running: ['accent', 'loader-circle', 'Training'], done: ['success', 'circle-check', 'Done'],
  failed: ['danger', 'circle-alert', 'Failed'], cancelled: ['', 'ban', 'Cancelled'],
};

/** @param {string | null} state */
export function trainingBadge(state) {
  const [kind, symbol, label] = STATES[state ?? ''] ?? ['', 'circle-help', 'Job is gone'];
  return html`<span class="badge badge--${kind}" data-state=${state ?? ''}>${icon(symbol, state === 'running' ? 'icon--spin' : '')}${label}</span>`;
}

/** @param {HTMLElement} target @param {SetPage} page @param {Record<string, any>} version @param {Go} go */
export async function trainingCard(target, page, version, go) {
  const found = await api.get(`/versions/${version.id}/trainings`, {}, { signal: page.signal });
  if (page.signal.aborted) return;
  const again = () => trainingCard(target, page, version, go).catch(showError);
  const mayTrain = page.rights.export && page.rights.see_all;
  render(target, html`<section class="card" aria-label="Trainings"><div class="card__head">${icon('activity')}<h2 class="grow">Trainings <span class="count num">${found.length}</span></h2>
    ${mayTrain ? html`<button type="button" class="btn" id="start-training" @click=${() => start(page, version, go).catch(showError)}>${icon('play')}Train a model…</button>` : null}</div>
    ${found.length ? html`<ul class="list" id="trainings">${found.map((/** @type {Training} */ each) => row(page, version, each, go))}</ul>`
      : html`<p class="card__body muted">A model learns from the annotations of this version, and is judged on images that it has not learned from. Curves, figures and samples stay with the version.</p>`}</section>`);
  if (found.some((/** @type {Training} */ each) => ['queued', 'running'].includes(each.state))) {
    setTimeout(() => {
      if (target.isConnected && !page.signal.aborted) again();
    }, LOOK_AGAIN_MS);
  }
}

/** @param {SetPage} page @param {Record<string, any>} version @param {Training} training @param {Go} go */
function row(page, version, training, go) {
  const query = { version: version.id, training: training.id };
  return html`<li data-training=${training.id}><div class="list__item"><div class="grow stack stack--tight">
    <div class="row"><a href="/image-sets/${page.id}/versions?version=${version.id}&training=${training.id}" @click=${(/** @type {MouseEvent} */ event) => inPlace(event, () => go(query))}><strong>${training.name}</strong></a> ${trainingBadge(training.state)}</div>
    <div class="small muted">${training.title} · ${plural(training.classes.length, 'class', 'classes')} · split ${training.split_name} · by ${training.creator.name}, ${dateTime(training.created_at)}</div>
    ${training.state === 'running' ? html`<progress class="progress" max="1" value=${training.progress || null} aria-label="Progress of ${training.name}"></progress>` : null}
    ${training.state === 'failed' ? html`<div class="small danger-text">${training.message}</div>` : null}</div></div></li>`;
}

/**
 * Ask for what is needed and start.
 * @param {SetPage} page @param {Record<string, any>} version @param {Go} go
 */
async function start(page, version, go) {
  const splits = (await api.get(`/versions/${version.id}/splits`, {}, { signal: page.signal })).items
    .filter((/** @type {any} */ split) => ['train', 'test'].every((name) => split.parts.some((/** @type {any} */ part) => part.name === name && part.image_ids.length)));
  if (!splits.length) {
    await openDialog({ title: 'A split is needed first', body: html`<p>What a model learns from and what it is judged on must be told apart. Make a split of the images above, with parts called <code>train</code>, <code>test</code> and, best, <code>validation</code>.</p>` });
    return;
  }
  const first = await api.get(`/versions/${version.id}/training-material`, { split_id: splits[0].id });
  const kinds = first.kinds.filter((/** @type {any} */ kind) => kind.is_on);
  if (!kinds.length) {
    await openDialog({ title: 'Nothing that learns is switched on', body: html`<p>${first.kinds.length ? `${first.kinds.map((/** @type {any} */ kind) => kind.title).join(', ')} could be trained; a manager can switch the plugin on in this image set.` : 'Install a plugin that brings a kind of model which can be trained.'}</p>` });
    return;
  }
  const form = trainingForm(version, splits, first, kinds);
  const made = await openDialog({
    title: 'Train a model', action: 'Start', size: 'wide', body: form.body,
    submit: (data) => api.post(`/versions/${version.id}/trainings`, form.read(data)),
  });
  if (!made) return;
  toast(`${made.name} is being trained.`, { detail: 'It goes on in the background; this page can be left.' });
  await go({ version: version.id, training: made.id });
}

/**
 * @param {Record<string, any>} version @param {any[]} splits @param {Record<string, any>} first @param {any[]} kinds
 * @returns {{body: any, read: (data: FormData) => Record<string, any>}}
 */
function trainingForm(version, splits, first, kinds) {
  const table = html`<tbody></tbody>`;
  const summary = html`<p class="small muted" id="kind-summary"></p>`;
  const settings = html`<div class="stack"></div>`;
  const estimate = html`<p class="small" id="training-estimate" aria-live="polite"></p>`;
  /** @type {any[]} */
  let types = first.types;
  /** @type {ReturnType<typeof schemaForm> | null} */
  let form = null;
  const labels = /** @type {Map<number, string>} */ (new Map(types.map((type) => [type.type_id, type.parts.train ? type.name : ''])));
  const tell = () => {
    const chosen = types.filter((type) => labels.get(type.type_id)?.trim());
    const amount = (/** @type {string} */ part) => chosen.reduce((sum, type) => sum + (type.parts[part] ?? 0), 0);
    const count = new Set(chosen.map((type) => labels.get(type.type_id)?.trim().toLowerCase())).size;
    estimate.textContent = `${plural(count, 'class', 'classes')}: learns from ${amount('train').toLocaleString('en')} annotations, chooses with ${amount('validation').toLocaleString('en')}, is judged on ${amount('test').toLocaleString('en')}.`;
  };
  const drawTypes = () => {
    render(table, types.map((type) => html`<tr><th scope="row"><span class="row row--nowrap"><span class="swatch" .style=${{ '--swatch': type.color }}></span>${type.name}</span></th>
      ${PARTS.map((part) => html`<td class="num" data-label=${part}>${(type.parts[part] ?? 0).toLocaleString('en')}</td>`)}
      <td data-label="class"><input class="input" data-type=${type.type_id} aria-label="Class of ${type.name}" maxlength="100" placeholder="not used" .value=${labels.get(type.type_id) ?? ''} @input=${(/** @type {any} */ event) => { labels.set(type.type_id, event.target.value); tell(); }}></td></tr>`));
    tell();
  };
  const drawKind = (/** @type {string} */ name) => {
    const kind = kinds.find((each) => each.kind === name);
    summary.textContent = kind.summary;
    form = kind.settings_schema ? schemaForm(kind.settings_schema, {}) : null;
    render(settings, form ? html`<details><summary>Settings</summary><div class="stack">${form.element}</div></details>` : null);
  };
  const kind = selectField('kind', 'Kind of model', kinds.map((each) => /** @type {[string, string]} */ ([each.kind, each.title])), kinds[0].kind);
  kind.querySelector('select')?.addEventListener('change', (/** @type {any} */ event) => drawKind(event.target.value));
  const split = selectField('split_id', 'Split', splits.map((each) => /** @type {[string, string]} */ ([String(each.id), each.name])), String(splits[0].id));
  split.querySelector('select')?.addEventListener('change', async (/** @type {any} */ event) => {
    types = (await api.get(`/versions/${version.id}/training-material`, { split_id: event.target.value }).catch(showError))?.types ?? types;
    drawTypes();
  });
  drawTypes();
  drawKind(kinds[0].kind);
  const body = [
    textField('name', 'Name of the model', '', { maxlength: 100, autofocus: true, placeholder: version.name }), kind, summary, split,
    html`<div class="table-wrap"><table class="table table--cards" id="training-classes"><caption class="field__label">Classes: types with the same word become one class</caption><thead><tr><th scope="col">Annotation type</th>${PARTS.map((part) => html`<th scope="col">${part}</th>`)}<th scope="col">Class</th></tr></thead>${table}</table></div>`,
    estimate, settings,
  ];
  return {
    body,
    read: (data) => {
      const classes = classesOf(types.map((type) => [type.type_id, labels.get(type.type_id) ?? '']));
      if (!classes.length) throw new InputError('Name the class of one annotation type at least.');
      return { name: String(data.get('name') || version.name), kind: data.get('kind'), split_id: Number(data.get('split_id')), classes, settings: form ? form.read() : {} };
    },
  };
}

/**
 * Types that were given the same word, whatever its case, are one class; those without a word are not used.
 * @param {[number, string][]} named number and word of each type
 * @returns {{label: string, type_ids: number[]}[]}
 */
export function classesOf(named) {
  /** @type {Map<string, {label: string, type_ids: number[]}>} */
  const found = new Map();
  for (const [id, word] of named) {
    const label = word.trim();
    if (!label) continue;
    const known = found.get(label.toLowerCase());
    if (known) known.type_ids.push(id);
    else found.set(label.toLowerCase(), { label, type_ids: [id] });
  }
  return [...found.values()];
}

// @ts-check
/** What the list of models, the page of a model and the page of a version show alike. */

import { html, icon } from '../html.js';

/** @typedef {Record<string, any>} Model as the API shows it */
/** @typedef {{name: string, value: number, low: number | null, high: number | null}} Figure */

/** @type {Record<string, string>} */
export const TASKS = { detection: 'Detection', segmentation: 'Segmentation', classification: 'Classification', quality: 'Quality' };

/** Four figures, and never more than four places. @param {number} value */
export function number(value) {
  return Number(value.toPrecision(4)).toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 1 ? 4 : 2 });
}

/** @param {Figure} figure */
export function interval(figure) {
  return figure.low === null || figure.high === null ? '' : `${number(figure.low)} – ${number(figure.high)}`;
}

/** `test_f1` is "test f1": names of figures are those of programs. @param {string} name */
export function words(name) {
  return name.replaceAll('_', ' ');
}

/** @param {Model} model */
export function kindBadge(model) {
  const task = TASKS[model.task] ?? null;
  return [
    task ? html`<span class="badge">${task}</span>` : null,
    model.is_built_in ? html`<span class="badge badge--accent">Built in</span>` : null,
    model.unavailable_reason ? html`<span class="badge badge--warning" data-tip=${model.unavailable_reason}>${icon('unplug')}Cannot be run here</span>` : null,
    model.deleted ? html`<span class="badge badge--danger">${icon('trash-2')}Deleted</span>` : null,
  ];
}

/** What it learned from: the set, and the version while it is there. @param {Model} model */
export function trainedOn(model) {
  const from = model.trained_on;
  if (!from) return model.is_built_in ? 'Nothing is learned' : 'Not told';
  const set = from.image_set_id === null ? from.image_set_name : html`<a href="/image-sets/${from.image_set_id}">${from.image_set_name}</a>`;
  if (!from.version_name) return set;
  const isThere = from.image_set_id !== null && from.version_id !== null && !from.is_version_deleted;
  const version = isThere
    ? html`<a href="/image-sets/${from.image_set_id}/versions?version=${from.version_id}">${from.version_name}</a>`
    : html`<span>${from.version_name} <span class="muted">(deleted)</span></span>`;
  return html`<span>${set}, version ${version}</span>`;
}

/** @param {string[]} labels @param {number} [most] */
export function classes(labels, most = Infinity) {
  if (!labels.length) return null;
  const more = labels.length - most;
  return html`<div class="row tags model-classes" aria-label="Classes">${labels.slice(0, most).map((label) => html`<span class="tag"><span class="truncate">${label}</span></span>`)}
    ${more > 0 ? html`<span class="small muted">and ${more} more</span>` : null}</div>`;
}

// @ts-check
/** Hidden references, and how readers do against them over time: for managers; released figures for readers themselves. */

import { api } from '../api.js';
import { chart, figureText, lineChart, withInterval } from '../charts.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { checkField, selectField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { dateTime, plural } from '../time.js';
import { showError } from '../toast.js';
import { empty, everything } from '../view.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {Record<string, any>} Gold */

/** @type {[string, string][]} */
const WINDOWS = [['week', 'weeks'], ['day', 'days'], ['month', 'months'], ['round', 'rounds (tags like round:2)']];

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 * @param {() => Record<string, any> | null} found the last answer about agreement, for names of readers and classes
 */
export async function drawGold(target, page, found) {
  const path = `/image-sets/${page.id}/gold`;
  const all = await api.get(path, {}, { signal: page.signal });
  const again = () => drawGold(target, page, found).catch(showError);
  render(target, html`<section class="card" aria-label="Hidden references"><div class="card__head"><h2 class="grow">Hidden references</h2>
    <button type="button" class="btn btn--small" id="add-gold" @click=${() => add(page, path, found()).then((made) => made && again()).catch(showError)}>${icon('plus')}Add</button></div>
    ${all.length ? html`<ul class="list">${all.map((/** @type {Gold} */ gold) => row(page, path, gold, again))}</ul>`
      : html`<p class="card__body muted">A reference is what an expert, a model or an import marked on some images. Readers are compared with it over time, without knowing on which images. Only managers see this.</p>`}</section>`);
}

/**
 * @param {SetPage} page
 * @param {string} path
 * @param {Gold} gold
 * @param {() => unknown} again
 */
function row(page, path, gold, again) {
  const place = html`<div class="card__body stack" hidden></div>`;
  let window = 'week';
  const load = async () => {
    place.hidden = false;
    const drift = await api.get(`${path}/${gold.id}/drift`, { window }, { signal: page.signal });
    render(place, html`<div class="field"><label class="field__label" for="window-${gold.id}">Time in</label><select class="select role-select" id="window-${gold.id}" @change=${(/** @type {any} */ event) => {
      window = event.target.value;
      void load().catch(showError);
    }}>${WINDOWS.map(([value, label]) => html`<option value=${value} selected=${value === window}>${label}</option>`)}</select></div>`, driftPicture(drift.readers));
  };
  const release = async (/** @type {boolean} */ released) => {
    await api.patch(`${path}/${gold.id}`, { released });
    again();
  };
  const remove = async () => {
    const gone = await confirmDialog({ title: `Delete the reference ${gold.title}?`, action: 'Delete', body: html`<p>Annotations stay. Drift against this reference is then no longer known.</p>`, submit: () => api.delete(`${path}/${gold.id}`) });
    if (gone) again();
  };
  return html`<li><div class="list__item"><div class="grow"><div><strong>${gold.title}</strong> ${gold.released_at ? html`<span class="badge badge--accent">${icon('eye')}Readers see their own figures</span>` : html`<span class="badge">${icon('eye-off')}Hidden</span>`}</div>
    <div class="small muted">${gold.reader_name}, ${plural(gold.marks, 'mark')} on ${plural(gold.image_ids.length, 'image')}, revision ${gold.revision} · ${dateTime(gold.created_at)}</div>
    ${gold.warning ? html`<p class="small danger-text">${gold.warning}</p>` : null}</div>
    <button type="button" class="btn btn--small" @click=${() => load().catch(showError)}>${icon('activity')}Drift</button>
    <button type="button" class="btn btn--small" @click=${() => release(!gold.released_at).catch(showError)}>${gold.released_at ? 'Hide again' : 'Release'}</button>
    <button type="button" class="icon-btn icon-btn--small icon-btn--danger" aria-label="Delete the reference ${gold.title}" @click=${() => remove().catch(showError)}>${icon('trash-2')}</button></div>${place}</li>`;
}

/** @param {any[]} readers */
export function driftPicture(readers) {
  if (!readers.length) return html`<p class="muted">Nobody else has read these images yet.</p>`;
  const places = [...new Set(readers.flatMap((reader) => reader.windows.map((/** @type {any} */ each) => each.window)))].sort();
  const series = readers.map((reader) => ({ label: reader.name, values: places.map((place) => reader.windows.find((/** @type {any} */ each) => each.window === place)?.f1 ?? null) }));
  return chart({
    title: 'F1 of readers against the reference over time', picture: lineChart(places, series), heads: ['Reader', 'F1', 'Precision', 'Recall', 'Images', 'Trend'],
    rows: readers.map((reader) => [reader.name, withInterval({ value: reader.f1, low: reader.low, high: reader.high }), figureText(reader.precision), figureText(reader.recall), reader.images, trend(reader.trend)]),
    note: readers.map((reader) => drifting(reader)).filter(Boolean).join(' ') || 'No reader drifts: the test for a trend (Cochran and Armitage) finds none at 5 %.',
  });
}

/** @param {{p: number, slope: number} | null} found */
function trend(found) {
  if (!found) return '–';
  return `${found.slope < 0 ? 'falling' : 'rising'}, p ${found.p < 0.001 ? '< 0.001' : `= ${found.p.toFixed(3)}`}`;
}

/** @param {any} reader */
function drifting(reader) {
  if (!reader.trend || reader.trend.p >= 0.05) return '';
  return `${reader.name} ${reader.trend.slope < 0 ? 'gets worse' : 'gets better'} (${trend(reader.trend)}).`;
}

/** @param {any[]} references */
export function drawOwnDrift(references) {
  if (!references.length) return empty('activity', 'No figures of yours', 'When a manager releases figures about your reading, they are shown here.');
  return references.map((reader) => html`<section class="card" aria-label="How you do over time"><div class="card__head"><h2>How you do over time</h2></div><div class="card__body">${driftPicture([reader])}</div></section>`);
}

/**
 * @param {SetPage} page
 * @param {string} path
 * @param {Record<string, any> | null} found
 */
async function add(page, path, found) {
  const readers = found?.all_readers ?? [];
  const images = await everything((cursor) => api.get(`/image-sets/${page.id}/images`, { cursor, limit: 500 }));
  return openDialog({
    title: 'A hidden reference', action: 'Make it the reference', size: 'wide',
    body: [
      textField('title', 'Title', '', { placeholder: 'Consensus of the board', maxlength: 200, autofocus: true }),
      selectField('reader', 'Whose marks', readers.map((/** @type {any} */ reader) => [reader.key, `${reader.name} (${plural(reader.annotations, 'mark')})`])),
      html`<p class="small muted">The marks as they are now; what happens to them later does not change the reference.</p>`,
      html`<fieldset><legend class="field__label">Images</legend><div class="choices stack stack--tight">${images.map((image) => checkField('image', image.name, false, { value: String(image.id) }))}</div></fieldset>`,
    ],
    submit: (data) => {
      const chosen = data.getAll('image').map(Number);
      if (!chosen.length) throw new Error('Choose the images on which readers are compared.');
      return api.post(path, { title: data.get('title'), reader: data.get('reader'), image_ids: chosen });
    },
  });
}

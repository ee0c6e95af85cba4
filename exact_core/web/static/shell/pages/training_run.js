// @ts-check
/** One training: how far it is, its curves, and how good the model is on what it has not learned from. */

import { api, apiUrl } from '../api.js';
import { chart, figureText, heatMap, withInterval } from '../charts.js';
import { curveChart, reliabilityChart } from '../charts_training.js';
import { html, icon, render } from '../html.js';
import { dateTime, plural } from '../time.js';
import { showError } from '../toast.js';
import { inPlace } from './set_versions.js';
import { trainingBadge } from './version_training.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {import('./set_versions.js').Go} Go */
/** @typedef {Record<string, any>} Training */
/** @typedef {Record<string, any>} Figures */

const LOOK_AGAIN_MS = 1500;
const SAMPLES = 60;
/** @type {[string, string][]} */
const OVERALL = [['accuracy', 'Accuracy'], ['balanced_accuracy', 'Balanced accuracy'], ['macro_f1', 'Macro F1'], ['kappa', 'Cohen’s κ'], ['rk', 'R_K']];

/** @param {HTMLElement} target @param {SetPage} page @param {number} versionId @param {number} id @param {Go} go */
export async function drawTraining(target, page, versionId, id, go) {
  const facts = html`<section class="card" aria-label="Training"></section>`;
  const curves = html`<div></div>`;
  const judged = html`<div class="stack"></div>`;
  const back = html`<p><a class="row" href="/image-sets/${page.id}/versions?version=${versionId}" @click=${(/** @type {MouseEvent} */ event) => inPlace(event, () => go({ version: versionId }))}>${icon('arrow-left')}The version</a></p>`;
  /** @type {string} */
  let drawn = '';
  const look = async () => {
    const training = await api.get(`/trainings/${id}`, {}, { signal: page.signal });
    if (page.signal.aborted) return;
    drawFacts(facts, page, training, () => look().catch(showError));
    render(curves, curvesCard(training.curves));
    const state = training.evaluations.map((/** @type {any} */ each) => `${each.part}${each.samples_id}`).join();
    if (state !== drawn || !training.evaluations.length) {
      drawn = state;
      render(judged, training.evaluations.length ? training.evaluations.map((/** @type {any} */ each) => evaluation(page, training, each)) : pending(training));
    }
    if (['queued', 'running'].includes(training.state)) {
      setTimeout(() => {
        if (facts.isConnected && !page.signal.aborted) look().catch(showError);
      }, LOOK_AGAIN_MS);
    }
  };
  await look();
  render(target, back, facts, curves, judged);
}

/** @param {HTMLElement} target @param {SetPage} page @param {Training} training @param {() => void} again */
function drawFacts(target, page, training, again) {
  const act = (/** @type {string} */ what) => api.post(`/jobs/${training.job_id}/${what}`).then(again, showError);
  render(target, html`<div class="card__head">${icon('activity')}<h2 class="grow">${training.name}</h2>${trainingBadge(training.state)}
      ${['queued', 'running'].includes(training.state) ? html`<button type="button" class="btn btn--small" id="cancel-training" @click=${() => act('cancel')}>${icon('x')}Cancel</button>` : null}
      ${['failed', 'cancelled'].includes(training.state) ? html`<button type="button" class="btn btn--small" id="retry-training" @click=${() => act('retry')}>${icon('rotate-cw')}Start again</button>` : null}</div>
    <div class="card__body stack">
      ${training.state === 'running' || training.state === 'queued' ? html`<div class="stack stack--tight"><progress class="progress" max="1" value=${training.progress || null} aria-label="Progress"></progress><span class="small muted">${training.message || 'Waiting for a worker'}</span></div>` : null}
      ${training.state === 'failed' ? html`<p class="banner banner--danger" role="alert">${icon('circle-alert')}<span>${training.message}</span></p>` : null}
      <dl class="facts"><dt>Kind</dt><dd>${training.title}</dd>
        <dt>Classes</dt><dd>${training.classes.map((/** @type {any} */ each) => each.label).join(', ')}</dd>
        <dt>Split</dt><dd>${training.split_name}</dd>
        <dt>Started</dt><dd>${dateTime(training.created_at)} by ${training.creator.name}</dd>
        ${training.finished_at ? html`<dt>Ended</dt><dd>${dateTime(training.finished_at)}</dd>` : null}
        ${training.model_uuid ? html`<dt>Model</dt><dd><a href="/models/${training.model_uuid}">${training.name}</a></dd>` : null}
      </dl>
      <details class="small"><summary>Settings</summary><dl class="facts">${Object.entries(training.settings).map(([name, value]) => [html`<dt>${name.replaceAll('_', ' ')}</dt>`, html`<dd class="mono">${JSON.stringify(value)}</dd>`])}</dl></details></div>`);
}

/** @param {Training} training */
function pending(training) {
  if (training.state === 'done') return html`<p class="banner">${icon('info')}<span>The split holds no annotation of these classes to judge the model on.</span></p>`;
  return ['queued', 'running'].includes(training.state) ? html`<p class="muted small">Figures follow when the model has learned.</p>` : null;
}

/** Losses and shares have scales of their own. @param {Record<string, [number, number | null][]>} curves */
export function grouped(curves) {
  /** @type {Record<string, {label: string, points: [number, number | null][]}[]>} */
  const groups = {};
  for (const [label, points] of Object.entries(curves)) {
    const measure = label.split(' ').at(-1) ?? label;
    (groups[measure] ??= []).push({ label, points });
  }
  return Object.entries(groups);
}

/** @param {Record<string, [number, number | null][]>} curves */
function curvesCard(curves) {
  const groups = grouped(curves);
  if (!groups.length) return null;
  const rows = (/** @type {{label: string, points: [number, number | null][]}[]} */ lines) => lines.flatMap((line) => line.points.map(([step, value]) => [line.label, step, figureText(value, 4)]));
  return html`<section class="card" aria-label="Curves"><div class="card__head"><h2 class="grow">Curves</h2></div><div class="card__body training-curves">${groups.map(([measure, lines]) => chart({
    title: `Curves of ${measure}`, picture: curveChart(lines), heads: ['Curve', 'Step', 'Value'], rows: rows(lines),
  }))}</div></section>`;
}

/** @param {SetPage} page @param {Training} training @param {{part: string, figures: Figures, samples_id: number | null}} found */
function evaluation(page, training, found) {
  const { figures } = found;
  const samples = html`<div></div>`;
  const list = (/** @type {number} */ truth, /** @type {number} */ predicted) => drawSamples(samples, page, training, found, truth, predicted).catch(showError);
  const stat = (/** @type {any} */ value, /** @type {string} */ label) => html`<div class="stat"><strong>${value}</strong><span class="small muted">${label}</span></div>`;
  return html`<section class="stack" aria-label="On the part ${found.part}" data-part=${found.part}>
    <div class="row"><h2 class="grow">On the part “${found.part}”</h2>${found.samples_id ? html`<a class="btn btn--small" href=${apiUrl(`/version-artefacts/${found.samples_id}/file`)} download>${icon('download')}All samples as CSV</a>` : null}</div>
    <div class="stats">${OVERALL.map(([name, label]) => stat(withInterval(figures.overall[name]), label))}${stat(figures.samples.toLocaleString('en'), `samples in ${plural(figures.groups, 'group')}`)}</div>
    ${figures.groups < 2 ? html`<p class="banner banner--warning">${icon('triangle-alert')}<span>All samples are of one group, so nothing can be said about how far these figures would hold elsewhere.</span></p>` : null}
    <div class="training-pair"><div class="stack">${confusionCard(figures, list)}${samples}</div>${reliabilityCard(figures)}</div>
    ${classTable(figures)}</section>`;
}

/** @param {Figures} figures @param {(truth: number, predicted: number) => void} list */
function confusionCard(figures, list) {
  const { confusion, labels } = figures;
  const total = confusion.map((/** @type {number[]} */ row) => row.reduce((sum, count) => sum + count, 0));
  const picture = heatMap({
    rows: labels, columns: labels, rowTitle: 'truth', columnTitle: 'model',
    value: (row, column) => (total[row] ? confusion[row][column] / total[row] : null),
    text: (row, column) => confusion[row][column].toLocaleString('en'),
    tip: (row, column) => `${labels[row]}, called ${labels[column]}: ${confusion[row][column].toLocaleString('en')} of ${total[row].toLocaleString('en')}`,
  });
  [...picture.querySelectorAll('g')].forEach((cell, index) => {
    const [row, column] = [Math.floor(index / labels.length), index % labels.length];
    if (!confusion[row]?.[column]) return;
    cell.setAttribute('role', 'button');
    cell.setAttribute('tabindex', '0');
    cell.setAttribute('aria-label', `Show ${confusion[row][column]} samples of ${labels[row]} called ${labels[column]}`);
    cell.classList.add('chart__press');
    cell.addEventListener('click', () => list(row, column));
    cell.addEventListener('keydown', (/** @type {any} */ event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      list(row, column);
    });
  });
  const rows = labels.flatMap((/** @type {string} */ truth, /** @type {number} */ row) => labels.map((/** @type {string} */ said, /** @type {number} */ column) => [`${truth} → ${said}`, confusion[row][column]]));
  return html`<section class="card" aria-label="Confusion"><div class="card__head"><h2 class="grow">What is taken for what</h2></div><div class="card__body">${chart({ title: 'Confusion matrix', picture, heads: ['Truth → model', 'Samples'], rows, note: 'Press a number to see the samples.' })}</div></section>`;
}

/** @param {Figures} figures */
function reliabilityCard(figures) {
  const { calibration, calibration_before: before } = figures;
  const verdict = /** @type {Record<string, string>} */ ({ 'over-confident': 'surer than it is right', 'under-confident': 'less sure than it is right', neutral: 'as sure as it is right, as far as can be told' })[calibration.verdict];
  const rows = calibration.buckets.filter((/** @type {any} */ bucket) => bucket.count).map((/** @type {any} */ bucket) => [`${bucket.low.toFixed(2)}–${bucket.high.toFixed(2)}`, bucket.count, figureText(bucket.confidence, 3), figureText(bucket.accuracy, 3)]);
  return html`<section class="card" aria-label="Reliability"><div class="card__head"><h2 class="grow">How sure, how right</h2></div><div class="card__body stack">
    <p class="small">The model is <strong data-verdict=${calibration.verdict}>${verdict}</strong>: gap ${withInterval(calibration.gap, 3)}. ECE ${figureText(calibration.ece, 3)}${before ? ` (before calibration ${figureText(before.ece, 3)})` : ''}, Brier ${figureText(calibration.brier, 3)}, NLL ${figureText(calibration.nll, 3)}.</p>
    ${chart({ title: 'Reliability diagram', picture: reliabilityChart(calibration.buckets, before?.buckets ?? null), heads: ['Confidence', 'Samples', 'Mean confidence', 'Accuracy'], rows, note: before ? 'Rings: before calibration.' : null })}</div></section>`;
}

/** @param {Figures} figures */
function classTable(figures) {
  return html`<section class="card" aria-label="Classes"><div class="card__head"><h2 class="grow">Classes</h2></div><div class="table-wrap"><table class="table table--cards"><thead><tr><th scope="col">Class</th><th scope="col">Precision</th><th scope="col">Recall</th><th scope="col">F1</th><th scope="col">Samples</th></tr></thead><tbody>
    ${figures.classes.map((/** @type {any} */ each) => html`<tr><th scope="row">${each.label}</th><td class="num" data-label="Precision">${figureText(each.precision)}</td><td class="num" data-label="Recall">${figureText(each.recall)}</td><td class="num" data-label="F1">${withInterval(each.f1 ?? undefined)}</td><td class="num" data-label="Samples">${each.support.toLocaleString('en')}</td></tr>`)}</tbody></table></div>
    <p class="card__foot small muted">In brackets: 95 % intervals from drawing whole groups again.${figures.without_support.length ? ' Classes without a sample are in no mean.' : ''}</p></section>`;
}

/** @param {HTMLElement} target @param {SetPage} page @param {Training} training @param {{part: string, figures: Figures}} found @param {number} truth @param {number} predicted */
async function drawSamples(target, page, training, found, truth, predicted) {
  const { labels } = found.figures;
  const answer = await api.get(`/trainings/${training.id}/samples`, { part: found.part, truth, predicted, limit: SAMPLES }, { signal: page.signal });
  const href = (/** @type {any} */ sample) => `/image-sets/${page.id}/images/${sample.image_id}?version=${training.version_id}${sample.annotation_id ? `#annotation=${sample.annotation_id}` : ''}`;
  render(target, html`<section class="card" aria-label="Samples" id="samples"><div class="card__head"><h2 class="grow">${labels[truth]} called ${labels[predicted]} <span class="count num">${answer.count.toLocaleString('en')}</span></h2>
      <button type="button" class="icon-btn icon-btn--small" aria-label="Close the samples" @click=${() => render(target)}>${icon('x')}</button></div>
    <ul class="list">${answer.items.map((/** @type {any} */ sample) => html`<li><div class="list__item"><div class="grow"><a href=${href(sample)}>${sample.image_name}${sample.annotation_id ? ` · annotation ${sample.annotation_id}` : ''}</a></div><span class="num small muted">${figureText(sample.confidence, 3)}</span></div></li>`)}</ul>
    ${answer.count > answer.items.length ? html`<p class="card__foot small muted">The surest ${answer.items.length} of ${answer.count.toLocaleString('en')}; the CSV has all.</p>` : null}</section>`);
  target.scrollIntoView({ block: 'nearest' });
}

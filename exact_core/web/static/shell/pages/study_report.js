// @ts-check
/** The report of a study: time and agreement per arm, the tests between them, and the grades. */

import { apiUrl } from '../api.js';
import { barChart, chart, dotPlot, figureText, withInterval } from '../charts.js';
import { html, icon } from '../html.js';
import { attachMenu } from '../menu.js';
import { plural } from '../time.js';

/** @typedef {Record<string, any>} Report */

/** @type {Record<string, string>} */
const TESTS = { wilcoxon: 'Wilcoxon signed-rank', paired_t: 'paired t', mann_whitney: 'Mann–Whitney U', anova: 'analysis of variance, F', kruskal: 'Kruskal–Wallis H' };
const TABLES = [['tasks', 'Every image that was read'], ['activity', 'Every stretch of activity'], ['survey', 'Every grade']];

/**
 * @param {Report} report
 * @param {string} path of the study in the API
 */
export function drawReport(report, path) {
  const menu = html`<button type="button" class="btn btn--small" id="study-csv">${icon('download')}CSV</button>`;
  attachMenu(menu, () => TABLES.map(([table, label]) => ({ label, icon: 'download', href: apiUrl(`${path}/report.csv`, { table }) })));
  const anything = report.arms.some((/** @type {any} */ arm) => arm.finished);
  if (!anything) return html`<p class="banner">${icon('info')}Nothing was read to the end yet.</p>`;
  return [time(report, menu), agreement(report), tests(report), survey(report)];
}

/** @param {string} title @param {any} body @param {any} [note] @param {any} [tools] */
function card(title, body, note = null, tools = null) {
  return html`<section class="card" aria-label=${title}><div class="card__head"><h2 class="grow">${title}</h2>${tools}</div><div class="card__body stack">${body}</div>${note ? html`<p class="card__foot small muted">${note}</p>` : null}</section>`;
}

/** @param {Report} report @param {any} tools */
function time(report, tools) {
  const groups = report.arms.map((/** @type {any} */ arm) => ({ label: arm.name, values: arm.seconds.values, mean: arm.seconds.mean, low: arm.seconds.mean_low, high: arm.seconds.mean_high }));
  const without = report.arms.reduce((/** @type {number} */ sum, /** @type {any} */ arm) => sum + arm.without_time, 0);
  return card('Active seconds per image', chart({
    title: 'Active seconds per image in each arm', picture: dotPlot(groups, { unit: 's' }), heads: ['Arm', 'Images read', 'Mean', 'Median', 'Prepared annotations'],
    rows: report.arms.map((/** @type {any} */ arm) => [arm.name, arm.finished, withInterval({ value: arm.seconds.mean, low: arm.seconds.mean_low, high: arm.seconds.mean_high }, 1), withInterval({ value: arm.seconds.median, low: arm.seconds.median_low, high: arm.seconds.median_high }, 1), arm.prepared]),
    note: 'Each dot is one image read by one participant; the bar is the mean, the line its 95 % interval from drawing images again.',
  }), without ? `${plural(without, 'image')} without any measured time ${without === 1 ? 'is' : 'are'} left out.` : null, tools);
}

/** @param {Report} report */
function agreement(report) {
  const { arms, reference } = report;
  if (!arms.some((/** @type {any} */ arm) => arm.agreement.tasks)) return card('Agreement', html`<p class="muted">Nobody else has read the same images yet, so there is no majority to compare with.</p>`);
  const bars = arms.map((/** @type {any} */ arm) => ({ label: arm.name, value: arm.agreement.f1, low: arm.agreement.low, high: arm.agreement.high }));
  return card('Agreement', chart({
    title: 'F1 of each arm', picture: barChart(bars), heads: ['Arm', 'F1', 'Precision', 'Recall', 'Hits', 'Extra', 'Missed'],
    rows: arms.map((/** @type {any} */ arm) => [arm.name, withInterval({ value: arm.agreement.f1, low: arm.agreement.low, high: arm.agreement.high }), figureText(arm.agreement.precision), figureText(arm.agreement.recall), arm.agreement.hits, arm.agreement.extra, arm.agreement.missed]),
    note: reference.kind === 'gold' ? `Against the reference “${reference.title}”.` : 'Against what more than half of the other participants marked on the same image.',
  }));
}

/** @param {Report} report */
function tests(report) {
  const measure = (/** @type {any} */ each) => (each.measure === 'seconds' ? 'Active seconds' : 'F1');
  const arms = (/** @type {any} */ each) => (each.arms.length ? each.arms.map((/** @type {number} */ index) => report.arms[index].name).join(' / ') : 'all arms');
  const p = (/** @type {number | null} */ value) => (value === null ? '–' : value < 0.001 ? '< 0.001' : value.toFixed(3));
  return html`<section class="card" aria-label="Tests"><div class="card__head"><h2>Tests</h2></div><div class="table-wrap"><table class="table table--cards"><thead><tr>${['What', 'Arms', 'Means', 'Test', 'Statistic', 'p'].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
    <tbody>${report.comparisons.map((/** @type {any} */ each) => html`<tr><th scope="row">${measure(each)} <span class="faint">per ${each.unit}</span></th><td data-label="arms">${arms(each)}</td>
      <td class="num" data-label="means">${each.means.map((/** @type {number} */ mean) => figureText(mean, each.measure === 'seconds' ? 1 : 2)).join(' / ')}</td><td data-label="test">${TESTS[each.test]}</td>
      <td class="num" data-label="statistic">${figureText(each.statistic)}${each.df.length ? html`<span class="faint"> (${each.df.join(', ')})</span>` : null} <span class="faint">n = ${each.n}</span></td><td class="num" data-label="p">${p(each.p)}</td></tr>`)}</tbody></table></div>
    <p class="card__foot small muted">Two-sided, not corrected for how many there are. ${report.assignment === 'within' ? 'Paired by participant or by image, as everybody reads in every arm.' : 'Participants of different arms are independent.'}</p></section>`;
}

/** @param {Report} report */
function survey(report) {
  if (!report.survey.some((/** @type {any} */ each) => each.answers)) return null;
  return html`<section class="card" aria-label="Grades"><div class="card__head"><h2>Grades</h2></div><div class="table-wrap"><table class="table table--cards"><thead><tr><th scope="col">Question</th><th scope="col">Median</th><th scope="col">Mean</th>${[1, 2, 3, 4, 5, 6].map((grade) => html`<th scope="col" class="num">${grade}</th>`)}</tr></thead>
    <tbody>${report.survey.map((/** @type {any} */ each) => html`<tr><th scope="row">${each.question}</th><td class="num" data-label="median">${figureText(each.median, 1)}</td><td class="num" data-label="mean">${figureText(each.mean, 1)}</td>${each.counts.map((/** @type {number} */ count, /** @type {number} */ index) => html`<td class="num" data-label="grade ${index + 1}">${count}</td>`)}</tr>`)}</tbody></table></div>
    <p class="card__foot small muted">1 is very good, 6 insufficient.</p></section>`;
}

// @ts-check
/** Background work: what runs, what failed and why. */

import { api } from '../api.js';
import { openDialog } from '../dialog.js';
import { $, html, icon, render } from '../html.js';
import { attachMenu } from '../menu.js';
import { ago, dateTime, duration } from '../time.js';
import { showError } from '../toast.js';
import { empty, show } from '../view.js';

const target = $('#admin');
const list = html`<div class="stack"></div>`;
const chips = html`<div class="row" role="group" aria-label="State"></div>`;
const STATES = /** @type {Record<string, {label: string, kind: string, symbol: string}>} */ ({
  queued: { label: 'Waiting', kind: '', symbol: 'clock' }, running: { label: 'Running', kind: 'accent', symbol: 'loader-circle' }, done: { label: 'Done', kind: 'success', symbol: 'circle-check' },
  failed: { label: 'Failed', kind: 'danger', symbol: 'circle-alert' }, cancelled: { label: 'Cancelled', kind: '', symbol: 'ban' },
});
let state = '';
/** @type {any[]} */
let jobs = [];
/** @type {string | null} */
let next = null;

async function load() {
  await show(list, (signal) => api.get('/jobs', { state, limit: 100 }, { signal }), (answer) => {
    jobs = answer.items;
    next = answer.next_cursor;
    return draw();
  });
}

function draw() {
  if (!jobs.length) return empty('activity', state ? 'No job in this state' : 'No jobs yet', 'Probing and converting of images, and the work of plugins, appear here.');
  return [html`<div class="card"><table class="table table--cards"><thead><tr><th>Job</th><th>State</th><th>Where</th><th>Started</th><th><span class="visually-hidden">Actions</span></th></tr></thead><tbody>${jobs.map(row)}</tbody></table></div>`,
    next ? html`<div class="pager"><button type="button" class="btn" @click=${more}>Show more</button></div>` : null];
}

async function more() {
  try {
    const answer = await api.get('/jobs', { state, cursor: next, limit: 100 });
    jobs = [...jobs, ...answer.items];
    next = answer.next_cursor;
    render(list, draw());
  } catch (error) {
    showError(error);
  }
}

/** @param {any} job */
function row(job) {
  const known = STATES[job.state];
  const button = html`<button type="button" class="icon-btn" aria-label="More for job ${job.id}" data-focus="job-${job.id}">${icon('ellipsis')}</button>`;
  attachMenu(button, () => [
    { label: 'Details', icon: 'info', run: () => details(job) },
    ['queued', 'running'].includes(job.state) && { label: 'Cancel', icon: 'x', run: () => act(job, 'cancel') },
    ['failed', 'cancelled'].includes(job.state) && { label: 'Start again', icon: 'rotate-cw', run: () => act(job, 'retry') },
  ]);
  const seconds = job.started_at && job.finished_at ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000 : NaN;
  return html`<tr>
    <td><div><strong>${job.title}</strong> <span class="faint num">#${job.id}</span></div>${job.message ? html`<div class="small ${job.state === 'failed' ? 'danger-text' : 'muted'} job-message">${job.message}</div>` : null}</td>
    <td><div class="stack stack--tight"><span class="badge badge--${known.kind}">${icon(known.symbol, job.state === 'running' ? 'icon--spin' : '')}${job.cancel_requested && job.state === 'running' ? 'Stopping' : known.label}</span>
      ${job.state === 'running' ? html`<progress class="progress" max="1" value=${job.progress || null} aria-label="Progress of job ${job.id}"></progress>` : null}</div></td>
    <td data-label="In">${job.image_set_id ? html`<a href="/image-sets/${job.image_set_id}">Image set ${job.image_set_id}</a>` : html`<span class="faint">–</span>`}</td>
    <td data-label="Started" title=${dateTime(job.started_at ?? job.created_at)}>${ago(job.started_at ?? job.created_at)}${Number.isFinite(seconds) ? html`<span class="faint"> · ${duration(seconds)}</span>` : null}</td>
    <td class="actions">${button}</td></tr>`;
}

/**
 * @param {any} job
 * @param {string} action
 */
async function act(job, action) {
  await api.post(`/jobs/${job.id}/${action}`);
  await load();
}

/** @param {any} job */
async function details(job) {
  const full = await api.get(`/jobs/${job.id}`);
  await openDialog({
    title: `${full.title} #${full.id}`, size: 'wide',
    body: [html`<dl class="facts"><dt>State</dt><dd>${STATES[full.state].label}</dd><dt>Kind</dt><dd><code>${full.type}</code></dd><dt>Asked for</dt><dd>${dateTime(full.created_at)}</dd><dt>Tries</dt><dd class="num">${full.attempts}</dd>${full.message ? html`<dt>Message</dt><dd>${full.message}</dd>` : null}</dl>`,
      full.log ? html`<pre class="trace" tabindex="0">${full.log}</pre>` : null],
  });
}

function drawChips() {
  render(chips, [['', { label: 'All' }], ...Object.entries(STATES)].map(([value, known]) => html`
    <button type="button" class="tag" id="state-${value || 'all'}" aria-pressed=${String(state === value)} @click=${() => {
      state = /** @type {string} */ (value);
      drawChips();
      void load();
    }}>${/** @type {any} */ (known).label}</button>`));
}

drawChips();
render(target, chips, list);
target.setAttribute('aria-busy', 'false');
await load();
setInterval(async () => {
  if (document.hidden || document.querySelector('dialog[open], [popover]:popover-open[role="menu"]') || !jobs.some((job) => job.state === 'queued' || job.state === 'running')) return;
  try {
    const answer = await api.get('/jobs', { state, limit: 100 });
    if (jobs.length <= 100) {
      jobs = answer.items;
      next = answer.next_cursor;
      render(list, draw());
    }
  } catch {
    // The next look will tell.
  }
}, 2500);

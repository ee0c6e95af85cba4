// @ts-check
/** The list of jobs that one may see: filtered, followed while something runs, with cancel and retry in place. */

import { api } from '../api.js';
import { html, icon, render } from '../html.js';
import { attachMenu } from '../menu.js';
import { ago, dateTime } from '../time.js';
import { showError } from '../toast.js';
import { empty, show } from '../view.js';
import { openJob } from './details.js';
import { STATES, canRetry, effortWords, isOpen, stateWords } from './words.js';

/** @typedef {import('./words.js').Job} Job */

const PAGE = 100;
const MILLISECONDS = 2500;

/** @param {HTMLElement} place */
export async function jobList(place) {
  const chips = html`<div class="row" role="group" aria-label="Filter"></div>`;
  const list = html`<div class="stack"></div>`;
  const filter = { state: '', mine: false };
  /** @type {Job[]} */
  let jobs = [];
  /** @type {string | null} */
  let next = null;

  const ask = (/** @type {AbortSignal | undefined} */ signal, cursor = '') => api.get('/jobs', {
    state: filter.state || undefined, mine: filter.mine || undefined, cursor: cursor || undefined, limit: PAGE,
  }, { signal });

  /** @param {any} answer */
  function take(answer) {
    jobs = answer.items;
    next = answer.next_cursor;
    return draw();
  }

  async function load() {
    await show(list, (signal) => ask(signal), take);
  }

  async function more() {
    try {
      const answer = await ask(undefined, next ?? '');
      jobs = [...jobs, ...answer.items];
      next = answer.next_cursor;
      render(list, draw());
    } catch (error) {
      showError(error);
    }
  }

  function draw() {
    if (!jobs.length) {
      return filter.state || filter.mine
        ? empty('activity', 'No such job', 'Choose another filter to see more.')
        : empty('activity', 'No jobs yet', 'Reading and converting of images, exports, and the work of plugins and models appear here.');
    }
    return [
      html`<div class="card"><table class="table table--cards"><thead><tr><th>Job</th><th>State</th><th>In</th><th>When</th><th><span class="visually-hidden">Actions</span></th></tr></thead><tbody>${jobs.map(row)}</tbody></table></div>`,
      next ? html`<div class="pager"><button type="button" class="btn" @click=${more}>Show more</button></div>` : null,
    ];
  }

  /** @param {Job} job */
  function row(job) {
    const known = STATES[job.state];
    const menu = html`<button type="button" class="icon-btn" aria-label="More for job ${job.id}" data-focus="more-${job.id}">${icon('ellipsis')}</button>`;
    attachMenu(menu, () => [
      { label: 'Details', icon: 'info', run: () => openJob(job.id, load) },
      isOpen(job) && { label: 'Cancel', icon: 'x', run: () => act(job, 'cancel') },
      canRetry(job) && { label: 'Start again', icon: 'rotate-cw', run: () => act(job, 'retry') },
    ]);
    return html`<tr>
      <td><div><button type="button" class="link-btn" data-focus="job-${job.id}" @click=${() => openJob(job.id, load)}><strong>${job.title}</strong></button> <span class="faint num">#${job.id}</span></div>
        ${job.message ? html`<div class="small ${job.state === 'failed' ? 'danger-text' : 'muted'} job-message">${job.message}</div>` : null}</td>
      <td><div class="stack stack--tight"><span class="badge badge--${known.kind}">${icon(known.symbol, job.state === 'running' ? 'icon--spin' : '')}${stateWords(job)}</span>
        ${job.state === 'running' ? html`<progress class="progress" max="1" value=${job.progress || null} aria-label="Progress of job ${job.id}"></progress>` : null}</div></td>
      <td data-label="In">${job.image_set_id ? html`<a href="/image-sets/${job.image_set_id}">${job.image_set ?? `Image set ${job.image_set_id}`}</a>` : html`<span class="faint">–</span>`}</td>
      <td data-label="When" title=${dateTime(job.started_at ?? job.created_at)}>${ago(job.started_at ?? job.created_at)}${job.owner ? html`<span class="faint"> · ${job.owner}</span>` : null}
        ${effortWords(job) ? html`<div class="small faint">${effortWords(job)}</div>` : null}</td>
      <td class="actions">${menu}</td></tr>`;
  }

  /**
   * @param {Job} job
   * @param {'cancel' | 'retry'} what
   */
  async function act(job, what) {
    try {
      await api.post(`/jobs/${job.id}/${what}`);
      await load();
    } catch (error) {
      showError(error);
    }
  }

  function drawChips() {
    const states = /** @type {[string, {label: string}][]} */ ([['', { label: 'All' }], ...Object.entries(STATES)]);
    render(chips, states.map(([value, known]) => chip(`state-${value || 'all'}`, known.label, filter.state === value, () => { filter.state = value; })),
      chip('mine', 'Mine only', filter.mine, () => { filter.mine = !filter.mine; }));
  }

  /**
   * @param {string} id
   * @param {string} label
   * @param {boolean} isPressed
   * @param {() => void} choose
   */
  function chip(id, label, isPressed, choose) {
    return html`<button type="button" class="tag" id=${id} aria-pressed=${String(isPressed)} @click=${() => {
      choose();
      drawChips();
      void load();
    }}>${label}</button>`;
  }

  const mayRedraw = () => !document.hidden && jobs.length <= PAGE && jobs.some(isOpen)
    && !document.querySelector('dialog[open], [popover]:popover-open[role="menu"]');

  drawChips();
  render(place, chips, list);
  await load();
  setInterval(async () => {
    if (!mayRedraw()) return;
    try {
      const answer = await ask(undefined);
      if (mayRedraw()) render(list, take(answer));
    } catch {
      // The next look will tell.
    }
  }, MILLISECONDS);
}

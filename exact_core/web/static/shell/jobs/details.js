// @ts-check
/** One job in a dialog: its facts, progress and log, followed while it runs. */

import { api } from '../api.js';
import { openDialog } from '../dialog.js';
import { html, icon, render } from '../html.js';
import { dateTime } from '../time.js';
import { showError } from '../toast.js';
import { busy } from '../view.js';
import { STATES, canRetry, effortWords, isOpen, stateWords } from './words.js';

const MILLISECONDS = 1500;

/**
 * @param {number} id
 * @param {() => unknown} changed called when it was cancelled or started again
 */
export async function openJob(id, changed) {
  const body = html`<div class="stack"></div>`;
  /** @type {any} */
  let job;

  async function load() {
    const answer = await api.get(`/jobs/${id}`);
    if (job && JSON.stringify(answer) === JSON.stringify(job)) return;
    const log = body.querySelector('.trace');
    const followed = !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    const top = log?.scrollTop ?? 0;
    job = answer;
    render(body, facts(job), actions());
    const drawn = body.querySelector('.trace');
    if (drawn) drawn.scrollTop = followed ? drawn.scrollHeight : top;
  }

  /** @param {'cancel' | 'retry'} what */
  async function act(what) {
    await api.post(`/jobs/${id}/${what}`);
    await load();
    await changed();
  }

  function actions() {
    const button = isOpen(job)
      ? html`<button type="button" class="btn" data-focus="job-action" disabled=${job.cancel_requested || null} @click=${(/** @type {any} */ event) => busy(event.currentTarget, () => act('cancel'))}>${icon('x')}Cancel this job</button>`
      : canRetry(job)
        ? html`<button type="button" class="btn" data-focus="job-action" @click=${(/** @type {any} */ event) => busy(event.currentTarget, () => act('retry'))}>${icon('rotate-cw')}Start again</button>`
        : null;
    return button ? html`<div class="row">${button}</div>` : null;
  }

  try {
    await load();
  } catch (error) {
    showError(error);
    return;
  }
  const timer = setInterval(() => {
    if (!document.hidden && isOpen(job)) load().catch(() => null); // the next look will tell
  }, MILLISECONDS);
  await openDialog({ title: `${job.title} #${job.id}`, size: 'wide', body });
  clearInterval(timer);
}

/** @param {any} job */
function facts(job) {
  const known = STATES[/** @type {keyof typeof STATES} */ (job.state)];
  return [
    job.state === 'running' ? html`<progress class="progress" max="1" value=${job.progress || null} aria-label="Progress"></progress>` : null,
    html`<dl class="facts">
      <dt>State</dt><dd><span class="badge badge--${known.kind}">${icon(known.symbol, job.state === 'running' ? 'icon--spin' : '')}${stateWords(job)}</span></dd>
      ${job.message ? [html`<dt>Message</dt>`, html`<dd class=${job.state === 'failed' ? 'danger-text' : ''}>${job.message}</dd>`] : null}
      <dt>Kind</dt><dd><code>${job.type}</code>${job.gpu ? ' · needs a GPU' : ''}</dd>
      <dt>Asked for</dt><dd>${dateTime(job.created_at)}${job.owner ? ` by ${job.owner}` : ''}</dd>
      ${effortWords(job) ? [html`<dt>Worked</dt>`, html`<dd>${effortWords(job)}</dd>`] : null}
    </dl>`,
    job.log ? html`<pre class="trace" tabindex="0" aria-label="Log">${job.log}</pre>` : null,
  ];
}

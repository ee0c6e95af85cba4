// @ts-check
/** The workers of the instance, for administrators: where they are, what they do, when they were last heard of. */

import { api } from '../api.js';
import { html, icon, render } from '../html.js';
import { ago, dateTime, plural } from '../time.js';
import { show } from '../view.js';

const MILLISECONDS = 5000;

/** @param {HTMLElement} place */
export async function workerList(place) {
  await show(place, (signal) => api.get('/jobs/workers', {}, { signal }), draw);
  setInterval(async () => {
    if (document.hidden || document.querySelector('dialog[open]')) return;
    try {
      render(place, draw(await api.get('/jobs/workers')));
    } catch {
      // The next look will tell.
    }
  }, MILLISECONDS);
}

/** @param {any[]} workers */
function draw(workers) {
  const living = workers.filter((worker) => worker.is_alive);
  const slots = living.reduce((sum, worker) => sum + worker.slots, 0);
  const used = living.reduce((sum, worker) => sum + worker.jobs.length, 0);
  return html`<section class="card" aria-label="Workers">
    <div class="card__head"><h2 class="grow">Workers</h2><span class="small muted">${living.length ? `${plural(living.length, 'worker')}, ${used} of ${plural(slots, 'slot')} in use` : ''}</span></div>
    ${living.length ? null : html`<div class="card__body"><p class="banner banner--warning">No worker gives a sign of life: jobs wait. <code>exact serve</code> starts one, <code>exact worker</code> more.</p></div>`}
    ${workers.length ? html`<table class="table table--cards"><thead><tr><th>Machine</th><th>Slots</th><th>Does</th><th>Last sign of life</th></tr></thead><tbody>${workers.map(row)}</tbody></table>` : null}
  </section>`;
}

/** @param {any} worker */
function row(worker) {
  return html`<tr>
    <td><strong>${worker.machine}</strong> <span class="faint num">${worker.process ?? ''}</span><div class="small muted">${worker.engine}</div></td>
    <td data-label="Slots"><span class="num">${worker.slots}</span>${worker.gpu ? html` <span class="badge badge--accent">GPU</span>` : null}</td>
    <td data-label="Does">${worker.jobs.length ? worker.jobs.map((/** @type {any} */ job) => html`<div class="small">${job.title} <span class="faint num">#${job.id}</span> <span class="num">${Math.round(100 * job.progress)} %</span></div>`) : html`<span class="faint">${worker.is_alive ? 'Waits for work' : '–'}</span>`}</td>
    <td data-label="Seen" title=${dateTime(worker.seen_at)}>${worker.is_alive ? html`<span class="badge badge--success">${icon('circle-check')}Alive</span>` : html`<span class="badge badge--warning">${icon('circle-alert')}${ago(worker.seen_at)}</span>`}</td></tr>`;
}

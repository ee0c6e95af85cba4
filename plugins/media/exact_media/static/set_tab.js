// @ts-check
/** The tab of the image set: how much is attached, and for administrators maps of spectrograms from folders. */

import { html, icon, plural, render } from 'exact/sdk';

import { bytes, clock } from './media.js';

/**
 * @typedef {{kind: 'sound' | 'film' | 'picture', files: number, size_bytes: number, duration: number}} Kind
 */

const ICONS = { sound: 'activity', film: 'monitor', picture: 'image' };

/** @param {HTMLElement} element @param {import('exact/sdk').PluginContext} ctx */
export async function showSet(element, ctx) {
  const target = html`<div class="media-set stack" data-plugin="media"></div>`;
  element.append(target);
  const load = async () => {
    render(target, html`<p class="muted row">${icon('loader-circle', 'icon--spin')}Counting…</p>`);
    try {
      const { kinds, can_make_maps: mayMap } = await ctx.api.get('summary');
      render(target, amounts(kinds, ctx.imageSet.id), mayMap && createMapForm(ctx, load));
    } catch (error) {
      if (ctx.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      render(target, html`<div class="banner banner--danger">${icon('circle-alert')}<div><p>${reason}</p><button type="button" class="btn btn--small" @click=${load}>${icon('refresh-cw')}Try again</button></div></div>`);
    }
  };
  await load();
}

/** @param {Kind[]} kinds @param {number} imageSet */
function amounts(kinds, imageSet) {
  if (!kinds.length) {
    return html`<div class="card"><div class="card__body stack stack--tight"><p><strong>Nothing is attached in this image set, as far as you may see.</strong></p>
      <p class="muted">Open an image, select a shape, and attach a sound, a film or a picture to it.</p></div></div>`;
  }
  return html`<div class="card"><ul class="list">${kinds.map(
    ({ kind, files, size_bytes: size, duration }) => html`<li class="list__item">${icon(ICONS[kind])}<span class="media-set__kind"><strong>${plural(files, kind)}</strong><span class="small muted">${[duration > 0 && clock(duration), bytes(size)].filter(Boolean).join(' · ')}</span></span>
      ${kind !== 'picture' && html`<a class="btn btn--small" href=${`/image-sets/${imageSet}/search?q=${encodeURIComponent(kind === 'sound' ? 'media.has_sound:yes' : 'media.kind:film')}`}>${icon('search')}Find</a>`}</li>`,
  )}</ul></div>`;
}

/** @param {import('exact/sdk').PluginContext} ctx @param {() => void} made */
function createMapForm(ctx, made) {
  const outcome = html`<div class="stack stack--tight" aria-live="polite"></div>`;
  const button = html`<button type="submit" class="btn btn--primary">Make the map</button>`;
  const form = html`
    <form class="card"><div class="card__body stack">
      <div class="stack stack--tight"><h2>Map of spectrograms</h2>
      <p class="muted">A folder of recordings becomes one image: each call a spectrogram, a box of its type, and its sound. Calls come from Raven selection tables or CSV files beside the recordings; without any, whole recordings are drawn.</p></div>
      <label class="field"><span class="field__label">Folder on the server</span><input class="input" name="folder" required maxlength="4096" placeholder="/data/recordings" autocomplete="off" spellcheck="false"></label>
      <div class="media-set__fields">
        <label class="field"><span class="field__label">Name of the map <span class="optional">optional</span></span><input class="input" name="name" maxlength="200" autocomplete="off"></label>
        <label class="field"><span class="field__label">Pixels per second</span><input class="input" type="number" name="pixels_per_second" min="10" max="2000" step="any" value="200" required></label>
        <label class="field"><span class="field__label">Highest frequency in kHz <span class="optional">optional</span></span><input class="input" type="number" name="khz" min="0.1" max="400" step="any"></label>
      </div>
      <div class="row">${button}</div>${outcome}
    </div></form>`;
  form.addEventListener('submit', async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const values = new FormData(form);
    const body = {
      folder: values.get('folder'),
      name: values.get('name'),
      pixels_per_second: Number(values.get('pixels_per_second')),
      max_hz: Number(values.get('khz') || 0) * 1000,
    };
    button.setAttribute('aria-busy', 'true');
    try {
      const { job_id: job } = await ctx.api.post('maps', body);
      ctx.jobs.watch(job, (state) => showJob(outcome, button, state, ctx.imageSet.id, made));
    } catch (error) {
      button.removeAttribute('aria-busy');
      fail(outcome, error instanceof Error ? error.message : String(error));
    }
  });
  return form;
}

/** @param {HTMLElement} outcome @param {HTMLElement} button @param {any} job @param {number} imageSet @param {() => void} made */
function showJob(outcome, button, job, imageSet, made) {
  if (job.state === 'done') {
    button.removeAttribute('aria-busy');
    const { image_id: image, segments, recordings, refused, reasons } = job.result;
    render(
      outcome,
      html`<p class="row">${icon('circle-check')}<span>${plural(segments, 'call')} of ${plural(recordings, 'recording')} drawn.</span><a class="btn btn--small" href=${`/image-sets/${imageSet}/images/${image}`}>Open the map</a><button type="button" class="btn btn--small" @click=${made}>${icon('refresh-cw')}Make another</button></p>`,
      refused > 0 && html`<details><summary class="small">${plural(refused, 'row')} left out</summary><ul class="small muted media-set__reasons">${reasons.map((/** @type {string} */ reason) => html`<li>${reason}</li>`)}</ul></details>`,
    );
  } else if (job.state === 'failed' || job.state === 'cancelled') {
    button.removeAttribute('aria-busy');
    fail(outcome, job.message || 'The map could not be made.');
  } else {
    const words = job.state === 'queued' ? 'Waiting for a worker…' : job.message || 'Working…';
    render(outcome, html`<progress class="progress" max="1" value=${job.state === 'queued' ? null : job.progress} aria-label="Progress of the map"></progress>`, html`<p class="small muted">${words}</p>`);
  }
}

/** @param {HTMLElement} outcome @param {string} reason */
function fail(outcome, reason) {
  render(outcome, html`<p class="field__error" role="alert">${icon('circle-alert')}<span>${reason}</span></p>`);
}

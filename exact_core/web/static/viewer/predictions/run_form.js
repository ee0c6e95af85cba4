// @ts-check
/** Asking for a run: which model, with which settings, where; then its progress, which can be cancelled. */

import { afterRest } from '../../sdk/timing.js';
import { api, idempotencyKey } from '../../shell/api.js';
import { html, icon, render } from '../../shell/html.js';
import { schemaForm } from '../../shell/schema_form.js';
import { showError } from '../../shell/toast.js';
import { preferences, remember } from '../layout.js';

/**
 * @typedef {{kind: string, title: string, summary: string, is_built_in: boolean, needs_gpu: boolean, settings_schema: Record<string, any> | null}} Kind
 * @typedef {{uuid: string, name: string, kind: string}} Model
 */

const ASK_AGAIN_MS = 700;

/** The form and the progress of what it started. */
export class RunForm {
  /** @param {import('../workplace.js').Workplace} at @param {(run?: string) => unknown} done */
  constructor(at, done) {
    this.at = at;
    this.done = done;
    this.form = html`<div class="side-predictions__part stack stack--tight" hidden></div>`;
    this.progress = html`<div class="side-predictions__part" role="status" hidden></div>`;
    this.element = html`<div>${this.form}${this.progress}</div>`;
  }

  /** @type {Kind[] | null} */
  #kinds = null;
  /** @type {Model[]} */
  #models = [];
  #job = 0;

  toggle() {
    this.form.hidden = !this.form.hidden;
    if (!this.form.hidden) void this.#load();
  }

  /** Follow a run that was asked for before the page was loaded anew. */
  resume() {
    if (this.#job || !this.at.mayAnnotate) return;
    api.get('/jobs', { image_id: this.at.image.id, state: ['queued', 'running'], limit: 20 }).then((page) => {
      const mine = page.items.find((/** @type {any} */ job) => job.type.includes('.predict_') && job.owner_id === this.at.data.actor.id);
      if (mine && !this.#job) this.#follow(mine.id);
    }, () => undefined);
  }

  async #load() {
    try {
      if (!this.#kinds) {
        const setId = this.at.data.imageSet.id;
        const [kinds, stored] = await Promise.all([api.get(`/image-sets/${setId}/prediction-kinds`), api.get('/models', { image_set_id: setId, limit: 100 }).catch(() => ({ items: [] }))]);
        this.#kinds = kinds;
        this.#models = stored.items;
      }
      this.#draw();
    } catch (error) {
      showError(error, 'The models could not be listed');
    }
  }

  #draw() {
    const kinds = this.#kinds ?? [];
    const choices = kinds.flatMap((kind) => {
      const stored = this.#models.filter((model) => model.kind === kind.kind);
      return kind.is_built_in ? [{ kind, model: /** @type {Model | null} */ (null) }] : stored.map((model) => ({ kind, model: /** @type {Model | null} */ (model) }));
    });
    if (!choices.length) {
      render(this.form, html`<p class="small muted">No model can be run here. Switch a plugin on in the settings of the image set, or train a model.</p>`);
      return;
    }
    const wanted = preferences().predictionKind;
    let chosen = choices.find(({ kind, model }) => (model?.uuid ?? kind.kind) === wanted) ?? choices[0];
    const choice = html`<select class="input select" aria-label="Model">${choices.map((one, i) => html`<option value=${String(i)} selected=${one === chosen}>${one.model?.name ?? one.kind.title}</option>`)}</select>`;
    const settings = html`<div class="stack stack--tight"></div>`;
    /** @type {ReturnType<typeof schemaForm> | null} */
    let fields = null;
    const show = () => {
      fields = chosen.kind.settings_schema ? schemaForm(chosen.kind.settings_schema, {}) : null;
      render(settings, html`<p class="small muted">${chosen.kind.summary}</p>`, fields ? html`<details><summary class="small">Settings</summary>${fields.element}</details>` : null);
    };
    choice.addEventListener('change', () => {
      chosen = choices[Number(/** @type {HTMLSelectElement} */ (choice).value)];
      remember({ predictionKind: chosen.model?.uuid ?? chosen.kind.kind });
      show();
    });
    show();
    const start = (/** @type {boolean} */ inView) => {
      try {
        void this.#start(chosen.kind.kind, chosen.model?.uuid ?? null, fields?.read() ?? {}, inView, fields);
      } catch (error) {
        showError(error, 'The settings cannot be used');
      }
    };
    render(this.form, choice, settings, html`<div class="row"><button type="button" class="btn btn--small btn--primary" data-run="view" @click=${() => start(true)}>${icon('scan')}Run on the view</button>
      <button type="button" class="btn btn--small" data-run="image" @click=${() => start(false)}>${icon('image')}Run on the image</button></div>`);
  }

  /** @param {string} kind @param {string | null} model @param {Record<string, any>} settings @param {boolean} inView @param {ReturnType<typeof schemaForm> | null} fields */
  async #start(kind, model, settings, inView, fields) {
    const [x0, y0, x1, y1] = this.at.stage.visibleBounds;
    const area = inView ? { x0: Math.floor(x0), y0: Math.floor(y0), x1: Math.ceil(x1), y1: Math.ceil(y1) } : null;
    try {
      const started = await api.post(`/images/${this.at.image.id}/predictions`, { kind, model, settings, area }, { idempotencyKey: idempotencyKey() });
      this.form.hidden = true;
      this.#follow(started.job_ids[0]);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const name = Object.keys(settings).find((field) => message.includes(`${field}:`));
      if (!name || !fields?.showErrors({ [name]: message })) showError(error, 'The model was not run');
    }
  }

  /** @param {number} job */
  #follow(job) {
    this.#job = job;
    this.#askSoon();
  }

  #askSoon = afterRest(() => void this.#ask(), ASK_AGAIN_MS / 2);

  async #ask() {
    const id = this.#job;
    if (!id) return;
    try {
      const job = await api.get(`/jobs/${id}`);
      if (job.state === 'queued' || job.state === 'running') {
        this.#show(job);
        setTimeout(() => void this.#ask(), ASK_AGAIN_MS);
        return;
      }
      this.#job = 0;
      this.progress.hidden = job.state !== 'failed';
      if (job.state === 'failed') this.#fail(job);
      else if (job.state === 'done') await this.#found(id);
    } catch {
      setTimeout(() => void this.#ask(), 4 * ASK_AGAIN_MS);
    }
  }

  /** @param {number} job */
  async #found(job) {
    const runs = await api.get(`/images/${this.at.image.id}/predictions`);
    await this.done(runs.find((/** @type {any} */ run) => run.job_id === job)?.uuid);
  }

  /** @param {any} job */
  #show(job) {
    this.progress.hidden = false;
    const text = job.state === 'queued' ? 'Waiting for a worker' : job.message || 'Running';
    render(this.progress, html`<div class="row row--nowrap"><span class="small grow truncate">${text}</span>
      <button type="button" class="btn btn--small" data-focus="cancel-run" @click=${() => api.post(`/jobs/${job.id}/cancel`).catch(showError)}>Cancel</button></div>
      <progress class="progress" max="1" value=${String(job.progress)} aria-label="Progress of the model"></progress>`);
  }

  /** @param {any} job */
  #fail(job) {
    render(this.progress, html`<p class="small danger-text" role="alert">${job.message || 'The model failed.'}</p><button type="button" class="btn btn--small" @click=${() => {
      this.progress.hidden = true;
    }}>Close</button>`);
  }
}

// @ts-check
/** The panel of the model that runs in this browser: which one, run or live, what it sees, how it is shown. */

import { perFrame } from '../../sdk/timing.js';
import { html, icon, render } from '../../shell/html.js';
import { plural } from '../../shell/time.js';
import { showError, toast } from '../../shell/toast.js';
import { listModels, runOnServer } from './models.js';
import { described, progressOf, slowness } from './wording.js';

/**
 * @typedef {import('./live_model.js').LiveModel} LiveModel
 * @typedef {import('./models.js').ListedModel} ListedModel
 */

/** Draws the panel into its host, folded until it is wanted: models are asked for when it is opened. */
export class LivePanel {
  /**
   * @param {HTMLElement} host @param {LiveModel} live
   * @param {{whyNot: string, mayRunOnServer: boolean, isOpen: boolean, rememberOpen: (open: boolean) => void, bounds: () => [number, number, number, number]}} page
   */
  constructor(host, live, page) {
    this.live = live;
    this.page = page;
    host.hidden = false;
    this.#body = html`<div class="fold__body live"></div>`;
    const fold = html`
      <details class="fold" data-fold="live" open=${page.isOpen}>
        <summary>${icon('chevron-right')}Live model<span class="live__state small muted" role="status"></span></summary>${this.#body}
      </details>`;
    fold.addEventListener('toggle', () => {
      page.rememberOpen(fold.open);
      if (fold.open && !this.#models) void this.#load();
    });
    render(host, fold);
    this.#state = /** @type {HTMLElement} */ (fold.querySelector('.live__state'));
    const draw = perFrame(() => this.#render());
    live.onChange(draw);
    if (page.isOpen) void this.#load();
    this.#render();
  }

  #body;
  #state;
  /** @type {ListedModel[] | null} */
  #models = null;
  #problem = '';

  async #load() {
    this.#problem = '';
    try {
      this.#models = await listModels();
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
    }
    this.#render();
  }

  #render() {
    const { live } = this;
    this.#state.textContent = live.isBusy ? 'computing' : live.isLive ? 'live' : '';
    this.#body.setAttribute('aria-busy', String(live.isBusy || live.phase === 'loading' || live.phase === 'preparing'));
    // A slider must not be replaced under the hand that holds it.
    const held = this.#body.querySelector('input[type=range]:active');
    if (held) return;
    if (this.page.whyNot) render(this.#body, html`<p class="small muted">${this.page.whyNot}</p>`);
    else if (this.#problem) render(this.#body, this.#failure(this.#problem), this.#button('Try again', 'refresh-cw', () => void this.#load()));
    else if (!this.#models) render(this.#body, html`<progress class="progress" aria-label="Looking for models"></progress>`);
    else if (this.#models.length === 0) render(this.#body, this.#empty());
    else render(this.#body, this.#choice(this.#models), this.#buttons(), this.#progress(), this.#trouble(), this.#result(), this.#display());
  }

  #empty() {
    return html`<p class="small muted">There is no model that you may open. Models with a network for browsers (ONNX) run here, on what you look at.</p>`;
  }

  /** @param {ListedModel[]} models */
  #choice(models) {
    const chosen = this.live.model?.uuid ?? '';
    const select = html`
      <select class="select" id="live-choice" aria-label="Model" @change=${() => this.live.choose(models.find(({ uuid }) => uuid === select.value) ?? null)}>
        <option value="" selected=${chosen === ''}>Choose a model</option>
        ${models.map((model) => html`<option value=${model.uuid} selected=${model.uuid === chosen}>${model.name}${model.has_network === false ? ' (server only)' : ''}</option>`)}
      </select>`;
    return select;
  }

  #buttons() {
    const { live } = this;
    if (!live.model) return null;
    if (live.model.has_network === false) return html`<div class="row">${this.#serverButton()}</div>`;
    const isOpening = live.phase === 'loading' || live.phase === 'preparing';
    return html`
      <div class="row live__buttons">
        <button type="button" class="btn btn--small btn--primary" data-focus="live-run" disabled=${isOpening || live.isBusy} @click=${() => live.run()}>${icon('play')}Run here</button>
        <label class="switch small"><input type="checkbox" role="switch" data-focus="live-switch" .checked=${live.isLive} @change=${(/** @type {any} */ event) => live.setLive(event.target.checked)}>Live</label>
        ${live.isBusy || isOpening ? html`<button type="button" class="btn btn--small" data-focus="live-stop" @click=${() => (isOpening ? live.close() : live.setLive(false))}>${icon('square')}Stop</button>` : null}
      </div>`;
  }

  #progress() {
    const { live } = this;
    const now = progressOf(live);
    if (!now) return null;
    const bar = html`<progress class="progress" aria-label=${now.text}></progress>`;
    if (now.part !== null) bar.value = now.part;
    return html`<div>${bar}<p class="small muted num">${now.text}</p></div>`;
  }

  #trouble() {
    const { live } = this;
    const { failed } = live;
    if (failed) {
      const closer = failed.zoomBy;
      return html`${this.#failure(failed.message)}<div class="row">
        ${closer ? this.#button('Zoom in', 'zoom-in', () => this.#zoomIn(closer)) : null}${this.#serverButton()}</div>`;
    }
    const slow = slowness(live.seen);
    return slow ? html`<p class="small muted">${slow}</p><div class="row">${this.#serverButton()}</div>` : null;
  }

  /** @param {number} closer */
  #zoomIn(closer) {
    this.live.stage.zoomBy(closer * 1.05, undefined, true);
    this.live.run();
  }

  /** @param {string} text */
  #failure(text) {
    return html`<p class="small live__failure" role="alert">${icon('triangle-alert')}<span>${text}</span></p>`;
  }

  /** @param {string} title @param {string} symbol @param {() => void} press */
  #button(title, symbol, press) {
    return html`<button type="button" class="btn btn--small" @click=${press}>${icon(symbol)}${title}</button>`;
  }

  /** Nothing for those who may not, and for models that the server cannot run. */
  #serverButton() {
    const { model } = this.live;
    if (!model || !this.page.mayRunOnServer || model.unavailable_reason) return null;
    return this.#button('Run on the server', 'server', () => void this.#runOnServer(model));
  }

  /** @param {ListedModel} model */
  async #runOnServer(model) {
    try {
      await runOnServer(this.live.image.id, model, this.page.bounds());
      toast(`${model.name} runs on the server on this view; its predictions come when it has ended.`, { kind: 'success' });
    } catch (error) {
      showError(error);
    }
  }

  #result() {
    const { live } = this;
    if (!live.opened || !live.seen) return null;
    const notes = [live.seen.note, live.opened.note].filter(Boolean);
    return html`
      <p class="small muted num" data-live="facts">${described(live.opened, live.seen)}</p>
      ${notes.map((note) => html`<p class="small muted">${note}</p>`)}
      ${live.showsObjects ? html`<p class="small num" data-live="objects">${plural(live.objects.length, 'object')} in view</p>` : null}`;
  }

  #display() {
    const { live } = this;
    if (live.phase !== 'ready') return null;
    return html`
      <label class="switch small"><input type="checkbox" role="switch" data-focus="live-shown" .checked=${live.isShown} @change=${(/** @type {any} */ event) => live.set({ isShown: event.target.checked })}>Show overlay</label>
      ${live.isShown ? this.#sliders() : null}`;
  }

  #sliders() {
    const { live } = this;
    return html`
      ${this.#slider('threshold', 'Threshold', 0, 1)}${this.#slider('opacity', 'Opacity', 0.1, 1)}
      <ul class="live__classes" aria-label="Classes">${live.classes.map((one, index) => html`
        <li><label class="check small"><input type="checkbox" data-focus="live-class-${index}" .checked=${one.isShown} @change=${(/** @type {any} */ event) => live.showClass(index, event.target.checked)}>
          <span class="swatch" .style=${{ '--swatch': one.color }}></span><span class="truncate">${one.name}</span></label></li>`)}</ul>
      ${live.opened?.contract.task === 'segmentation' ? html`<label class="switch small"><input type="checkbox" role="switch" data-focus="live-objects" .checked=${live.showsObjects} @change=${(/** @type {any} */ event) => live.set({ showsObjects: event.target.checked })}>Mark objects</label>` : null}`;
  }

  /** @param {'threshold' | 'opacity'} name @param {string} title @param {number} min @param {number} max */
  #slider(name, title, min, max) {
    const figure = html`<output class="num">${percent(this.live[name])}</output>`;
    const slider = html`<input type="range" id="live-${name}" min=${min} max=${max} step="0.01" value=${this.live[name]}>`;
    slider.addEventListener('input', () => {
      figure.textContent = percent(slider.valueAsNumber);
      this.live.set({ [name]: slider.valueAsNumber });
    });
    slider.addEventListener('change', () => this.#render());
    return html`<label class="slider small"><span>${title}</span>${slider}${figure}</label>`;
  }
}

/** @param {number} part */
function percent(part) {
  return `${Math.round(part * 100)} %`;
}

// @ts-check
/** The panel of predictions: runs, the slider with its histogram, classes, agreement, and what is decided. */

import { api } from '../../shell/api.js';
import { openDialog } from '../../shell/dialog.js';
import { html, icon, render } from '../../shell/html.js';
import { ago } from '../../shell/time.js';
import { showError } from '../../shell/toast.js';
import { busy, empty, failure } from '../../shell/view.js';
import { histogramPicture } from './histogram.js';
import { RunForm } from './run_form.js';

/** @typedef {import('./index.js').Predictions} Predictions */
/** @typedef {ReturnType<Predictions['numbers']>} Numbers */

/** Fills its host while it is open. */
export class PredictionsPanel {
  /** @param {HTMLElement} host @param {Predictions} model */
  constructor(host, model) {
    this.host = host;
    this.model = model;
    this.body = html`<div class="side-predictions__body"></div>`;
    this.form = new RunForm(model.at, (run) => model.loadRuns(run));
  }

  #isDrawn = false;

  show() {
    if (!this.#isDrawn) {
      this.#isDrawn = true;
      render(this.host,
        html`<div class="side__head"><h2>Predictions</h2><span class="grow"></span>
          ${this.model.at.mayAnnotate ? html`<button type="button" class="btn btn--small" data-focus="run-model" @click=${() => this.#toggleForm()}>${icon('play')}Run a model</button>` : null}
          <button type="button" class="icon-btn icon-btn--small" aria-label="Close the predictions" data-tip="Close" @click=${() => this.model.close()}>${icon('x')}</button></div>`,
        this.form.element, this.body);
    }
    this.host.hidden = false;
    this.form.resume();
    if (!this.model.runs) render(this.body, html`<p class="muted small side-predictions__part" role="status">Looking for runs…</p>`);
  }

  hide() {
    this.host.hidden = true;
  }

  #toggleForm() {
    this.form.toggle();
  }

  /** @param {unknown} error @param {() => unknown} retry */
  fail(error, retry) {
    render(this.body, failure(error, retry));
  }

  draw() {
    const { model } = this;
    if (!model.runs?.length) {
      const text = model.at.mayAnnotate ? 'Run a model on what you see, or on the whole image. What it finds lies beside the annotations until you accept it.' : 'No model was run on this image.';
      render(this.body, empty('microscope', 'No predictions yet', text));
      return;
    }
    render(this.body, this.#runs(), model.run ? [this.#slider(), this.#classes(), this.#deciding(), this.#figures()] : null);
    this.drawNumbers(model.numbers());
    this.drawCurrent();
  }

  #runs() {
    const { model } = this;
    const { run } = model;
    const name = (/** @type {import('./index.js').Run} */ one) => `${one.model.name} · ${one.shapes.toLocaleString('en')} · ${ago(one.ready_at)}`;
    const choice = html`<select class="input select" aria-label="Run">${model.runs?.map((one) => html`<option value=${one.uuid} selected=${one.uuid === run?.uuid}>${name(one)}</option>`)}</select>`;
    choice.addEventListener('change', () => void model.choose(model.runs?.find((one) => one.uuid === /** @type {HTMLSelectElement} */ (choice).value) ?? null).catch(showError));
    const facts = run ? [run.area ? 'Part of the image' : 'Whole image', run.asked_by ? `for ${run.asked_by.name}` : '', run.skipped ? `${run.skipped} outlines could not be kept` : ''].filter(Boolean).join(' · ') : '';
    const mayDelete = run && (run.asked_by?.id === model.at.data.actor.id || model.at.data.rights.manage);
    return html`<div class="side-predictions__part stack stack--tight"><div class="row row--nowrap">${choice}
      ${run && model.at.data.rights.manage && model.at.data.imageSet.mode !== 'cooperative' ? html`<button type="button" class="icon-btn icon-btn--small" aria-pressed=${String(run.shown_to_readers)} aria-label="Show this run to readers" data-tip=${run.shown_to_readers ? 'Readers see this run' : 'Readers do not see this run'} @click=${() => this.#showToReaders()}>${icon(run.shown_to_readers ? 'eye' : 'eye-off')}</button>` : null}
      ${mayDelete ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="Delete this run" data-tip="Delete this run" @click=${() => this.#remove()}>${icon('trash-2')}</button>` : null}</div>
      <p class="muted small">${facts}</p></div>`;
  }

  #slider() {
    const { model } = this;
    const range = html`<input type="range" min="0" max="1" step="0.01" value=${String(model.least)} aria-label="Least score" class="side-predictions__range">`;
    const value = html`<output class="num small" data-least>${model.least.toFixed(2)}</output>`;
    const picture = html`<div class="side-predictions__histogram"></div>`;
    const draw = () => picture.replaceChildren(histogramPicture(model.run?.histogram ?? [], model.hiddenLabels, model.least));
    range.addEventListener('input', () => {
      model.set({ least: Number(/** @type {HTMLInputElement} */ (range).value) });
      value.textContent = model.least.toFixed(2);
      draw();
    });
    this.redrawHistogram = draw;
    draw();
    return html`<div class="side-predictions__part"><div class="row row--nowrap"><span class="field__label grow">Least score</span>${value}</div>${picture}${range}
      <p class="small muted num" data-numbers role="status"></p></div>`;
  }

  redrawHistogram = () => {};

  #classes() {
    const { model } = this;
    const { run, at } = model;
    if (!run) return null;
    const types = at.types.filter((type) => type.is_active);
    const rows = run.labels.map((label, index) => {
      const choice = html`<select class="input select input--small" aria-label=${`Annotation type of ${label}`} disabled=${!at.mayAnnotate}><option value="">Becomes…</option>${types.map((type) => html`<option value=${String(type.id)} selected=${model.types[label] === type.id}>${type.name}</option>`)}</select>`;
      choice.addEventListener('change', () => {
        const id = Number(/** @type {HTMLSelectElement} */ (choice).value);
        if (id) model.types[label] = id;
        else delete model.types[label];
        model.set();
      });
      return html`<li class="row row--nowrap"><label class="switch grow"><input type="checkbox" checked=${!model.hiddenLabels.has(index)} @change=${(/** @type {any} */ event) => {
        model.showLabel(index, event.target.checked);
        this.redrawHistogram();
      }}><span class="row row--nowrap"><span class="side-predictions__dash" .style=${{ '--shape': model.colourOf(index) }}></span><span class="truncate">${label}</span><span class="muted num small">${(run.counts[index] ?? 0).toLocaleString('en')}</span></span></label>${choice}</li>`;
    });
    return html`<div class="side-predictions__part stack stack--tight"><ul class="side-predictions__classes">${rows}</ul>${this.#looks()}</div>`;
  }

  #looks() {
    const { model } = this;
    const { run } = model;
    const opacity = html`<input type="range" min="0.1" max="1" step="0.05" value=${String(model.opacity)} aria-label="Opacity of predictions">`;
    opacity.addEventListener('input', () => model.set({ opacity: Number(/** @type {HTMLInputElement} */ (opacity).value) }));
    const maps = run?.maps ?? [];
    const titleOf = (/** @type {import('./map_tiles.js').MapInfo} */ map) => `${map.name}${map.label === null || (run?.labels.length ?? 0) < 2 ? '' : ` of ${run?.labels[map.label]}`}`;
    const choice = html`<select class="input select input--small" aria-label="Map over the slide"><option value="">No map</option>${maps.map((map) => html`<option value=${String(map.id)} selected=${model.map?.id === map.id}>${titleOf(map)}</option>`)}</select>`;
    choice.addEventListener('change', () => model.chooseMap(maps.find((map) => map.id === Number(/** @type {HTMLSelectElement} */ (choice).value)) ?? null));
    return html`<details class="side-predictions__looks"><summary class="small">Appearance</summary><div class="stack stack--tight">
      <label class="row row--nowrap small"><span class="grow">Opacity</span>${opacity}</label>
      <label class="switch small"><input type="checkbox" checked=${model.byUncertainty} @change=${(/** @type {any} */ event) => model.set({ byUncertainty: event.target.checked })}><span>Colour by uncertainty</span></label>
      ${maps.length ? [html`<label class="row row--nowrap small"><span class="grow">Map</span>${choice}</label>`, html`<label class="switch small"><input type="checkbox" checked=${model.showMap} @change=${(/** @type {any} */ event) => model.set({ showMap: event.target.checked })}><span>Colours, not only the line at the threshold</span></label>`] : null}
    </div></details>`;
  }

  #deciding() {
    const { model } = this;
    if (!model.at.mayAnnotate) return null;
    const button = (/** @type {string} */ symbol, /** @type {string} */ label, /** @type {string} */ combo, /** @type {() => unknown} */ run, more = '') => html`<button type="button" class="btn btn--small ${more}" data-tip=${label} data-keys=${combo} data-decide=${combo} @click=${run}>${icon(symbol)}${label}</button>`;
    const small = (/** @type {string} */ symbol, /** @type {string} */ label, /** @type {string} */ combo, /** @type {() => unknown} */ run) => html`<button type="button" class="icon-btn icon-btn--small" aria-label=${label} data-tip=${label} data-keys=${combo} @click=${run}>${icon(symbol)}</button>`;
    return html`<div class="side-predictions__part stack stack--tight"><div data-current class="small" role="status"></div>
      <div class="side-predictions__buttons">${small('chevron-left', 'Previous', 'K', () => model.deciding.step(-1))}${small('chevron-right', 'Next', 'J', () => model.deciding.step(1))}${button('circle-help', 'Next uncertain', 'U', () => model.deciding.stepUncertain())}<span class="grow"></span>${small('undo-2', 'Take the last decision back', 'Shift+U', () => model.deciding.takeBack())}
        </div><div class="side-predictions__buttons">${button('check', 'Accept', 'A', () => model.deciding.decideCurrent('accept'), 'is-accept')}${button('x', 'Reject', 'R', () => model.deciding.decideCurrent('reject'), 'is-reject')}${button('pencil', 'Edit', 'E', () => model.deciding.editCurrent())}</div>
      <div class="row"><button type="button" class="btn btn--small" data-all="view" @click=${(/** @type {any} */ event) => this.#acceptAll(event.currentTarget, true)}>${icon('check-check')}<span>Accept all in view</span></button>
        <button type="button" class="btn btn--small" data-all="image" @click=${(/** @type {any} */ event) => this.#acceptAll(event.currentTarget, false)}>${icon('check-check')}<span>Accept all in image</span></button></div></div>`;
  }

  #figures() {
    return html`<div class="side-predictions__part" data-agreement></div>`;
  }

  /** @param {Numbers} numbers */
  drawNumbers(numbers) {
    const line = this.body.querySelector('[data-numbers]');
    const place = this.body.querySelector('[data-agreement]');
    if (!line || !place) return;
    const { run, least, hiddenLabels } = this.model;
    const from = Math.min(63, Math.floor(least * 64));
    const total = run?.histogram.reduce((sum, row, label) => sum + (hiddenLabels.has(label) ? 0 : row.slice(from).reduce((a, b) => a + b, 0)), 0) ?? 0;
    line.textContent = numbers ? `${numbers.inView.toLocaleString('en')} undecided in view · about ${total.toLocaleString('en')} in the run` : `About ${total.toLocaleString('en')} in the run; zoom in to see single ones`;
    const all = this.body.querySelector('[data-all="view"] span');
    if (all) all.textContent = numbers ? `Accept ${numbers.inView.toLocaleString('en')} in view` : 'Accept all in view';
    render(place, numbers ? agreementTable(numbers) : '');
  }

  drawCurrent() {
    const place = this.body.querySelector('[data-current]');
    if (!place) return;
    const { model } = this;
    const at = model.deciding.currentPlace;
    const has = model.deciding.current !== null;
    for (const combo of ['A', 'R', 'E']) this.body.querySelector(`[data-decide="${combo}"]`)?.toggleAttribute('disabled', !has);
    if (!has) {
      render(place, html`<span class="muted">Press <span class="kbd">J</span> for the next prediction.</span>`);
      return;
    }
    const { view } = model;
    if (view?.kind !== 'shapes' || at < 0) {
      render(place, 'Going there…');
      return;
    }
    const unsure = Number.isNaN(view.uncertainty[at]) ? '' : ` · uncertainty ${view.uncertainty[at].toFixed(2)}`;
    render(place, html`<strong>${model.run?.labels[view.label[at]]}</strong> <span class="num">score ${view.score[at].toFixed(2)}${unsure}</span>`);
  }

  /** @param {HTMLButtonElement} button @param {boolean} inView */
  async #acceptAll(button, inView) {
    const { model } = this;
    const selection = model.deciding.selection(inView);
    await busy(button, async () => {
      try {
        const count = await api.post(`${model.path}/${model.run?.uuid}/count`, selection);
        if (!count.undecided) {
          model.at.flash('Nothing above the threshold is undecided here.');
          return;
        }
        await openDialog({
          title: `Accept ${count.undecided.toLocaleString('en')} predictions?`, action: 'Accept', size: 'small',
          body: html`<p>${inView ? 'All in view' : 'All in the image'} with a score of at least ${model.least.toFixed(2)} that are undecided become unverified annotations. Undo takes them back.</p>`,
          submit: async () => {
            const done = await model.deciding.decide({ verdict: 'accept', selection });
            if (!done) throw new Error('They were not accepted.');
            return done;
          },
        });
      } catch (error) {
        showError(error);
      }
    });
  }

  async #showToReaders() {
    const { model } = this;
    if (!model.run) return;
    try {
      const run = await api.patch(`${model.path}/${model.run.uuid}`, { shown_to_readers: !model.run.shown_to_readers });
      model.run.shown_to_readers = run.shown_to_readers;
      this.draw();
    } catch (error) {
      showError(error);
    }
  }

  async #remove() {
    const { model } = this;
    const { run } = model;
    if (!run) return;
    await openDialog({
      title: 'Delete this run?', action: 'Delete', size: 'small',
      body: html`<p>What ${run.model.name} found goes; annotations that were accepted stay, and so do the decisions.</p>`,
      submit: async () => {
        await api.delete(`${model.path}/${run.uuid}`);
        model.run = null;
        await model.loadRuns();
        return true;
      },
    });
  }
}

/** @param {NonNullable<Numbers>} numbers */
function agreementTable({ annotations, seen, agreement }) {
  if (!annotations) return html`<p class="small muted">No annotation in view to compare with.</p>`;
  const share = (/** @type {number | null} */ value) => (value === null ? '–' : value.toFixed(2));
  const cell = (/** @type {string} */ title, /** @type {string} */ value) => html`<div><dt class="small muted">${title}</dt><dd class="num">${value}</dd></div>`;
  return html`<h3 class="small">Agreement in view</h3><dl class="side-predictions__figures" data-f1=${share(agreement.f1)}>
    ${cell('F1', share(agreement.f1))}${cell('Precision', share(agreement.precision))}${cell('Recall', share(agreement.recall))}${cell('Overlap', share(agreement.iou))}</dl>
    <p class="small muted num">${seen} predicted, ${annotations} drawn, ${agreement.both} of both; middles within ${agreement.distance.toFixed(0)} px</p>`;
}

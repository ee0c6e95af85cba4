// @ts-check
/** The list of layers: pictures that plugins lay over the slide and its overview, each shown or hidden by the annotator. */

import { html, icon, render } from '../../shell/html.js';

/**
 * @typedef {import('../plugin_page.js').PluginOverlays} PluginOverlays
 * @typedef {PluginOverlays['states'][number]} LayerState
 * @typedef {Record<string, {visible?: boolean, opacity?: number}>} Choices  By the identity of the overlay.
 */

/** One switch and one slider per layer; nothing where no plugin declares one. */
export class LayersPanel {
  /** @param {HTMLElement} host @param {PluginOverlays} overlays @param {Choices} choices as they were last time @param {(choices: Choices) => void} remember */
  constructor(host, overlays, choices, remember) {
    this.overlays = overlays;
    this.choices = { ...choices };
    this.remember = remember;
    for (const { info } of overlays.states) {
      const choice = this.choices[info.id];
      if (choice) overlays.set(info.id, choice);
    }
    host.hidden = overlays.states.length === 0;
    if (host.hidden) return;
    render(host, html`
      <details class="fold" data-fold="layers">
        <summary>${icon('chevron-right')}Layers</summary>
        <div class="fold__body">${overlays.states.map((state) => this.#row(state))}</div>
      </details>`);
    overlays.onChange(() => this.#refresh());
    this.#refresh();
  }

  /** @type {Map<string, () => void>} How each row follows its layer. */
  #rows = new Map();

  /** @param {LayerState} state */
  #row(state) {
    const { id, title } = state.info;
    const box = html`<input type="checkbox" role="switch" id="layer-${id}" @change=${() => this.#choose(id, { visible: box.checked })}>`;
    const slider = html`<input type="range" min="0.1" max="1" step="0.05" aria-label="Opacity of ${title}"
      @input=${() => this.#choose(id, { opacity: Number(slider.value) })}>`;
    const figure = html`<output class="num"></output>`;
    const strength = html`<label class="slider small"><span>Opacity</span>${slider}${figure}</label>`;
    this.#rows.set(id, () => {
      box.checked = state.visible;
      slider.value = String(state.opacity);
      figure.textContent = `${Math.round(state.opacity * 100)} %`;
      strength.hidden = !state.visible;
    });
    return [html`<label class="switch small">${box}${title}</label>`, strength];
  }

  #refresh() {
    this.#rows.forEach((follow) => follow());
  }

  /** @param {string} id @param {{visible?: boolean, opacity?: number}} change */
  #choose(id, change) {
    this.choices[id] = { ...this.choices[id], ...change };
    this.overlays.set(id, change);
    this.remember(this.choices);
  }
}

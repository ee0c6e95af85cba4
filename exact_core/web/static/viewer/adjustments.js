// @ts-check
/** Brightness, contrast, saturation and gamma of what the screen shows; the image itself is never changed. */

import { html, icon } from '../shell/html.js';
import { anchor } from './view_controls.js';

/** @typedef {{brightness: number, contrast: number, saturation: number, gamma: number}} Adjustment */

/** @type {Adjustment} */
export const NEUTRAL = { brightness: 1, contrast: 1, saturation: 1, gamma: 1 };

const SVG = 'http://www.w3.org/2000/svg';

/** @param {Adjustment} adjustment @returns {string} a CSS filter; empty when nothing is changed */
export function filterOf({ brightness, contrast, saturation, gamma }) {
  const parts = [
    gamma === 1 ? '' : 'url(#viewer-gamma)',
    brightness === 1 ? '' : `brightness(${brightness})`,
    contrast === 1 ? '' : `contrast(${contrast})`,
    saturation === 1 ? '' : `saturate(${saturation})`,
  ];
  return parts.filter(Boolean).join(' ');
}

/** @param {HTMLElement} host @param {import('./stage.js').Stage} stage */
export function addAdjustments(host, stage) {
  const gammaFunctions = addGammaFilter();
  /** @type {Adjustment} */
  let now = { ...NEUTRAL };
  const open = html`<button type="button" class="icon-btn icon-btn--small" popovertarget="adjust-menu" aria-label="Brightness and contrast" data-tip="Brightness and contrast">${icon('contrast')}</button>`;
  const rows = /** @type {[keyof Adjustment, string, number, number][]} */ ([
    ['brightness', 'Brightness', 0.3, 2], ['contrast', 'Contrast', 0.3, 3], ['saturation', 'Saturation', 0, 3], ['gamma', 'Gamma', 0.3, 3],
  ]).map(([name, label, min, max]) => {
    const value = html`<output class="num">100 %</output>`;
    const input = html`<input type="range" min=${min} max=${max} step="0.01" value="1" id="adjust-${name}">`;
    input.addEventListener('input', () => set({ ...now, [name]: Number(input.value) }));
    return { name, input, value, row: html`<label class="slider small"><span>${label}</span>${input}${value}</label>` };
  });
  const menu = html`
    <div class="menu sheet" popover="auto" id="adjust-menu" aria-label="Picture">
      ${rows.map(({ row }) => row)}
      <p class="small muted">Only on your screen. The image stays as it is.</p>
      <button type="button" class="btn btn--small btn--block" @click=${() => set({ ...NEUTRAL })}>Reset</button>
    </div>`;
  host.append(open, menu);
  anchor(menu, open);

  /** @param {Adjustment} next */
  function set(next) {
    now = next;
    for (const { name, input, value } of rows) {
      input.value = String(now[name]);
      value.textContent = name === 'gamma' ? now[name].toFixed(2) : `${Math.round(now[name] * 100)} %`;
    }
    for (const one of gammaFunctions) one.setAttribute('exponent', String(1 / now.gamma));
    const filter = filterOf(now);
    const canvas = /** @type {any} */ (stage.viewer.drawer).canvas ?? stage.viewer.canvas;
    canvas.style.filter = filter;
    open.classList.toggle('is-on', filter !== '');
  }
}

/** @returns {SVGElement[]} the functions whose exponent is the gamma */
function addGammaFilter() {
  const make = (/** @type {string} */ name) => /** @type {SVGElement} */ (document.createElementNS(SVG, name));
  const functions = ['feFuncR', 'feFuncG', 'feFuncB'].map((name) => {
    const one = make(name);
    one.setAttribute('type', 'gamma');
    return one;
  });
  const transfer = make('feComponentTransfer');
  transfer.append(...functions);
  const filter = make('filter');
  filter.id = 'viewer-gamma';
  filter.setAttribute('color-interpolation-filters', 'sRGB');
  filter.append(transfer);
  const holder = make('svg');
  holder.setAttribute('class', 'visually-hidden');
  holder.setAttribute('aria-hidden', 'true');
  holder.append(filter);
  document.body.append(holder);
  return functions;
}

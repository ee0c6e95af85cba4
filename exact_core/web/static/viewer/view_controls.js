// @ts-check
/** Magnification, rotation, flip and full screen in the bar. */

import { html, icon, render } from '../shell/html.js';
import { toast } from '../shell/toast.js';
import { MAGNIFICATIONS, describeZoom, nativeMagnification, parseZoom, zoomFor } from './scale.js';

/** @typedef {import('./stage.js').Stage} Stage */

/**
 * @param {HTMLElement} host @param {Stage} stage
 * @param {{objective_power: number | null, mpp_x: number | null}} image
 */
export function addZoomControls(host, stage, image) {
  const native = nativeMagnification(image);
  const steps = native === null ? [] : MAGNIFICATIONS.filter((m) => m <= native * 1.01);
  const field = html`<input class="input zoom__field num" inputmode="decimal" aria-label="Magnification" data-tip="Type a magnification: 20, 12.5× or 50 %" autocomplete="off" spellcheck="false">`;
  const buttons = steps.map((m) => html`
    <button type="button" class="btn zoom__step num" data-magnification=${m} aria-label="${m} times" @click=${() => stage.zoomTo(zoomFor(m, native))}>${m}×</button>`);
  const full = html`<button type="button" class="btn zoom__step" aria-label="One image pixel per screen pixel" data-tip="One image pixel per screen pixel" @click=${() => stage.zoomTo(1)}>100 %</button>`;
  render(host, html`
    <div class="zoom">
      <button type="button" class="icon-btn icon-btn--small" aria-label="Zoom out" data-tip="Zoom out" data-keys="-" @click=${() => stage.zoomBy(1 / 1.5)}>${icon('minus')}</button>
      ${field}
      <button type="button" class="icon-btn icon-btn--small" aria-label="Zoom in" data-tip="Zoom in" data-keys="+" @click=${() => stage.zoomBy(1.5)}>${icon('plus')}</button>
      <div class="btn-group zoom__steps" role="group" aria-label="Magnification">
        <button type="button" class="btn zoom__step" data-tip="Whole image" data-keys="0" @click=${() => stage.fit()}>Fit</button>${buttons}${full}
      </div>
    </div>`);

  const show = () => {
    if (document.activeElement !== field) field.value = describeZoom(stage.zoom, native);
    for (const button of buttons) {
      const here = Math.abs(stage.zoom / zoomFor(Number(button.dataset.magnification), native) - 1) < 0.01;
      button.setAttribute('aria-pressed', String(here));
    }
    full.setAttribute('aria-pressed', String(Math.abs(stage.zoom - 1) < 0.01));
  };
  const accept = () => {
    const wanted = parseZoom(field.value, native);
    if (wanted === 'fit') stage.fit();
    else if (wanted !== null) stage.zoomTo(Math.min(wanted, 16));
    else toast('This is no magnification.', { kind: 'warning', detail: native === null ? 'Type for example 50 % or fit.' : 'Type for example 20, 12.5×, 50 % or fit.' });
  };
  field.addEventListener('focus', () => field.select());
  field.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Enter') accept();
    if (event.key === 'Enter' || event.key === 'Escape') field.blur();
  });
  field.addEventListener('blur', show);
  stage.on('change', show);
  return steps;
}

/** @param {HTMLElement} host @param {Stage} stage @param {HTMLElement} page */
export function addTurnControls(host, stage, page) {
  const angle = html`<input class="turn__angle" type="range" min="-180" max="180" step="1" value="0" aria-label="Rotation">`;
  const number = html`<input class="input num turn__number" type="number" min="-180" max="180" step="1" value="0" aria-label="Rotation in degrees">`;
  const flip = html`<button type="button" class="btn btn--small" aria-pressed="false" data-keys="X" data-tip="Mirror left and right" @click=${() => stage.setFlip(!stage.flip)}>Flip</button>`;
  const menu = html`
    <div class="menu sheet" popover="auto" id="turn-menu" aria-label="Rotation">
      <div class="sheet__row">
        <button type="button" class="btn btn--small" data-keys="<" data-tip="Turn left" aria-label="90° to the left" @click=${() => turnBy(stage, -90)}>${icon('rotate-ccw')}90°</button>
        <button type="button" class="btn btn--small" data-keys=">" data-tip="Turn right" aria-label="90° to the right" @click=${() => turnBy(stage, 90)}>${icon('rotate-cw')}90°</button>
        ${flip}
      </div>
      <div class="sheet__row">${angle}${number}<span class="small muted">°</span></div>
      <button type="button" class="btn btn--small btn--block" @click=${() => reset()}>Reset</button>
    </div>`;
  const open = html`<button type="button" class="icon-btn icon-btn--small" popovertarget="turn-menu" aria-label="Rotate and flip" data-tip="Rotate and flip">${icon('rotate-cw')}</button>`;
  const screen = html`<button type="button" class="icon-btn icon-btn--small viewer__fullscreen" aria-label="Full screen" data-tip="Full screen" @click=${() => toggleFullScreen(page)}>${icon('maximize')}</button>`;
  host.append(open, menu, screen);
  anchor(menu, open);

  const reset = () => {
    stage.rotateTo(0);
    stage.setFlip(false);
  };
  const apply = (/** @type {Event} */ event) => {
    const value = Number(/** @type {HTMLInputElement} */ (event.target).value);
    if (Number.isFinite(value)) stage.rotateTo(value, true);
  };
  angle.addEventListener('input', apply);
  number.addEventListener('change', apply);
  stage.on('change', () => {
    const degrees = Math.round(stage.rotation > 180 ? stage.rotation - 360 : stage.rotation);
    for (const input of [angle, number]) if (document.activeElement !== input) input.value = String(degrees);
    flip.setAttribute('aria-pressed', String(stage.flip));
    open.classList.toggle('is-on', degrees !== 0 || stage.flip);
  });
  document.addEventListener('fullscreenchange', () => {
    const on = document.fullscreenElement !== null;
    screen.replaceChildren(icon(on ? 'minimize' : 'maximize'));
    screen.setAttribute('aria-pressed', String(on));
  });
}

/** To the next multiple of 90° in that direction. @param {Stage} stage @param {number} by */
export function turnBy(stage, by) {
  const target = stage.viewer.viewport.getRotation(false);
  stage.rotateTo(target + by);
}

/** @param {HTMLElement} page */
async function toggleFullScreen(page) {
  if (document.fullscreenElement) return document.exitFullscreen();
  if (!page.requestFullscreen) {
    toast('This browser has no full screen for pages.', { kind: 'warning' });
    return undefined;
  }
  return page.requestFullscreen().catch(() => {
    toast('The browser did not allow full screen.', { kind: 'warning' });
  });
}

/** Put a popover below its button when it opens. @param {HTMLElement} popover @param {HTMLElement} button */
export function anchor(popover, button) {
  popover.addEventListener('toggle', (/** @type {any} */ event) => {
    if (event.newState !== 'open') return;
    const box = button.getBoundingClientRect();
    const { width, height } = popover.getBoundingClientRect();
    const below = box.bottom + 6 + height <= innerHeight;
    popover.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    popover.style.top = `${Math.max(8, below ? box.bottom + 6 : box.top - 6 - height)}px`;
  });
}

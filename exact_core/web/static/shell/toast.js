// @ts-check
/** Short messages in the corner: what was done, with a way back; what failed, in words. */

import { ApiError, InputError } from './api.js';
import { html, icon } from './html.js';

/** @typedef {'info' | 'success' | 'warning' | 'error'} ToastKind */
/**
 * @typedef {object} ToastOptions
 * @property {ToastKind} [kind]
 * @property {string} [detail] a second, smaller line
 * @property {{label: string, run: () => unknown}} [action] for example Undo
 * @property {number} [seconds] 0 keeps it until it is closed
 */

const ICONS = { info: 'info', success: 'circle-check', warning: 'triangle-alert', error: 'circle-alert' };
/** @type {HTMLElement | null} */
let stack = null;

function region() {
  if (!stack) {
    stack = html`<div class="toasts" role="region" aria-label="Messages" popover="manual"></div>`;
    document.body.append(/** @type {HTMLElement} */ (stack));
  }
  const element = /** @type {HTMLElement} */ (stack);
  // Shown again each time, so that messages lie above a dialog that was opened meanwhile.
  if (element.matches(':popover-open')) element.hidePopover();
  element.showPopover();
  return element;
}

/**
 * @param {string} message
 * @param {ToastOptions} [options]
 * @returns {() => void} closes it
 */
export function toast(message, options = {}) {
  const kind = options.kind ?? 'info';
  const seconds = options.seconds ?? (kind === 'error' ? 0 : options.action ? 9 : 5);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const element = html`
    <div class="toast toast--${kind}" role=${kind === 'error' ? 'alert' : 'status'}>
      ${icon(ICONS[kind])}
      <div class="toast__text">${message}${options.detail ? html`<small>${options.detail}</small>` : null}</div>
      ${options.action ? html`<button type="button" class="btn btn--small" @click=${act}>${options.action.label}</button>` : null}
      <button type="button" class="icon-btn icon-btn--small" aria-label="Close message" @click=${close}>${icon('x')}</button>
    </div>`;
  const start = () => {
    if (seconds) timer = setTimeout(close, seconds * 1000);
  };
  const stop = () => clearTimeout(timer);
  function close() {
    stop();
    element.remove();
    if (stack && !stack.childElementCount) stack.hidePopover();
  }
  async function act() {
    close();
    try {
      await options.action?.run();
    } catch (error) {
      showError(error);
    }
  }
  element.addEventListener('pointerenter', stop);
  element.addEventListener('pointerleave', start);
  element.addEventListener('focusin', stop);
  element.addEventListener('focusout', start);
  const box = region();
  while (box.childElementCount > 3) box.firstElementChild?.remove();
  box.append(element);
  start();
  return close;
}

/**
 * Say what failed. Aborted requests say nothing; a lost login is told once by shell.js.
 * @param {unknown} error
 * @param {string} [what] 'The image could not be deleted'
 */
export function showError(error, what = '') {
  if (error instanceof DOMException && error.name === 'AbortError') return;
  if (error instanceof ApiError && error.status === 401) return;
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ApiError || error instanceof InputError)) console.error(error);
  toast(what || detail, { kind: 'error', detail: what ? detail : '' });
}

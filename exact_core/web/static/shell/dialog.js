// @ts-check
/** Dialogs: native <dialog>, so that focus, Escape and the rest of the page behave as people expect. */

import { ApiError, InputError } from './api.js';
import { html, icon } from './html.js';
import { showError } from './toast.js';

let count = 0;

/**
 * @typedef {object} DialogOptions
 * @property {string} title
 * @property {any} body nodes or text
 * @property {string} [action] text of the main button; without one there is only Close
 * @property {string} [cancel]
 * @property {boolean} [danger] the main button destroys something
 * @property {'small' | 'wide' | ''} [size]
 * @property {(form: FormData, dialog: HTMLDialogElement) => unknown} [submit] may be async; a thrown error stays in the dialog
 */

/**
 * Open a dialog and wait for its end.
 * @param {DialogOptions} options
 * @returns {Promise<any>} what `submit` gave, true without one, or null when it was cancelled
 */
export function openDialog(options) {
  const id = `dialog-${++count}`;
  return new Promise((resolve) => {
    /** @type {any} */
    let result = null;
    const message = html`<p class="field__error" role="alert"></p>`;
    const main = options.action
      ? html`<button class="btn ${options.danger ? 'btn--danger-solid' : 'btn--primary'}">${options.action}</button>`
      : null;
    /** @type {HTMLDialogElement} */
    const dialog = html`
      <dialog class="dialog ${options.size ? `dialog--${options.size}` : ''}" aria-labelledby=${id}>
        <form method="dialog" novalidate @submit=${submit}>
          <div class="dialog__head">
            <h2 id=${id}>${options.title}</h2>
            <button type="button" class="icon-btn icon-btn--small" aria-label="Close" @click=${() => dialog.close()}>${icon('x')}</button>
          </div>
          <div class="dialog__body">${options.body}${message}</div>
          <div class="dialog__foot">
            <button type="button" class="btn" @click=${() => dialog.close()}>${options.cancel ?? (options.action ? 'Cancel' : 'Close')}</button>
            ${main}
          </div>
        </form>
      </dialog>`;

    /** @param {SubmitEvent} event */
    async function submit(event) {
      event.preventDefault();
      if (main?.getAttribute('aria-busy') === 'true') return;
      message.textContent = '';
      const form = /** @type {HTMLFormElement} */ (dialog.querySelector('form'));
      clearErrors(form);
      if (!checkFields(form)) return;
      try {
        main?.setAttribute('aria-busy', 'true');
        const given = options.submit ? await options.submit(new FormData(form), dialog) : true;
        result = given === undefined ? true : given;
        dialog.close();
      } catch (error) {
        if (error instanceof DOMException && error.name === 'AbortError') return;
        if (!(error instanceof Error)) throw error;
        if (!(error instanceof ApiError || error instanceof InputError)) console.error(error);
        if (!markErrors(form, error)) message.textContent = error.message;
      } finally {
        main?.removeAttribute('aria-busy');
      }
    }

    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(result);
    });
    // A click on the backdrop cancels, but not a drag that began inside and ended there.
    let pressed = false;
    dialog.addEventListener('pointerdown', (event) => { pressed = event.target === dialog; });
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog && pressed && !options.action) dialog.close();
    });
    document.body.append(dialog);
    dialog.showModal();
    const first = dialog.querySelector('[autofocus], .dialog__body :is(input, select, textarea, button):not([type="hidden"], :disabled)');
    if (first instanceof HTMLElement) first.focus();
    else if (main instanceof HTMLElement) main.focus();
  });
}

/**
 * Ask before something that cannot be taken back.
 * @param {{title: string, body: any, action: string, danger?: boolean, submit?: DialogOptions['submit']}} options
 * @returns {Promise<boolean>}
 */
export async function confirmDialog(options) {
  return (await openDialog({ size: 'small', danger: true, ...options })) !== null;
}

/**
 * Show a secret that is never shown again, with a button that copies it.
 * @param {{title: string, text: string, note: any, label: string}} options
 */
export function secretDialog(options) {
  const field = html`<input class="input mono" readonly aria-label=${options.label} value=${options.text}>`;
  const copy = async () => {
    try {
      await copyText(options.text, field);
      button.replaceChildren(icon('check'), 'Copied');
    } catch (error) {
      showError(error, 'Copying is not allowed here; select the text and copy it yourself');
    }
  };
  const button = html`<button type="button" class="btn" @click=${copy} autofocus>${icon('copy')}Copy</button>`;
  return openDialog({
    title: options.title,
    body: html`<div class="stack"><div>${options.note}</div><div class="row row--nowrap">${field}${button}</div></div>`,
  });
}

/**
 * @param {string} text
 * @param {HTMLInputElement} field used where the clipboard needs a secure page (plain HTTP in a lab's network)
 */
async function copyText(text, field) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  field.select();
  if (!document.execCommand('copy')) throw new Error('the browser refused');
}

/** @param {HTMLFormElement} form */
export function clearErrors(form) {
  for (const element of form.querySelectorAll('[aria-invalid]')) element.removeAttribute('aria-invalid');
  for (const element of form.querySelectorAll('[data-error-for]')) element.textContent = '';
}

/**
 * Say in our own words, beside the field, what the browser would say in a bubble.
 * @param {HTMLFormElement} form
 * @returns {boolean} whether everything may be sent
 */
export function checkFields(form) {
  let isRight = true;
  for (const control of form.elements) {
    if (!(control instanceof HTMLInputElement || control instanceof HTMLTextAreaElement || control instanceof HTMLSelectElement)) continue;
    if (control.disabled || control.validity.valid) continue;
    const place = form.querySelector(`[data-error-for="${CSS.escape(control.name)}"]`);
    control.setAttribute('aria-invalid', 'true');
    if (place) place.textContent = control.validity.valueMissing ? 'This is needed.' : control.validationMessage;
    if (isRight) control.focus();
    isRight = false;
  }
  return isRight;
}

/**
 * Put the messages of a validation problem beside their fields.
 * @param {HTMLFormElement} form
 * @param {Error} error
 * @returns {boolean} true when every message found its field
 */
export function markErrors(form, error) {
  const fields = error instanceof ApiError ? Object.entries(error.fields) : [];
  let placed = 0;
  for (const [name, message] of fields) {
    const control = form.elements.namedItem(name);
    const place = form.querySelector(`[data-error-for="${CSS.escape(name)}"]`);
    if (!(control instanceof HTMLElement) || !place) continue;
    control.setAttribute('aria-invalid', 'true');
    place.textContent = message;
    if (!placed++) control.focus();
  }
  return placed > 0 && placed === fields.length;
}

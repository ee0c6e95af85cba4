// @ts-check
/** Labelled form fields, as dialogs and pages use them. */

import { html, icon } from './html.js';

let count = 0;

/**
 * @typedef {object} FieldOptions
 * @property {string} [hint]
 * @property {boolean} [optional]
 * @property {string} [placeholder]
 * @property {boolean} [autofocus]
 * @property {number} [maxlength]
 * @property {string} [autocomplete]
 * @property {string} [type]
 */

/**
 * @param {string} name
 * @param {string} label
 * @param {FieldOptions} options
 * @param {(id: string, described: string) => any} control
 */
function field(name, label, options, control) {
  const id = `field-${name}-${++count}`;
  const described = `${options.hint ? `${id}-hint ` : ''}${id}-error`;
  return html`
    <div class="field">
      <label class="field__label" for=${id}>${label}${options.optional ? html`<span class="optional"> (optional)</span>` : null}</label>
      ${control(id, described)}
      ${options.hint ? html`<p class="field__hint" id="${id}-hint">${options.hint}</p>` : null}
      <p class="field__error" id="${id}-error" data-error-for=${name}></p>
    </div>`;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string | number} [value]
 * @param {FieldOptions} [options]
 */
export function textField(name, label, value = '', options = {}) {
  return field(name, label, options, (id, described) => html`
    <input class="input" id=${id} name=${name} type=${options.type ?? 'text'} value=${value} placeholder=${options.placeholder}
      maxlength=${options.maxlength} step=${options.type === 'number' ? 'any' : null} required=${!options.optional} autofocus=${options.autofocus}
      autocomplete=${options.autocomplete ?? 'off'} aria-describedby=${described}>`);
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} [value]
 * @param {FieldOptions} [options]
 */
export function areaField(name, label, value = '', options = {}) {
  return field(name, label, options, (id, described) => html`
    <textarea class="textarea" id=${id} name=${name} placeholder=${options.placeholder} maxlength=${options.maxlength}
      aria-describedby=${described} .value=${value}></textarea>`);
}

/**
 * @param {string} name
 * @param {string} label
 * @param {[string | number, string][]} choices
 * @param {string | number | null} [value]
 * @param {FieldOptions} [options]
 */
export function selectField(name, label, choices, value = null, options = {}) {
  return field(name, label, options, (id, described) => html`
    <select class="select" id=${id} name=${name} aria-describedby=${described}>
      ${choices.map(([key, text]) => html`<option value=${key} selected=${String(key) === String(value)}>${text}</option>`)}
    </select>`);
}

/**
 * @param {string} name
 * @param {any} label
 * @param {boolean} [checked]
 * @param {{hint?: string, value?: string, disabled?: boolean}} [options]
 */
export function checkField(name, label, checked = false, options = {}) {
  return html`
    <label class="check"><input type="checkbox" name=${name} checked=${checked} value=${options.value ?? 'on'} disabled=${options.disabled}>
      <span>${label}${options.hint ? html`<br><span class="field__hint">${options.hint}</span>` : null}</span></label>`;
}

/**
 * Words as chips: Enter or a comma adds one, Backspace in the empty field takes the last.
 * @param {object} options
 * @param {string[]} options.tags
 * @param {string} options.label
 * @param {string[]} [options.known] offered while typing
 * @param {boolean} [options.disabled]
 * @param {(tags: string[]) => unknown} [options.change]
 * @returns {{element: HTMLElement, tags: () => string[]}}
 */
export function tagInput({ tags, label, known = [], disabled = false, change = () => {} }) {
  let current = [...tags];
  const id = `tags-${++count}`;
  const list = html`<span class="row"></span>`;
  const input = html`<input class="tag-input__field" id=${id} aria-label=${label} list="${id}-known" maxlength="64" placeholder="Add a tag" autocomplete="off" disabled=${disabled}>`;
  const draw = () => {
    list.replaceChildren(...current.map((tag) => html`
      <span class="tag"><span class="truncate">${tag}</span>${disabled ? null : html`
        <button type="button" class="tag__remove" aria-label="Remove the tag ${tag}" @click=${() => put(current.filter((each) => each !== tag))}>${icon('x')}</button>`}</span>`));
  };
  /** @param {string[]} next */
  const put = (next) => {
    current = next;
    draw();
    change(current);
  };
  const take = () => {
    const words = input.value.split(',').map((/** @type {string} */ word) => word.trim()).filter(Boolean);
    input.value = '';
    const fresh = words.filter((/** @type {string} */ word) => !current.some((each) => each.toLowerCase() === word.toLowerCase()));
    if (fresh.length) put([...current, ...fresh]);
  };
  input.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Enter' || event.key === ',') {
      if (!input.value.trim()) return;
      event.preventDefault();
      take();
    } else if (event.key === 'Backspace' && !input.value && current.length) {
      put(current.slice(0, -1));
    }
  });
  input.addEventListener('change', take);
  draw();
  const element = html`<div class="tag-input">${list}${disabled ? null : input}
    <datalist id="${id}-known">${known.map((tag) => html`<option value=${tag}></option>`)}</datalist></div>`;
  return { element, tags: () => current };
}

/**
 * Let a button show what is typed in a password field.
 * @param {HTMLElement} button
 * @param {HTMLInputElement} input
 */
export function attachReveal(button, input) {
  button.addEventListener('click', () => {
    const shown = input.type === 'text';
    input.type = shown ? 'password' : 'text';
    button.setAttribute('aria-pressed', String(!shown));
    button.setAttribute('aria-label', shown ? 'Show the password' : 'Hide the password');
    button.replaceChildren(icon(shown ? 'eye' : 'eye-off'));
    input.focus();
  });
}

/**
 * A password field with its button.
 * @param {string} name
 * @param {string} label
 * @param {string} autocomplete
 * @param {string} [hint]
 */
export function passwordField(name, label, autocomplete, hint = '') {
  return field(name, label, { hint }, (id, described) => {
    const input = html`<input class="input" id=${id} name=${name} type="password" autocomplete=${autocomplete} required aria-describedby=${described}>`;
    const button = html`<button type="button" class="icon-btn" aria-label="Show the password" aria-pressed="false">${icon('eye')}</button>`;
    attachReveal(button, input);
    return html`<div class="with-button">${input}${button}</div>`;
  });
}

// @ts-check
/** Stands in for `exact/sdk` where there is no browser; `register.js` puts it there. */

import { FakeElement, Markup } from './fake_page.js';

/** @type {any} */ (globalThis).document ??= { createElement: (/** @type {string} */ tag) => new FakeElement(tag) };

/** What was said in the corner of the page, oldest first. @type {{message: string, kind: string}[]} */
export const toasts = [];

/** @param {TemplateStringsArray} strings @param {...unknown} values */
export const html = (strings, ...values) => new Markup(strings, values);
/** @param {FakeElement} target @param {...unknown} content */
export const render = (target, ...content) => target.replaceChildren(...content);
/** @param {FakeElement} element @param {Record<string, any> | null} style */
export const setStyle = (element, style) => Object.entries(style ?? {}).forEach(([name, value]) => element.style.setProperty(name, String(value)));
/** @param {string} name */
export const icon = (name) => Object.assign(new FakeElement('svg'), { attributes: { 'data-icon': name } });

/** @param {string} message @param {{kind?: string}} [options] */
export function toast(message, options = {}) {
  toasts.push({ message, kind: options.kind ?? 'info' });
  return () => undefined;
}
/** @param {unknown} error @param {string} [what] */
export function showError(error, what = '') {
  toasts.push({ message: [what, error instanceof Error ? error.message : String(error)].filter(Boolean).join(': '), kind: 'error' });
}
/** @param {{submit?: (form: FormData, dialog: any) => unknown}} options */
export const openDialog = async (options) => (options.submit ? options.submit(new FormData(), new FakeElement('dialog')) : true);
/** @param {{submit?: (form: FormData, dialog: any) => unknown}} options */
export const confirmDialog = async (options) => {
  await options.submit?.(new FormData(), new FakeElement('dialog'));
  return true;
};

/** What went wrong with a request. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} detail @param {any} [body] */
  constructor(status, code, detail, body = null) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.body = body;
  }

  /** @returns {Record<string, string>} */
  get fields() {
    return {};
  }
}
export const idempotencyKey = () => crypto.randomUUID();

/** @param {string | number | Date | null | undefined} value */
export const ago = (value) => String(value ?? '');
/** @param {string | number | Date | null | undefined} value */
export const dateTime = (value) => String(value ?? '');
/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
/** @param {number} seconds */
export const duration = (seconds) => `${Math.round(seconds)} s`;
/** @param {FakeElement} button @param {() => any[]} items */
export const attachMenu = (button, items) => button.addEventListener('click', () => items());
/** @param {number} value */
export const rounded = (value) => String(Number(value.toPrecision(3)));
/** @param {number} value */
export const formatMicrometres = (value) => `${rounded(value)} µm`;
/** @param {number} value */
export const formatSquareMicrometres = (value) => `${rounded(value)} µm²`;
/** @param {number} value @param {string} [unit] */
export const formatPixels = (value, unit = 'px') => `${rounded(value)} ${unit}`;

/** @template {any[]} A @param {(...args: A) => void} run @returns {(...args: A) => void} */
export const perFrame = (run) => (...args) => run(...args);
/** @template {any[]} A @param {(...args: A) => void} run @param {number} _ms */
export const afterRest = (run, _ms) => Object.assign((/** @type {A} */ ...args) => run(...args), { cancel: () => undefined });

export const API_VERSION = '1.0';

// @ts-check
/** The states of a place that shows data: loading, empty, failed with a way to try again. */

import { ApiError } from './api.js';
import { html, icon, render } from './html.js';

/**
 * Load something and draw it. While a first load runs, what the server rendered (a skeleton) stays.
 * A newer call for the same place makes an older answer be ignored.
 * @template T
 * @param {HTMLElement} target
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {(data: T) => any} draw
 * @returns {Promise<T | null>} null when it failed or was overtaken
 */
export async function show(target, load, draw) {
  running.get(target)?.abort();
  const controller = new AbortController();
  running.set(target, controller);
  target.setAttribute('aria-busy', 'true');
  try {
    const data = await load(controller.signal);
    if (controller.signal.aborted) return null;
    render(target, draw(data));
    return data;
  } catch (error) {
    if (controller.signal.aborted) return null;
    if (!(error instanceof ApiError)) console.error(error);
    render(target, failure(error, () => show(target, load, draw)));
    return null;
  } finally {
    if (running.get(target) === controller) target.setAttribute('aria-busy', 'false');
  }
}

/** @type {WeakMap<HTMLElement, AbortController>} */
const running = new WeakMap();

/**
 * @param {unknown} error
 * @param {() => unknown} retry
 */
export function failure(error, retry) {
  const message = error instanceof Error ? error.message : String(error);
  const offline = error instanceof ApiError && error.status === 0;
  return html`
    <div class="empty" role="alert">
      ${icon(offline ? 'wifi-off' : 'circle-alert', 'icon--xl')}
      <h2>${offline ? 'No connection' : 'This could not be loaded'}</h2>
      <p>${message}</p>
      <button type="button" class="btn" @click=${retry}>${icon('refresh-cw')}Try again</button>
    </div>`;
}

/**
 * @param {string} symbol
 * @param {string} title
 * @param {any} text
 * @param {any} [actions]
 */
export function empty(symbol, title, text, actions = null) {
  return html`
    <div class="empty">${icon(symbol, 'icon--xl')}<h2>${title}</h2><p>${text}</p>
      ${actions ? html`<div class="row">${actions}</div>` : null}
    </div>`;
}

/**
 * Call a function once typing has paused.
 * @template {any[]} A
 * @param {(...args: A) => unknown} run
 * @param {number} [milliseconds]
 * @returns {(...args: A) => void}
 */
export function debounce(run, milliseconds = 220) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...args), milliseconds);
  };
}

/**
 * Run an action from a button: busy while it lasts, and its error in words.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<unknown>} run
 */
export async function busy(button, run) {
  const { showError } = await import('./toast.js');
  button.setAttribute('aria-busy', 'true');
  try {
    await run();
  } catch (error) {
    showError(error);
  } finally {
    button.removeAttribute('aria-busy');
  }
}

/**
 * Every item of a list that comes in pages.
 * @param {(cursor: string | undefined) => Promise<{items: any[], next_cursor?: string | null}>} page
 */
export async function everything(page) {
  /** @type {any[]} */
  const items = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const answer = await page(cursor);
    items.push(...answer.items);
    cursor = answer.next_cursor ?? undefined;
  } while (cursor);
  return items;
}

// @ts-check
/**
 * Starts the plugins of a page: each for itself, within five seconds, and never at the cost of another.
 *
 * Panels are drawn from what the server declared before any module arrives. A plugin that fails, hangs or is missing
 * says so in its own panels and can be tried again there.
 */

import { createContext } from '../sdk/context.js';
import { html, icon, render } from './html.js';
import { toast } from './toast.js';

/**
 * @typedef {import('../sdk/context.js').PluginEntry} PluginEntry
 * @typedef {import('../sdk/context.js').Page} Page
 * @typedef {import('../sdk/context.js').Guard} Guard
 * @typedef {import('../sdk/types.js').Stop} Stop
 *
 * @typedef {object} PluginState
 * @property {string} name
 * @property {'starting'|'running'|'failed'} state
 * @property {string} reason
 */

export const LIMIT_MS = 5000;

/**
 * @param {PluginEntry[]} plugins
 * @param {Page} page
 * @param {{limit?: number, load?: (url: string) => Promise<any>, root?: ParentNode}} [how]
 * @returns {Promise<PluginState[]>} once each has started or failed
 */
export function loadPlugins(plugins, page, { limit = LIMIT_MS, load = (url) => import(url), root = document } = {}) {
  drawPanels(plugins, root);
  return Promise.all(plugins.map((plugin) => new RunningPlugin(plugin, page, root, limit, load).start()));
}

/** @param {PluginEntry[]} plugins @param {ParentNode} root */
function drawPanels(plugins, root) {
  const panels = plugins.flatMap((plugin) => (plugin.panels ?? []).map((panel) => ({ ...panel, plugin })));
  panels.sort((a, b) => (a.order ?? 100) - (b.order ?? 100) || a.id.localeCompare(b.id));
  for (const { id, title, slot, plugin } of panels) {
    const place = root.querySelector(`[data-slot="${CSS.escape(slot)}"]`);
    if (!place) continue;
    place.removeAttribute('hidden');
    const heading = `plugin-panel-${id.replace(/\W/g, '-')}`;
    place.append(html`
      <section class="plugin-panel" data-plugin=${plugin.name} data-panel=${id} aria-labelledby=${heading} aria-busy="true">
        <h2 class="plugin-panel__title" id=${heading}>${title}</h2>
        <div class="plugin-panel__body"><p class="muted small row">${icon('loader-circle', 'icon--spin')}Starting…</p></div>
      </section>`);
  }
}

/** One plugin on one page. */
class RunningPlugin {
  /** @param {PluginEntry} plugin @param {Page} page @param {ParentNode} root @param {number} limit @param {(url: string) => Promise<any>} load */
  constructor(plugin, page, root, limit, load) {
    this.plugin = plugin;
    this.page = page;
    this.root = root;
    this.limit = limit;
    this.load = load;
    this.tries = 0;
  }

  #end = new AbortController();
  /** @type {Stop[]} */
  #stops = [];

  /** @returns {Promise<PluginState>} */
  async start() {
    this.#end = new AbortController();
    const { signal } = this.#end;
    try {
      this.#addStyles();
      await withLimit(this.#activate(signal), this.limit);
      this.panels().forEach((panel) => panel.getAttribute('aria-busy') && this.#blank(panel));
      return { name: this.plugin.name, state: 'running', reason: '' };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.error(`[${this.plugin.name}]`, error);
      this.stop();
      this.#fail(reason);
      return { name: this.plugin.name, state: 'failed', reason };
    }
  }

  stop() {
    this.#end.abort();
    for (const stop of this.#stops.splice(0).reverse()) {
      try {
        stop();
      } catch (error) {
        console.error(`[${this.plugin.name}]`, error);
      }
    }
  }

  /** @param {AbortSignal} signal */
  async #activate(signal) {
    const again = this.tries > 0 ? `${this.plugin.entry.includes('?') ? '&' : '?'}try=${this.tries}` : '';
    this.tries += 1;
    const module = await this.load(this.plugin.entry + again);
    if (signal.aborted) return;
    if (typeof module.default !== 'function') throw new Error('Its module has no default export to activate.');
    const ctx = createContext(this.plugin, this.page, { mount: (id, fill) => this.#mount(id, fill, signal) }, this.#guard(), signal);
    const stop = await module.default(ctx);
    if (typeof stop !== 'function') return;
    if (signal.aborted) stop();
    else this.#stops.push(stop);
  }

  /** @returns {Guard} */
  #guard() {
    return {
      call: (run) => (...args) => {
        try {
          const answer = run(...args);
          if (answer instanceof Promise) answer.catch((error) => this.#complain(error));
        } catch (error) {
          this.#complain(error);
        }
      },
      keep: (stop) => {
        this.#stops.push(stop);
        return stop;
      },
    };
  }

  /** @param {unknown} error */
  #complain(error) {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    console.error(`[${this.plugin.name}]`, error);
    const message = error instanceof Error ? error.message : String(error);
    this.panels().forEach((panel) => {
      panel.querySelector('.plugin-panel__fault')?.remove();
      panel.append(html`<p class="plugin-panel__fault small" role="status">${icon('triangle-alert')}<span>A part of this plugin failed: ${message}</span></p>`);
    });
  }

  /** @param {string} id @param {(element: HTMLElement) => any} fill @param {AbortSignal} signal @returns {Stop} */
  #mount(id, fill, signal) {
    if (!(this.plugin.panels ?? []).some((panel) => panel.id === id)) {
      throw new Error(`The panel ${id} was not declared by the plugin; declare it in exact_frontend.`);
    }
    const panel = this.panels().find((one) => one.dataset.panel === id);
    if (!panel || signal.aborted) return () => undefined;
    const body = this.#blank(panel);
    /** @type {Stop | void} */
    let stop;
    const unmount = () => {
      stop?.();
      stop = undefined;
      body.replaceChildren();
    };
    this.#guard().call(async () => {
      stop = await fill(body);
    })();
    this.#stops.push(unmount);
    return unmount;
  }

  panels() {
    return /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll(`[data-panel][data-plugin="${CSS.escape(this.plugin.name)}"]`)]);
  }

  /** @param {HTMLElement} panel */
  #blank(panel) {
    panel.removeAttribute('aria-busy');
    const body = /** @type {HTMLElement} */ (panel.querySelector('.plugin-panel__body'));
    body.replaceChildren();
    return body;
  }

  /** @param {string} reason */
  #fail(reason) {
    const { title, version } = this.plugin;
    const panels = this.panels();
    if (panels.length === 0) {
      toast(`${title} could not be started.`, { kind: 'warning', detail: reason });
    }
    for (const panel of panels) {
      render(
        this.#blank(panel),
        html`<div class="plugin-panel__failure" role="status">
          ${icon('unplug')}
          <div class="stack stack--tight">
            <p><strong>${title} ${version} could not be started.</strong></p>
            <p class="small muted">${reason} Everything else works; tell the administrator if this stays.</p>
            <div><button type="button" class="btn btn--small" @click=${() => this.start()}>${icon('refresh-cw')}Try again</button></div>
          </div>
        </div>`,
      );
    }
  }

  #addStyles() {
    for (const href of this.plugin.styles ?? []) {
      if (document.querySelector(`link[rel="stylesheet"][href="${CSS.escape(href)}"]`)) continue;
      document.head.append(html`<link rel="stylesheet" href=${href}>`);
    }
  }
}

/**
 * @template T
 * @param {Promise<T>} work
 * @param {number} ms
 * @returns {Promise<T>}
 */
export function withLimit(work, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It did not start within ${Math.round(ms / 100) / 10} seconds.`)), ms);
  });
  return Promise.race([work, /** @type {Promise<never>} */ (limit)]).finally(() => clearTimeout(timer));
}

// @ts-check
/**
 * A viewer without a browser, for tests of a plugin's module with `node --test`:
 *
 *     import { start } from 'exact/testing';
 *     import activate from '../exact_mine/static/index.js';
 *
 *     test('the panel shows the count', async () => {
 *       const page = await start(activate, { plugin: 'mine', answers: { 'GET images/7/count': { total: 3 } } });
 *       assert.match(page.panel('mine.count').textContent, /3/);
 *     });
 */

import { clickIn } from './fake_controls.js';
import { FakeElement } from './fake_page.js';
import { API_VERSION, ApiError, toasts } from './fake_sdk.js';

/**
 * @typedef {import('exact/sdk').PluginContext} PluginContext
 * @typedef {import('exact/sdk').View} View
 *
 * @typedef {object} Options
 * @property {string} plugin  Its name.
 * @property {Record<string, any>} [answers]  What its routes answer: `'GET images/7/count'`, without a query, to a value,
 *   or to a function of the query or body. A route that is not here answers 404.
 * @property {Record<string, any>} [settings]
 * @property {Record<string, boolean>} [rights]
 * @property {Partial<import('exact/sdk').ImageFacts> | null} [image]  Null for a page without an image.
 * @property {{id: number, name: string, color: string, product: {id: number, name: string}}[]} [types]
 */

/** A page on which one plugin runs. */
export class FakePage {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    /** Requests to the plugin's routes, oldest first. @type {{method: string, path: string, sent: any}[]} */
    this.requests = [];
    /** Where `ctx.viewer.goTo` went. @type {any[]} */
    this.journeys = [];
    /** What was written to the console. @type {unknown[][]} */
    this.logged = [];
    this.toasts = toasts;
    toasts.length = 0;
    /** @type {Map<string, FakeElement>} */
    this.panels = new Map();
    /** @type {Map<string, {press: () => unknown, pressed: boolean, enabled: boolean}>} */
    this.tools = new Map();
    /** @type {Map<string, () => unknown>} */
    this.shortcuts = new Map();
    /** @type {Record<string, ((value: any) => unknown)[]>} */
    this.listeners = {};
    /** @type {number[]} */
    this.chosen = [];
    /** @type {View} */
    this.view = { bounds: { x0: 0, y0: 0, x1: 1000, y1: 800 }, center: { x: 500, y: 400 }, zoom: 1, rotation: 0, flip: false, frame: { z: 0, t: 0, c: -1 } };
    this.end = new AbortController();
    /** @type {(() => void)[]} */
    this.stops = [];
    this.ctx = this.#context();
  }

  /** The element that a panel was filled into. @param {string} id */
  panel(id) {
    const element = this.panels.get(id);
    if (!element) throw new Error(`the plugin filled no panel ${id}; it filled: ${[...this.panels.keys()].join(', ') || 'none'}`);
    return element;
  }

  /**
   * Click a button or link of a panel, and wait until the plugin has answered.
   * @param {string} id of the panel
   * @param {string} label  All the words on it, or its `aria-label`.
   * @param {number} [nth]  Which one, from 0, when several are called so.
   */
  async click(id, label, nth = 0) {
    await clickIn(this.panel(id), label, nth);
    await settled();
  }

  /** Look elsewhere, and wait until the plugin has answered. @param {Partial<View>} view */
  async look(view) {
    this.view = { ...this.view, ...view };
    for (const event of ['view-changed', 'view-settled']) this.#tell(event, this.view);
    await settled();
  }

  /** Annotations have changed, or others are selected. @param {'changed' | 'selected'} event @param {number[]} ids */
  async annotations(event, ids = []) {
    if (event === 'selected') this.chosen = ids;
    this.#tell(event, ids);
    await settled();
  }

  /** Press a tool of the toolbar, or a key. @param {string} id */
  async press(id) {
    const press = this.tools.get(id)?.press ?? this.shortcuts.get(id);
    if (!press) throw new Error(`nothing happens at ${id}`);
    await press();
    await settled();
  }

  /** Leave the page: everything that was set up is taken back. */
  stop() {
    this.end.abort();
    for (const stop of this.stops.splice(0).reverse()) stop();
  }

  /** @param {string} event @param {any} value */
  #tell(event, value) {
    for (const listener of [...(this.listeners[event] ?? [])]) listener(value);
  }

  /** @param {() => void} stop */
  #keep(stop) {
    this.stops.push(stop);
    return stop;
  }

  /** @param {string} event @param {(value: any) => unknown} listener */
  #on(event, listener) {
    const list = (this.listeners[event] ??= []);
    list.push(listener);
    return this.#keep(() => void (list.includes(listener) && list.splice(list.indexOf(listener), 1)));
  }

  /** @param {string} method @returns {(path: string, sent?: any) => Promise<any>} */
  #request(method) {
    return async (path, sent) => {
      const bare = path.replace(/^\//, '');
      this.requests.push({ method, path: bare, sent });
      const asked = `${method} ${bare.split('?')[0]}`;
      const answer = this.options.answers?.[asked];
      if (answer === undefined) throw new ApiError(404, 'not-found', `There is no answer to ${asked}.`);
      const given = typeof answer === 'function' ? await answer(sent) : answer;
      if (given instanceof Error) throw given;
      return given;
    };
  }

  /** @returns {PluginContext} */
  #context() {
    const { plugin, settings = {}, rights = {}, image = {}, types = [] } = this.options;
    const prefix = `/api/v2/image-sets/1/plugins/${plugin}`;
    const hasImage = image !== null;
    const requests = { get: this.#request('GET'), post: this.#request('POST'), put: this.#request('PUT'), patch: this.#request('PATCH'), delete: this.#request('DELETE') };
    const say = (/** @type {unknown[]} */ ...what) => void this.logged.push(what);
    const made = {
      apiVersion: API_VERSION,
      plugin: { name: plugin, title: plugin, version: '1.0.0' },
      imageSet: { id: 1, name: 'Test set', mode: 'cooperative' },
      image: hasImage ? { id: 7, name: 'image-7', width: 40_000, height: 30_000, size_z: 1, size_t: 1, size_c: 1, mpp_x: 0.5, mpp_y: 0.5, objective_power: 20, ...image } : null,
      actor: { id: 1, name: 'ann', display_name: 'Ann', is_admin: false },
      rights,
      settings,
      api: { prefix, url: (/** @type {string} */ path) => `${prefix}/${path.replace(/^\//, '')}`, ...requests, core: requests },
      viewer: hasImage
        ? {
            view: () => this.view,
            on: (/** @type {string} */ event, /** @type {(value: any) => void} */ listener) => this.#on(event, listener),
            goTo: (/** @type {any} */ place) => void this.journeys.push(place),
            tool: () => 'select',
          }
        : null,
      panels: { mount: (/** @type {string} */ id, /** @type {(element: any) => any} */ fill) => this.#mount(id, fill) },
      toolbar: {
        onPress: (/** @type {string} */ id, /** @type {() => unknown} */ press) => {
          this.tools.set(id, { press, pressed: false, enabled: true });
          return this.#keep(() => void this.tools.delete(id));
        },
        setPressed: (/** @type {string} */ id, /** @type {boolean} */ pressed) => void Object.assign(this.tools.get(id) ?? {}, { pressed }),
        setEnabled: (/** @type {string} */ id, /** @type {boolean} */ enabled) => void Object.assign(this.tools.get(id) ?? {}, { enabled }),
      },
      shortcuts: {
        add: (/** @type {{keys: string, title: string, run: () => unknown}} */ { keys, run }) => {
          if (this.shortcuts.has(keys)) throw new Error(`the key ${keys} is taken`);
          this.shortcuts.set(keys, run);
          return this.#keep(() => void this.shortcuts.delete(keys));
        },
        push: (/** @type {{keys: string, title: string, run: () => unknown}[]} */ given) => {
          const before = new Map(this.shortcuts);
          for (const { keys, run } of given) this.shortcuts.set(keys, run);
          return this.#keep(() => {
            for (const { keys } of given) {
              const run = before.get(keys);
              if (run) this.shortcuts.set(keys, run);
              else this.shortcuts.delete(keys);
            }
          });
        },
      },
      overlays: { list: () => [], set: () => undefined, layer: () => ({ element: /** @type {any} */ (new FakeElement()), remove: () => undefined }) },
      annotations: hasImage
        ? {
            on: (/** @type {string} */ event, /** @type {(value: any) => void} */ listener) => this.#on(event, listener),
            select: async (/** @type {number[]} */ ids) => void (this.chosen = ids),
            selected: () => this.chosen,
            counts: () => ({}),
            types: () => types,
            refresh: () => undefined,
          }
        : null,
      jobs: { watch: () => () => undefined, cancel: async () => undefined },
      log: { info: say, warn: say, error: say },
      signal: this.end.signal,
    };
    return /** @type {PluginContext} */ (made);
  }

  /** @param {string} id @param {(element: any) => any} fill */
  #mount(id, fill) {
    if (!id.startsWith(`${this.options.plugin}.`)) throw new Error(`The panel ${id} does not start with the plugin's name.`);
    const element = new FakeElement();
    this.panels.set(id, element);
    const filled = Promise.resolve(fill(element));
    return this.#keep(() => {
      void filled.then((stop) => typeof stop === 'function' && stop());
      element.replaceChildren();
    });
  }
}

/**
 * Start a plugin on a fake page.
 * @param {(ctx: PluginContext) => unknown} activate  The default export of its entry module.
 * @param {Options} options
 * @returns {Promise<FakePage>} once its first requests were answered
 */
export async function start(activate, options) {
  const page = new FakePage(options);
  const stop = await activate(page.ctx);
  if (typeof stop === 'function') page.stops.push(/** @type {() => void} */ (stop));
  await settled();
  return page;
}

/** Let promises and short timers run out. */
export async function settled() {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

export { ApiError, FakeElement };

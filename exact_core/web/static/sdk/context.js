// @ts-check
/** The `ctx` of a plugin: the page's parts, narrowed to what one plugin may touch, and all undone when it ends. */

import { api } from '../shell/api.js';
import { keys } from '../shell/keys.js';
import { API_VERSION } from './version.js';

/**
 * @typedef {import('./types.js').PluginContext} PluginContext
 * @typedef {import('./types.js').Stop} Stop
 *
 * @typedef {object} PluginEntry  A plugin as the server declares it to a page.
 * @property {string} name
 * @property {string} title
 * @property {string} version
 * @property {string} entry
 * @property {string[]} [styles]
 * @property {{id: string, title: string, slot: string, order?: number}[]} [panels]
 * @property {{id: string, title: string, icon?: string, key?: string}[]} [tools]
 * @property {Record<string, any>} [settings]
 *
 * @typedef {object} Page  The parts that a page lends; what it has not is null.
 * @property {{id: number, name: string, mode: string}} imageSet
 * @property {import('./types.js').ImageFacts | null} [image]
 * @property {PluginContext['actor']} actor
 * @property {Record<string, boolean>} rights
 * @property {((guard: Guard) => import('./types.js').ViewerFacade) | null} [viewer]
 * @property {((guard: Guard) => import('./types.js').AnnotationFacade) | null} [annotations]
 * @property {((plugin: string, guard: Guard) => import('./types.js').OverlayRegistry) | null} [overlays]
 * @property {((plugin: string, guard: Guard) => import('./types.js').ToolbarRegistry) | null} [toolbar]
 *
 * @typedef {object} Guard
 * @property {<A extends any[]>(run: (...args: A) => unknown) => (...args: A) => void} call  Keeps a plugin's failure with the plugin.
 * @property {(stop: Stop) => Stop} keep  Undoes something with the plugin.
 */

const JOB_PAUSE = 1500;
const ENDED = new Set(['done', 'failed', 'cancelled']);

/**
 * @param {PluginEntry} plugin
 * @param {Page} page
 * @param {import('./types.js').PanelRegistry} panels
 * @param {Guard} guard
 * @param {AbortSignal} signal
 * @returns {PluginContext}
 */
export function createContext(plugin, page, panels, guard, signal) {
  return Object.freeze({
    apiVersion: API_VERSION,
    plugin: { name: plugin.name, title: plugin.title, version: plugin.version },
    imageSet: page.imageSet,
    image: page.image ?? null,
    actor: page.actor,
    rights: Object.freeze({ ...page.rights }),
    settings: Object.freeze({ ...(plugin.settings ?? {}) }),
    api: pluginApi(plugin.name, page.imageSet.id, signal),
    viewer: page.viewer?.(guard) ?? null,
    panels,
    toolbar: page.toolbar?.(plugin.name, guard) ?? NO_TOOLBAR,
    shortcuts: {
      add: (shortcut) => guard.keep(keys.add({ ...shortcut, run: guard.call(shortcut.run), group: plugin.title })),
      push: (shortcuts) => guard.keep(keys.push(shortcuts.map((one) => ({ ...one, run: guard.call(one.run), group: plugin.title })))),
    },
    overlays: page.overlays?.(plugin.name, guard) ?? NO_OVERLAYS,
    annotations: page.annotations?.(guard) ?? null,
    jobs: { watch: (id, listener) => guard.keep(watchJob(id, guard.call(listener), signal)), cancel: (id) => api.post(`/jobs/${id}/cancel`) },
    log: logOf(plugin.name),
    signal,
  });
}

/** @type {import('./types.js').ToolbarRegistry} */
const NO_TOOLBAR = { onPress: () => () => undefined, setPressed: () => undefined, setEnabled: () => undefined };

/** @type {import('./types.js').OverlayRegistry} */
const NO_OVERLAYS = {
  list: () => [],
  set: () => undefined,
  layer: () => {
    throw new Error('This page shows no image.');
  },
};

/** @param {string} plugin @param {number} imageSet @param {AbortSignal} signal @returns {import('./types.js').PluginApi} */
function pluginApi(plugin, imageSet, signal) {
  const prefix = `/api/v2/image-sets/${imageSet}/plugins/${plugin}`;
  const url = (/** @type {string} */ path) => `${prefix}/${path.replace(/^\//, '')}`;
  return {
    prefix,
    url,
    get: (path, query, options) => api.get(url(path), query, { signal, ...options }),
    post: (path, body, options) => api.post(url(path), body, { signal, ...options }),
    put: (path, body, options) => api.put(url(path), body, { signal, ...options }),
    patch: (path, body, options) => api.patch(url(path), body, { signal, ...options }),
    delete: (path, body, options) => api.delete(url(path), body, { signal, ...options }),
    core: api,
  };
}

/** @param {number} id @param {(job: any) => void} listener @param {AbortSignal} signal @returns {Stop} */
function watchJob(id, listener, signal) {
  let stopped = false;
  const look = async () => {
    while (!stopped && !signal.aborted) {
      const job = await api.get(`/jobs/${id}`, {}, { signal }).catch(() => null);
      if (job && !stopped) listener(job);
      if (job && ENDED.has(job.state)) return;
      await new Promise((resolve) => setTimeout(resolve, JOB_PAUSE));
    }
  };
  void look();
  return () => {
    stopped = true;
  };
}

/** @param {string} name */
function logOf(name) {
  const at = (/** @type {'info'|'warn'|'error'} */ level) => (/** @type {unknown[]} */ ...what) => console[level](`[${name}]`, ...what);
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

// @ts-check
/** What the viewer lends to plugins: narrow views of its parts that cannot break it. */

import { afterRest, perFrame } from '../sdk/timing.js';
import { html } from '../shell/html.js';
import OpenSeadragon from './openseadragon.js';

/**
 * @typedef {import('../sdk/context.js').Guard} Guard
 * @typedef {import('../sdk/types.js').View} View
 * @typedef {import('../sdk/types.js').Stop} Stop
 * @typedef {import('./types.js').OverlayInfo} OverlayInfo
 * @typedef {import('./types.js').ImageInfo} ImageInfo
 * @typedef {import('./stage.js').Stage} Stage
 * @typedef {{navigator?: HTMLElement, item?: any, asked?: string}} Drawn  What is on the page of one overlay.
 */

const REST_MS = 180;

/** @param {Stage} stage @param {ImageInfo} image @returns {View} */
export function viewOf(stage, image) {
  const [x0, y0, x1, y1] = stage.visibleBounds;
  const [x, y] = stage.centre;
  const { z, t, c } = stage.frame;
  return {
    bounds: {
      x0: Math.max(0, Math.floor(x0)),
      y0: Math.max(0, Math.floor(y0)),
      x1: Math.min(image.width, Math.ceil(x1)),
      y1: Math.min(image.height, Math.ceil(y1)),
    },
    center: { x, y },
    zoom: stage.zoom,
    rotation: stage.rotation,
    flip: stage.flip,
    frame: { z, t, c: c === 'rgb' ? -1 : c },
  };
}

/**
 * @param {Stage} stage @param {ImageInfo} image @param {(listener: () => void) => Stop} onFrame
 * @returns {(guard: Guard) => import('../sdk/types.js').ViewerFacade}
 */
export function viewerFacade(stage, image, onFrame) {
  return (guard) => ({
    view: () => viewOf(stage, image),
    on(event, listener) {
      const tell = guard.call(listener);
      const now = () => tell(viewOf(stage, image));
      if (event === 'frame-changed') return guard.keep(onFrame(now));
      const later = event === 'view-changed' ? perFrame(now) : afterRest(now, REST_MS);
      return guard.keep(stage.on('change', () => later()));
    },
    goTo(place) {
      if ('bounds' in place) stage.fitBounds(place.bounds, { margin: place.margin, largest: place.largest });
      else stage.goTo(place);
    },
    tool: () => stage.element.dataset.tool ?? 'select',
  });
}

/** Pictures that plugins lay over the slide and its overview. */
export class PluginOverlays {
  /** @param {Stage} stage @param {ImageInfo} image @param {HTMLElement} navigator @param {HTMLElement} viewerHost @param {OverlayInfo[]} declared */
  constructor(stage, image, navigator, viewerHost, declared) {
    this.stage = stage;
    this.image = image;
    this.navigator = navigator;
    this.viewerHost = viewerHost;
    this.states = declared.map((info) => ({ info, visible: info.is_shown, opacity: info.opacity, version: 0 }));
    stage.on('change', () => this.#place());
    this.states.forEach((state) => this.#draw(state));
  }

  /** @type {Map<string, Drawn>} */
  #drawn = new Map();
  /** @type {Set<HTMLElement>} */
  #layers = new Set();
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {() => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** @param {string} id @param {{visible?: boolean, opacity?: number, refresh?: boolean}} change */
  set(id, change) {
    const state = this.states.find(({ info }) => info.id === id);
    if (!state) throw new Error(`There is no overlay ${id}; declare it in exact_overlays.`);
    if (change.visible !== undefined) state.visible = change.visible;
    if (change.opacity !== undefined) state.opacity = Math.min(Math.max(change.opacity, 0), 1);
    if (change.refresh) state.version += 1;
    this.#draw(state, change.refresh);
    this.#listeners.forEach((listener) => listener());
  }

  /** @param {string} plugin @param {Guard} guard @returns {import('../sdk/types.js').OverlayRegistry} */
  facade(plugin, guard) {
    const own = () => this.states.filter(({ info }) => info.plugin === plugin);
    return {
      list: () => own().map(({ info, visible, opacity }) => ({ id: info.id, title: info.title, visible, opacity })),
      set: (id, change) => {
        if (!own().some(({ info }) => info.id === id)) throw new Error(`The overlay ${id} is not one of this plugin.`);
        this.set(id, change);
      },
      layer: (place, className = '') => {
        const element = html`<div class="plugin-layer ${className}" data-plugin=${plugin}></div>`;
        (place === 'navigator' ? this.navigator : this.viewerHost).append(element);
        if (place === 'viewer') this.#layers.add(element);
        this.#place();
        const remove = guard.keep(() => {
          this.#layers.delete(element);
          element.remove();
        });
        return { element, remove };
      },
    };
  }

  /** @param {{info: OverlayInfo, visible: boolean, opacity: number, version: number}} state @param {boolean} [again] */
  #draw(state, again = false) {
    const { info, visible, opacity } = state;
    const drawn = this.#drawn.get(info.id) ?? {};
    this.#drawn.set(info.id, drawn);
    const url = state.version ? `${info.url}${info.url.includes('?') ? '&' : '?'}v=${state.version}` : info.url;
    if (info.places.includes('navigator')) {
      if (again && drawn.navigator) {
        const [stale, fresh] = [drawn.navigator, this.#navigatorPicture(url, info.title)];
        // The old picture stays until there is a new one: an edit does not make the map flicker.
        ['load', 'error'].forEach((name) => fresh.addEventListener(name, () => stale.remove(), { once: true }));
        drawn.navigator = fresh;
      }
      drawn.navigator ??= visible ? this.#navigatorPicture(url, info.title) : undefined;
      if (drawn.navigator) drawn.navigator.hidden = !visible;
      if (drawn.navigator) drawn.navigator.style.opacity = String(opacity);
    }
    if (!info.places.includes('viewer')) return;
    drawn.item?.setOpacity(visible ? opacity : 0);
    if (again) drawn.asked = '';
    if (visible && drawn.asked !== url) this.#addToViewer(state, url, drawn);
  }

  /** @param {string} url @param {string} title */
  #navigatorPicture(url, title) {
    const picture = html`<img class="plugin-layer" alt=${title} src=${url} draggable="false">`;
    picture.addEventListener('error', () => picture.remove());
    this.navigator.append(picture);
    return picture;
  }

  /** @param {{info: OverlayInfo, visible: boolean, opacity: number}} state @param {string} url @param {Drawn} drawn */
  #addToViewer(state, url, drawn) {
    drawn.asked = url;
    if (!this.stage.isOpen) {
      this.stage.on('open', () => drawn.asked === url && !drawn.item && this.#addToViewer(state, url, drawn));
      return;
    }
    const source = state.info.is_tiled ? this.#tiledSource(url) : { type: 'image', url };
    this.stage.viewer.addTiledImage(/** @type {any} */ ({
      tileSource: source, x: 0, y: 0, width: 1, opacity: state.visible ? state.opacity : 0,
      success: (/** @type {any} */ event) => {
        const { world } = this.stage.viewer;
        // An answer that a newer one overtook is thrown away, and so is the picture that this one replaces.
        if (drawn.asked !== url) {
          world.removeItem(event.item);
          return;
        }
        if (drawn.item) world.removeItem(drawn.item);
        drawn.item = event.item;
        event.item.setOpacity(state.visible ? state.opacity : 0);
      },
      error: () => {
        if (drawn.asked === url) drawn.asked = '';
      },
    }));
  }

  /** @param {string} template */
  #tiledSource(template) {
    const { width, height } = this.image;
    const size = 256;
    const levels = Math.ceil(Math.log2(Math.max(width, height) / size)) + 1;
    return new OpenSeadragon.TileSource(/** @type {any} */ ({
      width, height, tileSize: size, minLevel: 0, maxLevel: Math.max(levels - 1, 0),
      getLevelScale: (/** @type {number} */ level) => 1 / 2 ** (Math.max(levels - 1, 0) - level),
      getTileUrl: (/** @type {number} */ level, /** @type {number} */ x, /** @type {number} */ y) =>
        template.replace('{level}', String(Math.max(levels - 1, 0) - level)).replace('{column}', String(x)).replace('{row}', String(y)),
    }));
  }

  #place() {
    if (this.#layers.size === 0 || !this.stage.isOpen) return;
    const { a, b, c, d } = this.stage.matrix;
    const [e, f] = this.stage.toScreen([0, 0]);
    for (const element of this.#layers) {
      element.style.width = `${this.image.width}px`;
      element.style.height = `${this.image.height}px`;
      element.style.transform = `matrix(${a}, ${b}, ${c}, ${d}, ${e}, ${f})`;
    }
  }
}

/**
 * Buttons of the plugins' tools.
 *
 * @param {HTMLElement} host @param {import('../sdk/context.js').PluginEntry[]} plugins
 * @param {(keys: string, title: string, run: () => void) => void} addKey
 */
export function addPluginTools(host, plugins, addKey) {
  /** @type {Map<string, {button: HTMLButtonElement, plugin: string, press: (() => void) | null}>} */
  const tools = new Map();
  for (const plugin of plugins) {
    for (const { id, title, icon: picture, key } of plugin.tools ?? []) {
      const face = picture ? html`<span class="plugin-tool__icon" aria-hidden="true" .style=${{ '--picture': `url(${JSON.stringify(picture)})` }}></span>` : html`<span aria-hidden="true">${title.slice(0, 2)}</span>`;
      const button = html`<button type="button" class="icon-btn icon-btn--small plugin-tool" disabled aria-label=${title} data-tip=${title} data-keys=${key || null}>${face}</button>`;
      const tool = { button, plugin: plugin.name, press: /** @type {(() => void) | null} */ (null) };
      button.addEventListener('click', () => tool.press?.());
      tools.set(id, tool);
      host.append(button);
      host.hidden = false;
      if (key) addKey(key, title, () => tool.press?.());
    }
  }
  /** @param {string} name @param {Guard} guard @returns {import('../sdk/types.js').ToolbarRegistry} */
  return (name, guard) => {
    const own = (/** @type {string} */ id) => {
      const tool = tools.get(id);
      if (!tool || tool.plugin !== name) throw new Error(`The tool ${id} was not declared by the plugin; declare it in exact_frontend.`);
      return tool;
    };
    return {
      onPress(id, press) {
        const tool = own(id);
        tool.press = guard.call(press);
        tool.button.disabled = false;
        return guard.keep(() => {
          tool.press = null;
          tool.button.disabled = true;
        });
      },
      setPressed: (id, pressed) => own(id).button.setAttribute('aria-pressed', String(pressed)),
      setEnabled: (id, enabled) => {
        own(id).button.disabled = !enabled;
      },
    };
  };
}

// @ts-check
/**
 * The annotation layer: draws the shapes of an image over OpenSeadragon, and finds them under the mouse.
 *
 * `createAnnotationLayer(options)` is the whole of it; `api.js` holds the types of options and layer.
 */

import { AnnotationStore } from '../store.js';
import { CanvasRenderer } from './canvas2d.js';
import { ViewDecoder } from './decoder.js';
import { paintHeat } from './heat.js';
import { ViewLoader } from './loader.js';
import { Palette } from './palette.js';
import { cull, POINT_RADIUS } from './scene.js';
import { isSameTransform, readTransform, visibleBox } from './view_transform.js';
import { WebGLRenderer } from './webgl.js';

/** @typedef {import('./api.js').AnnotationLayer} AnnotationLayer */
/** @typedef {import('./api.js').LayerOptions} LayerOptions */
/** @typedef {import('./cells.js').Cell} Cell */

const DEFAULT_LIMIT = 20_000;
const DEFAULT_TOLERANCE_PX = 6;
/** A context that has not come back by then is given up for the plain canvas. */
const RESTORE_MS = 5000;

/**
 * Lays annotations over an OpenSeadragon viewer.
 * @param {LayerOptions} options
 * @returns {AnnotationLayer}
 */
export function createAnnotationLayer(options) {
  return new Layer(options).api();
}

/** Ties store, loader and renderer to the viewer's events. */
class Layer {
  /** @type {import('./scene.js').Renderer} */
  #renderer;

  /** @type {HTMLCanvasElement} */
  #canvas;

  /** @type {import('./view_transform.js').ViewTransform | null} */
  #transform = null;

  #ratio = 0;

  #dirty = true;

  #frameRequest = 0;

  /** @type {ReturnType<typeof setTimeout> | null} */
  #restoreTimer = null;

  #isDestroyed = false;

  /** @type {import('./heat.js').HeatPicture | null} */
  #heat = null;

  /** What the heat picture was painted from. @type {{summary: unknown, palette: number}} */
  #heatOf = { summary: null, palette: -1 };

  /** @type {Set<number | string>} */
  #highlightedKeys = new Set();

  /** @type {Cell[] | null} */
  #highlighted = null;

  #look = { lineWidth: 2, fill: false, opacity: 1, isVisible: true };

  #drawn = { cells: 0, shapes: 0, vertices: 0 };

  #frames = 0;

  #frameMs = 0;

  #listeners = new AbortController();

  /** @param {LayerOptions} options */
  constructor(options) {
    this.options = options;
    this.viewer = options.viewer;
    this.palette = new Palette(options.types);
    this.store = new AnnotationStore(this.palette, { onDrop: (cell) => this.#renderer.drop(cell) });
    if (options.frame) this.store.frame = { ...options.frame };
    this.decoder = new ViewDecoder(this.palette, options.imageSize);
    this.loader = new ViewLoader({
      imageSize: options.imageSize, frame: this.store.frame, limit: options.limit ?? DEFAULT_LIMIT,
      fetchView: options.fetchView, decode: (buffer, scale) => this.decoder.decode(buffer, scale),
      onPage: (page) => this.#accept(page), onError: (error) => options.onError?.(error),
      isPaused: () => document.hidden,
    });
    this.#canvas = this.#addCanvas();
    this.#renderer = this.#createRenderer(options.renderer);
    this.#listen();
    this.#touch();
  }

  #addCanvas() {
    const canvas = document.createElement('canvas');
    canvas.className = 'annotation-canvas';
    canvas.setAttribute('aria-hidden', 'true');
    Object.assign(canvas.style, {
      position: 'absolute', left: '0', top: '0', width: '100%', height: '100%', pointerEvents: 'none',
    });
    const parent = this.viewer.canvas;
    // Under OpenSeadragon's own overlays, which are on the way to be clicked.
    const { overlaysContainer } = /** @type {{overlaysContainer?: Element}} */ (/** @type {unknown} */ (this.viewer));
    parent.insertBefore(canvas, overlaysContainer?.parentNode === parent ? overlaysContainer : null);
    return canvas;
  }

  /** @param {"webgl2" | "canvas2d"} [wanted] @returns {import('./scene.js').Renderer} */
  #createRenderer(wanted) {
    if (wanted !== 'canvas2d') {
      try {
        return new WebGLRenderer(this.#canvas, {
          onLost: () => this.#waitForContext(),
          onRestored: () => {
            if (this.#restoreTimer !== null) clearTimeout(this.#restoreTimer);
            this.#touch();
          },
        });
      } catch (error) {
        if (wanted === 'webgl2') throw error;
        // A canvas that has tried one kind of context gives no other: take a new one.
        this.#replaceCanvas();
      }
    }
    return new CanvasRenderer(this.#canvas);
  }

  #replaceCanvas() {
    const old = this.#canvas;
    this.#canvas = this.#addCanvas();
    this.#canvas.style.opacity = old.style.opacity;
    this.#canvas.style.display = old.style.display;
    old.remove();
    this.#ratio = 0;
  }

  #waitForContext() {
    if (this.#isDestroyed) return;
    if (this.#restoreTimer !== null) clearTimeout(this.#restoreTimer);
    this.#restoreTimer = setTimeout(() => {
      this.#renderer.destroy();
      this.#replaceCanvas();
      this.#renderer = new CanvasRenderer(this.#canvas);
      this.#touch();
    }, RESTORE_MS);
  }

  #listen() {
    const { viewer } = this;
    viewer.addHandler('update-viewport', this.#onViewport);
    viewer.addHandler('open', this.#onChange);
    viewer.addHandler('flip', this.#onChange);
    viewer.addHandler('resize', this.#onChange);
    const { signal } = this.#listeners;
    window.addEventListener('resize', this.#onChange, { signal });
    window.addEventListener('online', () => this.loader.wake(), { signal });
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return;
      this.loader.wake();
      this.#touch();
    }, { signal });
  }

  #onViewport = () => this.#draw();

  #onChange = () => this.#touch();

  /** Draws in the next frame; many changes make one drawing. */
  #touch() {
    this.#dirty = true;
    if (this.#frameRequest || this.#isDestroyed) return;
    this.#frameRequest = requestAnimationFrame(() => {
      this.#frameRequest = 0;
      this.#draw();
    });
  }

  /** @param {import('../store.js').Page} page */
  #accept(page) {
    this.store.accept(page);
    this.#dropHighlighted();
    const { kind, revision, n, box } = page.header;
    this.options.onLoaded?.({ kind, revision, n, box });
  }

  /** Gives the canvas as many pixels as the screen has under it. @param {number} width @param {number} height */
  #fit(width, height) {
    const ratio = window.devicePixelRatio || 1;
    const columns = Math.max(1, Math.round(width * ratio));
    const rows = Math.max(1, Math.round(height * ratio));
    if (this.#canvas.width === columns && this.#canvas.height === rows && this.#ratio === ratio) return;
    this.#canvas.width = columns;
    this.#canvas.height = rows;
    this.#ratio = ratio;
    this.#dirty = true;
  }

  #draw() {
    if (this.#isDestroyed) return;
    const transform = readTransform(this.viewer, this.options.imageSize);
    if (!transform) return;
    this.loader.look({ box: visibleBox(transform), scale: transform.scale });
    this.#fit(transform.width, transform.height);
    if (!this.#dirty && isSameTransform(transform, this.#transform)) return;
    const start = performance.now();
    this.#transform = transform;
    this.#dirty = false;
    const cells = this.#look.isVisible ? cull(this.store.drawable(), transform) : [];
    this.#frames += 1;
    for (const cell of cells) cell.usedAt = this.#frames;
    this.#drawn = this.#renderer.draw({
      transform, ratio: this.#ratio, cells, highlighted: this.#look.isVisible ? this.#highlightedCells() : [],
      palette: this.palette, heat: this.#look.isVisible ? this.#heatPicture() : null,
      lineWidth: this.#look.lineWidth, fill: this.#look.fill,
    });
    this.#frameMs = performance.now() - start;
  }

  #heatPicture() {
    const { summary } = this.store;
    if (!summary) return null;
    if (this.#heatOf.summary !== summary || this.#heatOf.palette !== this.palette.version) {
      this.#heat = paintHeat(summary, this.palette);
      this.#heatOf = { summary, palette: this.palette.version };
    }
    return this.#heat;
  }

  #highlightedCells() {
    if (this.#highlighted) return this.#highlighted;
    this.#highlighted = this.store.copies(this.#highlightedKeys);
    return this.#highlighted;
  }

  #dropHighlighted() {
    for (const cell of this.#highlighted ?? []) this.#renderer.drop(cell);
    this.#highlighted = null;
    this.#touch();
  }

  #statistics() {
    let cells = 0;
    let shapes = 0;
    let vertices = 0;
    for (const cell of this.store.drawable()) {
      cells += 1;
      shapes += cell.n - cell.suppressed;
      vertices += cell.vertices;
    }
    const { kind, revision } = this.store;
    return {
      renderer: this.#renderer.name, kind, revision, cells, shapes, vertices, drawnCells: this.#drawn.cells,
      drawnShapes: this.#drawn.shapes, drawnVertices: this.#drawn.vertices, uploadedCells: this.#renderer.uploaded, frameMs: this.#frameMs,
      frames: this.#frames, requests: this.loader.requests, loading: this.loader.isLoading,
      worker: this.decoder.hasWorker,
    };
  }

  #destroy() {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    cancelAnimationFrame(this.#frameRequest);
    if (this.#restoreTimer !== null) clearTimeout(this.#restoreTimer);
    this.#listeners.abort();
    this.viewer.removeHandler('update-viewport', this.#onViewport);
    for (const name of /** @type {const} */ (['open', 'flip', 'resize'])) {
      this.viewer.removeHandler(name, this.#onChange);
    }
    this.loader.destroy();
    this.decoder.destroy();
    this.store.clear();
    this.#renderer.destroy();
    this.#canvas.remove();
  }

  /** @param {() => void} change */
  #afterwards(change) {
    change();
    this.#dropHighlighted();
  }

  /** @returns {AnnotationLayer} */
  api() {
    const { store, palette, loader } = this;
    const look = this.#look;
    const redraw = (/** @type {() => void} */ change) => {
      change();
      this.#touch();
    };
    return {
      setFrame: (frame) => this.#afterwards(() => {
        store.setFrame(frame);
        loader.setFrame(frame);
      }),
      refresh: () => loader.refresh(),
      upsert: (annotation) => this.#afterwards(() => store.upsert(annotation)),
      remove: (key, revision) => this.#afterwards(() => store.remove(key, revision)),
      forget: (key) => this.#afterwards(() => store.forget(key)),
      setTypeVisible: (id, visible) => redraw(() => palette.setTypeVisible(id, visible)),
      setTypeColor: (id, color) => redraw(() => palette.setTypeColor(id, color)),
      setTypes: (types) => redraw(() => palette.setTypes(types)),
      setAuthorVisible: (id, visible) => redraw(() => palette.setAuthorVisible(id, visible)),
      setOpacity: (opacity) => {
        look.opacity = Math.max(0, Math.min(1, opacity));
        this.#canvas.style.opacity = String(look.opacity);
      },
      setFill: (fill) => redraw(() => { look.fill = fill; }),
      setLineWidth: (px) => redraw(() => { look.lineWidth = Math.max(0.5, px); }),
      setVisible: (visible) => redraw(() => { look.isVisible = visible; }),
      setHidden: (ids) => this.#afterwards(() => store.setHidden(ids)),
      setHighlighted: (ids) => this.#afterwards(() => { this.#highlightedKeys = new Set(ids); }),
      pick: ({ x, y }, tolerancePx = DEFAULT_TOLERANCE_PX) => {
        const scale = readTransform(this.viewer, this.options.imageSize)?.scale;
        if (!scale || !look.isVisible) return [];
        return store.picker.pick(x, y, tolerancePx / scale, POINT_RADIUS / scale);
      },
      pickBox: (rect) => (look.isVisible ? store.picker.pickBox(rect) : []),
      get: (key) => store.get(key),
      get revision() { return store.revision; },
      get kind() { return store.kind; },
      statistics: () => this.#statistics(),
      destroy: () => this.#destroy(),
    };
  }
}

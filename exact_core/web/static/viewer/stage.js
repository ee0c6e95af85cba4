// @ts-check
/**
 * The picture on the screen: OpenSeadragon with our tile source, and every conversion between screen and image.
 *
 * Image px are continuous: the upper left pixel reaches from 0 to 1, the picture from 0 to its width.
 */

import OpenSeadragon from './openseadragon.js';
import { frameName, tileSourceOptions } from './tile_source.js';

/**
 * @typedef {import('./types.js').XY} XY
 * @typedef {import('./types.js').Bounds} Bounds
 * @typedef {import('./types.js').ImageInfo} ImageInfo
 * @typedef {{z: number, t: number, c: number | 'rgb'}} TileFrame
 * @typedef {{a: number, b: number, c: number, d: number, e: number, f: number}} Matrix  x' = a·x + c·y + e, y' = b·x + d·y + f
 * @typedef {'change'|'settled'|'open'|'tile-failed'|'loading'} StageEvent
 */

const CHANGING = ['viewport-change', 'animation', 'rotate', 'flip', 'resize', 'open', 'update-viewport'];
const LONGEST_FIT = 1;

/** Owns the OpenSeadragon viewer of the page. */
export class Stage {
  /** @param {HTMLElement} element @param {ImageInfo} image */
  constructor(element, image) {
    this.element = element;
    this.image = image;
    /** @type {TileFrame} */
    this.frame = { z: 0, t: 0, c: 'rgb' };
    spareStyleElement();
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.viewer = OpenSeadragon(viewerOptions(element, still));
    this.#last = '';
    for (const name of CHANGING) this.viewer.addHandler(/** @type {any} */ (name), () => this.#changed());
    this.viewer.addHandler('animation-finish', () => this.#emit('settled'));
    this.viewer.addHandler('open', () => this.#emit('open'));
    this.viewer.addHandler('tile-load-failed', () => this.#emit('tile-failed'));
  }

  /** @type {Map<StageEvent, Set<() => void>>} */
  #listeners = new Map();
  #last;

  /** @param {StageEvent} event @param {() => void} listener @returns {() => void} takes it off again */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** @param {TileFrame} frame @returns {Promise<void>} */
  open(frame) {
    this.frame = frame;
    return new Promise((resolve, reject) => {
      this.viewer.addOnceHandler('open', () => resolve());
      this.viewer.addOnceHandler('open-failed', (event) => reject(new Error(String(event.message ?? 'unknown'))));
      this.viewer.open(/** @type {any} */ ({ tileSource: this.#source(frame) }));
    });
  }

  /** Show another focus plane, time or channel in the same place. @param {TileFrame} frame */
  setFrame(frame) {
    this.frame = frame;
    const replace = this.viewer.world.getItemCount() > 0;
    this.viewer.addTiledImage(/** @type {any} */ ({ tileSource: this.#source(frame), index: 0, replace }));
    this.#changed();
  }

  /** @param {TileFrame} frame */
  #source(frame) {
    const options = tileSourceOptions(this.image, frameName(frame), OpenSeadragon);
    return new OpenSeadragon.TileSource(/** @type {any} */ (options));
  }

  get isOpen() {
    return this.viewer.world.getItemCount() > 0;
  }

  /** @returns {[number, number]} width and height in screen px */
  get size() {
    const { x, y } = this.viewer.viewport.getContainerSize();
    return [x, y];
  }

  /** Screen px per image px, as drawn now. */
  get zoom() {
    return this.#zoomOf(this.viewer.viewport.getZoom(true));
  }

  /** Screen px per image px, where an animation is heading. */
  get targetZoom() {
    return this.#zoomOf(this.viewer.viewport.getZoom(false));
  }

  get rotation() {
    return ((this.viewer.viewport.getRotation(true) % 360) + 360) % 360;
  }

  get flip() {
    return this.viewer.viewport.getFlip();
  }

  /** @returns {XY} image point in the middle of the screen */
  get centre() {
    const { x, y } = this.viewer.viewport.getCenter(true);
    return [x * this.image.width, y * this.image.width];
  }

  /** @param {number} viewportZoom */
  #zoomOf(viewportZoom) {
    return (viewportZoom * this.size[0]) / this.image.width;
  }

  /** @returns {Matrix} image px to screen px of the stage */
  get matrix() {
    const [width, height] = this.size;
    const [cx, cy] = this.centre;
    const angle = (this.viewer.viewport.getRotation(true) * Math.PI) / 180;
    const { zoom, flip } = this;
    const [cos, sin] = [Math.cos(angle) * zoom, Math.sin(angle) * zoom];
    const mirror = flip ? -1 : 1;
    return {
      a: cos * mirror,
      b: sin,
      c: -sin * mirror,
      d: cos,
      e: width / 2 - mirror * (cos * cx - sin * cy),
      f: height / 2 - (sin * cx + cos * cy),
    };
  }

  /** @param {XY} point image px @returns {XY} screen px */
  toScreen([x, y]) {
    const { a, b, c, d, e, f } = this.matrix;
    return [a * x + c * y + e, b * x + d * y + f];
  }

  /** @param {XY} point screen px @returns {XY} image px */
  toImage([x, y]) {
    const { a, b, c, d, e, f } = this.matrix;
    const det = a * d - b * c;
    return [(d * (x - e) - c * (y - f)) / det, (a * (y - f) - b * (x - e)) / det];
  }

  /** The upright rectangle of image px that covers what is on screen. @returns {Bounds} */
  get visibleBounds() {
    const points = this.visibleCorners;
    const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  }

  /** @returns {[XY, XY, XY, XY]} */
  get visibleCorners() {
    const [width, height] = this.size;
    return [this.toImage([0, 0]), this.toImage([width, 0]), this.toImage([width, height]), this.toImage([0, height])];
  }

  /** @param {number} zoom @param {XY} [around] screen px that stays in place @param {boolean} [now] */
  zoomTo(zoom, around, now = false) {
    const { viewport } = this.viewer;
    const at = around ? viewport.pointFromPixel(this.#unmirrored(around), true) : undefined;
    viewport.zoomTo((zoom * this.image.width) / this.size[0], at, now);
    viewport.applyConstraints(now);
  }

  /** @param {number} factor @param {XY} [around] screen px @param {boolean} [now] */
  zoomBy(factor, around, now = false) {
    this.zoomTo(this.targetZoom * factor, around, now);
  }

  /** @param {number} dx screen px that the picture moves right @param {number} dy @param {boolean} [now] */
  panBy(dx, dy, now = true) {
    const delta = new OpenSeadragon.Point(this.flip ? dx : -dx, -dy);
    this.viewer.viewport.panBy(this.viewer.viewport.deltaPointsFromPixels(delta, true), now);
  }

  /** @param {XY} screen @returns {any} */
  #unmirrored([x, y]) {
    return new OpenSeadragon.Point(this.flip ? this.size[0] - x : x, y);
  }

  /** @param {{x?: number, y?: number, zoom?: number, rotation?: number, flip?: boolean}} view @param {boolean} [now] */
  goTo({ x, y, zoom, rotation, flip }, now = false) {
    const { viewport } = this.viewer;
    if (flip !== undefined && flip !== this.flip) viewport.setFlip(flip);
    if (rotation !== undefined) viewport.setRotation(rotation, true);
    if (x !== undefined && y !== undefined) {
      const { width } = this.image;
      viewport.panTo(new OpenSeadragon.Point(x / width, y / width), now);
    }
    if (zoom !== undefined) viewport.zoomTo((zoom * this.image.width) / this.size[0], undefined, now);
    viewport.applyConstraints(now);
    this.#changed();
  }

  /** Tell everybody where the picture is, moved or not. */
  refresh() {
    this.#last = '';
    this.#changed();
    this.viewer.forceRedraw();
  }

  /** The whole picture. @param {boolean} [now] */
  fit(now = false) {
    this.viewer.viewport.goHome(now);
  }

  /** @param {Bounds} bounds image px @param {{now?: boolean, margin?: number, largest?: number}} [how] */
  fitBounds([x0, y0, x1, y1], { now = false, margin = 0.6, largest = LONGEST_FIT } = {}) {
    const [width, height] = this.size;
    const wanted = Math.min(
      (width * margin) / Math.max(x1 - x0, 1),
      (height * margin) / Math.max(y1 - y0, 1),
      largest,
    );
    this.goTo({ x: (x0 + x1) / 2, y: (y0 + y1) / 2, zoom: wanted }, now);
  }

  /** @param {number} degrees @param {boolean} [now] */
  rotateTo(degrees, now = false) {
    this.viewer.viewport.setRotation(degrees, now);
  }

  /** @param {boolean} flip */
  setFlip(flip) {
    this.viewer.viewport.setFlip(flip);
    this.#changed();
  }

  #changed() {
    if (!this.isOpen) return;
    const { a, b, c, d, e, f } = this.matrix;
    const now = [a, b, c, d, e, f, ...this.size].map((value) => value.toPrecision(9)).join(' ');
    if (now === this.#last) return;
    this.#last = now;
    this.#emit('change');
  }

  /** @param {StageEvent} event */
  #emit(event) {
    this.#listeners.get(event)?.forEach((listener) => listener());
  }
}

/** @param {HTMLElement} element @param {boolean} still @returns {any} */
function viewerOptions(element, still) {
  const gestures = { clickToZoom: false, dblClickToZoom: false, pinchRotate: false, flickEnabled: !still };
  return {
    element,
    drawer: 'canvas',
    showNavigationControl: false,
    showNavigator: false,
    keyboardNavEnabled: false,
    animationTime: still ? 0 : 0.4,
    springStiffness: 9,
    blendTime: 0,
    zoomPerScroll: 1.3,
    minZoomImageRatio: 0.5,
    maxZoomPixelRatio: 16,
    visibilityRatio: 0.2,
    constrainDuringPan: false,
    preserveImageSizeOnResize: true,
    imageLoaderLimit: 8,
    maxImageCacheCount: 400,
    maxTilesPerFrame: 4,
    timeout: 60_000,
    tileRetryMax: 2,
    tileRetryDelay: 1500,
    placeholderFillStyle: null,
    gestureSettingsMouse: { ...gestures, flickEnabled: false },
    gestureSettingsTouch: gestures,
    gestureSettingsPen: gestures,
    gestureSettingsUnknown: gestures,
  };
}

/**
 * OpenSeadragon adds a style element that the page's content security policy refuses (viewer.css has the same rule);
 * it leaves that out where it finds one, and an element of no known namespace will do.
 */
function spareStyleElement() {
  const name = 'data-openseadragon-mobile-css';
  if (document.querySelector(`style[${name}]`)) return;
  const mark = document.createElementNS('urn:exact', 'style');
  mark.setAttribute(name, 'true');
  document.head.append(mark);
}

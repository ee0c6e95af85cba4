// @ts-check
/** The overview map: the whole picture in a corner, with a frame around what is on the screen. */

import { html, icon } from '../shell/html.js';

/**
 * @typedef {import('./types.js').XY} XY
 * @typedef {import('./stage.js').Stage} Stage
 */

const LARGEST = 190;
const SVG = 'http://www.w3.org/2000/svg';

/** A click recentres, a drag moves, Shift and a drag zoom to a box. */
export class Overview {
  /**
   * @param {HTMLElement} host @param {Stage} stage @param {{id: number, width: number, height: number}} image
   * @param {{isShown: boolean, remember: (shown: boolean) => void}} preference
   */
  constructor(host, stage, image, preference) {
    this.stage = stage;
    this.image = image;
    this.preference = preference;
    const scale = LARGEST / Math.max(image.width, image.height);
    this.scale = scale;
    const picture = html`<img class="overview__picture" alt="" draggable="false" src="/api/v2/images/${image.id}/thumbnail?size=512">`;
    picture.addEventListener('error', () => picture.remove());
    this.layers = html`<div class="overview__layers"></div>`;
    this.#frame = /** @type {SVGPolygonElement} */ (document.createElementNS(SVG, 'polygon'));
    this.#box = document.createElementNS(SVG, 'rect');
    this.#cross = document.createElementNS(SVG, 'path');
    const drawing = document.createElementNS(SVG, 'svg');
    drawing.setAttribute('viewBox', `0 0 ${image.width * scale} ${image.height * scale}`);
    this.#frame.setAttribute('class', 'overview__frame');
    this.#box.setAttribute('class', 'overview__box');
    this.#cross.setAttribute('class', 'overview__cross');
    drawing.append(this.#frame, this.#cross, this.#box);
    this.map = html`<div class="overview__map" tabindex="0" role="application" aria-label="Overview map: arrow keys move the view">${picture}${this.layers}${drawing}</div>`;
    this.map.style.width = `${Math.max(24, image.width * scale)}px`;
    this.map.style.height = `${Math.max(24, image.height * scale)}px`;
    this.#toggle = html`<button type="button" class="icon-btn icon-btn--small overview__toggle" @click=${() => this.setShown(!this.isShown)}></button>`;
    host.append(this.map, this.#toggle);
    this.#listen();
    stage.on('change', () => this.draw());
    this.setShown(preference.isShown);
  }

  isShown = true;
  #frame;
  #box;
  #cross;
  #toggle;
  /** @type {{at: XY, box: boolean} | null} */
  #pressed = null;

  /** @param {boolean} shown */
  setShown(shown) {
    this.isShown = shown;
    this.map.hidden = !shown;
    const label = shown ? 'Hide the overview map' : 'Show the overview map';
    this.#toggle.replaceChildren(icon(shown ? 'x' : 'map'));
    this.#toggle.setAttribute('aria-label', label);
    this.#toggle.dataset.tip = label;
    this.preference.remember(shown);
    this.draw();
  }

  draw() {
    if (!this.isShown || !this.stage.isOpen) return;
    const corners = this.stage.visibleCorners.map(([x, y]) => [x * this.scale, y * this.scale]);
    this.#frame.setAttribute('points', corners.map((p) => p.map((v) => v.toFixed(2)).join(',')).join(' '));
    const [[ax, ay], [bx, by], [cx, cy]] = corners;
    const small = Math.hypot(bx - ax, by - ay) < 9 && Math.hypot(cx - bx, cy - by) < 9;
    const [x, y] = [(ax + cx) / 2, (ay + cy) / 2];
    this.#cross.setAttribute('d', small ? `M${x - 9} ${y}h5M${x + 4} ${y}h5M${x} ${y - 9}v5M${x} ${y + 4}v5` : '');
  }

  #listen() {
    const { map } = this;
    map.addEventListener('pointerdown', (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      map.focus({ preventScroll: true });
      map.setPointerCapture(event.pointerId);
      this.#pressed = { at: this.#place(event), box: event.shiftKey };
      if (!event.shiftKey) this.#centre(event, false);
    });
    map.addEventListener('pointermove', (/** @type {PointerEvent} */ event) => {
      if (!this.#pressed) return;
      if (this.#pressed.box) this.#drawBox(this.#pressed.at, this.#place(event));
      else this.#centre(event, true);
    });
    map.addEventListener('pointerup', (/** @type {PointerEvent} */ event) => {
      const pressed = this.#pressed;
      this.#pressed = null;
      this.#box.setAttribute('width', '0');
      if (pressed?.box) this.#zoomTo(pressed.at, this.#place(event));
    });
    map.addEventListener('pointercancel', () => {
      this.#pressed = null;
    });
    map.addEventListener('wheel', (/** @type {WheelEvent} */ event) => {
      event.preventDefault();
      this.stage.zoomBy(event.deltaY < 0 ? 1.3 : 1 / 1.3);
    }, { passive: false });
    map.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.stage.panBy(step[0], step[1], false);
    });
  }

  /** @param {PointerEvent} event @returns {XY} image px */
  #place(event) {
    const box = this.map.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.image.width, ((event.clientY - box.top) / box.height) * this.image.height];
  }

  /** @param {PointerEvent} event @param {boolean} now */
  #centre(event, now) {
    const [x, y] = this.#place(event);
    this.stage.goTo({ x, y }, now);
  }

  /** @param {XY} a @param {XY} b */
  #drawBox(a, b) {
    const set = (/** @type {string} */ name, /** @type {number} */ value) => this.#box.setAttribute(name, String(value * this.scale));
    set('x', Math.min(a[0], b[0]));
    set('y', Math.min(a[1], b[1]));
    set('width', Math.abs(a[0] - b[0]));
    set('height', Math.abs(a[1] - b[1]));
  }

  /** @param {XY} a @param {XY} b */
  #zoomTo(a, b) {
    if (Math.abs(a[0] - b[0]) * this.scale < 3 && Math.abs(a[1] - b[1]) * this.scale < 3) return;
    this.stage.fitBounds(
      [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])],
      { margin: 1 },
    );
  }
}

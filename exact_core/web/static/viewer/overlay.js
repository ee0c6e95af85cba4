// @ts-check
/**
 * The few shapes that a hand is on: the selected ones with their handles, and the one being drawn.
 *
 * Outlines live in an SVG over the picture, in image pixels relative to their own corner (large coordinates would
 * tremble in single precision); handles have a constant size on the screen.
 */

import { BOXED, CLOSED, GRIPS, boundsOf, gripPoint } from './geometry.js';

/**
 * @typedef {import('./types.js').Geometry} Geometry
 * @typedef {import('./types.js').XY} XY
 * @typedef {import('./geometry.js').Grip} Grip
 * @typedef {import('./stage.js').Stage} Stage
 *
 * @typedef {object} RichShape
 * @property {string | number} key
 * @property {Geometry} geometry
 * @property {string} color
 * @property {boolean} editable
 * @property {string} [dash] pattern of the line, in screen px
 * @property {boolean} [isHollow] without a filled inside
 * @property {boolean} [isDimmed] not what this is about now
 *
 * @typedef {object} Ghost  A shape as it was, or as somebody else has it: shown only.
 * @property {Geometry} geometry
 * @property {string} color
 * @property {'before'|'after'} kind  Dashed or solid.
 * @property {string} [label]
 *
 * @typedef {{key: string | number, kind: 'grip', grip: Grip, at: XY}
 *   | {key: string | number, kind: 'vertex', ring: number, index: number, at: XY}
 *   | {key: string | number, kind: 'edge', ring: number, index: number, at: XY}
 *   | {key: string | number, kind: 'turn', at: XY}} Handle  ``at`` is in screen px.
 */

const SVG = 'http://www.w3.org/2000/svg';
const MOST_HANDLES = 400;
const LEAST_EDGE = 26;
const TURN_DISTANCE = 26;

/** The SVG over the stage. */
export class Overlay {
  /** @param {Stage} stage @param {HTMLElement} host */
  constructor(stage, host) {
    this.stage = stage;
    this.svg = element('svg', { class: 'rich', 'aria-hidden': 'true' });
    this.#outlines = element('g', {});
    this.#ghostGroup = element('g', { class: 'ghosts' });
    this.#handleGroup = element('g', {});
    this.#marquee = element('rect', { class: 'rich__marquee', visibility: 'hidden' });
    this.svg.append(this.#outlines, this.#ghostGroup, this.#handleGroup, this.#marquee);
    host.append(this.svg);
    stage.on('change', () => this.render());
  }

  /** @type {RichShape[]} */
  #shapes = [];
  /** @type {Map<string, Ghost[]>} By who shows them. */
  #ghosts = new Map();
  /** @type {RichShape | null} */
  #draft = null;
  /** @type {XY[]} */
  #draftVertices = [];
  /** @type {Handle[]} */
  #handles = [];
  /** @type {Handle | null} */
  #hot = null;
  #outlines;
  #ghostGroup;
  #handleGroup;
  #marquee;
  /** @type {WeakMap<Geometry, {origin: XY, path: string}>} */
  #paths = new WeakMap();

  /** @param {RichShape[]} shapes */
  setShapes(shapes) {
    this.#shapes = shapes;
    this.render();
  }

  /** Outlines of other states, shown until the same one shows others. @param {string} owner @param {Ghost[]} ghosts */
  setGhosts(owner, ghosts) {
    if (ghosts.length === 0 && !this.#ghosts.has(owner)) return;
    if (ghosts.length > 0) this.#ghosts.set(owner, ghosts);
    else this.#ghosts.delete(owner);
    this.#drawGhosts();
  }

  /** The shape in the making; ``vertices`` are those already placed. @param {{geometry: Geometry, color: string} | null} draft @param {XY[]} [vertices] */
  setDraft(draft, vertices = []) {
    this.#draft = draft && { key: 'draft', editable: false, ...draft };
    this.#draftVertices = draft ? vertices : [];
    this.render();
  }

  /** @param {[XY, XY] | null} corners screen px */
  setMarquee(corners) {
    this.#marquee.setAttribute('visibility', corners ? 'visible' : 'hidden');
    if (!corners) return;
    const [[ax, ay], [bx, by]] = corners;
    set(this.#marquee, {
      x: Math.min(ax, bx),
      y: Math.min(ay, by),
      width: Math.abs(ax - bx),
      height: Math.abs(ay - by),
    });
  }

  /** @param {XY} screen @param {boolean} isTouch @returns {Handle | null} the handle under a pointer */
  handleAt([x, y], isTouch) {
    const reach = isTouch ? 22 : 9;
    let [best, least] = [/** @type {Handle | null} */ (null), reach];
    for (const handle of this.#handles) {
      const distance = Math.hypot(handle.at[0] - x, handle.at[1] - y) + (handle.kind === 'edge' ? 2 : 0);
      if (distance < least) [best, least] = [handle, distance];
    }
    return best;
  }

  /** @param {Handle | null} handle */
  setHot(handle) {
    const same = handle && this.#hot && handle.kind === this.#hot.kind && handle.at[0] === this.#hot.at[0] && handle.at[1] === this.#hot.at[1];
    if (same || handle === this.#hot) return;
    this.#hot = handle;
    this.#drawHandles();
  }

  render() {
    if (!this.stage.isOpen) return;
    const shapes = this.#draft ? [...this.#shapes, this.#draft] : this.#shapes;
    this.#outlines.replaceChildren(...shapes.flatMap((shape) => this.#outline(shape, shape === this.#draft ? 'rich__draft' : 'rich__shape')));
    this.#handles = this.#draft ? [] : this.#shapes.flatMap((shape) => (shape.editable ? this.#handlesOf(shape) : []));
    this.#drawHandles();
    if (this.#ghosts.size > 0) this.#drawGhosts();
  }

  #drawGhosts() {
    if (!this.stage.isOpen) return;
    this.#ghostGroup.replaceChildren(...[...this.#ghosts.values()].flat().flatMap((ghost) => [
      ...this.#outline({ key: '', editable: false, ...ghost }, `ghost ghost--${ghost.kind}`), ...this.#label(ghost),
    ]));
  }

  /** @param {Ghost} ghost */
  #label({ geometry, label = '', kind }) {
    if (!label || geometry.rings.length === 0) return [];
    const [x0, y0, x1, y1] = boundsOf(geometry);
    const corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map((corner) => this.stage.toScreen(/** @type {XY} */ (corner)));
    const left = Math.min(...corners.map(([x]) => x));
    const [top, bottom] = [Math.min(...corners.map(([, y]) => y)), Math.max(...corners.map(([, y]) => y))];
    const text = element('text', { class: `ghost__label ghost__label--${kind}`, x: left, y: kind === 'before' ? top - 7 : bottom + 16 });
    text.textContent = label;
    return [text];
  }

  /** @param {RichShape} shape @param {string} className */
  #outline({ geometry, color, dash, isHollow, isDimmed }, className) {
    const name = `${className}${isDimmed ? ' is-dimmed' : ''}`;
    if (geometry.shape === 'image' || geometry.rings.length === 0) return [];
    if (geometry.shape === 'point') {
      const [cx, cy] = this.stage.toScreen(geometry.rings[0][0]);
      const ring = (/** @type {string} */ kind) => element('circle', { class: `${name} ${kind}`, cx, cy, r: 8 });
      return this.#coloured([ring('rich__case'), ring('rich__line'), element('circle', { class: 'rich__core', cx, cy, r: 2.5 })], color);
    }
    const { path, origin } = this.#pathOf(geometry);
    const { a, b, c, d } = this.stage.matrix;
    const [e, f] = this.stage.toScreen(origin);
    const closed = CLOSED.has(geometry.shape) && !isHollow;
    const line = (/** @type {string} */ kind) =>
      element('path', {
        ...(dash && kind === 'rich__line' ? { 'stroke-dasharray': dash } : {}),
        class: `${name} ${kind}${closed ? ' is-closed' : ''}`,
        d: path,
        transform: `matrix(${a} ${b} ${c} ${d} ${e} ${f})`,
      });
    return this.#coloured([line('rich__case'), line('rich__line')], color);
  }

  /** @param {SVGElement[]} elements @param {string} color */
  #coloured(elements, color) {
    elements.forEach((one) => one.style.setProperty('--shape', color));
    return elements;
  }

  /** @param {Geometry} geometry */
  #pathOf(geometry) {
    const known = this.#paths.get(geometry);
    if (known) return known;
    const [x0, y0, x1, y1] = boundsOf(geometry);
    const made = { origin: /** @type {XY} */ ([x0, y0]), path: pathData(geometry, x0, y0, x1, y1) };
    this.#paths.set(geometry, made);
    return made;
  }

  /** @param {RichShape} shape @returns {Handle[]} */
  #handlesOf({ key, geometry }) {
    const screen = (/** @type {XY} */ p) => this.stage.toScreen(p);
    if (BOXED.has(geometry.shape)) {
      const bounds = boundsOf(geometry);
      const small = Math.min(bounds[2] - bounds[0], bounds[3] - bounds[1]) * this.stage.zoom < 3 * LEAST_EDGE;
      return GRIPS.filter((grip) => !small || grip.length === 2).map((grip) => ({
        key, kind: 'grip', grip, at: screen(gripPoint(bounds, grip)),
      }));
    }
    if (geometry.shape === 'point' || geometry.shape === 'image') return [];
    const vertices = this.#vertexHandles(key, geometry);
    return geometry.shape === 'rotated_box' ? [...vertices, this.#turnHandle(key, geometry)] : vertices;
  }

  /** @param {string | number} key @param {Geometry} geometry @returns {Handle[]} */
  #vertexHandles(key, geometry) {
    const [width, height] = this.stage.size;
    const isSeen = ([x, y] = [0, 0]) => x > -20 && y > -20 && x < width + 20 && y < height + 20;
    /** @type {Handle[]} */
    const handles = [];
    const closed = CLOSED.has(geometry.shape);
    for (const [ring, points] of geometry.rings.entries()) {
      const places = points.map((p) => this.stage.toScreen(p));
      for (const [index, at] of places.entries()) {
        if (isSeen(at)) handles.push({ key, kind: 'vertex', ring, index, at });
        if (handles.length > MOST_HANDLES) return [];
        const next = index + 1 < places.length ? places[index + 1] : closed ? places[0] : null;
        if (!next || geometry.shape === 'rotated_box' || geometry.shape === 'line' || Math.hypot(next[0] - at[0], next[1] - at[1]) < LEAST_EDGE) continue;
        const middle = /** @type {XY} */ ([(at[0] + next[0]) / 2, (at[1] + next[1]) / 2]);
        if (isSeen(middle)) handles.push({ key, kind: 'edge', ring, index, at: middle });
      }
    }
    return handles;
  }

  /** @param {string | number} key @param {Geometry} geometry @returns {Handle} */
  #turnHandle(key, geometry) {
    const [a, b, c] = geometry.rings[0].map((p) => this.stage.toScreen(p));
    const [mx, my] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const [ox, oy] = [mx - (b[0] + c[0]) / 2 + (b[0] - a[0]) / 2, my - (b[1] + c[1]) / 2 + (b[1] - a[1]) / 2];
    const length = Math.hypot(ox, oy) || 1;
    return { key, kind: 'turn', at: [mx + (ox / length) * TURN_DISTANCE, my + (oy / length) * TURN_DISTANCE] };
  }

  #drawHandles() {
    const handles = this.#handles.map((handle) => {
      const hot = this.#hot && this.#hot.kind === handle.kind && Math.hypot(this.#hot.at[0] - handle.at[0], this.#hot.at[1] - handle.at[1]) < 1;
      const r = handle.kind === 'edge' ? 3.5 : hot ? 6.5 : 5;
      return element('circle', { class: `rich__handle rich__handle--${handle.kind}${hot ? ' is-hot' : ''}`, cx: handle.at[0], cy: handle.at[1], r });
    });
    const placed = this.#draftVertices.map((p, i) => {
      const [cx, cy] = this.stage.toScreen(p);
      return element('circle', { class: `rich__placed${i === 0 ? ' is-first' : ''}`, cx, cy, r: i === 0 ? 5 : 3.5 });
    });
    this.#handleGroup.replaceChildren(...handles, ...placed);
  }
}

/** @param {Geometry} geometry @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function pathData(geometry, x0, y0, x1, y1) {
  const [w, h] = [x1 - x0, y1 - y0];
  if (geometry.shape === 'box') return `M0 0H${w}V${h}H0Z`;
  if (geometry.shape === 'ellipse') {
    const [rx, ry] = [w / 2, h / 2];
    return `M0 ${ry}A${rx} ${ry} 0 1 1 ${w} ${ry}A${rx} ${ry} 0 1 1 0 ${ry}Z`;
  }
  const end = CLOSED.has(geometry.shape) ? 'Z' : '';
  return geometry.rings.map((ring) => `M${ring.map(([x, y]) => `${x - x0} ${y - y0}`).join('L')}${end}`).join('');
}

/** @param {string} name @param {Record<string, string | number>} attributes @returns {SVGElement} */
function element(name, attributes) {
  return set(/** @type {SVGElement} */ (document.createElementNS(SVG, name)), attributes);
}

/** @template {SVGElement} T @param {T} target @param {Record<string, string | number>} attributes @returns {T} */
function set(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, String(value));
  return target;
}

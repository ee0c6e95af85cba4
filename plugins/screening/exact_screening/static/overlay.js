// @ts-check
/** What is drawn over the slide (the field with everything else dimmed, locked regions) and over the overview map. */

import { boxOf } from './fields.js';

/** @typedef {import('exact/sdk').PluginContext} PluginContext */

const SVG = 'http://www.w3.org/2000/svg';
const SEEN = [34, 150, 94, 140];
const OPEN = [120, 120, 130, 55];
const CURRENT = '#d6249f';
/** Seen by one, by two, by three and more: told apart with any colour vision. */
export const TEAM = [[253, 231, 37], [33, 145, 140], [68, 1, 84]];

/** @param {string} name @param {Record<string, string | number>} attributes */
function svg(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** A drawing in the image's own pixels whose lines keep their width on the screen. */
export class SlideOverlay {
  /** @param {PluginContext} ctx */
  constructor(ctx) {
    const { width, height } = /** @type {NonNullable<PluginContext['image']>} */ (ctx.image);
    this.size = { width, height };
    const layer = ctx.overlays.layer('viewer', 'screening-slide');
    this.root = svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', width: '100%', height: '100%' });
    this.locks = svg('g', { class: 'screening-locks' });
    this.area = svg('rect', { class: 'screening-area', width: 0, height: 0 });
    this.dim = svg('path', { class: 'screening-dim', 'fill-rule': 'evenodd' });
    this.frame = svg('rect', { class: 'screening-frame', width: 0, height: 0 });
    this.halo = svg('rect', { class: 'screening-halo', width: 0, height: 0 });
    this.root.append(this.locks, this.dim, this.area, this.halo, this.frame);
    layer.element.append(this.root);
    const follow = (/** @type {import('exact/sdk').View} */ view) => this.root.style.setProperty('--screen-px', String(1 / view.zoom));
    ctx.viewer?.on('view-changed', follow);
    if (ctx.viewer) follow(ctx.viewer.view());
  }

  /** @param {[number, number, number, number] | null} box level-0 px */
  showField(box) {
    this.root.toggleAttribute('data-field', box !== null);
    if (!box) return;
    const [x0, y0, x1, y1] = box;
    const { width, height } = this.size;
    this.dim.setAttribute('d', `M0 0H${width}V${height}H0ZM${x0} ${y0}H${x1}V${y1}H${x0}Z`);
    for (const frame of [this.frame, this.halo]) place(frame, box);
  }

  /** The area that is counted. @param {[number, number, number, number] | null} box */
  showArea(box) {
    this.root.toggleAttribute('data-area', box !== null);
    if (box) place(this.area, box);
  }

  /** @param {{points: [number, number][], reason: string, by: string}[]} locks */
  showLocks(locks) {
    this.locks.replaceChildren(...locks.map(({ points, reason, by }) => {
      const shape = svg('polygon', { points: points.map((point) => point.join(',')).join(' ') });
      const title = svg('title');
      title.textContent = `Locked by ${by}: ${reason}`;
      shape.append(title);
      return shape;
    }));
  }
}

/** @param {Element} rect @param {[number, number, number, number]} box */
function place(rect, [x0, y0, x1, y1]) {
  for (const [name, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) rect.setAttribute(name, String(value));
}

/** Which fields were seen, over the overview map: one pixel per field, drawn as a whole, so that 100,000 are no more work. */
export class OverviewMap {
  /** @param {PluginContext} ctx */
  constructor(ctx) {
    const { width, height } = /** @type {NonNullable<PluginContext['image']>} */ (ctx.image);
    this.size = { width, height };
    this.layer = ctx.overlays.layer('navigator', 'screening-overview').element;
    this.canvas = document.createElement('canvas');
    this.layer.append(this.canvas);
    this.fields = document.createElement('canvas');
    this.painted = /** @type {Uint8Array | null} */ (null);
    this.of = /** @type {unknown} */ (null);
    const again = new ResizeObserver(() => this.#compose());
    again.observe(this.layer);
    this.stop = () => again.disconnect();
  }

  /** @type {import('./session.js').Session | null} */
  #session = null;
  /** @type {HTMLCanvasElement | null} */
  #team = null;

  /** How many people saw each part, instead of what one has seen. @param {{rows: number, columns: number, seen_by: string} | null} team */
  showTeam(team) {
    this.#team = null;
    if (team) {
      const picture = new ImageData(team.columns, team.rows);
      const counts = atob(team.seen_by);
      for (let cell = 0; cell < counts.length; cell += 1) {
        const [r, g, b] = TEAM[Math.min(counts.charCodeAt(cell), TEAM.length) - 1] ?? [];
        if (r !== undefined) picture.data.set([r, g, b, 165], cell * 4);
      }
      this.#team = document.createElement('canvas');
      [this.#team.width, this.#team.height] = [team.columns, team.rows];
      this.#team.getContext('2d')?.putImageData(picture, 0, 0);
    }
    this.#compose();
  }

  /** @param {import('./session.js').Session | null} session */
  show(session) {
    this.#session = session;
    if (session) this.#paint(session);
    this.#compose();
  }

  /** Change the pixels of the fields that differ from what is painted. @param {import('./session.js').Session} session */
  #paint(session) {
    const { path, seen } = session;
    const { columns, rows } = path.grid;
    const pen = this.fields.getContext('2d');
    if (!pen) return;
    const isNew = this.of !== session || !this.painted;
    if (isNew) {
      [this.fields.width, this.fields.height] = [columns, rows];
      this.painted = new Uint8Array(seen.length);
      this.of = session;
      const picture = pen.createImageData(columns, rows);
      for (const field of path.fields) picture.data.set(seen[field] ? SEEN : OPEN, field * 4);
      pen.putImageData(picture, 0, 0);
      this.painted.set(seen);
      return;
    }
    const painted = /** @type {Uint8Array} */ (this.painted);
    const pixel = pen.createImageData(1, 1);
    for (let field = 0; field < seen.length; field += 1) {
      if (painted[field] === seen[field]) continue;
      painted[field] = seen[field];
      pixel.data.set(seen[field] ? SEEN : OPEN);
      pen.putImageData(pixel, field % columns, Math.floor(field / columns));
    }
  }

  #compose() {
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.layer.clientWidth * ratio), Math.round(this.layer.clientHeight * ratio)];
    const pen = this.canvas.getContext('2d');
    if (!pen || !width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) [this.canvas.width, this.canvas.height] = [width, height];
    pen.clearRect(0, 0, width, height);
    if (this.#team) {
      pen.imageSmoothingEnabled = false;
      pen.drawImage(this.#team, 0, 0, width, height);
      return;
    }
    const session = this.#session;
    if (!session) return;
    const { grid } = session.path;
    const [sx, sy] = [width / this.size.width, height / this.size.height];
    pen.imageSmoothingEnabled = grid.columns * 1.5 > (grid.x1 - grid.x0) * sx;
    pen.drawImage(
      this.fields, grid.x0 * sx, grid.y0 * sy,
      Math.min(grid.columns * grid.step_x, grid.x1 - grid.x0) * sx, Math.min(grid.rows * grid.step_y, grid.y1 - grid.y0) * sy,
    );
    const [x0, y0, x1, y1] = boxOf(grid, session.position);
    const [w, h] = [Math.max((x1 - x0) * sx, 4 * ratio), Math.max((y1 - y0) * sy, 4 * ratio)];
    pen.lineWidth = 1.5 * ratio;
    pen.strokeStyle = CURRENT;
    pen.strokeRect(((x0 + x1) / 2) * sx - w / 2, ((y0 + y1) / 2) * sy - h / 2, w, h);
  }
}

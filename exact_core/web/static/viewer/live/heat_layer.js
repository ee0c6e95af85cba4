// @ts-check
/** The live overlay: canvases under the shapes that keep to the slide; the old field stays until the new one is whole. */

import { html } from '../../shell/html.js';
import { paint } from './colours.js';

/**
 * @typedef {import('../../inference/field.js').Field} Field
 * @typedef {import('./colours.js').Shown} Shown
 * @typedef {import('./objects.js').Found} Found
 * @typedef {import('../stage.js').Stage} Stage
 *
 * @typedef {object} Sheet  One field on the page.
 * @property {Field} field
 * @property {HTMLCanvasElement} canvas
 * @property {boolean} isWhole
 */

const LARGEST_RING = 7;
const SMALLEST_RING = 1.5;

/** Shows fields and the objects in them. */
export class HeatLayer {
  /** @param {Stage} stage @param {Element} above what the overlay lies directly under */
  constructor(stage, above) {
    this.stage = stage;
    this.#fields = html`<div class="heat__fields"></div>`;
    this.#marks = html`<canvas class="heat__marks" hidden></canvas>`;
    this.element = html`<div class="heat" aria-hidden="true">${this.#fields}${this.#marks}</div>`;
    above.before(this.element);
    this.#stop = stage.on('change', () => this.#place());
  }

  #fields;
  #marks;
  #stop;
  /** The field before, while the new one is not whole. @type {Sheet[]} */
  #sheets = [];
  /** @type {Found[]} */
  #objects = [];
  /** @type {Shown[]} */
  #classes = [];

  /** The field that is looked at, as far as it is known. */
  get field() {
    return this.#sheets.at(-1)?.field ?? null;
  }

  /** @param {Field} field @param {boolean} isWhole @param {Shown[]} classes @param {number} threshold */
  show(field, isWhole, classes, threshold) {
    const last = this.#sheets.at(-1);
    if (last && !last.isWhole) this.#drop(last);
    const canvas = html`<canvas class="heat__field" width=${field.width} height=${field.height}></canvas>`;
    const sheet = { field, canvas, isWhole };
    if (isWhole) [...this.#sheets].forEach((old) => this.#drop(old));
    this.#sheets.push(sheet);
    this.#fields.append(canvas);
    this.#paint(sheet, classes, threshold);
    this.#place();
  }

  /** @param {Shown[]} classes @param {number} threshold */
  repaint(classes, threshold) {
    this.#sheets.forEach((sheet) => this.#paint(sheet, classes, threshold));
  }

  /** @param {number} opacity 0 to 1 */
  setOpacity(opacity) {
    this.#fields.style.opacity = String(opacity);
  }

  /** @param {Found[]} objects @param {Shown[]} classes */
  setObjects(objects, classes) {
    this.#objects = objects;
    this.#classes = classes;
    this.#drawObjects();
  }

  clear() {
    [...this.#sheets].forEach((sheet) => this.#drop(sheet));
    this.setObjects([], []);
  }

  remove() {
    this.#stop();
    this.clear();
    this.element.remove();
  }

  /** @param {Sheet} sheet */
  #drop(sheet) {
    sheet.canvas.remove();
    this.#sheets = this.#sheets.filter((one) => one !== sheet);
  }

  /** @param {Sheet} sheet @param {Shown[]} classes @param {number} threshold */
  #paint({ field, canvas }, classes, threshold) {
    const picture = new ImageData(paint(field, classes, threshold), field.width, field.height);
    canvas.getContext('2d')?.putImageData(picture, 0, 0);
  }

  #place() {
    if (!this.stage.isOpen) return;
    const { a, b, c, d } = this.stage.matrix;
    for (const { field, canvas } of this.#sheets) {
      const { scale } = field;
      const [e, f] = this.stage.toScreen([field.x, field.y]);
      canvas.style.transform = `matrix(${a * scale}, ${b * scale}, ${c * scale}, ${d * scale}, ${e}, ${f})`;
    }
    this.#drawObjects();
  }

  #drawObjects() {
    const marks = this.#marks;
    marks.hidden = this.#objects.length === 0;
    const context = marks.getContext('2d');
    if (marks.hidden || !context) return;
    const [width, height] = this.stage.size;
    const dense = devicePixelRatio || 1;
    [marks.width, marks.height] = [Math.round(width * dense), Math.round(height * dense)];
    context.scale(dense, dense);
    const { zoom } = this.stage;
    for (const { x, y, radius, label } of this.#objects) {
      const [cx, cy] = this.stage.toScreen([x, y]);
      if (cx < -LARGEST_RING || cy < -LARGEST_RING || cx > width + LARGEST_RING || cy > height + LARGEST_RING) continue;
      ring(context, cx, cy, Math.min(Math.max(radius * zoom, SMALLEST_RING), LARGEST_RING), this.#classes[label].color);
    }
  }
}

/** A dashed ring with a dark case: of a model, not drawn by a hand. @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} radius @param {string} color */
function ring(context, x, y, radius, color) {
  for (const [line, width, dash] of /** @type {[string, number, number[]][]} */ ([['#000000a0', 3.5, []], [color, 2, [4, 3]]])) {
    context.beginPath();
    context.setLineDash(dash);
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.strokeStyle = line;
    context.lineWidth = width;
    context.stroke();
  }
}

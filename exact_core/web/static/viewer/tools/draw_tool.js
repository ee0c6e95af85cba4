// @ts-check
/** Drawing one shape: by clicks, by dragging, or freehand, with an undo of its own until it is finished. */

import { crossingOf, untangled } from '../crossing.js';
import { placedShape } from '../default_shape.js';
import { boxRing, corners, flawOf, simple, simplify, snapAngle, squareFrom, stepAt } from '../geometry.js';

/**
 * @typedef {import('../types.js').Geometry} Geometry
 * @typedef {import('../types.js').Shape} Shape
 * @typedef {import('../types.js').XY} XY
 * @typedef {import('../gestures.js').Pointer} Pointer
 * @typedef {import('../gestures.js').Tool} Tool
 *
 * @typedef {object} Drawing  What the page gives to a drawing tool.
 * @property {() => string} color
 * @property {() => [number, number]} size  Width and height of a placed shape in image px.
 * @property {() => number} zoom
 * @property {() => number} rotation  Of the view, in radians.
 * @property {(draft: {geometry: Geometry, color: string} | null, vertices?: XY[]) => void} show
 * @property {(geometry: Geometry) => void} done
 * @property {(text: string) => void} hint  An empty text takes it away.
 * @property {(point: Pointer) => boolean} contextMenu
 */

const CLOSE_REACH = 10;
const FREEHAND_STEP = 4;
const FREEHAND_TOLERANCE = 0.75;

/** Shapes that are spanned by one drag. */
const SPANNED = new Set(['box', 'ellipse', 'line', 'rotated_box']);

/** @implements {Tool} */
export class DrawTool {
  cursor = 'crosshair';

  /** @param {Shape} shape @param {Drawing} drawing */
  constructor(shape, drawing) {
    this.shape = shape;
    this.drawing = drawing;
  }

  /** @type {XY[]} Vertices placed so far. */
  #vertices = [];
  /** @type {XY[][]} What Ctrl+Z took away, for Ctrl+Shift+Z. */
  #undone = [];
  /** @type {number[]} How many vertices there were before each step. */
  #steps = [];
  /** @type {Pointer | null} */
  #pressed = null;
  #isFreehand = false;
  /** @type {XY | null} */
  #pointer = null;

  /** Whether something unfinished is on the screen. */
  get isDrawing() {
    return this.#vertices.length > 0 || this.#pressed !== null;
  }

  get #isPath() {
    return this.shape === 'polygon' || this.shape === 'polyline' || this.shape === 'multi_polygon';
  }

  /** @param {Pointer} pointer */
  press(pointer) {
    this.#pressed = pointer;
    this.#isFreehand = false;
    if (this.#isPath) this.#preview(pointer);
    return true;
  }

  /** @param {Pointer} pointer */
  drag(pointer) {
    if (!this.#pressed) return;
    if (SPANNED.has(this.shape)) {
      this.drawing.show({ geometry: this.#spanned(this.#pressed, pointer), color: this.drawing.color() });
    } else if (this.#isPath) {
      this.#freehand(pointer);
    } else {
      this.drawing.show({ geometry: simple('point', [pointer.at]), color: this.drawing.color() });
    }
  }

  /** @param {Pointer} pointer @param {boolean} moved */
  release(pointer, moved) {
    const pressed = this.#pressed;
    this.#pressed = null;
    if (!pressed) return;
    if (SPANNED.has(this.shape)) {
      this.#finish(moved ? this.#spanned(pressed, pointer) : placedShape(this.shape, pointer.at, this.drawing.size()));
    } else if (!this.#isPath) {
      this.#finish(placedShape('point', pointer.at, [0, 0]));
    } else if (this.#isFreehand) {
      this.#endFreehand();
    } else {
      this.#addVertex(pointer);
    }
  }

  abort() {
    this.#pressed = null;
    if (this.#isFreehand) this.undoStep();
    this.#isFreehand = false;
    this.#redraw();
  }

  click() {}

  doubleClick() {
    if (this.#isPath) this.finish();
  }

  /** @param {Pointer | null} pointer */
  hover(pointer) {
    this.#pointer = pointer && this.#snapped(pointer);
    if (this.#vertices.length > 0) this.#preview(pointer);
  }

  /** @param {Pointer} pointer */
  contextMenu(pointer) {
    if (this.#vertices.length > 0) {
      this.undoStep();
      return true;
    }
    return this.drawing.contextMenu(pointer);
  }

  /** End the path with what is there (Enter). @returns {boolean} whether there was one */
  finish() {
    if (!this.#isPath || this.#vertices.length === 0) return false;
    const fewest = this.shape === 'polyline' ? 2 : 3;
    if (this.#vertices.length < fewest) {
      this.drawing.hint(`A ${this.shape} needs at least ${fewest} points. Esc stops drawing.`);
      return true;
    }
    if (this.shape !== 'polyline' && crossingOf(this.#vertices)) {
      this.drawing.hint('The outline crosses itself. Backspace takes the last point back · Esc stops');
      return true;
    }
    this.#finish(this.#path(this.#vertices));
    return true;
  }

  /** Throw the unfinished shape away (Esc). @returns {boolean} whether there was one */
  cancel() {
    if (!this.isDrawing) return false;
    this.#reset();
    return true;
  }

  /** Take the last step back (Backspace, Ctrl+Z while drawing). @returns {boolean} */
  undoStep() {
    if (this.#vertices.length === 0) return false;
    const before = this.#steps.pop() ?? this.#vertices.length - 1;
    this.#undone.push(this.#vertices.slice(before));
    this.#vertices = this.#vertices.slice(0, before);
    this.#redraw();
    return true;
  }

  /** @returns {boolean} */
  redoStep() {
    const again = this.#undone.pop();
    if (!again) return false;
    this.#steps.push(this.#vertices.length);
    this.#vertices = [...this.#vertices, ...again];
    this.#redraw();
    return true;
  }

  /** @param {Pointer} pointer @returns {XY} */
  #snapped({ at, shift }) {
    const last = this.#vertices.at(-1);
    return shift && last && this.#isPath ? snapAngle(last, at) : at;
  }

  /** @param {Pointer} pointer */
  #addVertex(pointer) {
    const [first] = this.#vertices;
    const point = this.#snapped(pointer);
    const reach = (pointer.isTouch ? 2 : 1) * (CLOSE_REACH / this.drawing.zoom());
    if (first && this.shape !== 'polyline' && this.#vertices.length >= 3 && near(first, point, reach)) {
      this.finish();
      return;
    }
    const last = this.#vertices.at(-1);
    if (last && near(last, point, 2 / this.drawing.zoom())) return;
    this.#steps.push(this.#vertices.length);
    this.#undone = [];
    this.#vertices = [...this.#vertices, point];
    this.#preview(pointer);
  }

  /** @param {Pointer} pointer */
  #freehand(pointer) {
    const pressed = /** @type {Pointer} */ (this.#pressed);
    if (!this.#isFreehand) {
      this.#isFreehand = true;
      this.#undone = [];
      this.#steps.push(this.#vertices.length);
      this.#vertices = [...this.#vertices, pressed.at];
    }
    const last = /** @type {XY} */ (this.#vertices.at(-1));
    if (!near(last, pointer.at, FREEHAND_STEP / this.drawing.zoom())) this.#vertices.push(pointer.at);
    this.#pointer = pointer.at;
    this.#redraw();
  }

  #endFreehand() {
    this.#isFreehand = false;
    const from = this.#steps.at(-1) ?? 0;
    const drawn = simplify(this.#vertices.slice(from), FREEHAND_TOLERANCE / this.drawing.zoom());
    this.#vertices = [...this.#vertices.slice(0, from), ...drawn];
    if (from > 0) {
      this.#redraw();
      return;
    }
    // Nobody meets the beginning of an outline exactly: what sticks out or loops there is cut off.
    if (this.shape !== 'polyline') this.#vertices = untangled(this.#vertices, stepAt(this.drawing.zoom()));
    this.finish();
  }

  /** @param {Pointer} from @param {Pointer} to @returns {Geometry} */
  #spanned(from, to) {
    if (this.shape === 'line') return simple('line', [from.at, to.shift ? snapAngle(from.at, to.at) : to.at]);
    if (this.shape === 'rotated_box') return this.#turnedBox(from.at, to);
    const target = to.shift ? squareFrom(from.at, to.at) : to.at;
    const start = to.alt ? /** @type {XY} */ ([2 * from.at[0] - target[0], 2 * from.at[1] - target[1]]) : from.at;
    return simple(this.shape, corners(start, target));
  }

  /** A box that lies straight on a turned screen. @param {XY} from @param {Pointer} to @returns {Geometry} */
  #turnedBox(from, to) {
    const angle = this.drawing.rotation();
    const turn = (/** @type {XY} */ [x, y], /** @type {number} */ by) =>
      /** @type {XY} */ ([x * Math.cos(by) - y * Math.sin(by), x * Math.sin(by) + y * Math.cos(by)]);
    const [a, b] = [turn(from, angle), turn(to.at, angle)];
    const ring = boxRing(corners(a, to.shift ? squareFrom(a, b) : b));
    return simple('rotated_box', ring.map((p) => turn(p, -angle)));
  }

  /** @param {XY[]} points @returns {Geometry} */
  #path(points) {
    return simple(this.shape, points);
  }

  /** @param {Pointer | null} pointer */
  #preview(pointer) {
    if (pointer) this.#pointer = this.#snapped(pointer);
    this.#redraw();
  }

  #redraw() {
    if (this.#vertices.length === 0) {
      this.drawing.show(null);
      return;
    }
    const tip = this.#pointer && !this.#isFreehand ? [this.#pointer] : [];
    const points = [...this.#vertices, ...tip];
    const isArea = this.shape !== 'polyline' && points.length > 2;
    const geometry = isArea ? this.#path(points) : simple('polyline', points);
    this.drawing.show({ geometry, color: this.drawing.color() }, this.#isFreehand ? [] : this.#vertices);
    this.drawing.hint(this.#isFreehand ? '' : 'Enter or double-click ends · Backspace takes the last point back · Esc stops');
  }

  /** @param {Geometry | null} geometry */
  #finish(geometry) {
    this.#reset();
    if (!geometry) return;
    const flaw = flawOf(geometry, stepAt(this.drawing.zoom()));
    if (flaw) this.drawing.hint(`Nothing was added: ${flaw.charAt(0).toLowerCase()}${flaw.slice(1)}`);
    else this.drawing.done(geometry);
  }

  #reset() {
    this.#vertices = [];
    this.#steps = [];
    this.#undone = [];
    this.#pressed = null;
    this.#isFreehand = false;
    this.drawing.show(null);
    this.drawing.hint('');
  }
}

/** @param {XY} a @param {XY} b @param {number} reach */
function near(a, b, reach) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]) <= reach;
}

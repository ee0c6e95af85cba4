// @ts-check
/**
 * Draws scenes without WebGL: one stroked path per type in close views, dots when there is too much for that.
 *
 * Slower, with the same look; hospital computers without a graphics driver get this.
 */

import { AUTHOR_STRIDE } from './texels.js';
import { SHAPE_NUMBERS } from '../wire.js';
import { forEachRing } from './geometry.js';
import { dotRadius, FILL_OPACITY, HIGHLIGHT, outlineWidth, POINT_BORDER, POINT_RADIUS } from './scene.js';
import { isSuppressed } from './suppression.js';

/** @typedef {import('./cells.js').Cell} Cell */
/** @typedef {import('./scene.js').Scene} Scene */
/** @typedef {import('./view_transform.js').ViewTransform} ViewTransform */

/** Vertices of one frame from which many shapes become dots: stroking more takes too long. */
const MOST_VERTICES = 120_000;
/** A few shapes are drawn whole however many vertices they have. */
const FEW_SHAPES = 1000;
/** Vertices of one stroked path; the cost of a path grows faster than its length. */
const VERTICES_PER_PATH = 4000;
const MOST_FILLED_VERTICES = 40_000;

/** Cells of one frame, by type slot: the shapes to draw. @typedef {Map<number, {cell: Cell, k: number}[]>} ByType */

/** One renderer for one canvas. */
export class CanvasRenderer {
  name = /** @type {const} */ ('canvas2d');

  /** @type {{heat: import('./heat.js').HeatPicture, canvas: HTMLCanvasElement} | null} */
  #heat = null;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This browser gives no canvas to draw on.');
    this.canvas = canvas;
    this.context = context;
  }

  uploaded = 0;

  /** Nothing is kept of a cell. */
  drop() {}

  /**
   * @param {Scene} scene
   * @returns {import('./scene.js').Drawn}
   */
  draw(scene) {
    const { context: c } = this;
    c.setTransform(1, 0, 0, 1, 0, 0);
    // Not `clearRect`: Chromium 156 shows an older frame again when a frame consists of nothing but a clear.
    c.globalCompositeOperation = 'copy';
    c.fillStyle = 'transparent';
    c.fillRect(0, 0, this.canvas.width, this.canvas.height);
    c.globalCompositeOperation = 'source-over';
    c.scale(scene.ratio, scene.ratio);
    c.lineJoin = 'round';
    c.lineCap = 'round';
    if (scene.heat) this.#drawHeat(scene, scene.heat);
    const { groups, drawn } = group(scene, scene.cells);
    const isDots = drawn.vertices > MOST_VERTICES && drawn.shapes > FEW_SHAPES;
    if (isDots) this.#dots(scene, groups);
    else this.#shapes(scene, groups, 1, scene.fill && drawn.vertices < MOST_FILLED_VERTICES);
    this.#shapes(scene, group(scene, scene.highlighted).groups, HIGHLIGHT, true);
    return drawn;
  }

  /**
   * @param {Scene} scene
   * @param {ByType} groups
   * @param {number} thickness
   * @param {boolean} fill
   */
  #shapes(scene, groups, thickness, fill) {
    const { context: c } = this;
    const t = scene.transform;
    for (const [slot, shapes] of groups) {
      const color = `rgb(${scene.palette.color(slot).join(',')})`;
      c.strokeStyle = color;
      c.fillStyle = color;
      c.lineWidth = (outlineWidth(scene.lineWidth, t.scale, scene.ratio) / scene.ratio) * thickness;
      let vertices = 0;
      let path = new Path2D();
      for (const { cell, k } of shapes) {
        if (cell.shapes[k] <= SHAPE_NUMBERS.point) continue;
        if (fill) this.#fill(cell, k, t, thickness === 1 ? FILL_OPACITY : FILL_OPACITY * 1.4);
        trace(path, cell, k, t);
        vertices += cell.ringStart[k + 1] > cell.ringStart[k] ? cell.ringLength[cell.ringStart[k]] : 0;
        if (vertices > VERTICES_PER_PATH) {
          c.stroke(path);
          path = new Path2D();
          vertices = 0;
        }
      }
      c.stroke(path);
      for (const { cell, k } of shapes) if (cell.shapes[k] <= SHAPE_NUMBERS.point) this.#point(cell, k, t, thickness);
    }
  }

  /** @param {Cell} cell @param {number} k @param {ViewTransform} t @param {number} opacity */
  #fill(cell, k, t, opacity) {
    const shape = cell.shapes[k];
    if (shape === SHAPE_NUMBERS.line || shape === SHAPE_NUMBERS.polyline) return;
    const area = new Path2D();
    trace(area, cell, k, t);
    this.context.globalAlpha = opacity;
    this.context.fill(area, 'evenodd');
    this.context.globalAlpha = 1;
  }

  /** @param {Cell} cell @param {number} k @param {ViewTransform} t @param {number} thickness */
  #point(cell, k, t, thickness) {
    const { context: c } = this;
    const isDot = cell.kind === 'centroids';
    const [x, y] = toScreen(t, cell, cell.points.data, 4 * cell.place[k]);
    c.beginPath();
    c.arc(x, y, (isDot ? dotRadius(t.scale) : POINT_RADIUS - POINT_BORDER / 2) * Math.sqrt(thickness), 0, 2 * Math.PI);
    c.fill();
    if (isDot) return;
    const { strokeStyle, lineWidth } = c;
    c.strokeStyle = '#fff';
    c.lineWidth = POINT_BORDER * thickness;
    c.stroke();
    c.strokeStyle = strokeStyle;
    c.lineWidth = lineWidth;
  }

  /** A dot at the middle of each shape. @param {Scene} scene @param {ByType} groups */
  #dots(scene, groups) {
    const { context: c } = this;
    const t = scene.transform;
    const side = 2 * dotRadius(t.scale);
    for (const [slot, shapes] of groups) {
      c.fillStyle = `rgb(${scene.palette.color(slot).join(',')})`;
      for (const { cell, k } of shapes) {
        const x = (cell.boxes[4 * k] + cell.boxes[4 * k + 2]) / 2;
        const y = (cell.boxes[4 * k + 1] + cell.boxes[4 * k + 3]) / 2;
        c.fillRect(t.a * x + t.c * y + t.e - side / 2, t.b * x + t.d * y + t.f - side / 2, side, side);
      }
    }
  }

  /** @param {Scene} scene @param {import('./heat.js').HeatPicture} heat */
  #drawHeat(scene, heat) {
    const { context: c } = this;
    if (this.#heat?.heat !== heat) {
      const canvas = document.createElement('canvas');
      canvas.width = heat.width;
      canvas.height = heat.height;
      canvas.getContext('2d')?.putImageData(new ImageData(unmultiplied(heat.pixels), heat.width, heat.height), 0, 0);
      this.#heat = { heat, canvas };
    }
    const t = scene.transform;
    const [x0, y0, x1, y1] = heat.box;
    c.save();
    c.imageSmoothingEnabled = true;
    c.imageSmoothingQuality = 'high';
    c.transform(t.a, t.b, t.c, t.d, t.a * x0 + t.c * y0 + t.e, t.b * x0 + t.d * y0 + t.f);
    c.drawImage(this.#heat.canvas, 0, 0, x1 - x0, y1 - y0);
    c.restore();
  }

  destroy() {
    this.#heat = null;
    // A canvas without pixels frees its memory before it is collected.
    this.canvas.width = 0;
    this.canvas.height = 0;
  }
}

/**
 * The visible shapes of the cells, by type.
 * @param {Scene} scene
 * @param {Cell[]} cells
 */
function group({ palette }, cells) {
  /** @type {ByType} */
  const groups = new Map();
  const drawn = { cells: 0, shapes: 0, vertices: 0 };
  for (const cell of cells) {
    drawn.cells += 1;
    for (let k = 0; k < cell.n; k++) {
      const slot = cell.typeSlots[k];
      if (!palette.isStyleVisible(slot + AUTHOR_STRIDE * cell.authorSlots[k]) || isSuppressed(cell, k)) continue;
      const shapes = groups.get(slot) ?? [];
      if (shapes.length === 0) groups.set(slot, shapes);
      shapes.push({ cell, k });
      drawn.shapes += 1;
      if (cell.kind === 'centroids') drawn.vertices += 1;
      for (let ring = cell.ringStart[k]; ring < cell.ringStart[k + 1]; ring++) drawn.vertices += cell.ringLength[ring];
    }
  }
  return { groups, drawn };
}

/**
 * @param {ViewTransform} t
 * @param {Cell} cell
 * @param {Float32Array} data
 * @param {number} at
 * @returns {[number, number]}
 */
function toScreen(t, cell, data, at) {
  const x = data[at] + cell.originX;
  const y = data[at + 1] + cell.originY;
  return [t.a * x + t.c * y + t.e, t.b * x + t.d * y + t.f];
}

/** @param {Path2D} path @param {Cell} cell @param {number} k @param {ViewTransform} t */
function trace(path, cell, k, t) {
  if (cell.ringStart[k] === cell.ringStart[k + 1]) return;
  const shape = cell.shapes[k];
  if (shape === SHAPE_NUMBERS.ellipse) {
    traceEllipse(path, cell, k, t);
    return;
  }
  const open = shape === SHAPE_NUMBERS.line || shape === SHAPE_NUMBERS.polyline;
  forEachRing(cell, k, (texel, length) => {
    for (let v = 0; v < length; v++) {
      const [x, y] = toScreen(t, cell, cell.paths.data, 4 * (texel + v));
      if (v === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    if (!open) path.closePath();
  });
}

/** @param {Path2D} path @param {Cell} cell @param {number} k @param {ViewTransform} t */
function traceEllipse(path, cell, k, t) {
  const [x0, y0, x1, y1] = cell.ellipses.data.subarray(8 * cell.place[k], 8 * cell.place[k] + 4);
  const center = [cell.originX + (x0 + x1) / 2, cell.originY + (y0 + y1) / 2];
  const x = t.a * center[0] + t.c * center[1] + t.e;
  const y = t.b * center[0] + t.d * center[1] + t.f;
  const rx = (Math.abs(x1 - x0) / 2) * t.scale;
  const ry = (Math.abs(y1 - y0) / 2) * t.scale;
  const turn = Math.atan2(t.b, t.a);
  path.moveTo(x + rx * Math.cos(turn), y + rx * Math.sin(turn));
  path.ellipse(x, y, rx, ry, turn, 0, 2 * Math.PI);
}

/** @param {Uint8ClampedArray} pixels premultiplied */
function unmultiplied(pixels) {
  const out = new Uint8ClampedArray(pixels.length);
  for (let at = 0; at < pixels.length; at += 4) {
    const alpha = pixels[at + 3] || 255;
    for (let part = 0; part < 3; part++) out[at + part] = (pixels[at + part] * 255) / alpha;
    out[at + 3] = pixels[at + 3];
  }
  return out;
}

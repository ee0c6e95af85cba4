// @ts-check
/**
 * Draws predictions over the slide, clearly unlike annotations: dashed lines on a light casing, filled when decided by
 * nobody and chosen, crossed out when rejected. Few enough are seen at a time that a plain canvas does.
 */

import { perFrame } from '../../sdk/timing.js';
import { meets } from './found.js';

/**
 * @typedef {import('./found.js').Decisions} Decisions
 * @typedef {import('./wire.js').PredictedView} PredictedView
 * @typedef {import('./wire.js').PredictedCounts} PredictedCounts
 *
 * @typedef {object} Picture what is drawn
 * @property {PredictedView | PredictedCounts | null} view
 * @property {ArrayLike<number>} places
 * @property {Decisions} decisions
 * @property {number | null} current number of the shape that one is at
 * @property {(label: number) => string} colourOf
 * @property {boolean} byUncertainty
 * @property {number} opacity
 * @property {number} least
 * @property {Set<number>} hiddenLabels
 * @property {import('./map_tiles.js').MapTiles | null} map
 * @property {boolean} showMap
 */

const MOST_DRAWN = 30_000;
const DASH = [5, 3];
const CASING = 'rgb(255 255 255 / 0.75)';

/** The canvas over the stage. */
export class PredictionLayer {
  /** @param {import('../stage.js').Stage} stage @param {HTMLElement} host @param {() => Picture} picture */
  constructor(stage, host, picture) {
    this.stage = stage;
    this.picture = picture;
    this.canvas = document.createElement('canvas');
    this.canvas.className = 'predictions-canvas';
    this.canvas.setAttribute('aria-hidden', 'true');
    host.prepend(this.canvas);
    stage.on('change', () => this.draw());
  }

  isOn = false;
  draw = perFrame(() => this.#draw());

  #draw() {
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
    const ratio = devicePixelRatio;
    const [width, height] = this.stage.size;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) [this.canvas.width, this.canvas.height] = [w, h];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, w, h);
    if (!this.isOn || !this.stage.isOpen) return;
    const { a, b, c, d, e, f } = this.stage.matrix;
    context.setTransform(a * ratio, b * ratio, c * ratio, d * ratio, e * ratio, f * ratio);
    const picture = this.picture();
    const { zoom, visibleBounds } = this.stage;
    picture.map?.draw(context, visibleBounds, zoom, { opacity: picture.opacity, threshold: picture.least, showMap: picture.showMap, showLine: true });
    if (picture.view?.kind === 'shapes') this.#drawShapes(context, picture, picture.view, zoom, visibleBounds);
    else if (picture.view) this.#drawCounts(context, picture, picture.view, zoom);
  }

  /** @param {CanvasRenderingContext2D} context @param {Picture} picture @param {PredictedView} view @param {number} zoom @param {readonly number[]} bounds */
  #drawShapes(context, picture, view, zoom, bounds) {
    let drawn = 0;
    const width = 1 / zoom;
    context.globalAlpha = picture.opacity;
    context.lineJoin = 'round';
    /** @type {number | null} */
    let current = null;
    for (let i = 0; i < picture.places.length && drawn < MOST_DRAWN; i += 1) {
      const place = picture.places[i];
      if (!meets(view, place, bounds)) continue;
      drawn += 1;
      if (view.number[place] === picture.current) current = place;
      else this.#drawShape(context, picture, view, place, width);
    }
    if (current !== null) this.#drawCurrent(context, picture, view, current, width);
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} context @param {Picture} picture @param {PredictedView} view @param {number} place @param {number} width of a screen px, in image px */
  #drawShape(context, picture, view, place, width) {
    const decision = picture.decisions.of(view.number[place]);
    if (decision === 'accepted' || decision === 'edited') return; // it is an annotation now, and drawn as one
    outline(context, view, place, width);
    const isRejected = decision === 'rejected';
    context.setLineDash([]);
    context.strokeStyle = CASING;
    context.lineWidth = 3 * width;
    if (!isRejected) context.stroke();
    context.setLineDash(isRejected ? [width, 3 * width] : DASH.map((one) => one * width));
    context.strokeStyle = isRejected ? '#777' : picture.byUncertainty ? uncertain(view.uncertainty[place]) : picture.colourOf(view.label[place]);
    context.lineWidth = 1.6 * width;
    context.stroke();
  }

  /** @param {CanvasRenderingContext2D} context @param {Picture} picture @param {PredictedView} view @param {number} place @param {number} width */
  #drawCurrent(context, picture, view, place, width) {
    const at = 4 * place;
    const margin = 8 * width;
    outline(context, view, place, width);
    context.setLineDash([]);
    context.globalAlpha = 1;
    context.fillStyle = `${picture.colourOf(view.label[place])}40`;
    context.fill('evenodd');
    for (const [size, colour] of /** @type {[number, string][]} */ ([[4.5, CASING], [2.2, picture.colourOf(view.label[place])]])) {
      context.lineWidth = size * width;
      context.strokeStyle = colour;
      context.stroke();
    }
    const [x0, y0, x1, y1] = [view.box[at] - margin, view.box[at + 1] - margin, view.box[at + 2] + margin, view.box[at + 3] + margin];
    const arm = Math.min(x1 - x0, y1 - y0) / 4;
    context.beginPath();
    for (const [x, y, dx, dy] of [[x0, y0, 1, 1], [x1, y0, -1, 1], [x1, y1, -1, -1], [x0, y1, 1, -1]]) {
      context.moveTo(x + dx * arm, y);
      context.lineTo(x, y);
      context.lineTo(x, y + dy * arm);
    }
    for (const [size, colour] of /** @type {[number, string][]} */ ([[5, CASING], [2.5, '#111']])) {
      context.lineWidth = size * width;
      context.strokeStyle = colour;
      context.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {Picture} picture @param {PredictedCounts} counts @param {number} zoom */
  #drawCounts(context, picture, counts, zoom) {
    const from = Math.min(63, Math.floor(picture.least * 64));
    for (let i = 0; i < counts.n; i += 1) {
      if (picture.hiddenLabels.has(counts.label[i])) continue;
      let number = 0;
      for (let step = from; step < 64; step += 1) number += counts.histogram[64 * i + step];
      if (!number) continue;
      const [x0, y0, x1, y1] = counts.box.subarray(4 * i, 4 * i + 4);
      context.globalAlpha = picture.opacity * Math.min(0.75, 0.12 + (number / Math.max(1, (x1 - x0) * (y1 - y0))) * 900);
      context.fillStyle = picture.colourOf(counts.label[i]);
      context.fillRect(x0, y0, x1 - x0, y1 - y0);
      context.lineWidth = 1 / zoom;
    }
    context.globalAlpha = 1;
  }
}

/** @param {CanvasRenderingContext2D} context @param {PredictedView} view @param {number} place @param {number} width of a screen px, in image px */
function outline(context, view, place, width) {
  const shape = view.shape[place];
  const box = view.box.subarray(4 * place, 4 * place + 4);
  context.beginPath();
  if (shape === 1) context.arc((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 6 * width, 0, 2 * Math.PI);
  else if (shape === 2) context.rect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
  else if (shape === 3) context.ellipse((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2, (box[3] - box[1]) / 2, 0, 0, 2 * Math.PI);
  else {
    for (let ring = view.ringStart[place]; ring < view.ringStart[place + 1]; ring += 1) {
      const [first, end] = [view.ringVertex[ring], view.ringVertex[ring + 1]];
      context.moveTo(view.xy[2 * first], view.xy[2 * first + 1]);
      for (let vertex = first + 1; vertex < end; vertex += 1) context.lineTo(view.xy[2 * vertex], view.xy[2 * vertex + 1]);
      if (shape >= 6) context.closePath();
    }
  }
}

/** From sure (blue) over yellow to unsure (red). @param {number} value */
function uncertain(value) {
  return Number.isNaN(value) ? '#777777' : `hsl(${Math.round(220 - 220 * value)} 85% 42%)`;
}

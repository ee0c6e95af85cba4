// @ts-check
/** Finds annotations by place: box grids narrow down, exact geometry decides. */

import { BoxGrid } from './box_grid.js';
import { reachOf } from './hit_test.js';

/** @typedef {import('./api.js').Box} Box */
/** @typedef {import('./api.js').Hit} Hit */
/** @typedef {import('./api.js').LayerShape} LayerShape */
/** @typedef {import('./cells.js').Cell} Cell */

/**
 * @typedef {{cell: Cell, k: number, distance: number, inside: boolean, area: number, edge: boolean, order: number}}
 *   Candidate
 */

/** Answers where the pointer is, over the cells of a store. Grids are built when a cell is first asked. */
export class Picker {
  /** @type {WeakMap<Cell, BoxGrid>} */
  #grids = new WeakMap();

  /** @param {import('../store.js').AnnotationStore} store */
  constructor(store) {
    this.store = store;
  }

  /** @param {Cell} cell */
  drop(cell) {
    this.#grids.delete(cell);
  }

  /**
   * @param {Cell} cell
   * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
   * @returns {number[]}
   */
  #meeting(cell, x0, y0, x1, y1) {
    const { bounds } = cell;
    if (cell.n === 0 || bounds[0] > x1 || bounds[2] < x0 || bounds[1] > y1 || bounds[3] < y0) return [];
    let grid = this.#grids.get(cell);
    if (!grid) {
      grid = new BoxGrid(cell.boxes);
      this.#grids.set(cell, grid);
    }
    return grid.meeting(x0, y0, x1, y1);
  }

  /**
   * What lies under a place, best first: edges and points within the tolerance by distance, then areas around the
   * place, the smallest first.
   * @param {number} x
   * @param {number} y
   * @param {number} tolerance
   * @param {number} pointRadius as far as a point's disc reaches
   * @returns {Hit[]}
   */
  pick(x, y, tolerance, pointRadius) {
    /** @type {Candidate[]} */
    const found = [];
    const reach = tolerance + pointRadius;
    let order = 0;
    for (const cell of this.store.drawable()) {
      order += 1;
      for (const k of this.#meeting(cell, x - reach, y - reach, x + reach, y + reach)) {
        if (!this.store.isVisible(cell, k)) continue;
        const hit = reachOf(cell, k, x, y);
        if (!hit) continue;
        const isPoint = cell.shapes[k] <= 1;
        const distance = isPoint ? Math.max(0, hit.distance - pointRadius) : hit.distance;
        const edge = distance <= tolerance;
        if (!edge && !hit.inside) continue;
        const { boxes } = cell;
        const area = (boxes[4 * k + 2] - boxes[4 * k]) * (boxes[4 * k + 3] - boxes[4 * k + 1]);
        found.push({ cell, k, distance, inside: hit.inside, area, edge, order: order * 0x200000 + k });
      }
    }
    found.sort((a, b) => Number(b.edge) - Number(a.edge)
      || (a.edge ? a.distance - b.distance : 0) || a.area - b.area || b.order - a.order);
    return found.map((hit) => ({
      ...this.store.shapeAt(hit.cell, hit.k), distance: hit.distance, inside: hit.inside,
    }));
  }

  /**
   * What lies wholly inside a rectangle.
   * @param {Box} rect
   * @returns {LayerShape[]}
   */
  pickBox([ax, ay, bx, by]) {
    const x0 = Math.min(ax, bx);
    const y0 = Math.min(ay, by);
    const x1 = Math.max(ax, bx);
    const y1 = Math.max(ay, by);
    /** @type {LayerShape[]} */
    const inside = [];
    for (const cell of this.store.drawable()) {
      const { boxes } = cell;
      for (const k of this.#meeting(cell, x0, y0, x1, y1)) {
        const whole = boxes[4 * k] >= x0 && boxes[4 * k + 1] >= y0 && boxes[4 * k + 2] <= x1 && boxes[4 * k + 3] <= y1;
        const placed = cell.shapes[k] === 0 || cell.ringStart[k] < cell.ringStart[k + 1];
        if (whole && placed && this.store.isVisible(cell, k)) inside.push(this.store.shapeAt(cell, k));
      }
    }
    return inside;
  }
}

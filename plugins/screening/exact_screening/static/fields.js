// @ts-check
/**
 * The fields of a pass and the way through them, as the server has them: a step is shown at once and told afterwards.
 * Geometry only; it knows neither page nor server.
 */

/**
 * @typedef {{x0: number, y0: number, x1: number, y1: number, width: number, height: number, step_x: number,
 *   step_y: number, columns: number, rows: number, order: 'rows' | 'snake'}} Grid  Level-0 pixels.
 * @typedef {'next'|'previous'|'left'|'right'|'up'|'down'|'unseen'} Way
 */

/** Flags, one byte each, from base64 of one bit each, the first one highest. @param {string} text @param {number} count */
export function flagsOf(text, count) {
  const bytes = atob(text);
  const flags = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) flags[i] = (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1;
  return flags;
}

/** @param {Grid} grid @param {number} field @returns {[number, number, number, number]} level-0 px */
export function boxOf(grid, field) {
  const [row, column] = [Math.floor(field / grid.columns), field % grid.columns];
  const left = Math.min(grid.x0 + column * grid.step_x, grid.x1 - grid.width);
  const top = Math.min(grid.y0 + row * grid.step_y, grid.y1 - grid.height);
  return [left, top, left + grid.width, top + grid.height];
}

/** The chosen fields of a grid in their order. */
export class Path {
  /** @param {Grid} grid @param {Uint8Array} chosen */
  constructor(grid, chosen) {
    this.grid = grid;
    this.chosen = chosen;
    const fields = [];
    for (let row = 0; row < grid.rows; row += 1) {
      const back = grid.order === 'snake' && row % 2 === 1;
      for (let place = 0; place < grid.columns; place += 1) {
        const field = row * grid.columns + (back ? grid.columns - 1 - place : place);
        if (chosen[field]) fields.push(field);
      }
    }
    /** In their order. */
    this.fields = Int32Array.from(fields);
    /** The place of each chosen field in the order. */
    this.places = new Int32Array(chosen.length).fill(-1);
    this.fields.forEach((field, place) => { this.places[field] = place; });
  }

  get total() {
    return this.fields.length;
  }

  /** @param {number} field @param {Way} way @param {Uint8Array} seen @returns {number} the same field where there is none */
  step(field, way, seen) {
    const place = this.places[field];
    if (way === 'next') return this.fields[Math.min(place + 1, this.total - 1)];
    if (way === 'previous') return this.fields[Math.max(place - 1, 0)];
    if (way === 'unseen') return this.unseen(field, seen);
    return this.#beside(field, way);
  }

  /** The first field after one that was not seen, else the first of all. @param {number} field @param {Uint8Array} seen */
  unseen(field, seen) {
    const place = this.places[field];
    for (let i = 1; i <= this.total; i += 1) {
      const other = this.fields[(place + i) % this.total];
      if (!seen[other]) return other;
    }
    return field;
  }

  /** @param {number} field @param {Way} way */
  #beside(field, way) {
    const { columns, rows } = this.grid;
    const [dx, dy] = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] }[/** @type {'left'} */ (way)];
    let [row, column] = [Math.floor(field / columns) + dy, (field % columns) + dx];
    while (row >= 0 && row < rows && column >= 0 && column < columns) {
      if (this.chosen[row * columns + column]) return row * columns + column;
      row += dy;
      column += dx;
    }
    return field;
  }

  /** The chosen field whose middle is nearest to a point. @param {number} x @param {number} y level-0 px */
  nearest(x, y) {
    let best = this.fields[0];
    let least = Infinity;
    for (const field of this.fields) {
      const [x0, y0, x1, y1] = boxOf(this.grid, field);
      const distance = ((x0 + x1) / 2 - x) ** 2 + ((y0 + y1) / 2 - y) ** 2;
      if (distance < least) [best, least] = [field, distance];
    }
    return best;
  }
}

/**
 * How many fields a region of this size would have; the server decides.
 * @param {number} width level-0 px @param {number} height @param {number} fieldWidth @param {number} fieldHeight @param {number} overlap 0 to 0.9
 */
export function fieldCount(width, height, fieldWidth, fieldHeight, overlap) {
  const along = (/** @type {number} */ whole, /** @type {number} */ field) => {
    const size = Math.min(Math.max(1, Math.round(field)), whole);
    return 1 + Math.max(0, Math.ceil((whole - size) / Math.max(1, Math.round(size * (1 - overlap)))));
  };
  return along(width, fieldWidth) * along(height, fieldHeight);
}

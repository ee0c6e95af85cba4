// @ts-check
/** A grid over bounding boxes: which boxes meet a rectangle, without asking each. */

const BOXES_PER_BUCKET = 4;
const MOST_SIDE = 256;
/** A box over more buckets than this is kept aside, so that one huge outline does not fill the grid. */
const MOST_BUCKETS = 16;

/** Boxes are four int32 each, and the grid keeps no copy of them. */
export class BoxGrid {
  /** @param {Int32Array} boxes */
  constructor(boxes) {
    this.boxes = boxes;
    const n = boxes.length / 4;
    this.side = Math.max(1, Math.min(MOST_SIDE, Math.ceil(Math.sqrt(n / BOXES_PER_BUCKET))));
    this.#measure();
    this.#fill(n);
  }

  #measure() {
    let x0 = Infinity;
    let y0 = Infinity;
    let x1 = -Infinity;
    let y1 = -Infinity;
    for (let k = 0; k < this.boxes.length; k += 4) {
      x0 = Math.min(x0, this.boxes[k]);
      y0 = Math.min(y0, this.boxes[k + 1]);
      x1 = Math.max(x1, this.boxes[k + 2]);
      y1 = Math.max(y1, this.boxes[k + 3]);
    }
    this.x0 = x0;
    this.y0 = y0;
    this.width = Math.max(1, (x1 - x0) / this.side);
    this.height = Math.max(1, (y1 - y0) / this.side);
  }

  /** @param {number} n */
  #fill(n) {
    /** @type {number[]} */
    this.large = [];
    const counts = new Uint32Array(this.side * this.side + 1);
    const spans = new Int32Array(4 * n);
    for (let i = 0; i < n; i++) {
      const span = this.#span(this.boxes[4 * i], this.boxes[4 * i + 1], this.boxes[4 * i + 2], this.boxes[4 * i + 3]);
      if ((span[2] - span[0] + 1) * (span[3] - span[1] + 1) > MOST_BUCKETS) {
        this.large.push(i);
        spans[4 * i + 2] = -1;
        continue;
      }
      spans.set(span, 4 * i);
      this.#each(span, (bucket) => { counts[bucket + 1] += 1; });
    }
    for (let b = 1; b < counts.length; b++) counts[b] += counts[b - 1];
    this.starts = counts;
    this.members = new Uint32Array(counts[counts.length - 1]);
    const next = counts.slice();
    for (let i = 0; i < n; i++) {
      if (spans[4 * i + 2] < 0) continue;
      this.#each([spans[4 * i], spans[4 * i + 1], spans[4 * i + 2], spans[4 * i + 3]], (bucket) => {
        /** @type {Uint32Array} */ (this.members)[next[bucket]++] = i;
      });
    }
  }

  /**
   * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
   * @returns {[number, number, number, number]} first and last column and row
   */
  #span(x0, y0, x1, y1) {
    const clamp = (/** @type {number} */ v) => Math.max(0, Math.min(this.side - 1, Math.floor(v)));
    return [
      clamp((x0 - /** @type {number} */ (this.x0)) / /** @type {number} */ (this.width)),
      clamp((y0 - /** @type {number} */ (this.y0)) / /** @type {number} */ (this.height)),
      clamp((x1 - /** @type {number} */ (this.x0)) / /** @type {number} */ (this.width)),
      clamp((y1 - /** @type {number} */ (this.y0)) / /** @type {number} */ (this.height)),
    ];
  }

  /** @param {[number, number, number, number]} span @param {(bucket: number) => void} visit */
  #each(span, visit) {
    for (let row = span[1]; row <= span[3]; row++) {
      for (let column = span[0]; column <= span[2]; column++) visit(row * this.side + column);
    }
  }

  /**
   * The numbers of the boxes that meet the rectangle, each once, in ascending order.
   * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
   * @returns {number[]}
   */
  meeting(x0, y0, x1, y1) {
    const { boxes } = this;
    /** @type {Set<number>} */
    const found = new Set();
    const test = (/** @type {number} */ i) => {
      const b = 4 * i;
      if (boxes[b] <= x1 && boxes[b + 2] >= x0 && boxes[b + 1] <= y1 && boxes[b + 3] >= y0) found.add(i);
    };
    if (boxes.length === 0) return [];
    for (const i of this.large ?? []) test(i);
    const starts = /** @type {Uint32Array} */ (this.starts);
    const members = /** @type {Uint32Array} */ (this.members);
    this.#each(this.#span(x0, y0, x1, y1), (bucket) => {
      for (let m = starts[bucket]; m < starts[bucket + 1]; m++) test(members[m]);
    });
    return [...found].sort((a, b) => a - b);
  }
}

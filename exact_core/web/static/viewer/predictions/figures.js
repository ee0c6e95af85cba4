// @ts-check
/** How far predictions and annotations agree, for what is in view: found at once, as the threshold moves. */

/** @typedef {readonly [number, number, number, number]} Box */
/**
 * @typedef {object} Figures
 * @property {number} both predictions and annotations that are one thing
 * @property {number} onlyModel
 * @property {number} onlyPeople
 * @property {number | null} precision
 * @property {number | null} recall
 * @property {number | null} f1
 * @property {number | null} iou mean overlap of the boxes of pairs
 * @property {number} distance how far apart middles may be, in px
 */

/**
 * Pairs the nearest middles first, each at most once, within half the typical size of the annotations.
 * @param {Box[]} predictions @param {Box[]} annotations @returns {Figures}
 */
export function agreementOf(predictions, annotations) {
  const distance = typicalSize(annotations.length ? annotations : predictions) / 2;
  const pairs = candidates(predictions, annotations, distance).sort((a, b) => a[2] - b[2]);
  const [usedA, usedB] = [new Set(), new Set()];
  let overlap = 0;
  for (const [a, b] of pairs) {
    if (usedA.has(a) || usedB.has(b)) continue;
    usedA.add(a);
    usedB.add(b);
    overlap += iou(predictions[a], annotations[b]);
  }
  const both = usedA.size;
  const [onlyModel, onlyPeople] = [predictions.length - both, annotations.length - both];
  const share = (/** @type {number} */ of) => (of ? both / of : null);
  const total = predictions.length + annotations.length;
  return { both, onlyModel, onlyPeople, precision: share(predictions.length), recall: share(annotations.length), f1: total ? (2 * both) / total : null, iou: both ? overlap / both : null, distance };
}

/** Pairs whose middles are near, by a grid of cells as wide as the distance. @param {Box[]} ones @param {Box[]} others @param {number} distance @returns {[number, number, number][]} */
function candidates(ones, others, distance) {
  if (!(distance > 0)) return [];
  /** @type {Map<string, number[]>} */
  const grid = new Map();
  const cell = (/** @type {number} */ x, /** @type {number} */ y) => `${Math.floor(x / distance)} ${Math.floor(y / distance)}`;
  others.forEach((box, index) => {
    const [x, y] = middle(box);
    grid.set(cell(x, y), [...(grid.get(cell(x, y)) ?? []), index]);
  });
  /** @type {[number, number, number][]} */
  const found = [];
  ones.forEach((box, a) => {
    const [x, y] = middle(box);
    for (const dx of [-distance, 0, distance]) {
      for (const dy of [-distance, 0, distance]) {
        for (const b of grid.get(cell(x + dx, y + dy)) ?? []) {
          const [u, v] = middle(others[b]);
          const apart = Math.hypot(u - x, v - y);
          if (apart <= distance) found.push([a, b, apart]);
        }
      }
    }
  });
  return found;
}

/** @param {Box} box */
function middle([x0, y0, x1, y1]) {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

/** The median of the longer sides; points count as 16 px. @param {Box[]} boxes */
function typicalSize(boxes) {
  if (!boxes.length) return 0;
  const sizes = boxes.map(([x0, y0, x1, y1]) => Math.max(x1 - x0, y1 - y0) || 16).sort((a, b) => a - b);
  return sizes[sizes.length >> 1];
}

/** @param {Box} one @param {Box} other */
function iou(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = ([x0, y0, x1, y1] = one) => (x1 - x0) * (y1 - y0);
  return (width * height) / (area(one) + area(other) - width * height);
}

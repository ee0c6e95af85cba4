// @ts-check
/** The shapes of a run that are on this computer, which of them are shown, and what was decided about them. */

/**
 * @typedef {import('./wire.js').PredictedView} PredictedView
 * @typedef {'open' | 'accepted' | 'edited' | 'rejected'} Decision
 * @typedef {{least: number, hiddenLabels: Set<number>, showDecided: boolean}} Filter
 */

/** Numbers of the run that are decided. */
export class Decisions {
  /** @type {Map<number, Decision>} */
  #of = new Map();

  /** @param {{accepted: number[], edited: number[], rejected: number[]}} told */
  replace(told) {
    this.#of = new Map();
    for (const name of /** @type {const} */ (['accepted', 'edited', 'rejected'])) told[name].forEach((number) => this.#of.set(number, name));
  }

  /** @param {number} number @returns {Decision} */
  of(number) {
    return this.#of.get(number) ?? 'open';
  }

  /** @param {number[]} numbers @param {Decision} decision */
  set(numbers, decision) {
    for (const number of numbers) {
      if (decision === 'open') this.#of.delete(number);
      else this.#of.set(number, decision);
    }
  }
}

/** @param {PredictedView} view @param {Filter} filter @param {Decisions} decisions @returns {Uint32Array} places of the shapes that are shown */
export function shownPlaces(view, filter, decisions) {
  const places = new Uint32Array(view.n);
  let count = 0;
  const least = Math.fround(filter.least);
  for (let place = 0; place < view.n; place += 1) {
    if (view.score[place] < least || filter.hiddenLabels.has(view.label[place])) continue;
    if (!filter.showDecided && decisions.of(view.number[place]) !== 'open') continue;
    places[count++] = place;
  }
  return places.subarray(0, count);
}

/** Whether the box of a shape meets a rectangle. @param {PredictedView} view @param {number} place @param {readonly number[]} bounds */
export function meets(view, place, [x0, y0, x1, y1]) {
  const at = 4 * place;
  return view.box[at] <= x1 && view.box[at + 2] >= x0 && view.box[at + 1] <= y1 && view.box[at + 3] >= y0;
}

/** @param {PredictedView} view @param {number} place @returns {[number, number]} */
export function centreOf(view, place) {
  const at = 4 * place;
  return [(view.box[at] + view.box[at + 2]) / 2, (view.box[at + 1] + view.box[at + 3]) / 2];
}

/** The rings of a shape, for what takes geometries. @param {PredictedView} view @param {number} place @returns {import('../types.js').XY[][]} */
export function ringsAt(view, place) {
  const rings = [];
  for (let ring = view.ringStart[place]; ring < view.ringStart[place + 1]; ring += 1) {
    /** @type {import('../types.js').XY[]} */
    const points = [];
    for (let vertex = view.ringVertex[ring]; vertex < view.ringVertex[ring + 1]; vertex += 1) points.push([view.xy[2 * vertex], view.xy[2 * vertex + 1]]);
    rings.push(points);
  }
  return rings;
}

/**
 * The next undecided shape in reading order: rows of a fifth of the view from above, each from the left.
 * @param {PredictedView} view @param {ArrayLike<number>} places @param {Decisions} decisions @param {number | null} current number of the shape that one is at
 * @param {1 | -1} step @param {number} rowHeight in px @returns {number | null} its place
 */
export function nextPlace(view, places, decisions, current, step, rowHeight) {
  const order = Array.from(places).map((place) => {
    const [x, y] = centreOf(view, place);
    return { place, row: Math.floor(y / rowHeight), x };
  }).sort((a, b) => a.row - b.row || a.x - b.x).map(({ place }) => place);
  const isOpen = (/** @type {number} */ place) => decisions.of(view.number[place]) === 'open';
  const at = order.findIndex((place) => view.number[place] === current);
  for (let i = 1; i <= order.length; i += 1) {
    const index = at < 0 ? (step > 0 ? i - 1 : order.length - i) : (at + step * i + order.length * i) % order.length;
    if (isOpen(order[index]) && view.number[order[index]] !== current) return order[index];
  }
  return null;
}

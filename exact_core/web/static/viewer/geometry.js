// @ts-check
/** Shapes as values: their extent, measures, and what a hand can do to them. Nothing here knows the page. */

/**
 * @typedef {import('./types.js').Geometry} Geometry
 * @typedef {import('./types.js').Shape} Shape
 * @typedef {import('./types.js').XY} XY
 * @typedef {import('./types.js').Bounds} Bounds
 */

/** Shapes whose two vertices span an upright rectangle. */
export const BOXED = /** @type {ReadonlySet<Shape>} */ (new Set(['box', 'ellipse']));

/** Shapes whose rings are closed outlines. */
export const CLOSED = /** @type {ReadonlySet<Shape>} */ (
  new Set(['box', 'ellipse', 'polygon', 'rotated_box', 'multi_polygon'])
);

/** Shapes without vertices, which say something of the whole image or frame. */
export const LABELS = /** @type {ReadonlySet<Shape>} */ (new Set(['image', 'absent']));

/** Fractions of pixels finer than this are not kept. */
export const FINEST = 1 / 256;

const FEWEST = /** @type {Record<string, number>} */ ({ line: 2, polyline: 2, polygon: 3, multi_polygon: 3 });

/** @param {Shape} shape @param {XY[]} points @returns {Geometry} */
export function simple(shape, points) {
  return { shape, rings: [points] };
}

/** @param {XY} a @param {XY} b @returns {[XY, XY]} upper left and lower right corner */
export function corners(a, b) {
  return [
    [Math.min(a[0], b[0]), Math.min(a[1], b[1])],
    [Math.max(a[0], b[0]), Math.max(a[1], b[1])],
  ];
}

/** @param {Geometry} geometry @returns {Bounds} */
export function boundsOf(geometry) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of geometry.rings) {
    for (const [x, y] of ring) {
      x0 = Math.min(x0, x);
      y0 = Math.min(y0, y);
      x1 = Math.max(x1, x);
      y1 = Math.max(y1, y);
    }
  }
  return x0 === Infinity ? [0, 0, 0, 0] : [x0, y0, x1, y1];
}

/** @param {Bounds[]} boxes @returns {Bounds | null} */
export function union(boxes) {
  if (boxes.length === 0) return null;
  return [
    Math.min(...boxes.map((b) => b[0])),
    Math.min(...boxes.map((b) => b[1])),
    Math.max(...boxes.map((b) => b[2])),
    Math.max(...boxes.map((b) => b[3])),
  ];
}

/** @param {Geometry} geometry @returns {XY} */
export function centreOf(geometry) {
  const [x0, y0, x1, y1] = boundsOf(geometry);
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

/** @param {Geometry} geometry @param {(point: XY) => XY} change @returns {Geometry} */
export function mapVertices(geometry, change) {
  return { ...geometry, rings: geometry.rings.map((ring) => ring.map(change)) };
}

/** @param {Geometry} geometry @param {number} dx @param {number} dy */
export function translate(geometry, dx, dy) {
  return mapVertices(geometry, ([x, y]) => [x + dx, y + dy]);
}

/**
 * Move by at most what keeps the shape on the picture: pushed against the border it stops, unchanged in form.
 *
 * @param {Geometry} geometry @param {number} dx @param {number} dy @param {number} width @param {number} height
 */
export function translateWithin(geometry, dx, dy, width, height) {
  const [x0, y0, x1, y1] = boundsOf(geometry);
  return translate(geometry, within(dx, -x0, width - x1), within(dy, -y0, height - y1));
}

/** @param {number} value @param {number} low @param {number} high */
function within(value, low, high) {
  if (low > high) return value;
  return Math.min(Math.max(value, low), high);
}

/** Shapes that keep their form where they stick out of the picture: cutting them would change what was measured. */
const MAY_STICK_OUT = /** @type {ReadonlySet<Shape>} */ (new Set(['ellipse', 'rotated_box']));

/**
 * How fine a hand can place a vertex: whole pixels from afar, fractions that are at most a pixel of the screen near by.
 *
 * @param {number} zoom screen px per image px
 */
export function stepAt(zoom) {
  return zoom <= 1 ? 1 : Math.max(FINEST, 2 ** -Math.ceil(Math.log2(zoom)));
}

/** The step of the coarsest grid on which a shape lies, at most a pixel. @param {Geometry} geometry */
export function stepOf(geometry) {
  let step = 1;
  for (const value of geometry.rings.flat(2)) while (step > FINEST && value % step !== 0) step /= 2;
  return step;
}

/**
 * What is sent and kept: vertices on the picture and on a grid, boxes with their corners in order, outlines clockwise
 * and holes the other way round.
 *
 * @param {Geometry} geometry @param {number} width @param {number} height
 * @param {number} [step] of the grid, in px: a power of two that is at most 1
 * @returns {Geometry}
 */
export function settle(geometry, width, height, step = 1) {
  const { shape } = geometry;
  const limit = (/** @type {number} */ value, /** @type {number} */ size) =>
    Math.round((MAY_STICK_OUT.has(shape) ? value : within(value, 0, size)) / step) * step + 0;
  const whole = mapVertices(geometry, ([x, y]) => [limit(x, width), limit(y, height)]);
  if (BOXED.has(shape)) return { ...whole, rings: [corners(whole.rings[0][0], whole.rings[0][1])] };
  if (shape === 'polyline') return { ...whole, rings: whole.rings.map((ring) => withoutRepeats(ring, false)) };
  if (shape === 'polygon' || shape === 'multi_polygon') {
    return { ...whole, rings: whole.rings.map((ring, i) => turned(withoutRepeats(ring, true), isHole(geometry, i))) };
  }
  return whole;
}

/** The ring in the direction of an outline or a hole, from the same first vertex. @param {XY[]} ring @param {boolean} hole @returns {XY[]} */
function turned(ring, hole) {
  return ringArea(ring) > 0 !== hole ? ring : [...ring.slice(0, 1), ...ring.slice(1).reverse()];
}

/** @param {XY[]} ring @param {boolean} closed @returns {XY[]} */
function withoutRepeats(ring, closed) {
  const kept = ring.filter((point, i) => i === 0 || !same(point, ring[i - 1]));
  if (closed && kept.length > 1 && same(kept[0], kept[kept.length - 1])) kept.pop();
  return kept;
}

/** @param {XY} a @param {XY} b */
function same(a, b) {
  return a[0] === b[0] && a[1] === b[1];
}

/**
 * Why a finished shape cannot be kept, or an empty text.
 *
 * @param {Geometry} geometry @param {number} [step] of the grid on which it will be kept
 */
export function flawOf(geometry, step = 1) {
  const { shape, rings } = geometry;
  if (LABELS.has(shape) || shape === 'point') return '';
  const [x0, y0, x1, y1] = boundsOf(geometry);
  if (BOXED.has(shape)) return x1 - x0 < step || y1 - y0 < step ? 'It has no area.' : '';
  if (shape === 'line' || shape === 'polyline') {
    return rings[0].length < 2 || (x0 === x1 && y0 === y1) ? 'It needs two different points.' : '';
  }
  if (rings.some((ring) => ring.length < 3)) return 'It needs at least three corners.';
  return areaOf(geometry) < 0.5 * step * step ? 'It has no area.' : '';
}

/** @param {XY[]} ring signed area, positive clockwise on the screen */
export function ringArea(ring) {
  let sum = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    sum += (ring[j][0] - ring[0][0]) * (ring[i][1] - ring[0][1]) - (ring[i][0] - ring[0][0]) * (ring[j][1] - ring[0][1]);
  }
  return sum / 2;
}

/** Area in square pixels; holes are taken off. @param {Geometry} geometry */
export function areaOf(geometry) {
  const { shape, rings } = geometry;
  if (BOXED.has(shape)) {
    const [[x0, y0], [x1, y1]] = rings[0];
    return Math.abs((x1 - x0) * (y1 - y0)) * (shape === 'ellipse' ? Math.PI / 4 : 1);
  }
  if (!CLOSED.has(shape)) return 0;
  return rings.reduce((sum, ring, i) => sum + Math.abs(ringArea(ring)) * (isHole(geometry, i) ? -1 : 1), 0);
}

/** @param {Geometry} geometry @param {number} ring */
export function isHole(geometry, ring) {
  if (geometry.holes) return Boolean(geometry.holes[ring]);
  return geometry.shape === 'polygon' && ring > 0;
}

/**
 * Length of a line, or of the outline, with separate scales for x and y (µm per px, or 1).
 *
 * @param {Geometry} geometry @param {number} [sx] @param {number} [sy]
 */
export function lengthOf(geometry, sx = 1, sy = sx) {
  const { shape, rings } = geometry;
  if (shape === 'point' || LABELS.has(shape)) return 0;
  if (shape === 'ellipse') {
    const [[x0, y0], [x1, y1]] = rings[0];
    const [a, b] = [Math.abs(x1 - x0) * sx / 2, Math.abs(y1 - y0) * sy / 2];
    const h = a + b === 0 ? 0 : ((a - b) / (a + b)) ** 2;
    return Math.PI * (a + b) * (1 + (3 * h) / (10 + Math.sqrt(4 - 3 * h)));
  }
  return rings.reduce((sum, ring) => sum + pathLength(shape === 'box' ? boxRing(ring) : ring, CLOSED.has(shape), sx, sy), 0);
}

/** @param {XY[]} ring @param {boolean} closed @param {number} sx @param {number} sy */
function pathLength(ring, closed, sx, sy) {
  let sum = 0;
  for (let i = closed ? 0 : 1; i < ring.length; i += 1) {
    const before = ring[(i + ring.length - 1) % ring.length];
    sum += Math.hypot((ring[i][0] - before[0]) * sx, (ring[i][1] - before[1]) * sy);
  }
  return sum;
}

/** The four corners of an upright box, clockwise. @param {XY[]} ring @returns {XY[]} */
export function boxRing([[x0, y0], [x1, y1]]) {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

/** @param {XY} p @param {XY[]} ring */
export function ringContains([x, y], ring) {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [[xi, yi], [xj, yj]] = [ring[i], ring[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** @param {XY} p @param {XY} a @param {XY} b */
export function distanceToSegment([x, y], a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const square = dx * dx + dy * dy;
  const t = square === 0 ? 0 : within(((x - a[0]) * dx + (y - a[1]) * dy) / square, 0, 1);
  return Math.hypot(x - a[0] - t * dx, y - a[1] - t * dy);
}

/**
 * Whether a click at ``p`` means this shape: inside a closed one, or within ``reach`` px of its line.
 *
 * @param {Geometry} geometry @param {XY} p @param {number} reach
 */
export function isHit(geometry, p, reach) {
  const { shape, rings } = geometry;
  const [x0, y0, x1, y1] = boundsOf(geometry);
  if (LABELS.has(shape) || p[0] < x0 - reach || p[0] > x1 + reach || p[1] < y0 - reach || p[1] > y1 + reach) return false;
  if (shape === 'point') return Math.hypot(p[0] - rings[0][0][0], p[1] - rings[0][0][1]) <= reach;
  if (shape === 'box') return true;
  if (shape === 'ellipse') {
    const [a, b] = [(x1 - x0) / 2 + reach, (y1 - y0) / 2 + reach];
    return ((p[0] - (x0 + x1) / 2) / a) ** 2 + ((p[1] - (y0 + y1) / 2) / b) ** 2 <= 1;
  }
  const closed = CLOSED.has(shape);
  if (rings.some((ring) => nearestEdge(ring, closed, p).distance <= reach)) return true;
  return closed && rings.reduce((inside, ring) => inside !== ringContains(p, ring), false);
}

/**
 * @param {XY[]} ring @param {boolean} closed @param {XY} p
 * @returns {{index: number, distance: number}} the edge from vertex ``index`` to the next
 */
export function nearestEdge(ring, closed, p) {
  let best = { index: 0, distance: Infinity };
  for (let i = 0; i < ring.length - (closed ? 0 : 1); i += 1) {
    const distance = distanceToSegment(p, ring[i], ring[(i + 1) % ring.length]);
    if (distance < best.distance) best = { index: i, distance };
  }
  return best;
}

/** @param {Geometry} geometry @param {number} ring @param {(ring: XY[]) => XY[]} change @returns {Geometry} */
function withRing(geometry, ring, change) {
  return { ...geometry, rings: geometry.rings.map((points, i) => (i === ring ? change(points) : points)) };
}

/** @param {Geometry} geometry @param {number} ring @param {number} index @param {XY} p */
export function moveVertex(geometry, ring, index, p) {
  return withRing(geometry, ring, (points) => points.map((point, i) => (i === index ? p : point)));
}

/** Put a vertex on the edge that starts at ``index``. @param {Geometry} geometry @param {number} ring @param {number} index @param {XY} p */
export function insertVertex(geometry, ring, index, p) {
  const shape = geometry.shape === 'line' ? 'polyline' : geometry.shape;
  return { ...withRing(geometry, ring, (points) => [...points.slice(0, index + 1), p, ...points.slice(index + 1)]), shape };
}

/**
 * Take a vertex away; a hole that gets too small goes as a whole. Null when the shape itself would be too small.
 *
 * @param {Geometry} geometry @param {number} ring @param {number} index @returns {Geometry | null}
 */
export function deleteVertex(geometry, ring, index) {
  const fewest = FEWEST[geometry.shape];
  if (fewest === undefined) return null;
  if (geometry.rings[ring].length > fewest) {
    return withRing(geometry, ring, (points) => points.filter((_, i) => i !== index));
  }
  if (!isHole(geometry, ring)) return null;
  return {
    ...geometry,
    rings: geometry.rings.filter((_, i) => i !== ring),
    ...(geometry.holes ? { holes: geometry.holes.filter((_, i) => i !== ring) } : {}),
  };
}

/** @typedef {'nw'|'n'|'ne'|'e'|'se'|'s'|'sw'|'w'} Grip  A handle on the border of an upright box. */

/** @type {readonly Grip[]} */
export const GRIPS = ['nw', 'n', 'ne', 'e', 'se', 's', 'sw', 'w'];

/** @param {Bounds} bounds @param {Grip} grip @returns {XY} */
export function gripPoint([x0, y0, x1, y1], grip) {
  const x = grip.includes('w') ? x0 : grip.includes('e') ? x1 : (x0 + x1) / 2;
  const y = grip.startsWith('n') ? y0 : grip.startsWith('s') ? y1 : (y0 + y1) / 2;
  return [x, y];
}

/**
 * Pull one handle of a box or ellipse; with ``square`` a corner keeps equal sides, with ``centred`` the centre stays.
 *
 * @param {Geometry} geometry @param {Grip} grip @param {XY} p @param {{square?: boolean, centred?: boolean}} [how]
 */
export function resizeBox(geometry, grip, p, { square = false, centred = false } = {}) {
  let [x0, y0, x1, y1] = boundsOf(geometry);
  const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const corner = grip.length === 2;
  let anchor = /** @type {XY} */ ([grip.includes('w') ? x1 : x0, grip.startsWith('n') ? y1 : y0]);
  if (centred) anchor = [cx, cy];
  const target = square && corner ? squareFrom(anchor, p) : p;
  if (grip.includes('w')) x0 = target[0];
  if (grip.includes('e')) x1 = target[0];
  if (grip.startsWith('n')) y0 = target[1];
  if (grip.startsWith('s')) y1 = target[1];
  if (centred && /[we]/.test(grip)) [x0, x1] = [cx - Math.abs(target[0] - cx), cx + Math.abs(target[0] - cx)];
  if (centred && /[ns]/.test(grip)) [y0, y1] = [cy - Math.abs(target[1] - cy), cy + Math.abs(target[1] - cy)];
  return { ...geometry, rings: [corners([x0, y0], [x1, y1])] };
}

/** The corner that makes a square with ``anchor``, as big as the longer side. @param {XY} anchor @param {XY} p @returns {XY} */
export function squareFrom(anchor, p) {
  const [dx, dy] = [p[0] - anchor[0], p[1] - anchor[1]];
  const side = Math.max(Math.abs(dx), Math.abs(dy));
  return [anchor[0] + (dx < 0 ? -side : side), anchor[1] + (dy < 0 ? -side : side)];
}

/** The point on the nearest multiple of 45° as seen from ``anchor``. @param {XY} anchor @param {XY} p @returns {XY} */
export function snapAngle(anchor, p) {
  const [dx, dy] = [p[0] - anchor[0], p[1] - anchor[1]];
  const angle = (Math.round(Math.atan2(dy, dx) / (Math.PI / 4)) * Math.PI) / 4;
  const along = dx * Math.cos(angle) + dy * Math.sin(angle);
  return [anchor[0] + along * Math.cos(angle), anchor[1] + along * Math.sin(angle)];
}

/**
 * Pull a corner of a rotated box: the opposite corner stays, the sides keep their directions.
 *
 * @param {Geometry} geometry @param {number} index @param {XY} p @returns {Geometry}
 */
export function resizeRotatedBox(geometry, index, p) {
  const ring = geometry.rings[0];
  const [fixed, next, before] = [ring[(index + 2) % 4], ring[(index + 1) % 4], ring[(index + 3) % 4]];
  const project = (/** @type {XY} */ towards) => {
    const [dx, dy] = [towards[0] - fixed[0], towards[1] - fixed[1]];
    const length = Math.hypot(dx, dy) || 1;
    const along = ((p[0] - fixed[0]) * dx + (p[1] - fixed[1]) * dy) / length;
    return /** @type {XY} */ ([fixed[0] + (dx / length) * along, fixed[1] + (dy / length) * along]);
  };
  const [a, b] = [project(next), project(before)];
  const points = [...ring];
  points[index] = [a[0] + b[0] - fixed[0], a[1] + b[1] - fixed[1]];
  points[(index + 1) % 4] = a;
  points[(index + 3) % 4] = b;
  return { ...geometry, rings: [points] };
}

/** @param {Geometry} geometry @param {number} radians @param {XY} [pivot] */
export function rotate(geometry, radians, pivot = centreOf(geometry)) {
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  return mapVertices(geometry, ([x, y]) => {
    const [dx, dy] = [x - pivot[0], y - pivot[1]];
    return [pivot[0] + dx * cos - dy * sin, pivot[1] + dx * sin + dy * cos];
  });
}

const SPAN = 1000;

/**
 * Leave out vertices that change the outline by less than ``tolerance`` (Douglas and Peucker, without recursion).
 *
 * @param {XY[]} points @param {number} tolerance @returns {XY[]}
 */
export function simplify(points, tolerance) {
  if (points.length < 3) return points.slice();
  const keep = new Uint8Array(points.length);
  /** @type {[number, number][]} A zigzag costs the square of its length, so long outlines are taken in pieces. */
  const spans = [];
  for (let from = 0; from < points.length - 1; from += SPAN) spans.push([from, Math.min(from + SPAN, points.length - 1)]);
  spans.forEach(([from, to]) => (keep[from] = keep[to] = 1));
  while (spans.length > 0) {
    const [from, to] = /** @type {[number, number]} */ (spans.pop());
    let [worst, at] = [tolerance, -1];
    for (let i = from + 1; i < to; i += 1) {
      const distance = distanceToSegment(points[i], points[from], points[to]);
      if (distance > worst) [worst, at] = [distance, i];
    }
    if (at > 0) {
      keep[at] = 1;
      spans.push([from, at], [at, to]);
    }
  }
  return points.filter((_, i) => keep[i]);
}

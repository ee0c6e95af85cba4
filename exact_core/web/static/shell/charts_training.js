// @ts-check
/** Pictures of a training: curves over steps on a scale of their own, and how sure a model is beside how right it is. */

import { figureText, nice, svg } from './charts.js';

/** @typedef {{label: string, points: [number, number | null][]}} Curve */

const [LEFT, TOP, LENGTH, TALL] = [52, 12, 460, 190];

/**
 * Lines over steps; what is null is a gap.
 * @param {Curve[]} curves
 * @param {{unit?: string}} [options]
 */
export function curveChart(curves, { unit = 'step' } = {}) {
  const known = curves.flatMap((curve) => curve.points.map(([, value]) => value)).filter((value) => value !== null);
  const steps = curves.flatMap((curve) => curve.points.map(([step]) => step));
  const [first, last] = [Math.min(...steps, 0), Math.max(...steps, 1)];
  const top = nice(Math.max(1e-6, ...known.map(Number)));
  const low = Math.min(0, ...known.map(Number));
  const x = (/** @type {number} */ step) => LEFT + ((step - first) / (last - first)) * LENGTH;
  const y = (/** @type {number} */ value) => TOP + (1 - (value - low) / (top - low)) * TALL;
  const [width, height] = [LEFT + LENGTH + 16, TOP + TALL + 34 + 18 * Math.ceil(curves.length / 2)];
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'chart__picture' });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const value = low + share * (top - low);
    picture.append(svg('line', { x1: LEFT, x2: LEFT + LENGTH, y1: y(value), y2: y(value), class: 'chart__grid' }),
      svg('text', { x: LEFT - 8, y: y(value) + 4, class: 'chart__tick', 'text-anchor': 'end' }, String(Number(value.toPrecision(3)))));
  }
  for (const step of ticks(first, last)) picture.append(svg('text', { x: x(step), y: TOP + TALL + 16, class: 'chart__tick', 'text-anchor': 'middle' }, step.toLocaleString('en')));
  picture.append(svg('text', { x: LEFT + LENGTH, y: TOP + TALL + 30, class: 'chart__axis', 'text-anchor': 'end' }, unit));
  curves.forEach((curve, number) => {
    const [at, row] = [LEFT + (number % 2) * (LENGTH / 2), TOP + TALL + 46 + 18 * Math.floor(number / 2)];
    picture.append(svg('g', { class: `chart__line chart__line--${number % 6}` },
      svg('path', { d: pathOf(curve.points, x, y), fill: 'none' }),
      ...(curve.points.length > 60 ? [] : curve.points.map(([step, value]) => (value === null ? null : svg('circle', { cx: x(step), cy: y(value), r: 3 }, svg('title', {}, `${curve.label}, ${unit} ${step}: ${figureText(value, 4)}`))))),
      svg('path', { d: `M${at} ${row - 4}H${at + 22}`, fill: 'none' }),
      svg('text', { x: at + 30, y: row, class: 'chart__label' }, curve.label)));
  });
  return picture;
}

/**
 * The path of a line with gaps.
 * @param {[number, number | null][]} points
 * @param {(step: number) => number} x
 * @param {(value: number) => number} y
 */
export function pathOf(points, x, y) {
  let pen = 'M';
  return points.map(([step, value]) => {
    if (value === null) {
      pen = 'M';
      return '';
    }
    const part = `${pen}${x(step).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = 'L';
    return part;
  }).join('');
}

/**
 * A few whole steps between two.
 * @param {number} first
 * @param {number} last
 */
export function ticks(first, last) {
  const apart = Math.max(1, Math.ceil(nice((last - first) / 6)));
  const found = [];
  for (let step = Math.ceil(first / apart) * apart; step <= last; step += apart) found.push(step);
  return found;
}

/**
 * @typedef {{low: number, high: number, count: number, accuracy: number | null, confidence: number | null, wilson: [number, number] | null}} Bucket
 */

/**
 * The reliability diagram: accuracy of each bucket of confidence with its interval, beside the diagonal of a model that is
 * as sure as it is right; below, how many samples each bucket has.
 * @param {Bucket[]} buckets
 * @param {Bucket[] | null} before the same before calibration, drawn as rings
 */
export function reliabilityChart(buckets, before = null) {
  const [side, left, top, tall] = [300, 44, 10, 56];
  const x = (/** @type {number} */ share) => left + share * side;
  const y = (/** @type {number} */ share) => top + (1 - share) * side;
  const [width, height] = [left + side + 16, top + side + tall + 56];
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'chart__picture' });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(svg('line', { x1: left, x2: left + side, y1: y(share), y2: y(share), class: 'chart__grid' }),
      svg('text', { x: left - 8, y: y(share) + 4, class: 'chart__tick', 'text-anchor': 'end' }, String(share)),
      svg('text', { x: x(share), y: top + side + 16, class: 'chart__tick', 'text-anchor': 'middle' }, String(share)));
  }
  picture.append(svg('line', { x1: x(0), y1: y(0), x2: x(1), y2: y(1), class: 'chart__diagonal' }));
  for (const bucket of before ?? []) {
    if (bucket.accuracy === null || bucket.confidence === null) continue;
    picture.append(svg('circle', { cx: x(bucket.confidence), cy: y(bucket.accuracy), r: 4, class: 'chart__ring' }, svg('title', {}, `before: ${words(bucket)}`)));
  }
  const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
  const floor = top + side + 26 + tall;
  for (const bucket of buckets) {
    const deep = (bucket.count / most) * tall;
    picture.append(svg('rect', { x: x(bucket.low) + 1, width: Math.max(1, x(bucket.high) - x(bucket.low) - 2), y: floor - deep, height: deep, class: 'chart__bar' }, svg('title', {}, `${bucket.low.toFixed(2)} to ${bucket.high.toFixed(2)}: ${bucket.count.toLocaleString('en')} samples`)));
    if (bucket.accuracy === null || bucket.confidence === null || !bucket.wilson) continue;
    const at = x(bucket.confidence);
    picture.append(svg('line', { x1: at, x2: at, y1: y(bucket.wilson[0]), y2: y(bucket.wilson[1]), class: 'chart__whisker' }),
      svg('circle', { cx: at, cy: y(bucket.accuracy), r: 4, class: 'chart__dot' }, svg('title', {}, words(bucket))));
  }
  picture.append(svg('text', { x: left + side, y: floor + 18, class: 'chart__axis', 'text-anchor': 'end' }, 'confidence; bars: samples'),
    svg('text', { x: 12, y: top + side / 2, class: 'chart__axis', 'text-anchor': 'middle', transform: `rotate(-90 12 ${top + side / 2})` }, 'accuracy'));
  return picture;
}

/** @param {Bucket} bucket */
function words(bucket) {
  return `confidence ${figureText(bucket.confidence, 3)}, accuracy ${figureText(bucket.accuracy, 3)}, ${bucket.count.toLocaleString('en')} samples`;
}

// @ts-check
/** Scores of a run as a small picture above the slider, on a scale that shows few beside many. */

import { svg } from '../../shell/charts.js';

const [WIDTH, HEIGHT] = [256, 44];

/** @param {number[][]} histogram per label, numbers in steps of score @param {Set<number>} hidden @param {number} least */
export function histogramPicture(histogram, hidden, least) {
  const steps = histogram[0]?.length ?? 0;
  const sums = Array.from({ length: steps }, (_, step) => histogram.reduce((sum, row, label) => sum + (hidden.has(label) ? 0 : row[step]), 0));
  const most = Math.sqrt(Math.max(1, ...sums));
  const width = WIDTH / Math.max(1, steps);
  const from = Math.min(steps - 1, Math.floor(least * steps));
  const bars = sums.map((sum, step) => {
    const height = (Math.sqrt(sum) / most) * HEIGHT;
    return svg('rect', { x: step * width, y: HEIGHT - height, width: width * 0.85, height, class: step >= from ? 'is-kept' : '' });
  });
  return svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': 'How many predictions have which score' }, ...bars);
}

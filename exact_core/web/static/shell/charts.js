// @ts-check
/**
 * Small pictures of numbers as SVG, each with the same numbers as a table beside it.
 *
 * Colours come from the design language by class (charts.css); a value is never told by colour alone.
 */

import { html } from './html.js';

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {string | number | null | undefined} Value */

/**
 * An element of a picture. Attributes that are null are left out.
 * @param {string} name
 * @param {Record<string, Value>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {SVGElement}
 */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * Two digits, or three for small shares; a dash for what is not defined.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export function figureText(value, digits = 2) {
  return value === null || value === undefined ? '–' : value.toFixed(digits).replace('-', '−');
}

/**
 * "0.82 [0.78, 0.86]"
 * @param {{value: number | null, low: number | null, high: number | null} | undefined} figure
 * @param {number} [digits]
 */
export function withInterval(figure, digits = 2) {
  if (!figure || figure.value === null) return '–';
  const ends = figure.low === null || figure.high === null ? '' : ` [${figureText(figure.low, digits)}, ${figureText(figure.high, digits)}]`;
  return figureText(figure.value, digits) + ends;
}

/**
 * A picture with its caption and the numbers as a table that can be unfolded.
 * @param {object} options
 * @param {string} options.title for people who do not see the picture
 * @param {Node} options.picture
 * @param {string[]} options.heads
 * @param {(string | number)[][]} options.rows
 * @param {any} [options.note]
 */
export function chart({ title, picture, heads, rows, note = null }) {
  return html`<figure class="chart"><div class="chart__scroll" role="img" aria-label=${title} tabindex="0">${picture}</div>
    ${note ? html`<figcaption class="small muted">${note}</figcaption>` : null}
    <details class="chart__table"><summary>As a table</summary><div class="table-wrap"><table class="table"><caption class="visually-hidden">${title}</caption>
      <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>${row.map((cell, index) => (index ? html`<td class="num">${cell}</td>` : html`<th scope="row">${cell}</th>`))}</tr>`)}</tbody></table></div></details></figure>`;
}

const CELL = 54;
const LETTER = 6.4;

/** @param {string} text @param {number} length */
function shortened(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/**
 * A grid of values; the deeper the colour, the higher.
 * @param {object} options
 * @param {string[]} options.rows
 * @param {string[]} options.columns
 * @param {(row: number, column: number) => number | null} options.value
 * @param {(row: number, column: number) => string} options.text in the cell
 * @param {(row: number, column: number) => string} options.tip
 * @param {[number, number]} [options.range] values of no and of full colour
 * @param {string} [options.rowTitle]
 * @param {string} [options.columnTitle]
 */
export function heatMap({ rows, columns, value, text, tip, range = [0, 1], rowTitle = '', columnTitle = '' }) {
  const left = 16 + LETTER * Math.min(18, Math.max(...rows.map((name) => name.length), 3)) + (rowTitle ? 18 : 0);
  const top = 16 + LETTER * 0.75 * Math.min(18, Math.max(...columns.map((name) => name.length), 3)) + (columnTitle ? 18 : 0);
  const right = LETTER * 0.75 * Math.min(18, columns.at(-1)?.length ?? 0);
  const width = left + CELL * columns.length + right;
  const height = top + CELL * rows.length + 4;
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'chart__picture' });
  if (columnTitle) picture.append(svg('text', { x: left, y: 12, class: 'chart__axis' }, columnTitle));
  if (rowTitle) picture.append(svg('text', { x: 12, y: top + (CELL * rows.length) / 2, class: 'chart__axis', 'text-anchor': 'middle', transform: `rotate(-90 12 ${top + (CELL * rows.length) / 2})` }, rowTitle));
  columns.forEach((name, column) => {
    const x = left + CELL * column + CELL / 2;
    picture.append(svg('text', { x, y: top - 8, class: 'chart__label', transform: `rotate(-45 ${x} ${top - 8})` }, svg('title', {}, name), shortened(name, 18)));
  });
  rows.forEach((name, row) => {
    const y = top + CELL * row;
    picture.append(svg('text', { x: left - 8, y: y + CELL / 2 + 4, class: 'chart__label', 'text-anchor': 'end' }, svg('title', {}, name), shortened(name, 18)));
    columns.forEach((_, column) => {
      const x = left + CELL * column;
      const known = value(row, column);
      const share = known === null ? 0 : Math.min(1, Math.max(0, (known - range[0]) / (range[1] - range[0] || 1)));
      picture.append(svg('g', {},
        svg('title', {}, tip(row, column)),
        svg('rect', { x: x + 1, y: y + 1, width: CELL - 2, height: CELL - 2, rx: 3, class: known === null ? 'chart__cell chart__cell--none' : 'chart__cell', 'fill-opacity': known === null ? null : (0.04 + 0.51 * share).toFixed(3) }),
        svg('text', { x: x + CELL / 2, y: y + CELL / 2 + 4, class: 'chart__number', 'text-anchor': 'middle' }, text(row, column))));
    });
  });
  return picture;
}

/**
 * @typedef {object} Bar
 * @property {string} label
 * @property {number | null} value
 * @property {number | null} [low]
 * @property {number | null} [high]
 * @property {string} [color] of a class; the accent unless given
 * @property {string} [note] after the value
 */

/**
 * Bars with whiskers, one below the other.
 * @param {Bar[]} bars
 * @param {{max?: number, digits?: number, unit?: string}} [options]
 */
export function barChart(bars, { max = 1, digits = 2, unit = '' } = {}) {
  const left = 16 + LETTER * Math.min(26, Math.max(...bars.map((bar) => bar.label.length), 4));
  const length = 260;
  const line = 30;
  const width = left + length + 170;
  const height = bars.length * line + 24;
  const at = (/** @type {number} */ value) => left + (Math.min(max, Math.max(0, value)) / max) * length;
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'chart__picture' });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(svg('line', { x1: at(share * max), x2: at(share * max), y1: 0, y2: bars.length * line, class: 'chart__grid' }));
    picture.append(svg('text', { x: at(share * max), y: bars.length * line + 16, class: 'chart__tick', 'text-anchor': 'middle' }, `${Number((share * max).toPrecision(3))}`));
  }
  bars.forEach((bar, index) => {
    const y = index * line + 5;
    const middle = y + 10;
    const parts = [svg('title', {}, `${bar.label}: ${withInterval({ value: bar.value, low: bar.low ?? null, high: bar.high ?? null }, digits)}${unit}`)];
    if (bar.value !== null) parts.push(svg('rect', { x: left, y, width: Math.max(1, at(bar.value) - left), height: 20, rx: 3, class: 'chart__bar', fill: bar.color ?? null }));
    if (bar.low !== null && bar.low !== undefined && bar.high !== null && bar.high !== undefined) {
      parts.push(svg('line', { x1: at(bar.low), x2: at(bar.high), y1: middle, y2: middle, class: 'chart__whisker' }));
      for (const end of [bar.low, bar.high]) parts.push(svg('line', { x1: at(end), x2: at(end), y1: middle - 4, y2: middle + 4, class: 'chart__whisker' }));
    }
    picture.append(svg('g', {}, ...parts,
      svg('text', { x: left - 8, y: middle + 4, class: 'chart__label', 'text-anchor': 'end' }, shortened(bar.label, 26)),
      svg('text', { x: Math.max(at(bar.value ?? 0), at(bar.high ?? 0)) + 8, y: middle + 4, class: 'chart__number' }, `${figureText(bar.value, digits)}${bar.value === null ? '' : unit}${bar.note ? `  ${bar.note}` : ''}`)));
  });
  return picture;
}

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {(number | null)[]} values one per place on the axis
 */

/**
 * Lines over ordered places, from 0 to 1; each line ends in its name.
 * @param {string[]} places
 * @param {Series[]} series
 */
export function lineChart(places, series) {
  const left = 40;
  const right = 24 + LETTER * Math.min(18, Math.max(...series.map((each) => each.label.length), 3));
  const length = Math.max(260, Math.min(620, places.length * 72));
  const tall = 200;
  const width = left + length + right;
  const height = tall + 64;
  const x = (/** @type {number} */ index) => left + (places.length > 1 ? (index / (places.length - 1)) * length : length / 2);
  const y = (/** @type {number} */ value) => 12 + (1 - value) * tall;
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'chart__picture' });
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(svg('line', { x1: left, x2: left + length, y1: y(value), y2: y(value), class: 'chart__grid' }));
    picture.append(svg('text', { x: left - 8, y: y(value) + 4, class: 'chart__tick', 'text-anchor': 'end' }, `${value}`));
  }
  const every = Math.ceil(places.length / 9);
  places.forEach((place, index) => {
    if (index % every) return;
    picture.append(svg('text', { x: x(index), y: tall + 30, class: 'chart__tick', 'text-anchor': 'end', transform: `rotate(-28 ${x(index)} ${tall + 30})` }, place));
  });
  const ends = labelPlaces(series.map((each) => y(lastOf(each.values)?.value ?? 0)));
  series.forEach((each, number) => {
    const known = each.values.map((value, index) => ({ value, index })).filter((point) => point.value !== null);
    if (!known.length) return;
    const path = known.map(({ value, index }, at) => `${at ? 'L' : 'M'}${x(index).toFixed(1)} ${y(Number(value)).toFixed(1)}`).join('');
    const last = known[known.length - 1];
    const style = `chart__line chart__line--${number % 6}`;
    picture.append(svg('g', { class: style },
      svg('path', { d: path, fill: 'none' }),
      ...known.map(({ value, index }) => svg('circle', { cx: x(index), cy: y(Number(value)), r: 3.5 }, svg('title', {}, `${each.label}, ${places[index]}: ${figureText(value)}`))),
      svg('text', { x: x(last.index) + 10, y: ends[number] + 4, class: 'chart__label' }, shortened(each.label, 18))));
  });
  return picture;
}

/** @param {(number | null)[]} values */
function lastOf(values) {
  const index = values.findLastIndex((value) => value !== null);
  return index < 0 ? null : { index, value: Number(values[index]) };
}

/**
 * Names at the ends of lines, moved apart so that none lies on another.
 * @param {number[]} wanted
 * @returns {number[]}
 */
export function labelPlaces(wanted, least = 14) {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b]);
  const placed = [...wanted];
  order.forEach((index, rank) => {
    if (rank) placed[index] = Math.max(placed[index], placed[order[rank - 1]] + least);
  });
  return placed;
}

/**
 * Every value as a dot, with the mean and its interval: how arms of a study compare.
 * @param {{label: string, values: number[], mean: number | null, low: number | null, high: number | null}[]} groups
 * @param {{unit: string}} options
 */
export function dotPlot(groups, { unit }) {
  const max = nice(Math.max(1, ...groups.flatMap((group) => group.values), ...groups.map((group) => group.high ?? 0)));
  const left = 16 + LETTER * Math.min(26, Math.max(...groups.map((group) => group.label.length), 4));
  const length = 420;
  const line = 64;
  const width = left + length + 90;
  const height = groups.length * line + 26;
  const at = (/** @type {number} */ value) => left + (value / max) * length;
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'chart__picture' });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(svg('line', { x1: at(share * max), x2: at(share * max), y1: 0, y2: groups.length * line, class: 'chart__grid' }));
    picture.append(svg('text', { x: at(share * max), y: groups.length * line + 16, class: 'chart__tick', 'text-anchor': 'middle' }, `${Number((share * max).toPrecision(3))}`));
  }
  groups.forEach((group, index) => {
    const middle = index * line + line / 2;
    const dots = group.values.map((value, number) => svg('circle', { cx: at(value), cy: middle + ((number * 7) % 27) - 13, r: 3, class: 'chart__dot' }, svg('title', {}, `${figureText(value, 1)} ${unit}`)));
    picture.append(svg('g', {}, svg('title', {}, `${group.label}: ${withInterval({ value: group.mean, low: group.low, high: group.high }, 1)} ${unit}`),
      svg('text', { x: left - 8, y: middle + 4, class: 'chart__label', 'text-anchor': 'end' }, shortened(group.label, 26)), ...dots,
      group.low === null || group.high === null ? null : svg('line', { x1: at(group.low), x2: at(group.high), y1: middle, y2: middle, class: 'chart__whisker' }),
      group.mean === null ? null : svg('rect', { x: at(group.mean) - 2, y: middle - 15, width: 4, height: 30, rx: 1, class: 'chart__mean' }),
      group.mean === null ? null : svg('text', { x: left + length + 10, y: middle + 4, class: 'chart__number' }, `${figureText(group.mean, 1)} ${unit}`)));
  });
  return picture;
}

/** A round number that is not below a value. @param {number} value */
export function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 4, 5, 8, 10].map((step) => step * power).find((step) => step >= value - 1e-9) ?? 10 * power;
}

// @ts-check
/** Focus plane, time point and channel of images that have several. */

import { html, icon } from '../shell/html.js';
import { afterRest } from '../sdk/timing.js';

/**
 * @typedef {import('./types.js').ImageInfo} ImageInfo
 * @typedef {import('./stage.js').TileFrame} TileFrame
 */

/** What the sliders of an image are. @param {ImageInfo} image @returns {{axis: 'z'|'t', name: string, count: number}[]} */
export function axesOf(image) {
  return /** @type {{axis: 'z'|'t', name: string, count: number}[]} */ ([
    { axis: 'z', name: 'Focus', count: image.size_z },
    { axis: 't', name: 'Time', count: image.size_t },
  ]).filter(({ count }) => count > 1);
}

/** What a frame is called: its number from 1, with its height or time where the file tells. @param {ImageInfo} image @param {'z'|'t'} axis @param {number} index */
export function frameLabel(image, axis, index) {
  const number = `${index + 1} of ${axis === 'z' ? image.size_z : image.size_t}`;
  const spacing = axis === 'z' ? image.frames?.z_spacing_um : image.frames?.t_interval_s;
  if (typeof spacing !== 'number' || !(spacing > 0)) return number;
  return `${number} · ${Number((index * spacing).toFixed(2))} ${axis === 'z' ? 'µm' : 's'}`;
}

/** @param {ImageInfo} image @returns {{value: number | 'rgb', label: string}[]} */
export function channelsOf(image) {
  if (image.size_c <= 1) return [];
  const told = image.frames?.channels ?? [];
  const single = Array.from({ length: image.size_c }, (_, i) => ({ value: i, label: told[i]?.name || `Channel ${i + 1}` }));
  return [{ value: /** @type {const} */ ('rgb'), label: 'All channels' }, ...single];
}

/**
 * @param {HTMLElement} host @param {ImageInfo} image @param {TileFrame} start
 * @param {(frame: TileFrame) => void} onChange
 * @returns {{step: (axis: 'z'|'t', by: number) => void, set: (frame: TileFrame) => void}}
 */
export function addFrameControls(host, image, start, onChange) {
  let frame = start;
  const tell = afterRest(() => onChange(frame), 60);
  const axes = axesOf(image).map(({ axis, name, count }) => {
    const value = html`<output class="num"></output>`;
    const input = html`<input type="range" min="0" max=${count - 1} step="1" id="frame-${axis}" aria-label=${name}>`;
    input.addEventListener('input', () => set({ ...frame, [axis]: Number(input.value) }));
    const go = (/** @type {number} */ by) => step(axis, by);
    return {
      axis, input, value,
      row: html`<div class="frames__row"><span class="small">${name}</span>
        <button type="button" class="icon-btn icon-btn--small" aria-label="Previous: ${name}" data-tip="Previous" data-keys=${axis === 'z' ? 'Shift+Q' : null} @click=${() => go(-1)}>${icon('chevron-left')}</button>
        ${input}
        <button type="button" class="icon-btn icon-btn--small" aria-label="Next: ${name}" data-tip="Next" data-keys=${axis === 'z' ? 'Shift+E' : null} @click=${() => go(1)}>${icon('chevron-right')}</button>
        ${value}</div>`,
    };
  });
  const channels = channelsOf(image);
  const choice = channels.length === 0 ? null : html`
    <select class="select frames__channel" id="frame-channel" aria-label="Channel" @change=${(/** @type {any} */ e) => set({ ...frame, c: e.target.value === 'rgb' ? 'rgb' : Number(e.target.value) })}>
      ${channels.map(({ value, label }) => html`<option value=${value}>${label}</option>`)}</select>`;
  host.hidden = axes.length === 0 && choice === null;
  host.append(...axes.map(({ row }) => row));
  if (choice) host.append(html`<div class="frames__row"><span class="small">Channel</span>${choice}</div>`);
  show();

  /** @param {TileFrame} next */
  function set(next) {
    frame = next;
    show();
    tell();
  }

  /** @param {'z'|'t'} axis @param {number} by */
  function step(axis, by) {
    const count = axis === 'z' ? image.size_z : image.size_t;
    const next = Math.min(Math.max(frame[axis] + by, 0), count - 1);
    if (next !== frame[axis]) set({ ...frame, [axis]: next });
  }

  function show() {
    for (const { axis, input, value } of axes) {
      input.value = String(frame[axis]);
      value.textContent = frameLabel(image, axis, frame[axis]);
    }
    if (choice) choice.value = String(frame.c);
  }

  return { step, set };
}

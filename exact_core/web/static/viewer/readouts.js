// @ts-check
/** Scale bar and pointer position in the corner of the stage. */

import { html } from '../shell/html.js';
import { formatPosition } from './measure.js';
import { scaleBar } from './scale.js';

const WIDEST = 150;

/**
 * @param {HTMLElement} host @param {import('./stage.js').Stage} stage
 * @param {{width: number, height: number, mpp_x: number | null, mpp_y: number | null}} image
 * @returns {{showPosition: (at: import('./types.js').XY | null) => void}}
 */
export function addReadouts(host, stage, image) {
  const bar = html`<div class="scale-bar__bar"></div>`;
  const label = html`<span class="scale-bar__label num"></span>`;
  const scale = html`<div class="scale-bar" role="img">${label}${bar}</div>`;
  const pixels = html`<span class="num"></span>`;
  const metric = html`<span class="num"></span>`;
  const position = html`<div class="position" hidden>${metric}${pixels}</div>`;
  host.append(scale, position);

  const draw = () => {
    const { width, label: text, beyondNative } = scaleBar(stage.zoom, image.mpp_x, WIDEST);
    bar.style.width = `${width}px`;
    label.textContent = text;
    scale.classList.toggle('is-beyond', beyondNative);
    scale.dataset.tip = beyondNative ? 'Enlarged beyond the resolution of the file' : 'Scale';
    scale.setAttribute('aria-label', `Scale bar: ${text}${beyondNative ? ', enlarged beyond the resolution of the file' : ''}`);
  };
  stage.on('change', draw);

  return {
    showPosition(at) {
      const inside = at && at[0] >= 0 && at[1] >= 0 && at[0] < image.width && at[1] < image.height;
      position.hidden = !inside;
      if (!at || !inside) return;
      const text = formatPosition(at, image);
      pixels.textContent = text.pixels;
      metric.textContent = text.metric;
    },
  };
}

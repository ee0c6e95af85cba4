// @ts-check
/** Small signs on the slide at shapes of which something is said; shown on request, asked for what is in view. */

import { api } from '../../shell/api.js';
import { $ } from '../../shell/html.js';
import { afterRest } from '../../sdk/timing.js';
import { preferences, remember } from '../layout.js';

const SVG = 'http://www.w3.org/2000/svg';
/** Below this many screen px per image px there is no room for signs. */
const LEAST_ZOOM = 0.12;
/** @type {Record<string, [string, string]>} */
const SIGNS = { accepted: ['✓', '#1d7a3a'], rejected: ['✕', '#b3261e'], dubious: ['?', '#a15c00'], outdated: ['↻', '#5d5d63'] };

/** The signs over the picture. */
export class Marks {
  /** @param {import('../workplace.js').Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.isOn = Boolean(preferences().marks);
    this.svg = document.createElementNS(SVG, 'svg');
    this.svg.setAttribute('class', 'rich marks');
    this.svg.setAttribute('aria-hidden', 'true');
    $('#stage-overlays').append(this.svg);
    workplace.stage.on('change', () => {
      this.#place();
      this.#askSoon();
    });
  }

  /** @type {{element: SVGElement, x: number, y: number}[]} */
  #signs = [];
  #askSoon = afterRest(() => void this.ask(), 250);

  /** @param {boolean} on */
  show(on) {
    this.isOn = on;
    remember({ marks: on });
    void this.ask();
  }

  /** Look again at what is in view. */
  async ask() {
    if (!this.isOn || this.at.stage.zoom < LEAST_ZOOM) {
      this.#draw([]);
      return;
    }
    const [x0, y0, x1, y1] = this.at.stage.visibleBounds;
    const { z, t } = this.at.frame;
    const answer = await api.get(`/images/${this.at.image.id}/verification-marks`, { x0, y0, x1, y1, z, t }).catch(() => null);
    if (answer && this.isOn) this.#draw(answer.marks);
  }

  /** @param {{x: number, y: number, state: string}[]} marks */
  #draw(marks) {
    this.#signs = marks.filter(({ state }) => state in SIGNS).map(({ x, y, state }) => {
      const group = document.createElementNS(SVG, 'g');
      const disc = document.createElementNS(SVG, 'circle');
      const sign = document.createElementNS(SVG, 'text');
      disc.setAttribute('r', '8');
      disc.setAttribute('fill', SIGNS[state][1]);
      sign.textContent = SIGNS[state][0];
      group.append(disc, sign);
      return { element: group, x, y };
    });
    this.svg.replaceChildren(...this.#signs.map(({ element }) => element));
    this.svg.dataset.marks = String(this.#signs.length);
    this.#place();
  }

  #place() {
    for (const { element, x, y } of this.#signs) {
      const [left, top] = this.at.stage.toScreen([x, y]);
      element.setAttribute('transform', `translate(${left} ${top})`);
    }
  }
}

// @ts-check
/** Signs on the slide at shapes of which something is said; shown on request, asked for what is in view. */

import { api } from '../../shell/api.js';
import { $ } from '../../shell/html.js';
import { afterRest } from '../../sdk/timing.js';
import { preferences, remember } from '../layout.js';
import { Signs } from '../signs.js';

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
    this.signs = new Signs(workplace.stage, $('#stage-overlays'), 'marks');
    workplace.stage.on('change', () => this.#askSoon());
  }

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
    const answer = await api.get(`/images/${this.at.image.id}/verification-marks`, { x0, y0, x1, y1, z, t, ...this.at.asOf }).catch(() => null);
    if (answer && this.isOn) this.#draw(answer.marks);
  }

  /** @param {{x: number, y: number, state: string}[]} marks */
  #draw(marks) {
    const known = marks.filter(({ state }) => state in SIGNS);
    this.signs.show(known.map(({ x, y, state }) => ({ x, y, sign: SIGNS[state][0], color: SIGNS[state][1] })));
    this.signs.svg.dataset.marks = String(known.length);
  }
}

// @ts-check
/** Walking from prediction to prediction, and what is decided about them, with the way back. */

import { api, idempotencyKey } from '../../shell/api.js';
import { showError, toast } from '../../shell/toast.js';
import { toJson } from '../geometry_json.js';
import { meets, nextPlace, ringsAt } from './found.js';

/** Screen px below which a shape is too small to judge. */
const LEAST_SIZE = 12;
const SHAPE_OF_NUMBER = /** @type {const} */ ([null, 'point', 'box', 'ellipse', 'line', 'polyline', 'polygon', 'rotated_box']);

/** Decides about the run that is looked at. */
export class Deciding {
  /** @param {import('./index.js').Predictions} predictions */
  constructor(predictions) {
    this.of = predictions;
  }

  /** @type {number | null} Number of the shape that one is at. */
  current = null;
  /** @type {{run: string, numbers: number[], verdict: 'accept' | 'reject'}[]} What was decided here, the latest last. */
  #done = [];
  /** @type {{number: number, box: [number, number, number, number]}[]} */
  #queue = [];

  /** Another run is looked at. */
  begin() {
    this.current = null;
    this.#queue = [];
  }

  /** The shape that one is at, if it is on this computer. */
  get currentPlace() {
    const { view } = this.of;
    if (this.current === null || view?.kind !== 'shapes') return -1;
    return view.number.indexOf(this.current);
  }

  /** @param {1 | -1} step */
  step(step) {
    const { view } = this.of;
    if (view?.kind !== 'shapes') {
      this.of.at.flash('Zoom in until single predictions are shown.');
      return;
    }
    const [, y0, , y1] = this.of.at.stage.visibleBounds;
    const bounds = this.of.at.stage.visibleBounds;
    const near = Array.from(this.of.places).filter((place) => meets(view, place, bounds));
    const height = Math.max(1, (y1 - y0) / 5);
    const place = nextPlace(view, near, this.of.decisions, this.current, step, height) ?? nextPlace(view, this.of.places, this.of.decisions, this.current, step, height);
    if (place === null) {
      this.of.at.flash('No further prediction above the threshold is undecided here.');
      this.goOn(null);
      return;
    }
    this.goOn(view.number[place]);
    this.#goTo(view.box.subarray(4 * place, 4 * place + 4));
  }

  /** To the shape of which a decision teaches most. */
  async stepUncertain() {
    const { run } = this.of;
    if (!run) return;
    try {
      this.#queue = this.#queue.filter(({ number }) => this.of.decisions.of(number) === 'open' && number !== this.current);
      if (!this.#queue.length) this.#queue = await api.get(`${this.of.path}/${run.uuid}/next`, { k: 20, least: Math.min(this.of.least, 0.999) });
      const next = this.#queue.find(({ number }) => number !== this.current);
      if (!next) {
        this.of.at.flash('Every prediction above the threshold is decided.');
        return;
      }
      this.goOn(next.number);
      this.#goTo(next.box, true);
    } catch (error) {
      showError(error, 'The next prediction could not be found');
    }
  }

  /** Be at a shape, or at none. @param {number | null} number */
  goOn(number) {
    this.current = number;
    this.of.layer.draw();
    this.of.panel.drawCurrent();
  }

  /** @param {ArrayLike<number>} box @param {boolean} [always] */
  #goTo(box, always = false) {
    const [x0, y0, x1, y1] = this.of.at.stage.visibleBounds;
    const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    const { zoom } = this.of.at.stage;
    const size = Math.max(box[2] - box[0], box[3] - box[1]);
    if (size * zoom >= LEAST_SIZE && size * zoom <= Math.min(...this.of.at.stage.size)) {
      if (always || x < x0 || x > x1 || y < y0 || y > y1) this.of.at.stage.goTo({ x, y });
      return;
    }
    this.of.at.stage.fitBounds([box[0] - size, box[1] - size, box[2] + size, box[3] + size], { margin: 0.4 });
  }

  /** @param {'accept' | 'reject'} verdict */
  async decideCurrent(verdict) {
    if (this.current === null) {
      this.step(1);
      return;
    }
    const number = this.current;
    if (await this.decide({ verdict, numbers: [number] })) this.step(1);
  }

  /** Take the shape over and put its vertices into the hand. */
  async editCurrent() {
    const { view } = this.of;
    const { currentPlace: place } = this;
    if (view?.kind !== 'shapes' || place < 0) return;
    const shape = SHAPE_OF_NUMBER[view.shape[place]];
    if (!shape) return;
    const rings = ringsAt(view, place);
    const done = await this.decide({ verdict: 'accept', numbers: [view.number[place]], geometry: toJson({ shape, rings }) });
    const [id] = done?.annotation_ids ?? [];
    if (id) await this.of.at.selectById(id, false);
  }

  /** @param {{verdict: 'accept' | 'reject', numbers?: number[], selection?: object, geometry?: object}} asked @returns {Promise<any>} what was done, or null */
  async decide(asked) {
    const { run } = this.of;
    if (!run) return null;
    try {
      const types = asked.verdict === 'accept' ? this.of.types : {};
      const done = await api.post(`${this.of.path}/${run.uuid}/decisions`, { ...asked, types }, { idempotencyKey: idempotencyKey() });
      if (asked.numbers) {
        this.of.decisions.set(asked.numbers, asked.verdict === 'reject' ? 'rejected' : asked.geometry ? 'edited' : 'accepted');
        this.#done.push({ run: run.uuid, numbers: asked.numbers, verdict: asked.verdict });
      } else await this.of.readDecisions();
      if (done.skipped.length) toast(`${done.skipped.length} could not be taken over`, { kind: 'warning', detail: done.skipped[0].reason });
      if (asked.verdict === 'accept' && done.decided) this.of.at.seeAgain();
      this.of.set();
      return done;
    } catch (error) {
      showError(error, asked.verdict === 'accept' ? 'Not accepted' : 'Not rejected');
      return null;
    }
  }

  /** Take the last decision back, with the annotation that it made. */
  async takeBack() {
    const last = this.#done.pop();
    if (!last) {
      this.of.at.flash('Nothing was decided on this page yet.');
      return;
    }
    try {
      await api.post(`${this.of.path}/${last.run}/decisions`, { verdict: 'withdraw', numbers: last.numbers });
      if (last.run === this.of.run?.uuid) {
        this.of.decisions.set(last.numbers, 'open');
        this.goOn(last.numbers[0]);
      }
      if (last.verdict === 'accept') this.of.at.seeAgain();
      this.of.set();
    } catch (error) {
      this.#done.push(last);
      showError(error, 'Not taken back');
    }
  }

  /** @param {boolean} inView */
  selection(inView) {
    const [x0, y0, x1, y1] = this.of.at.stage.visibleBounds.map(Math.round);
    const labels = this.of.run?.labels.map((_, label) => label).filter((label) => !this.of.hiddenLabels.has(label)) ?? [];
    return { least: this.of.least, labels, area: inView ? { x0, y0, x1, y1 } : null };
  }
}

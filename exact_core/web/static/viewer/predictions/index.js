// @ts-check
/** Predictions on the page: which run is looked at, what of it is seen, and what is decided about it. */

import { afterRest, perFrame } from '../../sdk/timing.js';
import { api, idempotencyKey } from '../../shell/api.js';
import { $ } from '../../shell/html.js';
import { keys } from '../../shell/keys.js';
import { showError, toast } from '../../shell/toast.js';
import { boundsOf } from '../geometry.js';
import { toJson } from '../geometry_json.js';
import { agreementOf } from './figures.js';
import { Decisions, centreOf, meets, nextPlace, ringsAt, shownPlaces } from './found.js';
import { PredictionLayer } from './layer.js';
import { MapTiles } from './map_tiles.js';
import { PredictionsPanel } from './panel.js';
import { decodePredictions } from './wire.js';

/**
 * @typedef {import('../workplace.js').Workplace} Workplace
 * @typedef {import('./found.js').Decision} Decision
 * @typedef {import('./map_tiles.js').MapInfo} MapInfo
 *
 * @typedef {object} Run
 * @property {string} uuid
 * @property {number} image_id
 * @property {{name: string, kind: string}} model
 * @property {Record<string, unknown>} settings
 * @property {[number, number, number, number] | null} area
 * @property {string[]} labels
 * @property {number[]} counts
 * @property {number[][]} histogram
 * @property {number} shapes
 * @property {number} skipped
 * @property {MapInfo[]} maps
 * @property {Record<string, number>} decided
 * @property {{id: number, name: string} | null} asked_by
 * @property {boolean} shown_to_readers
 * @property {string} ready_at
 * @property {Record<string, number>} [types]
 */

/** Colours of labels: unlike each other, and dark enough on pale tissue. */
const COLOURS = ['#7a1fd1', '#0077b6', '#c2185b', '#00796b', '#b45309', '#4d7c0f', '#5d4037', '#1d4ed8'];
const MARGIN = 0.5;
const REST_MS = 160;
/** Screen px below which a shape is too small to judge. */
const LEAST_SIZE = 12;
const SHAPE_OF_NUMBER = /** @type {const} */ ([null, 'point', 'box', 'ellipse', 'line', 'polyline', 'polygon', 'rotated_box']);

/** Connects the panel, the layer and the server. */
export class Predictions {
  /** @param {Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.path = `/images/${workplace.image.id}/predictions`;
    this.button = $('#toggle-predictions');
    this.panel = new PredictionsPanel($('#predictions'), this);
    this.layer = new PredictionLayer(workplace.stage, $('#stage-overlays'), () => this.#picture());
    this.button.addEventListener('click', () => this.toggle());
    workplace.stage.on('change', () => this.isOpen && this.#moved());
    workplace.changeListeners.add(() => this.isOpen && this.#shapesChanged());
  }

  isOpen = false;
  /** @type {Run[] | null} */
  runs = null;
  /** @type {Run | null} */
  run = null;
  least = 0.5;
  opacity = 0.9;
  byUncertainty = false;
  showMap = true;
  /** @type {Set<number>} */
  hiddenLabels = new Set();
  decisions = new Decisions();
  /** @type {import('./wire.js').PredictedView | import('./wire.js').PredictedCounts | null} */
  view = null;
  /** @type {number | null} Number of the shape that one is at. */
  current = null;
  /** @type {Record<string, number>} */
  types = {};
  /** @type {ArrayLike<number>} */
  places = [];
  /** @type {{run: string, numbers: number[], verdict: 'accept' | 'reject'}[]} What was decided here, the latest last. */
  #done = [];
  /** @type {MapTiles | null} */
  #map = null;
  /** @type {readonly number[] | null} */
  #loaded = null;
  #loading = new AbortController();
  /** @type {(() => void) | null} */
  #release = null;
  /** @type {{number: number, box: [number, number, number, number]}[]} */
  #queue = [];

  toggle() {
    if (this.isOpen) this.close();
    else void this.open();
  }

  async open() {
    this.isOpen = true;
    this.button.setAttribute('aria-expanded', 'true');
    const side = $('#toggle-side');
    if (side.getAttribute('aria-expanded') !== 'true') side.click();
    this.#release ??= keys.push(this.#keys());
    this.layer.isOn = true;
    this.panel.show();
    await this.loadRuns();
  }

  close() {
    this.isOpen = false;
    this.button.setAttribute('aria-expanded', 'false');
    this.#release?.();
    this.#release = null;
    this.layer.isOn = false;
    this.layer.draw();
    this.panel.hide();
  }

  /** @param {string} [wanted] uuid of the run to look at */
  async loadRuns(wanted) {
    try {
      this.runs = await api.get(this.path);
      const chosen = this.runs?.find((run) => run.uuid === (wanted ?? this.run?.uuid)) ?? this.runs?.[0] ?? null;
      if (chosen?.uuid !== this.run?.uuid || wanted) await this.choose(chosen);
      else this.panel.draw();
    } catch (error) {
      this.panel.fail(error, () => this.loadRuns(wanted));
    }
  }

  /** @param {Run | null} run */
  async choose(run) {
    this.run = run;
    this.view = null;
    this.places = [];
    this.current = null;
    this.#loaded = null;
    this.#queue = [];
    this.#map = null;
    this.hiddenLabels.clear();
    if (run) {
      const [detail] = await Promise.all([api.get(`${this.path}/${run.uuid}`), this.#readDecisions()]);
      if (this.run !== run) return;
      Object.assign(run, detail);
      this.types = { ...detail.types };
      this.chooseMap(run.maps[0] ?? null);
    }
    this.panel.draw();
    await this.#load();
  }

  /** @param {MapInfo | null} info */
  chooseMap(info) {
    this.#map = info && this.run ? new MapTiles(`${this.path}/${this.run.uuid}`, info, () => this.layer.draw()) : null;
    this.layer.draw();
  }

  get map() {
    return this.#map?.info ?? null;
  }

  /** @param {number} label */
  colourOf(label) {
    const type = this.at.type(this.types[this.run?.labels[label] ?? ''] ?? -1);
    return this.run && this.run.labels.length > 1 && type ? type.color : COLOURS[label % COLOURS.length];
  }

  /** The slider, a class or a colour was changed: everything that follows is found here, without the server. @param {Partial<{least: number, opacity: number, byUncertainty: boolean, showMap: boolean}>} [change] */
  set(change = {}) {
    Object.assign(this, change);
    this.#sift();
  }

  /** @param {number} label @param {boolean} shown */
  showLabel(label, shown) {
    if (shown) this.hiddenLabels.delete(label);
    else this.hiddenLabels.add(label);
    this.#sift();
  }

  #picture() {
    const { view, places, decisions, current, byUncertainty, opacity, least, hiddenLabels, showMap } = this;
    return { view, places, decisions, current, byUncertainty, opacity, least, hiddenLabels, showMap, map: this.#map, colourOf: (/** @type {number} */ label) => this.colourOf(label) };
  }

  #sift() {
    this.places = this.view?.kind === 'shapes' ? shownPlaces(this.view, { least: this.least, hiddenLabels: this.hiddenLabels, showDecided: true }, this.decisions) : [];
    this.layer.draw();
    this.#tell();
  }

  /** Numbers beside the slider. */
  #tell = perFrame(() => this.panel.drawNumbers(this.numbers()));

  /** What is in view at this threshold, and how far it agrees with what is drawn there. */
  numbers() {
    const { view } = this;
    if (view?.kind !== 'shapes') return null;
    const { visibleBounds: bounds } = this.at.stage;
    const isSeen = (/** @type {number} */ x, /** @type {number} */ y) => x >= bounds[0] && x <= bounds[2] && y >= bounds[1] && y <= bounds[3];
    const seen = Array.from(this.places).filter((place) => isSeen(...centreOf(view, place)) && this.decisions.of(view.number[place]) !== 'rejected');
    const open = seen.filter((place) => this.decisions.of(view.number[place]) === 'open');
    const boxes = seen.map((place) => /** @type {import('./figures.js').Box} */ (/** @type {unknown} */ (view.box.subarray(4 * place, 4 * place + 4))));
    const drawn = this.#drawnAround(bounds).filter(([x0, y0, x1, y1]) => isSeen((x0 + x1) / 2, (y0 + y1) / 2));
    return { inView: open.length, seen: seen.length, annotations: drawn.length, agreement: agreementOf(boxes, drawn) };
  }

  /** Boxes of the annotations in view and of those that reach into it; what is selected is not in the layer. @param {import('../types.js').Bounds} bounds */
  #drawnAround([x0, y0, x1, y1]) {
    const [dx, dy] = [(x1 - x0) * MARGIN, (y1 - y0) * MARGIN];
    const others = this.at.selected.pickBox([x0 - dx, y0 - dy, x1 + dx, y1 + dy]).filter((item) => !this.at.selection.has(item));
    return [...others, ...this.at.selection.items].filter((item) => item.geometry.rings.length > 0).map((item) => boundsOf(item.geometry));
  }

  /** Shapes that people drew have come: the agreement is another one. */
  shapesLoaded() {
    if (this.isOpen) this.#tell();
  }

  #moved() {
    const { visibleBounds: seen } = this.at.stage;
    const has = this.#loaded && seen[0] >= this.#loaded[0] && seen[1] >= this.#loaded[1] && seen[2] <= this.#loaded[2] && seen[3] <= this.#loaded[3];
    if (this.run && (!has || this.view?.kind !== 'shapes')) this.#loadSoon();
    this.#tell();
  }

  #loadSoon = afterRest(() => void this.#load(), REST_MS);
  #shapesChanged = afterRest(() => void this.#readDecisions().then(() => this.#sift()), REST_MS);

  /** Shapes of what is on the screen and half a screen around it. */
  async #load() {
    const { run } = this;
    if (!run || !this.isOpen) return;
    const [x0, y0, x1, y1] = this.at.stage.visibleBounds;
    const [dx, dy] = [(x1 - x0) * MARGIN, (y1 - y0) * MARGIN];
    const { width, height } = this.at.image;
    const clamp = (/** @type {number} */ value, /** @type {number} */ most) => Math.min(Math.max(value, 0), most);
    const box = [clamp(Math.floor(x0 - dx), width), clamp(Math.floor(y0 - dy), height), clamp(Math.ceil(x1 + dx), width), clamp(Math.ceil(y1 + dy), height)];
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    try {
      const body = await api.get(`${this.path}/${run.uuid}/view`, { x0: box[0], y0: box[1], x1: box[2], y1: box[3] }, { signal, as: 'binary' });
      if (signal.aborted || this.run !== run) return;
      this.view = decodePredictions(body);
      this.#loaded = [box[0] <= 0 ? -Infinity : box[0], box[1] <= 0 ? -Infinity : box[1], box[2] >= width ? Infinity : box[2], box[3] >= height ? Infinity : box[3]];
      this.at.stage.element.dataset.predictions = String(this.view.n);
      this.#sift();
    } catch (error) {
      if (!signal.aborted) this.panel.fail(error, () => this.#load());
    }
  }

  async #readDecisions() {
    const { run } = this;
    if (run) this.decisions.replace(await api.get(`${this.path}/${run.uuid}/decisions`));
  }

  /** The shape that one is at, if it is on this computer. */
  get currentPlace() {
    const { view } = this;
    if (this.current === null || view?.kind !== 'shapes') return -1;
    return view.number.indexOf(this.current);
  }

  /** @param {1 | -1} step */
  step(step) {
    const { view } = this;
    if (view?.kind !== 'shapes') {
      this.at.flash('Zoom in until single predictions are shown.');
      return;
    }
    const [, y0, , y1] = this.at.stage.visibleBounds;
    const bounds = this.at.stage.visibleBounds;
    const near = Array.from(this.places).filter((place) => meets(view, place, bounds));
    const height = Math.max(1, (y1 - y0) / 5);
    const place = nextPlace(view, near, this.decisions, this.current, step, height) ?? nextPlace(view, this.places, this.decisions, this.current, step, height);
    if (place === null) {
      this.at.flash('No further prediction above the threshold is undecided here.');
      this.#at(null);
      return;
    }
    this.#at(view.number[place]);
    this.#goTo(view.box.subarray(4 * place, 4 * place + 4));
  }

  /** To the shape of which a decision teaches most. */
  async stepUncertain() {
    const { run } = this;
    if (!run) return;
    try {
      this.#queue = this.#queue.filter(({ number }) => this.decisions.of(number) === 'open' && number !== this.current);
      if (!this.#queue.length) this.#queue = await api.get(`${this.path}/${run.uuid}/next`, { k: 20, least: Math.min(this.least, 0.999) });
      const next = this.#queue.find(({ number }) => number !== this.current);
      if (!next) {
        this.at.flash('Every prediction above the threshold is decided.');
        return;
      }
      this.#at(next.number);
      this.#goTo(next.box, true);
    } catch (error) {
      showError(error, 'The next prediction could not be found');
    }
  }

  /** @param {number | null} number */
  #at(number) {
    this.current = number;
    this.layer.draw();
    this.panel.drawCurrent();
  }

  /** @param {ArrayLike<number>} box @param {boolean} [always] */
  #goTo(box, always = false) {
    const [x0, y0, x1, y1] = this.at.stage.visibleBounds;
    const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    const { zoom } = this.at.stage;
    const size = Math.max(box[2] - box[0], box[3] - box[1]);
    if (size * zoom >= LEAST_SIZE && size * zoom <= Math.min(...this.at.stage.size)) {
      if (always || x < x0 || x > x1 || y < y0 || y > y1) this.at.stage.goTo({ x, y });
      return;
    }
    this.at.stage.fitBounds([box[0] - size, box[1] - size, box[2] + size, box[3] + size], { margin: 0.4 });
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
    const { view, currentPlace: place } = this;
    if (view?.kind !== 'shapes' || place < 0) return;
    const shape = SHAPE_OF_NUMBER[view.shape[place]];
    if (!shape) return;
    const rings = ringsAt(view, place);
    const done = await this.decide({ verdict: 'accept', numbers: [view.number[place]], geometry: toJson({ shape, rings }) });
    const [id] = done?.annotation_ids ?? [];
    if (id) await this.at.selectById(id, false);
  }

  /** @param {{verdict: 'accept' | 'reject', numbers?: number[], selection?: object, geometry?: object}} asked @returns {Promise<any>} what was done, or null */
  async decide(asked) {
    const { run } = this;
    if (!run) return null;
    try {
      const types = asked.verdict === 'accept' ? this.types : {};
      const done = await api.post(`${this.path}/${run.uuid}/decisions`, { ...asked, types }, { idempotencyKey: idempotencyKey() });
      if (asked.numbers) {
        this.decisions.set(asked.numbers, asked.verdict === 'reject' ? 'rejected' : asked.geometry ? 'edited' : 'accepted');
        this.#done.push({ run: run.uuid, numbers: asked.numbers, verdict: asked.verdict });
      } else await this.#readDecisions();
      if (done.skipped.length) toast(`${done.skipped.length} could not be taken over`, { kind: 'warning', detail: done.skipped[0].reason });
      if (asked.verdict === 'accept' && done.decided) this.at.seeAgain();
      this.#sift();
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
      this.at.flash('Nothing was decided on this page yet.');
      return;
    }
    try {
      await api.post(`${this.path}/${last.run}/decisions`, { verdict: 'withdraw', numbers: last.numbers });
      if (last.run === this.run?.uuid) {
        this.decisions.set(last.numbers, 'open');
        this.#at(last.numbers[0]);
      }
      if (last.verdict === 'accept') this.at.seeAgain();
      this.#sift();
    } catch (error) {
      this.#done.push(last);
      showError(error, 'Not taken back');
    }
  }

  /** @param {boolean} inView */
  selection(inView) {
    const [x0, y0, x1, y1] = this.at.stage.visibleBounds.map(Math.round);
    const labels = this.run?.labels.map((_, label) => label).filter((label) => !this.hiddenLabels.has(label)) ?? [];
    return { least: this.least, labels, area: inView ? { x0, y0, x1, y1 } : null };
  }

  /** @returns {import('../../shell/keys.js').Shortcut[]} */
  #keys() {
    const group = 'Predictions';
    const when = () => this.isOpen && Boolean(this.run) && this.at.rack.shape === null;
    const decides = () => when() && this.at.mayAnnotate && this.current !== null;
    return [
      { keys: 'J', title: 'Next undecided prediction', group, repeat: true, when, run: () => this.step(1) },
      { keys: 'K', title: 'Previous undecided prediction', group, repeat: true, when, run: () => this.step(-1) },
      { keys: 'U', title: 'Next uncertain prediction', group, when, run: () => void this.stepUncertain() },
      { keys: 'A', title: 'Accept the prediction', group, when: decides, run: () => void this.decideCurrent('accept') },
      { keys: 'R', title: 'Reject the prediction', group, when: decides, run: () => void this.decideCurrent('reject') },
      { keys: 'E', title: 'Accept the prediction and edit it', group, when: decides, run: () => void this.editCurrent() },
      { keys: 'Shift+U', title: 'Take the last decision back', group, when, run: () => void this.takeBack() },
      { keys: 'Escape', title: 'Leave the prediction', group, when: () => decides(), run: () => this.#at(null) },
    ];
  }
}

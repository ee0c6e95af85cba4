// @ts-check
/** Predictions on the page: which run is looked at, what of it is seen, and what is decided about it. */

import { afterRest, perFrame } from '../../sdk/timing.js';
import { api } from '../../shell/api.js';
import { $ } from '../../shell/html.js';
import { keys } from '../../shell/keys.js';
import { boundsOf } from '../geometry.js';
import { Deciding } from './deciding.js';
import { agreementOf } from './figures.js';
import { Decisions, centreOf, shownPlaces } from './found.js';
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

/** Connects the panel, the layer and the server. */
export class Predictions {
  /** @param {Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.path = `/images/${workplace.image.id}/predictions`;
    this.button = $('#toggle-predictions');
    this.deciding = new Deciding(this);
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
  /** @type {Record<string, number>} */
  types = {};
  /** @type {ArrayLike<number>} */
  places = [];
  /** @type {MapTiles | null} */
  #map = null;
  /** @type {readonly number[] | null} */
  #loaded = null;
  #loading = new AbortController();
  /** @type {(() => void) | null} */
  #release = null;

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
    this.deciding.begin();
    this.#loaded = null;
    this.#map = null;
    this.hiddenLabels.clear();
    if (run) {
      const [detail] = await Promise.all([api.get(`${this.path}/${run.uuid}`), this.readDecisions()]);
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
    const { view, places, decisions, byUncertainty, opacity, least, hiddenLabels, showMap } = this;
    return { view, places, decisions, current: this.deciding.current, byUncertainty, opacity, least, hiddenLabels, showMap, map: this.#map, colourOf: (/** @type {number} */ label) => this.colourOf(label) };
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
  #shapesChanged = afterRest(() => void this.readDecisions().then(() => this.#sift(), () => undefined), REST_MS);

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

  async readDecisions() {
    const { run } = this;
    if (run) this.decisions.replace(await api.get(`${this.path}/${run.uuid}/decisions`));
  }

  /** @returns {import('../../shell/keys.js').Shortcut[]} */
  #keys() {
    const group = 'Predictions';
    const when = () => this.isOpen && Boolean(this.run) && this.at.rack.shape === null;
    const decides = () => when() && this.at.mayAnnotate && this.deciding.current !== null;
    return [
      { keys: 'J', title: 'Next undecided prediction', group, repeat: true, when, run: () => this.deciding.step(1) },
      { keys: 'K', title: 'Previous undecided prediction', group, repeat: true, when, run: () => this.deciding.step(-1) },
      { keys: 'U', title: 'Next uncertain prediction', group, when, run: () => void this.deciding.stepUncertain() },
      { keys: 'A', title: 'Accept the prediction', group, when: decides, run: () => void this.deciding.decideCurrent('accept') },
      { keys: 'R', title: 'Reject the prediction', group, when: decides, run: () => void this.deciding.decideCurrent('reject') },
      { keys: 'E', title: 'Accept the prediction and edit it', group, when: decides, run: () => void this.deciding.editCurrent() },
      { keys: 'Shift+U', title: 'Take the last decision back', group, when, run: () => void this.deciding.takeBack() },
      { keys: 'Escape', title: 'Leave the prediction', group, when: () => decides(), run: () => this.deciding.goOn(null) },
    ];
  }
}

// @ts-check
/** A model at work on what the person looks at: opens it, asks for views while they change, and keeps the last answer. */

import { ModelWorker } from '../../inference/model_worker.js';
import { frameName } from '../tile_source.js';
import { HeatLayer } from './heat_layer.js';
import { classesOf } from './colours.js';
import { networkAddress } from './models.js';
import { objectsIn } from './objects.js';

/**
 * @typedef {import('../../inference/messages.js').FromWorker} FromWorker
 * @typedef {import('../../inference/messages.js').Opened} Opened
 * @typedef {import('../../inference/messages.js').Seen} Seen
 * @typedef {import('../../inference/messages.js').Failed} Failed
 * @typedef {import('../stage.js').Stage} Stage
 * @typedef {import('../types.js').ImageInfo} ImageInfo
 * @typedef {import('./models.js').ListedModel} ListedModel
 *
 * @typedef {'none' | 'loading' | 'preparing' | 'ready' | 'failed'} Phase
 */

const LOOKS_EVERY_MS = 200;
const LEAST_AREA_PIXELS = 12;

/** The model of one viewer page. */
export class LiveModel {
  /** @param {Stage} stage @param {ImageInfo} image @param {{name: string, color: string}[]} types @param {() => Element} above what the overlay lies under */
  constructor(stage, image, types, above) {
    this.stage = stage;
    this.image = image;
    this.types = types;
    this.above = above;
    stage.on('change', () => this.#moved());
  }

  /** @type {ListedModel | null} */
  model = null;
  /** @type {Phase} */
  phase = 'none';
  /** Bytes of the file. */
  loaded = { now: 0, total: 0 };
  /** @type {Opened | null} */
  opened = null;
  /** @type {Seen | null} */
  seen = null;
  /** @type {Failed | null} */
  failed = null;
  isLive = false;
  isBusy = false;
  isShown = true;
  opacity = 0.6;
  threshold = 0.5;
  showsObjects = false;
  /** @type {import('./colours.js').Shown[]} */
  classes = [];
  /** @type {import('./objects.js').Found[]} */
  objects = [];

  /** @type {ModelWorker | null} */
  #worker = null;
  /** @type {HeatLayer | null} */
  #layer = null;
  #latest = 0;
  #isWanted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {() => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** @param {ListedModel | null} model */
  choose(model) {
    this.close();
    this.model = model;
    this.#changed();
  }

  /** Compute what is looked at now, opening the model when it is not. */
  run() {
    if (!this.model) return;
    this.failed = null;
    this.#isWanted = true;
    if (this.#worker) this.#look();
    else this.#open(this.model);
    this.#changed();
  }

  /** @param {boolean} live */
  setLive(live) {
    this.isLive = live;
    if (live) this.run();
    else this.stop();
  }

  /** Stop computing; what is known stays. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#worker?.stop();
    this.#isWanted = false;
    this.isBusy = false;
    this.#changed();
  }

  /** Give everything back: the worker with its memory, and the overlay. */
  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#worker?.close();
    this.#worker = null;
    this.#layer?.remove();
    this.#layer = null;
    Object.assign(this, { phase: 'none', opened: null, seen: null, failed: null, isLive: false, isBusy: false, objects: [], classes: [] });
    this.#isWanted = false;
    this.#changed();
  }

  /** The person looks at another plane, time or channel. */
  frameChanged() {
    this.#layer?.clear();
    this.seen = null;
    this.objects = [];
    if (this.isLive) this.run();
    else this.#changed();
  }

  /** @param {Partial<Pick<LiveModel, 'opacity' | 'threshold' | 'showsObjects' | 'isShown'>>} change */
  set(change) {
    Object.assign(this, change);
    this.#layer?.setOpacity(this.isShown ? this.opacity : 0);
    if (change.threshold !== undefined) this.#layer?.repaint(this.classes, this.threshold);
    this.#findObjects();
    this.#changed();
  }

  /** @param {number} index @param {boolean} isShown */
  showClass(index, isShown) {
    this.classes = this.classes.map((one, at) => (at === index ? { ...one, isShown } : one));
    this.#layer?.repaint(this.classes, this.threshold);
    this.#findObjects();
    this.#changed();
  }

  /** @param {ListedModel} model */
  #open({ uuid }) {
    this.phase = 'loading';
    this.loaded = { now: 0, total: 0 };
    const worker = new ModelWorker(networkAddress(uuid), (message) => {
      // A worker that was let go may have said something before.
      if (this.#worker === worker) this.#heard(message);
    });
    this.#worker = worker;
  }

  #look() {
    if (!this.#worker || this.phase !== 'ready') return;
    const { id, content_version: version, levels, mpp_x: mpp } = this.image;
    this.#isWanted = false;
    this.isBusy = true;
    this.#latest = this.#worker.look({
      image: { id, content_version: version, levels, mpp_x: mpp },
      frame: frameName(this.stage.frame),
      bounds: this.stage.visibleBounds,
    });
  }

  #moved() {
    if (!this.isLive || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.isLive && this.stage.isOpen) {
        this.failed = null;
        this.#look();
        this.#changed();
      }
    }, LOOKS_EVERY_MS);
  }

  /** @param {FromWorker} message */
  #heard(message) {
    if (message.kind === 'loading') {
      this.loaded = { now: message.loaded, total: message.total };
    } else if (message.kind === 'preparing') {
      this.phase = 'preparing';
    } else if (message.kind === 'opened') {
      this.#begin(message);
    } else if (message.kind === 'failed') {
      this.#fail(message);
    } else if (message.kind === 'field') {
      this.#show(message);
    } else if (message.number === this.#latest) {
      this.isBusy = false;
    }
    this.#changed();
  }

  /** @param {Opened} opened */
  #begin(opened) {
    this.phase = 'ready';
    this.opened = opened;
    this.classes = classesOf(opened.contract.classes, this.types);
    this.#layer = new HeatLayer(this.stage, this.above());
    this.#layer.setOpacity(this.isShown ? this.opacity : 0);
    if (this.#isWanted) this.#look();
  }

  /** @param {Failed} failed */
  #fail(failed) {
    if (failed.number !== null && failed.number !== this.#latest) return;
    this.isBusy = false;
    this.failed = failed;
    if (failed.number !== null && failed.reason !== 'memory') return;
    this.#worker?.close();
    this.#worker = null;
    this.phase = 'failed';
    this.isLive = false;
  }

  /** @param {Seen} seen */
  #show(seen) {
    this.#layer?.show(seen.field, seen.isWhole, this.classes, this.threshold);
    if (seen.number === this.#latest && seen.isWhole) this.isBusy = false;
    this.seen = seen;
    this.#findObjects();
  }

  #findObjects() {
    const field = this.#layer?.field;
    this.objects = this.showsObjects && this.isShown && field
      ? this.classes.flatMap(({ isShown }, label) => (isShown ? objectsIn(field, label, this.threshold, LEAST_AREA_PIXELS) : []))
      : [];
    this.#layer?.setObjects(this.objects, this.classes);
  }

  #changed() {
    this.#listeners.forEach((listener) => listener());
  }
}

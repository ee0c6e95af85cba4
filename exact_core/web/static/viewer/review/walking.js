// @ts-check
/** The verification walk on the page: its keys, where the picture goes, and what becomes of a verdict. */

import { api } from '../../shell/api.js';
import { $ } from '../../shell/html.js';
import { keys } from '../../shell/keys.js';
import { showError, toast } from '../../shell/toast.js';
import { boundsOf } from '../geometry.js';
import { itemFromJson } from '../items.js';
import { preferences, remember } from '../layout.js';
import { VerdictQueue } from './verdict_queue.js';
import { VerificationWalk } from './walk.js';
import { WalkBar } from './walk_bar.js';

/** @typedef {import('../workplace.js').Workplace} Workplace */
/** @typedef {import('../../shell/review.js').Verdict} Verdict */

/** A shape that fills between this and that part of the view needs no other zoom. */
const COMFORTABLE = [0.06, 0.5];
const GOOD_PART = 0.22;
const MOST_BOOKMARKS = 50;

/** Starts and ends the walk, and does what its keys say. */
export class Walking {
  /** @param {Workplace} workplace @param {() => Promise<void>} verifyImage */
  constructor(workplace, verifyImage) {
    this.at = workplace;
    this.path = `/images/${workplace.image.id}`;
    this.walk = new VerificationWalk({
      page: (query) => api.get(`${this.path}/verification-walk`, query),
      count: (filter) => api.get(`${this.path}/verification-counts`, filter),
      judge: (judgement) => this.#judged(judgement),
      refused: (item, error) => this.#refused(item, error),
    });
    this.queue = new VerdictQueue({
      name: `exact.verdicts:${workplace.data.actor.id}:${workplace.image.id}`,
      storage: storageOfThisComputer(),
      send: async (verdicts) => {
        await workplace.journal.drained(); // what was drawn comes before what is said of it
        return api.post(`${this.path}/verifications`, { verdicts }, { keepalive: true });
      },
      sendAndGo: (verdicts) => {
        if (workplace.journal.waiting === 0) void api.post(`${this.path}/verifications`, { verdicts }, { keepalive: true }).catch(() => undefined);
      },
      refused: (_, error) => toast('A verdict that was given before the page was left was not kept.', { kind: 'warning', detail: String(error?.message ?? error), seconds: 0 }),
    });
    addEventListener('pagehide', () => this.queue.leave());
    this.bar = new WalkBar($('#main'), {
      walk: this.walk, types: workplace.types, keys: workplace.keys,
      authors: () => workplace.counts.authors, asksAuthors: workplace.counts.authors.length > 1 || Boolean(workplace.data.rights.see_all),
      judge: (verdict) => this.judge(verdict),
      step: (by) => this.step(by),
      filter: (change) => void this.begin({ ...this.walk.filter, ...change }, null),
      verifyImage: () => void verifyImage(),
      close: () => this.end(),
    });
  }

  /** @type {(() => void) | null} */
  #release = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** What keys and buttons asked for is done one after the other, each on the shape that is then shown. @type {Promise<void>} */
  #acts = Promise.resolve();

  /** @param {() => unknown} act */
  #next(act) {
    this.#acts = this.#acts.then(async () => {
      if (this.isOpen) await act();
    }).catch((error) => showError(error));
    return this.#acts;
  }

  /** What an earlier page did not bring to the server is sent now. */
  restore() {
    this.queue.restore();
  }

  get isOpen() {
    return this.#release !== null;
  }

  /** @param {() => void} listener after a verdict was kept */
  onJudged(listener) {
    this.#listeners.add(listener);
  }

  toggle() {
    if (this.isOpen) this.end();
    else void this.start();
  }

  /** Begin, or go on where one left: with what is not verified yet. */
  async start() {
    if (this.isOpen) return;
    this.#release = keys.push(this.#keys());
    this.bar.open();
    if (this.at.rack.shape !== null) this.at.rack.choose('select');
    if (!this.at.visibility.display.visible) this.at.visibility.set({ visible: true });
    const assigned = this.at.data.imageSet.items === 'annotation' && !this.at.data.rights.see_all;
    void this.#next(() => this.at.journal.drained());
    void this.#next(() => this.queue.idle());
    await this.begin({ verification: 'unverified', order: 'place', ...(assigned ? { assigned } : {}) }, preferences().walks?.[this.at.image.id] ?? null);
  }

  /** @param {import('./walk.js').Filter} filter @param {number | null} from */
  begin(filter, from) {
    return this.#next(() => this.#begin(filter, from));
  }

  /** @param {import('./walk.js').Filter} filter @param {number | null} from */
  async #begin(filter, from) {
    try {
      const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
      await this.walk.begin(given, from);
      this.#show();
    } catch (error) {
      showError(error, 'The shapes could not be loaded');
      this.end();
    }
  }

  end() {
    this.#release?.();
    this.#release = null;
    this.bar.close();
    this.at.selection.clear();
    this.at.layer.refresh();
  }

  /** @param {1 | -1} by */
  step(by) {
    return this.#next(() => this.#step(by));
  }

  /** @param {1 | -1} by */
  async #step(by) {
    try {
      if (await this.walk.step(by)) this.#show();
      else if (by > 0) await this.#atEnd();
      else this.at.flash('This is the first shape.');
    } catch (error) {
      showError(error, 'The next shape could not be loaded');
    }
  }

  /** @param {Verdict} verdict @param {number} [typeId] */
  judge(verdict, typeId) {
    return this.#next(() => this.#judge(verdict, typeId));
  }

  /** @param {Verdict} verdict @param {number} [typeId] */
  async #judge(verdict, typeId) {
    const item = this.walk.current;
    if (!item) return;
    const type = typeId === undefined ? null : this.at.type(typeId);
    if (type && !type.shapes.includes(item.geometry.shape)) {
      this.at.flash(`${type.name} is drawn as ${type.shapes.map((shape) => shape.replace('_', ' ')).join(' or ')}; this shape cannot become it.`);
      return;
    }
    void this.walk.judge(verdict, { typeId, reason: this.bar.takeReason() });
    this.bar.draw();
    await this.#step(1);
  }

  /** @param {import('./walk.js').Judgement} judgement */
  async #judged(judgement) {
    await this.queue.add(judgement);
    if (judgement.type_id !== undefined) await this.#readAgain(judgement.id);
    this.#listeners.forEach((listener) => listener());
  }

  /** @param {number} id */
  async #readAgain(id) {
    const [json] = (await api.get(`${this.path}/verification-walk`, { start: id, limit: 1 })).items;
    if (!json || json.id !== id) return null;
    this.walk.replace(json);
    this.at.layer.upsert(json);
    if (this.at.selection.single?.id === id) this.at.selection.replace([itemFromJson(json)]);
    this.at.counts.askSoon();
    this.at.undo.refreshSoon();
    this.bar.draw();
    return json;
  }

  /** @param {import('./walk.js').WalkItem} item @param {any} error */
  async #refused(item, error) {
    this.bar.draw();
    const isStale = error?.code === 'stale-annotation';
    const title = isStale ? 'Somebody has changed this shape meanwhile; look at it again.' : 'The verdict was not kept.';
    toast(title, { kind: 'warning', detail: isStale ? '' : String(error?.message ?? error), seconds: 0,
      action: { label: 'Go there', run: () => { if (this.walk.goTo(item.id)) this.#show(); } } });
    if (isStale && !error.body?.current?.deleted) await this.#readAgain(item.id).catch(() => null);
  }

  async #atEnd() {
    const { counts } = this.walk;
    if (counts.unverified > 0 && this.walk.filter.verification === 'unverified') {
      this.at.flash('This was the last one; the walk goes on with those that were left out.');
      await this.walk.settled();
      await this.#begin(this.walk.filter, null);
    } else {
      this.at.flash(counts.unverified === 0 ? 'Every shape is verified.' : 'This is the last shape.');
      if (counts.unverified > 0) return;
      await this.walk.settled();
      await this.#begin({ ...this.walk.filter, verification: 'unverified' }, null);
    }
  }

  #show() {
    this.bar.draw();
    const json = this.walk.current;
    if (!json) {
      this.at.selection.clear();
      return;
    }
    const kept = Object.entries({ ...preferences().walks, [this.at.image.id]: json.id }).slice(-MOST_BOOKMARKS);
    remember({ walks: Object.fromEntries(kept) });
    const item = itemFromJson(json);
    if (this.at.visibility.hiddenTypes.has(item.typeId)) this.at.visibility.showType(item.typeId, true);
    this.#goTo(item);
    this.at.selection.set([item]);
  }

  /** To a scale at which the shape and what is around it can be seen; the zoom stays where it is comfortable already. @param {import('../items.js').Item} item */
  #goTo(item) {
    if (item.geometry.rings.length === 0) return;
    this.#toFrame(item.frame);
    const { stage } = this.at;
    const [x0, y0, x1, y1] = boundsOf(item.geometry);
    const [width, height] = stage.size;
    const part = (/** @type {number} */ zoom) => Math.max(((x1 - x0) * zoom) / width, ((y1 - y0) * zoom) / height);
    const now = part(stage.targetZoom);
    const isPoint = x1 - x0 < 2 && y1 - y0 < 2;
    const isComfortable = isPoint ? stage.targetZoom >= 0.5 && stage.targetZoom <= 2 : now >= COMFORTABLE[0] && now <= COMFORTABLE[1];
    const wanted = isPoint ? 1 : GOOD_PART / Math.max(part(1), 1e-9);
    const zoom = isComfortable ? undefined : Math.min(wanted, 1);
    stage.goTo({ x: (x0 + x1) / 2, y: (y0 + y1) / 2, zoom });
  }

  /** @param {import('../types.js').Frame} frame */
  #toFrame(frame) {
    const shown = this.at.stage.frame;
    const z = frame.z < 0 ? shown.z : frame.z;
    const t = frame.t < 0 ? shown.t : frame.t;
    if (z === shown.z && t === shown.t) return;
    this.at.frames.set({ ...shown, z, t });
  }


  /** @returns {import('../../shell/keys.js').Shortcut[]} */
  #keys() {
    const group = 'Verify one by one';
    const types = this.at.types.filter((type) => type.is_active && this.at.keys.has(type.id) && type.shapes[0] !== 'image');
    return [
      { keys: 'A', title: 'Accept', group, run: () => void this.judge('accepted') },
      { keys: 'R', title: 'Reject', group, run: () => void this.judge('rejected') },
      { keys: 'D', title: 'Dubious', group, run: () => void this.judge('dubious') },
      ...types.map((type) => ({ keys: this.at.keys.get(type.id) ?? '', title: `It is: ${type.name}`, group, run: () => void this.judge('accepted', type.id) })),
      { keys: 'ArrowRight', title: 'Next shape', group, repeat: true, run: () => void this.step(1) },
      { keys: 'ArrowDown', title: 'Next shape', group, repeat: true, run: () => void this.step(1) },
      { keys: 'ArrowLeft', title: 'Previous shape', group, repeat: true, run: () => void this.step(-1) },
      { keys: 'ArrowUp', title: 'Previous shape', group, repeat: true, run: () => void this.step(-1) },
      { keys: 'Escape', title: 'End the walk', group, run: () => this.end() },
    ];
  }
}

/** @returns {Storage | null} where the browser allows none */
function storageOfThisComputer() {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

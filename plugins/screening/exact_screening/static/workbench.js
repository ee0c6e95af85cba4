// @ts-check
/** Screening at work: connects a session with the server, the viewer, the keys, the overlays and the panel. */

import { afterRest, toast } from 'exact/sdk';

import { Bar } from './bar.js';
import { boxOf } from './fields.js';
import { nativeOf } from './form.js';
import { OverviewMap, SlideOverlay } from './overlay.js';
import { Panel } from './panel.js';
import { Session } from './session.js';
import { ViewLog } from './views.js';

/**
 * @typedef {import('exact/sdk').PluginContext} PluginContext
 * @typedef {import('./fields.js').Way} Way
 * @typedef {{has_scale: boolean, notes: string[], defaults: any, screening: import('./session.js').Pass | null, earlier: any[], locks: any[]}} State
 */

const TELL_VIEWS_MS = 15_000;
const REST_MS = 120;
/** Words of a window: several of one person are told apart by it. */
const WINDOW = [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => byte.toString(36)).join('').slice(0, 20);

export class Workbench {
  /** @param {PluginContext} ctx @param {HTMLElement} element */
  constructor(ctx, element) {
    this.ctx = ctx;
    this.image = /** @type {NonNullable<PluginContext['image']>} */ (ctx.image);
    this.viewer = /** @type {NonNullable<PluginContext['viewer']>} */ (ctx.viewer);
    this.path = `images/${this.image.id}`;
    this.slide = new SlideOverlay(ctx);
    this.overview = new OverviewMap(ctx);
    this.views = new ViewLog(() => performance.now());
    this.panel = new Panel(this, element);
    this.bar = new Bar(this);
    this.isOn = false;
    this.rested = afterRest((/** @type {any} */ view) => this.isOn && !document.hidden && this.views.rest(view), REST_MS);
  }

  /** @type {State | null} */
  state = null;
  /** @type {Session | null} */
  session = null;
  /** @type {(() => void)[]} */
  #offs = [];

  get mayScreen() {
    return Boolean(this.ctx.rights['screening.screen']);
  }

  /** Ask the server where this person is; a window that screened before a reload goes on at once. */
  async open() {
    this.panel.showBusy();
    try {
      await this.reload();
    } catch (error) {
      if (!this.ctx.signal.aborted) this.panel.showFailure(error);
      return;
    }
    // The button stays grey for those who may only look.
    if (this.mayScreen) this.ctx.toolbar.onPress('screening.toggle', () => (this.isOn ? this.pause() : this.session ? this.resume() : this.panel.focusStart()));
    this.#listen();
    if (this.session && remembered(this.image.id)) this.resume();
  }

  close() {
    this.session?.leave();
    void this.tellViews(true);
    this.overview.stop();
    this.bar.element.remove();
    this.#offs.splice(0).forEach((off) => off());
  }

  async reload() {
    this.state = /** @type {State} */ (await this.ctx.api.get(`${this.path}/state`));
    this.slide.showLocks(this.state.locks);
    this.#use(this.state.screening);
    this.show();
  }

  /** @param {any} wishes */
  async begin(wishes) {
    const pass = await this.ctx.api.post(`${this.path}/passes`, wishes);
    if (this.isOn) this.pause();
    this.#use(pass);
    this.panel.isStarting = false;
    if (pass.carried > 0 && pass.carried === pass.total) toast('You have seen all of this already.', { kind: 'info' });
    this.resume();
  }

  resume() {
    if (!this.session || this.isOn || !this.mayScreen) return;
    this.isOn = true;
    // The button that was pressed for this would keep Space for itself.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    remember(this.image.id, true);
    this.session.show(!document.hidden);
    this.#keys();
    this.ctx.toolbar.setPressed('screening.toggle', true);
    this.goThere();
    this.show();
  }

  pause() {
    if (!this.isOn) return;
    this.isOn = false;
    remember(this.image.id, false);
    this.#takeKeysBack();
    this.session?.show(false);
    this.session?.flush();
    void this.tellViews();
    this.ctx.toolbar.setPressed('screening.toggle', false);
    this.show();
  }

  /** @param {Way} way */
  go(way) {
    this.session?.go(way);
    this.goThere();
  }

  markAndNext() {
    if (!this.session || this.session.ended) return;
    const wasComplete = this.session.isComplete;
    this.session.markAndNext();
    if (this.session.isComplete && !wasComplete) toast('Every field has been seen.', { kind: 'success', detail: 'Finish the pass in the panel when you are done.' });
    this.goThere();
  }

  undo() {
    this.session?.undo();
    this.goThere();
  }

  /** To the field under the middle of the window. */
  goHere() {
    const { x, y } = this.viewer.view().center;
    if (this.session) this.session.goTo(this.session.path.nearest(x, y));
    this.goThere();
  }

  /** Show exactly the field, at the magnification of the pass. */
  goThere() {
    const { session } = this;
    if (!session) return;
    this.views.stop();
    const bounds = boxOf(session.path.grid, session.position);
    const native = nativeOf(this.image);
    const { magnification } = session.wishes;
    if (magnification && native) this.viewer.goTo({ x: (bounds[0] + bounds[2]) / 2, y: (bounds[1] + bounds[3]) / 2, zoom: magnification / native });
    else this.viewer.goTo({ bounds, margin: 1, largest: 16 });
    this.rested(this.viewer.view());
  }

  /** @param {boolean} finished */
  async finish(finished) {
    const { session } = this;
    if (!session) return;
    session.flush();
    const answer = await this.ctx.api.put(`${this.path}/passes/${session.number}/finished`, { finished });
    session.accept(answer);
    if (finished) this.pause();
    this.show();
  }

  show() {
    this.slide.showField(this.isOn && this.session ? boxOf(this.session.path.grid, this.session.position) : null);
    this.overview.show(this.session);
    this.panel.show();
    this.bar.show();
  }

  /** @param {boolean} [isLast] the page goes */
  async tellViews(isLast = false) {
    const views = this.views.take();
    if (!views.length || !this.mayScreen) return;
    const told = this.ctx.api.post(`${this.path}/views`, { views }, isLast ? { keepalive: true, signal: undefined } : {});
    await told.catch((error) => {
      // What the server refuses will not do better later; what it did not get will.
      if (!(error?.status >= 400 && error.status < 500)) this.views.giveBack(views);
    });
  }

  /** @param {import('./session.js').Pass | null} pass */
  #use(pass) {
    this.session = pass && new Session(pass, {
      now: () => performance.now(),
      later: (run, ms) => void setTimeout(run, ms),
      send: (number, body, last) => this.ctx.api.post(`${this.path}/passes/${number}/steps`, body, last ? { keepalive: true, signal: undefined } : {}),
    }, WINDOW);
    const { session } = this;
    const kept = session && keptWork(this.#place);
    if (kept) session.restore(kept);
    session?.onChange(() => {
      keepWork(this.#place, session.pending(), Boolean(session.trouble || session.ended));
      if (this.session?.ended && this.isOn) this.pause();
      this.show();
    });
  }

  /** What of this person on this image is kept on the computer. */
  get #place() {
    return `exact.screening.unsaved.${this.ctx.actor.id}.${this.image.id}`;
  }

  #listen() {
    this.viewer.on('view-changed', (view) => {
      this.views.stop();
      this.rested(view);
    });
    const hidden = () => {
      this.session?.show(this.isOn && !document.hidden);
      if (document.hidden) {
        this.session?.flush();
        void this.tellViews();
      } else if (this.isOn) this.views.rest(this.viewer.view());
    };
    const gone = () => {
      if (this.session) keepWork(this.#place, this.session.pending(), true);
      this.session?.leave();
      void this.tellViews(true);
    };
    // A page that the browser kept and shows again: another window may have gone on meanwhile.
    const back = async (/** @type {PageTransitionEvent} */ event) => {
      if (!event.persisted) return;
      const wasOn = this.isOn;
      this.pause();
      await this.reload().catch(() => undefined);
      if (wasOn) this.resume();
    };
    document.addEventListener('visibilitychange', hidden);
    addEventListener('pagehide', gone);
    addEventListener('pageshow', back);
    const timer = setInterval(() => {
      if (this.isOn) void this.tellViews();
    }, TELL_VIEWS_MS);
    this.#offs.push(
      () => document.removeEventListener('visibilitychange', hidden),
      () => removeEventListener('pagehide', gone),
      () => removeEventListener('pageshow', back),
      () => clearInterval(timer),
      () => this.#takeKeysBack(),
    );
  }

  #takeKeysBack = () => {};

  /** Keys that mean something else while screening is on; all others stay as they are. */
  #keys() {
    /** @typedef {[string[], string, () => void][]} Meanings */
    const meanings = /** @type {Meanings} */ ([
      [['W', 'ArrowUp'], 'Field above', () => this.go('up')],
      [['S', 'ArrowDown'], 'Field below', () => this.go('down')],
      [['A', 'ArrowLeft'], 'Field on the left', () => this.go('left')],
      [['D', 'ArrowRight'], 'Field on the right', () => this.go('right')],
      [['Space', 'Enter'], 'Mark the field as seen and go on', () => this.markAndNext()],
    ]);
    const more = /** @type {Meanings} */ ([
      [['N'], 'Next field', () => this.go('next')],
      [['B'], 'Field before', () => this.go('previous')],
      [['C'], 'Continue with the first unseen field', () => this.go('unseen')],
      [['U'], 'Take the last mark back', () => this.undo()],
      [['G'], 'Back to the field', () => this.goThere()],
    ]);
    // A polygon is ended with Enter, and selected shapes are moved with arrows only while nobody screens.
    const isFree = () => !['polygon', 'polyline', 'multi_polygon'].includes(this.viewer.tool());
    this.#takeKeysBack();
    const pushed = this.ctx.shortcuts.push(meanings.flatMap(([keys, title, run]) => keys.map((key) => ({
      keys: key, title, run, repeat: key.length < 2 || key.startsWith('Arrow'), when: key === 'Enter' ? isFree : undefined,
    }))));
    const added = more.flatMap(([[keys], title, run]) => this.#addIfFree(keys, title, run));
    this.#takeKeysBack = () => [pushed, ...added.splice(0)].forEach((stop) => stop());
  }

  /** A letter that chooses an annotation type, or does something else, keeps doing that. @param {string} keys @param {string} title @param {() => void} run */
  #addIfFree(keys, title, run) {
    try {
      return [this.ctx.shortcuts.add({ keys, title, run })];
    } catch {
      return [];
    }
  }
}

/** Marks that the server does not have; marking a field twice does no harm. @param {string} place @returns {import('./session.js').Pending | null} */
function keptWork(place) {
  try {
    return JSON.parse(localStorage.getItem(place) ?? 'null');
  } catch {
    return null;
  }
}

/** @param {string} place @param {import('./session.js').Pending | null} pending @param {boolean} isNeeded while all goes well nothing is written */
function keepWork(place, pending, isNeeded) {
  try {
    if (pending && isNeeded) localStorage.setItem(place, JSON.stringify(pending));
    else if (!pending) localStorage.removeItem(place);
  } catch {
    // A full or forbidden storage: the page itself still has everything.
  }
}

const KEY = 'exact.screening.on';

/** Whether this window was screening an image when its page went. @param {number} image */
function remembered(image) {
  return sessionStorage.getItem(KEY) === String(image);
}

/** @param {number} image @param {boolean} isOn */
function remember(image, isOn) {
  if (isOn) sessionStorage.setItem(KEY, String(image));
  else if (remembered(image)) sessionStorage.removeItem(KEY);
}

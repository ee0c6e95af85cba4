// @ts-check
/** Differences on the slide: outlines in three colours, a bar with a legend, and the way from one to the next by keys. */

import { api } from '../../shell/api.js';
import { $, html, icon, render, setStyle } from '../../shell/html.js';
import { keys } from '../../shell/keys.js';
import { dateTime } from '../../shell/time.js';
import { showError } from '../../shell/toast.js';
import { afterRest } from '../../sdk/timing.js';
import { Overlay } from '../overlay.js';
import { Signs } from '../signs.js';
import { Changes, KINDS, changeFromJson, inWords } from './changes.js';

/**
 * @typedef {import('../workplace.js').Workplace} Workplace
 * @typedef {import('./changes.js').Change} Change
 * @typedef {import('./changes.js').ChangeKind} ChangeKind
 */

const MOST_LOADED = 5000;
const MOST_DRAWN = 400;
/** The shapes of the layer stay to be seen, below what differs. */
const FADED = 0.25;
const ASK_AGAIN_MS = 900;

/** Compares a version with what the page shows. */
export class ChangesView {
  /** @param {Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.element = html`<section class="walk changes" aria-label="Differences"></section>`;
    this.overlay = new Overlay(workplace.stage, $('#stage-overlays'));
    this.signs = new Signs(workplace.stage, $('#stage-overlays'), 'changes-signs');
    workplace.stage.on('change', () => this.isOpen && this.#draw());
    workplace.frameListeners.add(() => this.isOpen && this.#draw(true));
    workplace.changeListeners.add(() => this.isOpen && this.#askSoon());
  }

  /** @type {Changes} */
  changes = new Changes([]);
  /** @type {any} */
  answer = null;
  /** @type {number | null} The version from which on. */
  from = null;
  #drawn = '';
  /** @type {(() => void) | null} */
  #releaseKeys = null;
  #askSoon = afterRest(() => void this.#load().catch(() => undefined), ASK_AGAIN_MS);
  #observer = new ResizeObserver(() => setStyle($('#main'), { '--dock': `${this.element.offsetHeight}px` }));

  get isOpen() {
    return this.from !== null;
  }

  /** Show what differs between a version and what is on the page. @param {number} from the version's number */
  async open(from) {
    this.close();
    this.from = from;
    try {
      await this.#load();
    } catch (error) {
      this.from = null;
      showError(error, 'The differences could not be loaded');
      return;
    }
    $('#main').append(this.element);
    this.#observer.observe(this.element);
    this.at.layer.setOpacity(FADED);
    this.#releaseKeys = keys.push(this.#keys());
    if (this.changes.all.length > 0) this.step(1);
  }

  close() {
    if (!this.isOpen) return;
    this.from = null;
    this.#askSoon.cancel();
    this.#releaseKeys?.();
    this.#observer.disconnect();
    this.element.remove();
    setStyle($('#main'), { '--dock': null });
    this.overlay.setShapes([]);
    this.signs.show([]);
    this.at.layer.setOpacity(this.at.visibility.display.opacity);
    const address = new URL(location.href);
    address.searchParams.delete('diff');
    history.replaceState(history.state, '', address);
  }

  async #load() {
    const { from } = this;
    const to = this.at.data.version?.id ?? 'now';
    const answer = await api.get(`/images/${this.at.image.id}/annotation-diff`, { from, to, limit: MOST_LOADED });
    if (this.from !== from) return;
    const found = new Changes(answer.items.map(changeFromJson));
    found.goOnFrom(this.changes);
    this.answer = answer;
    this.changes = found;
    this.#draw(true);
    this.#render();
  }

  /** @param {1 | -1} by */
  step(by) {
    const change = this.changes.step(by);
    if (change) this.#goTo(change);
    this.#draw(true);
    this.#render();
  }

  /** @param {Change} change */
  #goTo(change) {
    const item = change.after ?? change.before;
    if (!item || item.geometry.rings.length === 0) return;
    const shown = this.at.stage.frame;
    const [z, t] = [item.frame.z < 0 ? shown.z : item.frame.z, item.frame.t < 0 ? shown.t : item.frame.t];
    if (z !== shown.z || t !== shown.t) {
      this.at.frames.set({ ...shown, z, t });
      this.at.setFrame({ ...shown, z, t });
    }
    this.at.stage.fitBounds(change.box, { margin: 0.22, largest: Math.max(1, Math.min(this.at.stage.targetZoom, 2)) });
  }

  /** @param {ChangeKind} kind */
  #toggle(kind) {
    const { hidden } = this.changes;
    if (!hidden.delete(kind)) hidden.add(kind);
    this.#draw(true);
    this.#render();
  }

  /** @param {Change} change */
  #isInFrame({ before, after }) {
    const { z, t } = this.at.frame;
    return [before, after].some((item) => item && (item.frame.z < 0 || item.frame.z === z) && (item.frame.t < 0 || item.frame.t === t));
  }

  /** @param {boolean} [isSure] whether to draw even if the same shapes are in view */
  #draw(isSure = false) {
    const [x0, y0, x1, y1] = this.at.stage.visibleBounds;
    const inView = this.changes.shown.filter(({ box: [a, b, c, d] }) => a <= x1 && c >= x0 && b <= y1 && d >= y0).filter((change) => this.#isInFrame(change)).slice(0, MOST_DRAWN);
    const drawn = inView.map(({ id }) => id).join(' ');
    if (!isSure && drawn === this.#drawn) return;
    this.#drawn = drawn;
    const { current } = this.changes;
    this.overlay.setShapes(inView.flatMap((change) => outlines(change, change === current)));
    this.signs.show(inView.filter(({ before, after }) => ((after ?? before)?.geometry.rings.length ?? 0) > 0).map((change) => {
      const { color, sign } = KINDS[change.kind];
      return { x: change.box[2], y: change.box[1], sign, color, isStrong: change === current };
    }));
    this.at.stage.element.dataset.changes = String(inView.length);
  }

  #render() {
    const { changes, answer } = this;
    const { current, shown, position } = changes;
    const button = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ key, /** @type {() => void} */ run, isOff = false) => html`
      <button type="button" class="icon-btn icon-btn--small" data-focus="changes-${name}" aria-label=${label} data-tip=${label} data-keys=${key} disabled=${isOff} @click=${run}>${icon(name)}</button>`;
    render(this.element,
      html`<div class="walk__head">
        <span class="changes__title truncate"><strong>${answer.from.name}</strong> → <strong>${answer.to.name || 'now'}</strong></span>
        <span class="changes__legend" role="group" aria-label="What is shown">${/** @type {ChangeKind[]} */ (Object.keys(KINDS)).map((kind) => this.#legend(kind))}</span>
        <span class="grow"></span>
        <span class="small num muted" id="changes-count">${shown.length === 0 ? 'nothing differs' : `${position || '–'} of ${shown.length.toLocaleString('en')}`}</span>
        ${button('chevron-left', 'Previous difference', 'ArrowLeft', () => this.step(-1), shown.length === 0)}
        ${button('chevron-right', 'Next difference', 'ArrowRight', () => this.step(1), shown.length === 0)}
        ${button('x', 'Stop comparing', 'Escape', () => this.close())}
      </div>`,
      html`<p class="changes__what small" id="changes-what" role="status">${current ? this.#described(current)
        : changes.all.length === 0 ? 'Nothing on this image differs between the two.' : 'Choose what is shown, and go through it with the arrow keys.'}
        ${answer.is_complete ? null : html`<span class="muted"> Only the first ${MOST_LOADED.toLocaleString('en')} of them are loaded.</span>`}</p>`);
  }

  /** @param {ChangeKind} kind */
  #legend(kind) {
    const { label, sign, color, dash } = KINDS[kind];
    const mark = html`<span class="changes__mark ${dash ? 'is-dashed' : ''}" aria-hidden="true">${sign}</span>`;
    setStyle(mark, { '--change': color });
    const count = this.answer.is_complete ? this.changes.all.filter((change) => change.kind === kind).length : this.answer.total[kind];
    return html`<button type="button" class="changes__kind" data-focus="changes-${kind}" data-kind=${kind} aria-pressed=${String(!this.changes.hidden.has(kind))}
      @click=${() => this.#toggle(kind)}>${mark}<span>${label}</span> <span class="num">${count.toLocaleString('en')}</span></button>`;
  }

  /** @param {Change} change */
  #described(change) {
    const item = change.after ?? change.before;
    const who = item?.author?.name ? ` · drawn by ${item.author.name}` : '';
    const when = change.after?.editedAt ? `, last changed ${dateTime(change.after.editedAt)}` : '';
    const isLabel = (item?.geometry.rings.length ?? 0) === 0 ? ' · label of the image' : '';
    return html`<span>${inWords(change, (typeId) => this.at.nameOf(typeId))}<span class="muted">${isLabel}${who}${when}</span></span>`;
  }

  /** @returns {import('../../shell/keys.js').Shortcut[]} */
  #keys() {
    const group = 'Differences';
    const go = (/** @type {string} */ key, /** @type {1 | -1} */ by) => ({ keys: key, title: by > 0 ? 'Next difference' : 'Previous difference', group, repeat: true, run: () => this.step(by) });
    return [
      go('ArrowRight', 1), go('ArrowDown', 1), go('ArrowLeft', -1), go('ArrowUp', -1),
      { keys: 'Escape', title: 'Stop comparing', group, run: () => this.close() },
    ];
  }
}

/** @param {Change} change @param {boolean} isCurrent @returns {import('../overlay.js').RichShape[]} */
function outlines({ id, kind, ways, before, after }, isCurrent) {
  const { color, dash } = KINDS[kind];
  const look = { color, editable: false, isHollow: !isCurrent };
  if (kind === 'removed' && before) return [{ key: id, geometry: before.geometry, dash, ...look }];
  if (kind === 'added' && after) return [{ key: id, geometry: after.geometry, ...look }];
  const now = after ? [{ key: id, geometry: after.geometry, ...look }] : [];
  // Where it was, in dots: only if it was elsewhere or had another outline.
  return before && ways.includes('geometry') ? [{ key: `${id}-before`, geometry: before.geometry, ...look, dash: '2 4', isHollow: true }, ...now] : now;
}

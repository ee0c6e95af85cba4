// @ts-check
/** Deciding between readers: their work side by side on the slide, what is decided of it, and the next item. */

import { api } from '../../shell/api.js';
import { $ } from '../../shell/html.js';
import { keys } from '../../shell/keys.js';
import { showError, toast } from '../../shell/toast.js';
import { fromJson } from '../geometry_json.js';
import { boundsOf, union } from '../geometry.js';
import { Overlay } from '../overlay.js';
import { AdjudicationPanel } from './adjudication_panel.js';

/** @typedef {'reader' | 'both' | 'neither' | 'each' | 'edit'} DecisionName */
/** @typedef {{agrees: boolean, measures: number[], shapes: Record<string, {id: number, type_id: number, geometry: any, frame: any}>}} Group */

/** Colours and lines of readers: told apart on stained tissue, and without colour too. */
export const READERS = [
  { color: '#0a6cff', dash: '' }, { color: '#ff8c00', dash: '9 5' }, { color: '#b5179e', dash: '3 4' }, { color: '#2d6a4f', dash: '12 4 3 4' }, { color: '#6d4c41', dash: '2 2' },
];
const MOST_DRAWN = 300;

/** What stands of a group, by what was chosen for it. @param {Group} group @param {string} choice a letter, 'both' or 'neither' @returns {[number, 'accepted' | 'rejected'][]} */
export function verdictsOf(group, choice) {
  return Object.entries(group.shapes).map(([letter, { id }]) => [id, choice === 'both' || choice === letter ? 'accepted' : 'rejected']);
}

/** One item at a time. */
export class Adjudication {
  /** @param {import('../workplace.js').Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.path = `/image-sets/${workplace.data.imageSet.id}/adjudications`;
  }

  /** @type {any} */
  item = null;
  /** @type {AdjudicationPanel | null} */
  panel = null;
  /** @type {DecisionName | ''} */
  decision = '';
  reader = '';
  reason = '';
  /** @type {number | null} */
  typeId = null;
  /** @type {Map<number, string>} What was chosen for each disagreement. */
  choices = new Map();
  current = 0;
  /** @type {number | null} */
  waiting = null;
  #isBusy = false;
  /** @type {(() => void) | null} */
  #keysTaken = null;
  /** @type {Overlay | null} */
  #overlay = null;
  #drawn = '';

  /** @returns {Group[]} */
  get disagreements() {
    return (this.item?.groups ?? []).filter((/** @type {Group} */ group) => !group.agrees);
  }

  /** @param {number} id */
  async open(id) {
    try {
      this.item = await api.get(`${this.path}/${id}`);
      const list = await api.get(this.path, { limit: 500 });
      this.waiting = list.items.length;
    } catch (error) {
      showError(error, 'This item cannot be decided');
      return;
    }
    if ($('#side').hidden) $('#toggle-side').click();
    this.panel ??= new AdjudicationPanel($('.side__scroll'), this);
    this.panel.draw();
    this.#overlay ??= new Overlay(this.at.stage, $('#stage-overlays'));
    this.at.stage.on('change', () => this.#draw());
    this.at.counts.onChange(() => this.#hideReaders());
    this.#hideReaders();
    this.#draw();
    this.#pushKeys();
    this.show(0);
  }

  /** Readers are drawn in their own colours; of the layer only one's own shapes are left. */
  #hideReaders() {
    const others = this.at.counts.authors.map(({ id }) => id).filter((id) => id !== this.at.data.actor.id);
    [0, ...others].forEach((id) => this.at.layer.setAuthorVisible(id, this.item?.annotation !== undefined));
  }

  /** @param {number} index of the disagreements */
  show(index) {
    const groups = this.disagreements;
    const target = this.item.annotation ? [this.item.annotation.geometry] : Object.values(groups[index]?.shapes ?? {}).map(({ geometry }) => geometry);
    this.current = index;
    this.panel?.draw();
    this.#draw(true);
    const region = this.item.region;
    const bounds = target.length > 0 ? union(target.map((geometry) => boundsOf(fromJson(geometry)))) : null;
    if (bounds) this.at.stage.fitBounds(bounds, { margin: 0.3, largest: 1 });
    else if (region) this.at.stage.fitBounds([region.x0, region.y0, region.x1, region.y1], { margin: 0.9 });
  }

  /** @param {1 | -1} by */
  step(by) {
    const to = this.current + by;
    if (to >= 0 && to < this.disagreements.length) this.show(to);
    else this.at.flash(by > 0 ? 'This was the last one on which they differ.' : 'This is the first one.');
  }

  /** Decide the disagreement that is shown. @param {string} choice */
  choose(choice) {
    if (this.item.annotation) {
      if (choice !== 'both' && choice !== 'neither') this.decide('reader', choice);
      else this.decide(choice);
      return;
    }
    if (this.disagreements.length === 0) return;
    this.choices.set(this.current, choice);
    this.decision = 'each';
    const left = this.disagreements.findIndex((_, index) => !this.choices.has(index));
    if (left >= 0) this.show(this.current + 1 < this.disagreements.length && !this.choices.has(this.current + 1) ? this.current + 1 : left);
    else {
      this.panel?.draw();
      this.panel?.askReason();
    }
  }

  /** @param {DecisionName} decision @param {string} [reader] */
  decide(decision, reader = '') {
    this.decision = decision;
    this.reader = reader;
    this.panel?.draw();
  }

  /** What still stands between this and a decision. @returns {string} empty when nothing does */
  get missing() {
    const open = this.disagreements.length - this.choices.size;
    if (!this.decision) return 'Say whose work stands.';
    if (this.decision === 'each' && open > 0) return `${open} ${open === 1 ? 'difference is' : 'differences are'} not decided yet.`;
    if (this.reason.trim().length < 5) return 'Say why, in a few words.';
    return '';
  }

  async send() {
    if (this.#isBusy) return;
    if (this.missing) {
      this.at.flash(this.missing);
      if (this.decision) this.panel?.askReason();
      return;
    }
    this.#isBusy = true;
    try {
      await this.at.journal.drained();
      const verdicts = this.decision === 'each' ? Object.fromEntries([...this.choices].flatMap(([index, choice]) => verdictsOf(this.disagreements[index], choice))) : {};
      await api.post(`${this.path}/${this.item.id}/decision`, { decision: this.decision, reader: this.reader, verdicts, type_id: this.typeId, reason: this.reason.trim() });
      await this.next();
    } catch (error) {
      showError(error, 'The decision was not kept');
    } finally {
      this.#isBusy = false;
    }
  }

  /** To the next item that needs a decision. */
  async next() {
    const { items } = await api.get(this.path, { limit: 500 });
    const set = this.at.data.imageSet;
    const after = items.find((/** @type {any} */ one) => one.id > this.item.id) ?? items.find((/** @type {any} */ one) => one.id !== this.item.id);
    if (after) location.assign(`${set.url}/images/${after.image_id}?adjudicate=${after.id}`);
    else {
      toast('Nothing else needs a decision.', { kind: 'success', seconds: 0, action: { label: 'To the image set', run: () => location.assign(`${set.url}/review`) } });
      this.item = await api.get(`${this.path}/${this.item.id}`);
      this.panel?.draw();
    }
  }

  #pushKeys() {
    const group = 'Decide';
    const readers = /** @type {{letter: string}[]} */ (this.item.readers);
    this.#keysTaken ??= keys.push([
      ...readers.slice(0, 9).map(({ letter }, index) => ({ keys: String(index + 1), title: `Reader ${letter} is right`, group, run: () => this.choose(letter) })),
      { keys: '0', title: 'Neither is right', group, run: () => this.choose('neither') },
      { keys: 'B', title: 'All of them are right', group, run: () => this.choose('both') },
      { keys: 'ArrowRight', title: 'Next difference', group, repeat: true, run: () => this.step(1) },
      { keys: 'ArrowDown', title: 'Next difference', group, repeat: true, run: () => this.step(1) },
      { keys: 'ArrowLeft', title: 'Previous difference', group, repeat: true, run: () => this.step(-1) },
      { keys: 'ArrowUp', title: 'Previous difference', group, repeat: true, run: () => this.step(-1) },
      { keys: 'Ctrl+Enter', title: 'Keep the decision', group, run: () => void this.send() },
      { keys: 'N', title: 'Next item that needs a decision', group, run: () => void this.next() },
    ]);
  }

  /** @param {boolean} [isSure] */
  #draw(isSure = false) {
    if (!this.item || !this.#overlay || this.item.annotation) return;
    const [x0, y0, x1, y1] = this.at.stage.visibleBounds;
    const { disagreements } = this;
    /** @type {import('../overlay.js').RichShape[]} */
    const shapes = [];
    for (const group of this.item.groups) {
      const index = disagreements.indexOf(group);
      for (const [letter, shape] of Object.entries(group.shapes)) {
        const geometry = this.#geometry(shape);
        const [a, b, c, d] = boundsOf(geometry);
        if (a > x1 || c < x0 || b > y1 || d < y0 || shapes.length >= MOST_DRAWN) continue;
        const look = READERS[this.item.readers.findIndex((/** @type {any} */ one) => one.letter === letter) % READERS.length];
        shapes.push({ key: `${letter}-${shape.id}`, geometry, color: look.color, dash: look.dash, editable: false, isHollow: index !== this.current, isDimmed: index !== this.current });
      }
    }
    const drawn = `${this.current} ${shapes.map(({ key }) => key).join(' ')}`;
    if (!isSure && drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#overlay.setShapes(shapes);
  }

  /** @type {WeakMap<object, import('../types.js').Geometry>} */
  #geometries = new WeakMap();

  /** @param {any} shape */
  #geometry(shape) {
    const known = this.#geometries.get(shape) ?? fromJson(shape.geometry);
    this.#geometries.set(shape, known);
    return known;
  }
}

// @ts-check
/** Labels of the whole image or of one frame: which are set, and setting them and taking them off. */

import { LABELS } from './geometry.js';
import { isSameShape } from './journal.js';

/**
 * @typedef {import('./types.js').AnnotationType} AnnotationType
 * @typedef {import('./types.js').Frame} Frame
 * @typedef {import('./types.js').Shape} Shape
 * @typedef {import('./items.js').Item} Item
 * @typedef {'image' | 'frame'} Scope  What a label is said of: all frames, or the one on the screen.
 *
 * @typedef {object} Desk  What the page gives.
 * @property {{size_z: number, size_t: number}} image
 * @property {() => Frame} frame  On the screen.
 * @property {(frame: Frame) => Promise<Item[]>} ask  Labels of a frame and of the whole image that the server has.
 * @property {() => Item[]} waiting  Labels that the server does not have yet.
 * @property {(item: {id: number | null, uuid: string | null}) => boolean} isGone  Whether a deletion of it waits.
 * @property {(item: Item) => boolean} mayEdit
 * @property {(type: AnnotationType, shape: Shape, frame: Frame) => void} set
 * @property {(items: Item[], type: AnnotationType) => void} takeOff
 * @property {(text: string) => void} tell
 * @property {(typeId: number) => number} drawn  How many shapes and labels of a type there are.
 * @property {() => void} changed
 */

/** Said of every frame. @type {Frame} */
const EVERYWHERE = { z: -1, t: -1, c: -1 };

/** The labels of one image as far as they concern what is on the screen. */
export class Labels {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  /** @type {Item[]} */
  items = [];
  /** @type {Scope} */
  scope = 'image';
  #asked = 0;

  /** Whether there is more than one frame to tell apart. */
  get hasFrames() {
    return this.desk.image.size_z * this.desk.image.size_t > 1;
  }

  /** @param {Scope} scope */
  choose(scope) {
    this.scope = scope;
    this.desk.changed();
  }

  async load() {
    this.#asked += 1;
    const asked = this.#asked;
    const items = await this.desk.ask(this.desk.frame()).catch(() => null);
    if (!items || asked !== this.#asked) return;
    const waiting = this.desk.waiting();
    const known = items.filter((item) => !this.desk.isGone(item) && !waiting.some((other) => isSameShape(item, other)));
    this.items = [...known, ...waiting];
    this.desk.changed();
  }

  /** Shapes changed on this page. @param {Item[]} changed @param {{id: number | null, uuid: string | null}[]} removed */
  note(changed, removed) {
    const labels = changed.filter((item) => LABELS.has(item.geometry.shape));
    const gone = [...removed, ...changed];
    const kept = this.items.filter((item) => !gone.some((other) => isSameShape(item, other)));
    if (labels.length === 0 && kept.length === this.items.length) return;
    this.items = [...kept, ...labels];
    this.desk.changed();
  }

  /** The labels of a type that are set where the scope says. @param {number} typeId @param {Shape} shape @returns {Item[]} */
  of(typeId, shape) {
    return this.items.filter((item) => item.typeId === typeId && item.geometry.shape === shape && this.#isInScope(item.frame));
  }

  /** @param {Frame} frame */
  #isInScope(frame) {
    if (!this.hasFrames) return true;
    const shown = this.desk.frame();
    const fits = [frame.z, shown.z, frame.t, shown.t];
    const everywhere = frame.z === -1 && frame.t === -1;
    if (this.scope === 'image') return everywhere;
    return !everywhere && (fits[0] === -1 || fits[0] === fits[1]) && (fits[2] === -1 || fits[2] === fits[3]);
  }

  /** Set a label, or take it off; what contradicts it goes. @param {AnnotationType} type @param {Shape} shape */
  toggle(type, shape) {
    const there = this.of(type.id, shape);
    const own = there.filter((item) => this.desk.mayEdit(item));
    if (own.length > 0) {
      this.desk.takeOff(own, type);
      return;
    }
    if (there.length > 0) {
      this.desk.tell('Somebody else set this label; only reviewers may take it away.');
      return;
    }
    const contrary = this.of(type.id, shape === 'image' ? 'absent' : 'image').filter((item) => this.desk.mayEdit(item));
    if (contrary.length > 0) this.desk.takeOff(contrary, type);
    if (shape === 'absent') this.#warn(type);
    this.desk.set(type, shape, this.scope === 'frame' && this.hasFrames ? this.desk.frame() : EVERYWHERE);
  }

  /** @param {AnnotationType} type */
  #warn(type) {
    const labels = this.items.filter((item) => item.typeId === type.id).length;
    const drawn = this.desk.drawn(type.id) - labels;
    if (drawn > 0) this.desk.tell(`${drawn.toLocaleString('en')} × ${type.name} ${drawn === 1 ? 'is' : 'are'} drawn on this image all the same.`);
  }
}

// @ts-check
/** Selecting shapes, and changing the selected ones with the pointer. */

import { tangleOf } from '../crossing.js';
import {
  FINEST, deleteVertex, flawOf, insertVertex, isHit, moveVertex, resizeBox, resizeRotatedBox, rotate, centreOf, snapAngle,
  translateWithin,
} from '../geometry.js';
import { keyOf } from '../items.js';
import { isSameShape } from '../journal.js';

/**
 * @typedef {import('../types.js').Geometry} Geometry
 * @typedef {import('../types.js').XY} XY
 * @typedef {import('../types.js').Bounds} Bounds
 * @typedef {import('../gestures.js').Pointer} Pointer
 * @typedef {import('../gestures.js').Tool} Tool
 * @typedef {import('../overlay.js').Handle} Handle
 * @typedef {import('../overlay.js').Overlay} Overlay
 * @typedef {import('../items.js').Item} Item
 * @typedef {import('../selection.js').Selection} Selection
 *
 * @typedef {object} Desk  What the page gives to this tool.
 * @property {Overlay} overlay
 * @property {Selection} selection
 * @property {{width: number, height: number}} image
 * @property {(pointer: Pointer) => Item[]} pick  Best first.
 * @property {(bounds: Bounds) => Item[]} pickBox
 * @property {(screen: XY) => XY} toImage
 * @property {() => number} step  How fine vertices are placed, in px.
 * @property {(item: Item) => boolean} mayEdit
 * @property {(items: Map<string | number, Geometry>) => void} preview  Shows selected shapes differently; empty ends it.
 * @property {(changed: Map<string | number, Geometry>, label: 'Move'|'Resize'|'Change outline of'|'Turn') => void} change
 * @property {(pointer: Pointer, item: Item | null) => boolean} menu
 * @property {(item: Item) => void} open  Double-click.
 * @property {(id: number | string | null) => void} highlight
 * @property {(text: string) => void} tell  A hint that goes by itself.
 *
 * @typedef {{kind: 'handle', handle: Handle, item: Item} | {kind: 'move', items: Item[], from: XY} | {kind: 'marquee', from: XY}} Act
 */

/** @implements {Tool} */
export class SelectTool {
  cursor = 'default';

  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  /** @type {Act | null} */
  #act = null;
  /** @type {Map<string | number, Geometry>} */
  #changed = new Map();

  /** @param {Pointer} pointer */
  press(pointer) {
    const { selection, overlay, mayEdit } = this.desk;
    this.#changed = new Map();
    const handle = overlay.handleAt(pointer.screen, pointer.isTouch);
    const owner = handle && selection.items.find((item) => keyOf(item) === handle.key);
    if (handle && owner) {
      this.#act = { kind: 'handle', handle, item: owner };
      if (pointer.alt && handle.kind === 'vertex') this.#takeVertex(handle, owner);
      return true;
    }
    if (pointer.shift || pointer.command) {
      this.#act = { kind: 'marquee', from: pointer.screen };
      return true;
    }
    const items = selection.items.filter(mayEdit);
    if (items.some((item) => isHit(item.geometry, pointer.at, pointer.reach))) {
      this.#act = { kind: 'move', items, from: pointer.at };
      return true;
    }
    this.#act = null;
    return false;
  }

  /** @param {Pointer} pointer */
  drag(pointer) {
    const act = this.#act;
    if (!act) return;
    if (act.kind === 'marquee') {
      this.desk.overlay.setMarquee([act.from, pointer.screen]);
      return;
    }
    this.#changed = act.kind === 'move' ? this.#moved(act.items, act.from, pointer) : this.#pulled(act, pointer);
    this.desk.preview(this.#changed);
  }

  /** @param {Pointer} pointer @param {boolean} moved */
  release(pointer, moved) {
    const act = this.#act;
    this.#act = null;
    this.desk.overlay.setMarquee(null);
    if (!act) return;
    if (act.kind === 'marquee') {
      if (moved) this.#selectWithin(act.from, pointer.screen);
      else this.#toggleAt(pointer);
      return;
    }
    if (!moved) {
      if (act.kind === 'move') this.click(pointer);
      return;
    }
    const changed = this.#changed;
    this.desk.preview(new Map());
    const flaw = [...changed.values()].map((geometry) => flawOf(geometry, this.desk.step()) || (act.kind === 'handle' ? tangleOf(geometry) : '')).find(Boolean);
    if (flaw) {
      this.desk.tell(`Nothing was changed. ${flaw}`);
      return;
    }
    this.desk.change(changed, labelOf(act));
  }

  abort() {
    this.#act = null;
    this.#changed = new Map();
    this.desk.overlay.setMarquee(null);
    this.desk.preview(this.#changed);
  }

  /** Clicking again at the same place goes on to what lies below. @param {Pointer} pointer */
  click(pointer) {
    const { selection } = this.desk;
    const hits = this.desk.pick(pointer);
    const at = selection.single ? hits.findIndex((hit) => selection.has(hit)) : -1;
    const next = at >= 0 ? hits[(at + 1) % hits.length] : hits[0];
    selection.set(next ? [next] : []);
  }

  /** @param {Pointer} pointer */
  doubleClick(pointer) {
    const item = this.desk.selection.single;
    if (!item) return;
    if (this.desk.mayEdit(item) && this.#insertAt(item, pointer)) return;
    if (isHit(item.geometry, pointer.at, pointer.reach)) this.desk.open(item);
  }

  /** @param {Pointer | null} pointer */
  hover(pointer) {
    const { overlay, selection, mayEdit } = this.desk;
    const handle = pointer && overlay.handleAt(pointer.screen, false);
    overlay.setHot(handle);
    if (!pointer) {
      this.desk.highlight(null);
      return;
    }
    const onSelected = selection.items.some((item) => mayEdit(item) && isHit(item.geometry, pointer.at, pointer.reach));
    if (handle) this.cursor = pointer.alt && handle.kind === 'vertex' ? 'not-allowed' : handle.kind === 'edge' ? 'copy' : 'grab';
    else if (pointer.shift) this.cursor = 'crosshair';
    else if (onSelected) this.cursor = 'move';
    else {
      const [hit] = this.desk.pick(pointer);
      this.cursor = hit ? 'pointer' : 'default';
      this.desk.highlight(hit && !selection.has(hit) ? keyOf(hit) : null);
      return;
    }
    this.desk.highlight(null);
  }

  /** @param {Pointer} pointer */
  contextMenu(pointer) {
    const { selection, overlay } = this.desk;
    const handle = overlay.handleAt(pointer.screen, false);
    const owner = handle && selection.items.find((item) => keyOf(item) === handle.key);
    if (handle && owner && handle.kind === 'vertex' && this.#takeVertex(handle, owner)) return true;
    const hits = this.desk.pick(pointer);
    const item = hits.find((hit) => selection.has(hit)) ?? hits[0] ?? null;
    if (item && !selection.has(item)) selection.set([item]);
    return this.desk.menu(pointer, item);
  }

  /** Take the vertex under the pointer away (Backspace). @param {XY} screen @returns {boolean} */
  removeVertexAt(screen) {
    const handle = this.desk.overlay.handleAt(screen, false);
    const owner = handle && this.desk.selection.items.find((item) => keyOf(item) === handle.key);
    return Boolean(handle && owner && handle.kind === 'vertex' && this.#takeVertex(handle, owner));
  }

  /** @param {Handle} handle @param {Item} item */
  #takeVertex(handle, item) {
    if (handle.kind !== 'vertex') return false;
    const geometry = deleteVertex(item.geometry, handle.ring, handle.index);
    if (!geometry || flawOf(geometry, FINEST)) return false;
    this.#act = null;
    this.desk.change(new Map([[keyOf(item), geometry]]), 'Change outline of');
    return true;
  }

  /** @param {Item} item @param {Pointer} pointer */
  #insertAt(item, pointer) {
    const handle = this.desk.overlay.handleAt(pointer.screen, pointer.isTouch);
    if (handle?.kind !== 'edge') return false;
    const geometry = insertVertex(item.geometry, handle.ring, handle.index, pointer.at);
    this.desk.change(new Map([[keyOf(item), geometry]]), 'Change outline of');
    return true;
  }

  /** @param {Item[]} items @param {XY} from @param {Pointer} pointer */
  #moved(items, from, pointer) {
    const to = pointer.shift ? snapAngle(from, pointer.at) : pointer.at;
    const { width, height } = this.desk.image;
    return new Map(items.map((item) => [
      keyOf(item), translateWithin(item.geometry, to[0] - from[0], to[1] - from[1], width, height),
    ]));
  }

  /** @param {{handle: Handle, item: Item}} act @param {Pointer} pointer */
  #pulled({ handle, item }, pointer) {
    const { geometry } = item;
    const key = keyOf(item);
    if (handle.kind === 'grip') {
      return new Map([[key, resizeBox(geometry, handle.grip, pointer.at, { square: pointer.shift, centred: pointer.alt })]]);
    }
    if (handle.kind === 'turn') return new Map([[key, this.#turned(geometry, handle, pointer)]]);
    if (handle.kind === 'edge') return new Map([[key, insertVertex(geometry, handle.ring, handle.index, pointer.at)]]);
    if (geometry.shape === 'rotated_box') return new Map([[key, resizeRotatedBox(geometry, handle.index, pointer.at)]]);
    const ring = geometry.rings[handle.ring];
    const before = ring[(handle.index + ring.length - 1) % ring.length];
    const to = pointer.shift ? snapAngle(before, pointer.at) : pointer.at;
    return new Map([[key, moveVertex(geometry, handle.ring, handle.index, to)]]);
  }

  /** @param {Geometry} geometry @param {Handle} handle @param {Pointer} pointer */
  #turned(geometry, handle, pointer) {
    const pivot = centreOf(geometry);
    const from = this.desk.toImage(handle.at);
    const angle = (/** @type {XY} */ p) => Math.atan2(p[1] - pivot[1], p[0] - pivot[0]);
    const turn = angle(pointer.at) - angle(from);
    return rotate(geometry, pointer.shift ? Math.round(turn / (Math.PI / 12)) * (Math.PI / 12) : turn, pivot);
  }

  /** @param {XY} a @param {XY} b screen px */
  #selectWithin([ax, ay], [bx, by]) {
    const points = /** @type {XY[]} */ ([[ax, ay], [bx, ay], [bx, by], [ax, by]]).map((p) => this.desk.toImage(p));
    const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
    this.desk.selection.add(this.desk.pickBox([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]));
  }

  /** @param {Pointer} pointer */
  #toggleAt(pointer) {
    const { selection } = this.desk;
    const hits = this.desk.pick(pointer);
    const item = hits.find((hit) => !selection.has(hit)) ?? hits[0] ?? selection.items.find((one) => isHit(one.geometry, pointer.at, pointer.reach));
    if (item) selection.toggle(selection.items.find((one) => isSameShape(one, item)) ?? item);
  }
}

/** @param {Act} act */
function labelOf(act) {
  if (act.kind === 'move') return 'Move';
  if (act.kind !== 'handle') return 'Move';
  if (act.handle.kind === 'turn') return 'Turn';
  if (act.handle.kind === 'grip' || act.item.geometry.shape === 'rotated_box') return 'Resize';
  return 'Change outline of';
}

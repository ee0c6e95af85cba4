// @ts-check
/**
 * What the page knows of an image's annotations: the cells of fetched views, and local edits on top.
 *
 * Views arrive piece by piece and overlap. Cells that a view held completely stay useful after the view moved on, as
 * long as nobody changed anything, so panning back shows them at once.
 */

import { buildDraftCells, LocalEdits } from './layer/edits.js';
import { geometryOf, isSameIn } from './layer/geometry.js';
import { Picker } from './layer/picker.js';
import { isSuppressed, suppress } from './layer/suppression.js';
import { SHAPE_NAMES } from './wire.js';

/** @typedef {import('./layer/api.js').AnnotationJson} AnnotationJson */
/** @typedef {import('./layer/api.js').Box} Box */
/** @typedef {import('./layer/api.js').Frame} Frame */
/** @typedef {import('./layer/api.js').LayerShape} LayerShape */
/** @typedef {import('./layer/cells.js').Cell} Cell */

/**
 * One decoded view.
 * @typedef {object} Page
 * @property {import('./wire.js').ViewHeader} header
 * @property {number} cellSize
 * @property {Cell[]} cells
 * @property {import('./wire.js').SummaryView | null} summary
 * @property {boolean} [fresh] nothing older may stay
 */

/** Most vertices held, about a hundred megabytes with their copies on the GPU. */
const MOST_VERTICES = 3_000_000;

/** Holds, merges, hides and finds annotations of one frame of one image. */
export class AnnotationStore {
  /**
   * @param {import('./layer/palette.js').Palette} palette
   * @param {{onDrop?: (cell: Cell) => void, mostVertices?: number}} [options] `onDrop` frees what was made of a cell
   */
  constructor(palette, options = {}) {
    this.palette = palette;
    this.onDrop = options.onDrop ?? (() => {});
    this.mostVertices = options.mostVertices ?? MOST_VERTICES;
    /** @type {Map<string, Cell>} */
    this.cells = new Map();
    /** @type {import('./wire.js').SummaryView | null} */
    this.summary = null;
    /** @type {import('./layer/api.js').ViewKind | null} */
    this.kind = null;
    this.revision = 0;
    this.cellSize = 0;
    /** @type {Frame} */
    this.frame = { z: 0, t: 0, c: -1 };
    this.edits = new LocalEdits();
    /** @type {Set<number | string>} */
    this.hidden = new Set();
    this.picker = new Picker(this);
  }

  /** Every cell that may be drawn: fetched ones, then local edits on top. @returns {Iterable<Cell>} */
  * drawable() {
    yield* this.cells.values();
    yield* this.edits.cells;
  }

  /** @param {Page} page */
  accept(page) {
    const { header } = page;
    // What stands in for shapes depends on the view that it came with; whole shapes do not.
    const keeps = !page.fresh && header.kind === 'shapes' && this.kind === 'shapes'
      && this.cellSize === page.cellSize && this.revision === header.revision;
    if (!keeps) this.#dropAll();
    this.kind = header.kind;
    this.cellSize = page.cellSize;
    this.revision = header.revision;
    this.summary = page.summary;
    this.#merge(page);
    this.#evict(header.box);
    this.edits.settle(header.revision);
    this.#refreshEdits();
  }

  /** @param {Page} page */
  #merge(page) {
    const { box } = page.header;
    const fresh = new Map(page.cells.map((cell) => [cell.key, cell]));
    for (const cell of this.cells.values()) {
      const newer = fresh.get(cell.key);
      // A complete old cell of the same revision holds more than the rim of it that the new view brought.
      if (cell.complete && !isInside(cell, this.cellSize, box) && !newer?.complete) fresh.delete(cell.key);
      else this.#drop(cell);
    }
    for (const cell of fresh.values()) this.cells.set(cell.key, cell);
  }

  /** @param {Box} box of the view, whose cells stay */
  #evict(box) {
    let vertices = 0;
    for (const cell of this.cells.values()) vertices += cell.vertices;
    if (vertices <= this.mostVertices) return;
    const outside = [...this.cells.values()].filter((cell) => !meets(cell.bounds, box));
    outside.sort((a, b) => a.usedAt - b.usedAt);
    for (const cell of outside) {
      if (vertices <= this.mostVertices) return;
      vertices -= cell.vertices;
      this.#drop(cell);
    }
  }

  /** @param {Cell} cell */
  #drop(cell) {
    this.cells.delete(cell.key);
    this.picker.drop(cell);
    this.onDrop(cell);
  }

  #dropAll() {
    for (const cell of [...this.cells.values()]) this.#drop(cell);
  }

  /** Shows nothing until the next view of this frame arrives. @param {Frame} frame */
  setFrame(frame) {
    this.#dropAll();
    this.frame = { ...frame };
    this.kind = null;
    this.summary = null;
    this.#refreshEdits();
  }

  /** @param {AnnotationJson} annotation */
  upsert(annotation) {
    this.edits.upsert(this.#isUnsaved(annotation) ? { ...annotation, revision: null } : annotation);
    // An answer can be slower than the view that already shows it.
    this.edits.settle(this.kind === null ? -1 : this.revision);
    this.#refreshEdits();
  }

  /**
   * Whether an annotation is changed but still carries the revision that it had before: an edit on its way out.
   * @param {AnnotationJson} annotation
   */
  #isUnsaved(annotation) {
    if (annotation.deleted || annotation.id == null || annotation.revision == null) return false;
    for (const cell of this.cells.values()) {
      const k = cell.ids.indexOf(annotation.id);
      if (k < 0) continue;
      const geometry = geometryOf(cell, k);
      if (!geometry || cell.revisions[k] !== annotation.revision) return false;
      return this.palette.typeAt(cell.typeSlots[k]) !== annotation.type_id
        || !isSameIn(cell, geometry, annotation.geometry);
    }
    return false;
  }

  /** @param {number | string} key @param {number} [revision] */
  remove(key, revision) {
    this.edits.remove(key, revision);
    this.edits.settle(this.kind === null ? -1 : this.revision);
    this.#refreshEdits();
  }

  /** @param {number | string} key */
  forget(key) {
    this.edits.forget(key);
    this.#refreshEdits();
  }

  /** @param {Set<number | string>} keys */
  setHidden(keys) {
    this.hidden = new Set(keys);
    this.#refreshSuppression();
  }

  #refreshEdits() {
    for (const cell of this.edits.cells) {
      this.picker.drop(cell);
      this.onDrop(cell);
    }
    this.edits.build(this.frame, this.palette);
    this.#refreshSuppression();
  }

  #refreshSuppression() {
    const { edits, hidden } = this;
    const none = edits.byKey.size === 0 && hidden.size === 0;
    for (const cell of this.cells.values()) {
      if (none && cell.suppressed === 0) continue;
      suppress(cell, (k) => edits.byKey.has(cell.ids[k]) || hidden.has(cell.ids[k]));
    }
    for (const cell of edits.cells) {
      suppress(cell, (k) => {
        const { id, uuid } = edits.drawn[cell.ids[k]];
        return (id !== null && hidden.has(id)) || (uuid !== null && hidden.has(uuid));
      });
    }
  }

  /**
   * Whether a shape shows: not suppressed, and neither its type nor its author is switched off.
   * @param {Cell} cell
   * @param {number} k
   */
  isVisible(cell, k) {
    return this.palette.isTypeVisible(cell.typeSlots[k]) && this.palette.isAuthorVisible(cell.authorSlots[k])
      && !isSuppressed(cell, k);
  }

  /**
   * @param {Cell} cell
   * @param {number} k
   * @returns {LayerShape}
   */
  shapeAt(cell, k) {
    const edit = this.edits.cells.includes(cell) ? this.edits.drawn[cell.ids[k]] : null;
    return {
      id: edit ? edit.id : cell.ids[k],
      uuid: edit ? edit.uuid : null,
      typeId: this.palette.typeAt(cell.typeSlots[k]),
      authorId: this.palette.authorAt(cell.authorSlots[k]),
      shape: SHAPE_NAMES[cell.shapes[k]] ?? null,
      geometry: edit?.annotation?.geometry ?? geometryOf(cell, k),
      revision: cell.revisions[k],
      box: [cell.boxes[4 * k], cell.boxes[4 * k + 1], cell.boxes[4 * k + 2], cell.boxes[4 * k + 3]],
    };
  }

  /**
   * The cell and position of an annotation, hidden or not; a local edit before what was fetched.
   * @param {number | string} key
   * @returns {{cell: Cell, k: number} | null}
   */
  find(key) {
    const edit = this.edits.byKey.get(key);
    if (edit) {
      const drawn = this.edits.drawn.indexOf(edit);
      for (const cell of this.edits.cells) {
        const k = cell.ids.indexOf(drawn);
        if (k >= 0) return { cell, k };
      }
      return null;
    }
    if (typeof key === 'string') return null;
    for (const cell of this.cells.values()) {
      const k = cell.ids.indexOf(key);
      if (k >= 0) return { cell, k };
    }
    return null;
  }

  /** @param {number | string} key @returns {LayerShape | null} */
  get(key) {
    const found = this.find(key);
    return found && this.shapeAt(found.cell, found.k);
  }

  /**
   * Cells of their own for some annotations that show, to be drawn once more on top.
   * @param {Set<number | string>} keys
   * @returns {Cell[]}
   */
  copies(keys) {
    const drafts = [];
    for (const key of keys) {
      const found = this.find(key);
      if (!found || !this.isVisible(found.cell, found.k)) continue;
      const { geometry, typeId, authorId, revision } = this.shapeAt(found.cell, found.k);
      if (geometry) drafts.push({ geometry, typeId, authorId, revision });
    }
    return buildDraftCells(drafts, this.palette);
  }

  /** Frees everything. */
  clear() {
    this.#dropAll();
    for (const cell of this.edits.cells) this.onDrop(cell);
    this.edits = new LocalEdits();
    this.summary = null;
    this.kind = null;
  }
}

/** @param {Cell} cell @param {number} size @param {Box} box */
function isInside(cell, size, box) {
  const { originX: x, originY: y } = cell;
  return x >= box[0] && y >= box[1] && x + size <= box[2] && y + size <= box[3];
}

/** @param {Box} a @param {Box} b */
function meets(a, b) {
  return a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
}

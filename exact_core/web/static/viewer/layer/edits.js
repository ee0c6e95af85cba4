// @ts-check
/** Local edits: what the user did here and the fetched views do not show yet. */

import { buildCells } from './cells.js';
import { viewOfDrafts } from './geometry.js';

/** @typedef {import('./api.js').AnnotationJson} AnnotationJson */
/** @typedef {import('./api.js').Frame} Frame */

/**
 * @typedef {object} Edit
 * @property {number | null} id
 * @property {string | null} uuid
 * @property {AnnotationJson | null} annotation null when it was removed
 * @property {number | null} revision null until the server has saved it
 */

/** Edits are few, so their cells are large and are built anew with each change. */
const CELL_SIZE = 65536;

/** Keeps edits by uuid and id until a fetched revision includes them. */
export class LocalEdits {
  constructor() {
    /** @type {Set<Edit>} */
    this.edits = new Set();
    /** @type {Map<number | string, Edit>} */
    this.byKey = new Map();
    /** @type {import('./cells.js').Cell[]} */
    this.cells = [];
    /** The edits in the order of the ids of `cells`. @type {Edit[]} */
    this.drawn = [];
  }

  /** @param {AnnotationJson} annotation */
  upsert(annotation) {
    const edit = this.#edit(annotation.id ?? null, annotation.uuid ?? null);
    edit.annotation = annotation.deleted ? null : annotation;
    edit.revision = annotation.revision ?? null;
  }

  /**
   * @param {number | string} key
   * @param {number} [revision]
   */
  remove(key, revision) {
    const edit = typeof key === 'number' ? this.#edit(key, null) : this.#edit(null, key);
    edit.annotation = null;
    edit.revision = revision ?? null;
    // What the server never named can be in no view: there is nothing to hide.
    if (edit.id === null) this.#drop(edit);
  }

  /** @param {number | string} key */
  forget(key) {
    const edit = this.byKey.get(key);
    if (edit) this.#drop(edit);
  }

  /**
   * Drops what a view of this revision shows by itself.
   * @param {number} revision
   */
  settle(revision) {
    for (const edit of this.edits) if (edit.revision !== null && edit.revision <= revision) this.#drop(edit);
  }

  /**
   * @param {number | null} id
   * @param {string | null} uuid
   * @returns {Edit}
   */
  #edit(id, uuid) {
    const byId = id === null ? undefined : this.byKey.get(id);
    const byUuid = uuid === null ? undefined : this.byKey.get(uuid);
    if (byId && byUuid && byId !== byUuid) this.#drop(byId);
    const edit = byUuid ?? byId ?? { id, uuid, annotation: null, revision: null };
    edit.id ??= id;
    edit.uuid ??= uuid;
    this.edits.add(edit);
    if (edit.id !== null) this.byKey.set(edit.id, edit);
    if (edit.uuid !== null) this.byKey.set(edit.uuid, edit);
    return edit;
  }

  /** @param {Edit} edit */
  #drop(edit) {
    this.edits.delete(edit);
    if (edit.id !== null && this.byKey.get(edit.id) === edit) this.byKey.delete(edit.id);
    if (edit.uuid !== null && this.byKey.get(edit.uuid) === edit) this.byKey.delete(edit.uuid);
  }

  /**
   * Builds the cells of the edits that belong to the frame.
   * @param {Frame} frame
   * @param {import('./palette.js').Palette} palette
   */
  build(frame, palette) {
    this.drawn = [...this.edits].filter((edit) => edit.annotation && isOfFrame(edit.annotation.frame, frame));
    this.cells = buildDraftCells(this.drawn.map((edit) => {
      const annotation = /** @type {AnnotationJson} */ (edit.annotation);
      return {
        geometry: annotation.geometry, typeId: annotation.type_id, authorId: annotation.author?.id ?? 0,
        revision: edit.revision ?? 0,
      };
    }), palette);
  }
}

/**
 * @param {import('./geometry.js').Draft[]} drafts
 * @param {import('./palette.js').Palette} palette
 * @returns {import('./cells.js').Cell[]} whose ids are positions among the drafts
 */
export function buildDraftCells(drafts, palette) {
  const view = viewOfDrafts(drafts);
  return buildCells(view, {
    size: CELL_SIZE, imageWidth: 0, imageHeight: 0,
    typeSlots: Uint16Array.from(view.header.types, (id) => palette.typeSlot(id)),
    authorSlots: Uint16Array.from(view.header.authors, (id) => palette.authorSlot(id)),
  });
}

/**
 * Whether an annotation shows in a frame; -1 stands for all of an axis.
 * @param {Frame | undefined} own
 * @param {Frame} frame
 */
export function isOfFrame(own, frame) {
  if (!own) return true;
  const fits = (/** @type {number} */ one, /** @type {number} */ other) => one === -1 || other === -1 || one === other;
  return fits(own.z, frame.z) && fits(own.t, frame.t) && fits(own.c, frame.c);
}

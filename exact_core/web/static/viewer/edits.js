// @ts-check
/**
 * Changing annotations: at once on the screen, then as operations in the journal.
 *
 * Local states lie on top of what the server said until it confirms them, or refuses and they are taken back.
 */

import { settle, stepOf } from './geometry.js';
import { toJson } from './geometry_json.js';
import { itemFromJson, itemFromLayer, keyOf, layerJson } from './items.js';
import { conflictsOf, isSameShape } from './journal.js';
import { randomUuid } from './uuid.js';

/**
 * @typedef {import('./types.js').Operation} Operation
 * @typedef {import('./types.js').Geometry} Geometry
 * @typedef {import('./types.js').Frame} Frame
 * @typedef {import('./items.js').Item} Item
 * @typedef {import('./journal.js').Entry} Entry
 * @typedef {import('./journal.js').Answer} Answer
 * @typedef {import('./journal.js').Problem} Problem
 * @typedef {import('./journal.js').Journal} Journal
 * @typedef {Pick<import('./layer/api.js').AnnotationLayer, 'upsert'|'remove'|'forget'|'get'>} Layer
 * @typedef {{typeId?: number, geometry?: Geometry, text?: string, attributes?: Record<string, unknown>}} Patch
 *
 * @typedef {{text: string, attributes: Record<string, unknown>, frame?: Frame, step?: number}} Rest
 *   ``frame`` when it is not the one on the screen, ``step`` of a finer grid that is kept.
 * @typedef {{changed: Item[], removed: {id: number | null, uuid: string | null}[], bySelf: boolean}} Change
 */

/** The one way to change annotations on this page. */
export class Edits {
  /**
   * @param {object} parts
   * @param {Layer} parts.layer
   * @param {Journal} parts.journal
   * @param {{width: number, height: number}} parts.image
   * @param {{id: number, name: string}} parts.actor
   * @param {() => Frame} parts.frame  Where new shapes go.
   * @param {() => number} [parts.step]  How fine a hand can place vertices now, in px.
   * @param {() => string} [parts.newUuid]
   * @param {(id: number) => Promise<any>} [parts.restore]  Brings a deleted shape back and answers it; null when it cannot.
   */
  constructor({ layer, journal, image, actor, frame, step = () => 1, newUuid = randomUuid, restore = async () => null }) {
    this.layer = layer;
    this.journal = journal;
    this.image = image;
    this.actor = actor;
    this.frame = frame;
    this.step = step;
    this.newUuid = newUuid;
    this.restore = restore;
  }

  /** @type {Set<(change: Change) => void>} */
  #listeners = new Set();
  /** @type {Item[]} Local states of shapes with a change that waits. */
  #drafts = [];

  /** @param {(change: Change) => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param {number} typeId @param {Geometry} geometry @param {string} label @param {Rest} [rest] @returns {Item} */
  create(typeId, geometry, label, rest = { text: '', attributes: {} }) {
    return this.createAll([{ typeId, geometry, ...rest }], label)[0];
  }

  /** @param {({typeId: number, geometry: Geometry} & Rest)[]} wanted @param {string} label */
  createAll(wanted, label) {
    const now = new Date().toISOString();
    const items = wanted.map((one) => /** @type {Item} */ ({
      id: null,
      uuid: this.newUuid(),
      typeId: one.typeId,
      geometry: this.#settled(one.geometry, one.step),
      frame: one.frame ?? this.frame(),
      revision: 0,
      author: this.actor,
      text: one.text,
      attributes: one.attributes,
      createdAt: now,
      editedAt: now,
      isComplete: true,
    }));
    this.#show(items);
    this.#note(items.map(createOperation), label);
    this.#tell({ changed: items, removed: [], bySelf: true });
    return items;
  }

  /** @param {Item[]} items @param {(item: Item) => Patch | null} patchOf @param {string} label @returns {Item[]} */
  update(items, patchOf, label) {
    /** @type {Item[]} */
    const changed = [];
    /** @type {Operation[]} */
    const operations = [];
    for (const item of items) {
      const wanted = patchOf(item);
      if (!wanted) continue;
      const patch = wanted.geometry
        ? { ...wanted, geometry: this.#settled(wanted.geometry, stepOf(item.geometry)) }
        : wanted;
      const next = { ...item, ...patch, revision: 0, editedAt: new Date().toISOString() };
      const whole = item.isComplete ? { whole: createOperation(next) } : {};
      operations.push({ op: 'update', was: item.typeId, ...this.#nameAndBase(item), ...patchJson(patch), ...whole });
      changed.push(next);
    }
    if (operations.length === 0) return items;
    this.#show(changed);
    this.#note(operations, label);
    this.#tell({ changed, removed: [], bySelf: true });
    return changed;
  }

  /** On a grid that is as fine as the hand, and at least as fine as the shape was. @param {Geometry} geometry @param {number} [step] */
  #settled(geometry, step = 1) {
    return settle(geometry, this.image.width, this.image.height, Math.min(step, this.step()));
  }

  /** @param {Item[]} items @param {string} label */
  remove(items, label) {
    if (items.length === 0) return;
    this.#note(items.map((item) => ({ op: 'delete', was: item.typeId, ...this.#nameAndBase(item) })), label);
    items.forEach((item) => this.#hide(item));
    this.#tell({ changed: [], removed: items, bySelf: true });
  }

  /** States of shapes that the server does not have yet. @returns {readonly Item[]} */
  get drafts() {
    return this.#drafts;
  }

  /** The newest state that this page knows of a shape. @param {{id: number | null, uuid: string | null}} shape @returns {Item | null} */
  current(shape) {
    const draft = this.#drafts.find((one) => isSameShape(one, shape));
    if (draft) return draft;
    const known = this.layer.get(keyOf(shape));
    return known ? itemFromLayer(known, this.frame()) : null;
  }

  /** Show again what an earlier page left in the journal. @param {Entry[]} entries */
  replay(entries) {
    entries.forEach((entry) => entry.operations.forEach((operation) => this.#apply(operation)));
  }

  /** An act was taken back before it was sent: show what was there before it. @param {Entry} entry */
  revert(entry) {
    const names = entry.operations.map(nameOf);
    names.forEach((name) => this.#forget(name));
    for (const waiting of this.journal.entries) {
      waiting.operations.filter((one) => names.some((name) => isSameShape(name, one))).forEach((one) => this.#apply(one));
    }
    const changed = names.map((name) => this.current(name)).filter((item) => item !== null);
    const removed = names.filter((name) => !changed.some((item) => isSameShape(item, name)));
    this.#tell({ changed, removed, bySelf: true });
  }

  /** Do again what was taken back. @param {Entry} entry */
  redo(entry) {
    this.replay([entry]);
    void this.journal.add(entry.operations, entry.label);
    const names = entry.operations.map(nameOf);
    const gone = entry.operations.filter((one) => one.op === 'delete').map(nameOf);
    this.#tell({ changed: names.map((name) => this.current(name)).filter((item) => item !== null), removed: gone, bySelf: true });
  }

  /** The server confirmed an act, or undid one. @param {Answer} answer @param {{bySelf?: boolean}} [how] */
  confirm(answer, { bySelf = false } = {}) {
    /** @type {Item[]} */
    const changed = [];
    /** @type {Item[]} */
    const removed = [];
    for (const json of answer.annotations) {
      const item = itemFromJson(json);
      const draft = this.#drafts.find((one) => isSameShape(one, item));
      if (this.journal.isPending(item)) {
        if (draft) this.#show([{ ...draft, id: item.id, uuid: item.uuid, createdAt: item.createdAt }]);
        else this.layer.remove(keyOf(item));
        if (draft) changed.push({ ...draft, id: item.id, uuid: item.uuid, createdAt: item.createdAt });
        continue;
      }
      this.#drafts = this.#drafts.filter((one) => one !== draft);
      this.#settle(json);
      if (json.deleted) removed.push(item);
      else changed.push(item);
    }
    this.#tell({ changed, removed, bySelf });
  }

  /** The server refused: show its state. @param {Problem} problem */
  refuse(problem) {
    const names = problem.operations.map(nameOf);
    names.forEach((name) => this.#forget(name));
    const conflicts = conflictsOf(problem);
    conflicts.forEach((current) => this.#settle(current));
    /** @type {Item[]} */
    const changed = [];
    for (const name of names) {
      const current = conflicts.find((one) => isSameShape(one, name));
      if (current) {
        if (!current.deleted) changed.push(itemFromJson(current));
      } else {
        const item = this.current(name);
        if (item) changed.push(item);
      }
    }
    const removed = names.filter((name) => !changed.some((item) => isSameShape(item, name)));
    this.#tell({ changed, removed, bySelf: false });
  }

  /** What a shape would be if an act that was refused were done now. @param {Operation} operation @param {any} current @returns {Item | null} */
  wouldBe(operation, current) {
    if (operation.op === 'delete') return null;
    if (!current || current.deleted) return operation.whole ? patched(blank(nameOf(operation), this.actor), operation.whole) : null;
    return patched(itemFromJson(current), operation);
  }

  /** Try a refused act again, on top of the server's present state. @param {Problem} problem */
  async retry(problem) {
    const conflicts = conflictsOf(problem);
    /** @type {Operation[]} */
    const operations = [];
    for (const operation of problem.operations) {
      const current = conflicts.find((one) => isSameShape(one, nameOf(operation)));
      const again = current ? await this.#rebased(operation, current) : operation;
      if (again) operations.push(again);
    }
    await this.journal.dismiss(problem);
    if (operations.length === 0) return;
    operations.forEach((operation) => this.#apply(operation));
    await this.journal.add(operations, problem.label);
    const changed = operations.map((one) => this.current(nameOf(one))).filter((item) => item !== null);
    this.#tell({ changed, removed: [], bySelf: true });
  }

  /** The same act on the state that others left; a shape that they deleted comes back, or is drawn anew. @param {Operation} operation @param {any} current @returns {Promise<Operation | null>} */
  async #rebased(operation, current) {
    if (!current.deleted) return { ...operation, id: current.id, uuid: current.uuid, base_revision: current.revision };
    if (operation.op === 'delete') return null;
    const restored = await this.restore(current.id);
    if (restored) {
      this.#settle(restored);
      return { ...operation, id: restored.id, uuid: restored.uuid, base_revision: restored.revision };
    }
    return operation.whole ? { ...operation.whole, uuid: this.newUuid() } : operation;
  }

  /** Show what the server says of a shape. @param {any} json */
  #settle(json) {
    if (json.deleted) {
      if (json.uuid) this.layer.forget(json.uuid);
      this.layer.remove(json.id, json.revision);
    } else {
      this.layer.upsert(json);
    }
  }

  /** @param {Operation} operation */
  #apply(operation) {
    const name = nameOf(operation);
    if (operation.op === 'delete') {
      this.#hide(name);
      return;
    }
    const base = operation.op === 'create' ? blank(name, this.actor) : this.current(name);
    if (!base) return;
    this.#show([patched(base, operation)]);
  }

  /** @param {Item} item */
  #nameAndBase(item) {
    const name = { ...(item.id ? { id: item.id } : {}), ...(item.uuid ? { uuid: item.uuid } : {}) };
    const base = this.journal.isPending(item) ? {} : { base_revision: item.revision || this.layer.get(keyOf(item))?.revision };
    return { ...name, ...base };
  }

  /** @param {Item[]} items */
  #show(items) {
    for (const item of items) {
      this.#drafts = [...this.#drafts.filter((one) => !isSameShape(one, item)), item];
      this.layer.upsert(/** @type {any} */ (layerJson({ ...item, revision: 0 })));
    }
  }

  /** @param {{id: number | null, uuid: string | null}} shape */
  #hide(shape) {
    this.#drafts = this.#drafts.filter((one) => !isSameShape(one, shape));
    this.layer.remove(keyOf(shape));
  }

  /** @param {{id: number | null, uuid: string | null}} shape */
  #forget(shape) {
    this.#drafts = this.#drafts.filter((one) => !isSameShape(one, shape));
    if (shape.id) this.layer.forget(shape.id);
    if (shape.uuid) this.layer.forget(shape.uuid);
  }

  /** @param {Operation[]} operations @param {string} label */
  #note(operations, label) {
    void this.journal.add(operations, label);
  }

  /** @param {Change} change */
  #tell(change) {
    this.#listeners.forEach((listener) => listener(change));
  }
}

/** @param {Operation} operation */
function nameOf(operation) {
  return { id: operation.id ?? null, uuid: operation.uuid ?? null };
}

/** @param {Item} item @returns {Operation} */
function createOperation(item) {
  return {
    op: 'create',
    uuid: item.uuid ?? '',
    type_id: item.typeId,
    geometry: toJson(item.geometry),
    frame: item.frame,
    text: item.text,
    attributes: item.attributes,
  };
}

/** What goes to the server: a shape has one name there, and the page's own notes stay here. @param {Operation} operation */
export function sent(operation) {
  const { whole, was, uuid, id, ...rest } = operation;
  return { ...rest, ...(id ? { id } : { uuid }) };
}

/** @param {Patch} patch @returns {Partial<Operation>} */
function patchJson({ typeId, geometry, text, attributes }) {
  return {
    ...(typeId === undefined ? {} : { type_id: typeId }),
    ...(geometry === undefined ? {} : { geometry: toJson(geometry) }),
    ...(text === undefined ? {} : { text }),
    ...(attributes === undefined ? {} : { attributes }),
  };
}

/** @param {Item} base @param {Operation} operation @returns {Item} */
function patched(base, operation) {
  return {
    ...base,
    typeId: operation.type_id ?? base.typeId,
    geometry: operation.geometry ? itemFromJson({ geometry: operation.geometry }).geometry : base.geometry,
    frame: operation.frame ?? base.frame,
    text: operation.text ?? base.text,
    attributes: operation.attributes ?? base.attributes,
    revision: 0,
  };
}

/** @param {{id: number | null, uuid: string | null}} name @param {{id: number, name: string}} author @returns {Item} */
function blank(name, author) {
  const now = new Date().toISOString();
  return {
    ...name, typeId: 0, geometry: { shape: 'image', rings: [] }, frame: { z: 0, t: 0, c: -1 }, revision: 0, author,
    text: '', attributes: {}, createdAt: now, editedAt: now, isComplete: true,
  };
}

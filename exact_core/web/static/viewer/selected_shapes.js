// @ts-check
/** Shapes that are selected: drawn with handles, read in full, and picked with the pointer. */

import { api } from '../shell/api.js';
import { itemFromJson, itemFromLayer, keyOf } from './items.js';

/** @typedef {import('./items.js').Item} Item */

/** More selected shapes than this stay with the layer, which only highlights them. */
const MOST_RICH = 60;

/** What the selection does on the page. */
export class SelectedShapes {
  /** @param {import('./workplace.js').Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
  }

  /** The selection is another one. */
  changed() {
    this.draw();
    this.at.details.render();
    this.at.typesPanel.renderKeepingFolds();
    for (const item of this.at.selection.items.slice(0, 1)) if (!item.isComplete && item.id && this.at.selection.size === 1) void this.#complete(item.id);
    const ids = this.at.selection.items.map((item) => item.id).filter((id) => id !== null);
    this.at.commands.tellSelected(ids);
  }

  /** @param {number} id */
  async #complete(id) {
    try {
      const json = await api.get(`/annotations/${id}`, this.at.asOf);
      const { single } = this.at.selection;
      if (!single || single.id !== id || single.isComplete) return;
      if (json.deleted) {
        this.at.selection.clear();
        this.at.layer.refresh();
        return;
      }
      const read = itemFromJson(json);
      const isEdited = single.revision === 0;
      this.at.selection.replace([isEdited ? { ...read, typeId: single.typeId, geometry: single.geometry, revision: 0 } : read]);
    } catch (error) {
      this.at.hint(error instanceof Error ? `The details could not be read: ${error.message}` : '');
    }
  }

  /** Take over what the server says of the selected shapes now. */
  async readAgain() {
    const ids = this.at.selection.items.map((item) => item.id).filter((id) => id !== null).slice(0, MOST_RICH);
    const read = await Promise.all(ids.map((id) => api.get(`/annotations/${id}`).catch(() => null)));
    const known = read.filter((json) => json !== null && !this.at.journal.isPending(json));
    this.at.selection.replace(known.filter((json) => !json.deleted).map(itemFromJson));
    this.at.selection.drop(known.filter((json) => json.deleted));
  }

  /** @param {Map<string | number, import('./types.js').Geometry>} [preview] how shapes look while they are being changed */
  draw(preview = new Map()) {
    const { items } = this.at.selection;
    const rich = items.length <= MOST_RICH ? items.filter((item) => this.at.visibility.display.visible) : [];
    this.at.layer.setHidden(new Set(rich.flatMap((item) => [item.id, item.uuid].filter((key) => key !== null))));
    this.at.highlights.set('selection', items.length > MOST_RICH ? items.map(keyOf) : []);
    this.at.overlay.setShapes(rich.map((item) => ({
      key: keyOf(item),
      geometry: preview.get(keyOf(item)) ?? item.geometry,
      color: this.at.type(item.typeId)?.color ?? '#888888',
      editable: this.at.mayEdit(item) && items.length === 1,
    })));
  }

  /** Shapes under the pointer, best first. @param {import('./gestures.js').Pointer} pointer @returns {Item[]} */
  pick(pointer) {
    const hits = this.at.layer.pick({ x: pointer.at[0], y: pointer.at[1] }, pointer.reach * this.at.stage.zoom);
    const items = hits.map((hit) => this.at.edits.current({ id: hit.id, uuid: hit.uuid }) ?? itemFromLayer(hit, this.at.frame));
    const selected = this.at.visibility.display.visible ? this.at.selection.items.filter((item) => this.at.commands.isUnder(item, pointer)) : [];
    return [...selected, ...items.filter((item) => item !== null && !this.at.selection.has(item))].filter((item) => item !== null);
  }

  /** @param {import('./types.js').Bounds} bounds @returns {Item[]} */
  pickBox(bounds) {
    return this.at.layer.pickBox(bounds).map((shape) => itemFromLayer(shape, this.at.frame)).filter((item) => item !== null);
  }
}

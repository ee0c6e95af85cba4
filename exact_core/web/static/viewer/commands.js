// @ts-check
/** What a person can do to shapes, whatever way it was asked for: pointer, key, panel or menu. */

import { api } from '../shell/api.js';
import { attributeFields, carriedAttributes, missingAttributes, readAttributes, titleOf } from '../shell/attribute_fields.js';
import { openDialog } from '../shell/dialog.js';
import { html, icon } from '../shell/html.js';
import { shown } from '../shell/keys.js';
import { showError, toast } from '../shell/toast.js';
import { afterRest } from '../sdk/timing.js';
import { LABELS, boundsOf, stepOf, translate, translateWithin, union } from './geometry.js';
import { itemFromJson, keyOf } from './items.js';
import { Walk, pageOf } from './jump.js';
import { closeSheets } from './layout.js';
import { drawnShapes } from './shapes.js';
import { isUnder } from './tool_rack.js';
import { DrawTool } from './tools/draw_tool.js';

/**
 * @typedef {import('./types.js').AnnotationType} AnnotationType
 * @typedef {import('./types.js').Geometry} Geometry
 * @typedef {import('./items.js').Item} Item
 * @typedef {import('./workplace.js').Workplace} Workplace
 */

const NUDGE_REST = 500;
const COPY_OFFSET = 18;

/** The verbs of the page. */
export class Commands {
  /** @param {Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.#endNudge = afterRest(() => this.#commitNudge(), NUDGE_REST);
  }

  /** @type {Map<number, Walk>} */
  #walks = new Map();
  /** @type {{dx: number, dy: number, items: Item[]} | null} */
  #nudge = null;
  #endNudge;
  /** @type {Set<(ids: number[]) => void>} */
  #selectListeners = new Set();

  /** A shape was drawn. What its type requires is asked for before it is kept. @param {Geometry} geometry */
  add(geometry) {
    const type = this.at.rack.activeType;
    if (!type) return;
    void this.#required(type, defaultsOf(type), 'Draw it').then((attributes) => {
      if (attributes) this.#keep(type, geometry, attributes);
      else this.at.flash(`Not kept: ${type.name} needs these values.`);
    });
  }

  /** @param {AnnotationType} type @param {Geometry} geometry @param {Record<string, unknown>} attributes */
  #keep(type, geometry, attributes) {
    const label = `Add ${type.name}`;
    const item = this.at.edits.create(type.id, geometry, label, { text: '', attributes });
    this.#noted(label);
    if (this.at.visibility.hiddenTypes.has(type.id)) this.at.visibility.showType(type.id, true);
    if (!this.at.visibility.display.visible) this.at.visibility.set({ visible: true });
    this.at.selection.set([item]);
  }

  /** @param {Map<string | number, Geometry>} geometries @param {string} verb */
  reshape(geometries, verb) {
    const items = this.at.selection.items.filter((item) => geometries.has(keyOf(item)));
    const label = `${verb} ${this.#describe(items)}`;
    this.at.edits.update(items, (item) => ({ geometry: geometries.get(keyOf(item)) }), label);
    this.#noted(label);
  }

  remove() {
    this.#commitNudge();
    const items = this.#editable();
    if (items.length === 0) return;
    const label = `Delete ${this.#describe(items)}`;
    this.at.edits.remove(items, label);
    this.#noted(label);
    if (items.length > 1) toast(`Deleted ${items.length} shapes`, { action: { label: 'Undo', run: () => this.undo() }, seconds: 6 });
  }

  duplicate() {
    this.#commitNudge();
    const items = this.#editable().filter((item) => !LABELS.has(item.geometry.shape));
    if (items.length === 0) return;
    const offset = COPY_OFFSET / this.at.stage.zoom;
    const label = `Duplicate ${this.#describe(items)}`;
    const { width, height } = this.at.image;
    const made = this.at.edits.createAll(items.map((item) => ({
      typeId: item.typeId, geometry: translateWithin(item.geometry, offset, offset, width, height), text: item.text, attributes: item.attributes,
      frame: item.frame, step: stepOf(item.geometry),
    })), label);
    this.#noted(label);
    this.at.selection.set(made);
  }

  /** @param {number} typeId */
  relabel(typeId) {
    const type = this.at.type(typeId);
    const items = this.#editable().filter((item) => item.typeId !== typeId);
    if (!type || items.length === 0) return;
    const fitting = items.filter((item) => type.shapes.includes(item.geometry.shape));
    if (fitting.length < items.length) {
      this.at.flash(`${type.name} is drawn as ${type.shapes.map((shape) => shape.replace('_', ' ')).join(' or ')}; ${items.length - fitting.length} of the shapes cannot become it.`);
    }
    if (fitting.length === 0) return;
    const carried = (/** @type {Item} */ item) => ({ ...defaultsOf(type), ...carriedAttributes(type.attributes, item.attributes) });
    const lacking = fitting.find((item) => missingAttributes(type.attributes, carried(item)).length > 0);
    if (!lacking) {
      this.#relabelled(fitting, type, () => ({ typeId }));
      return;
    }
    void this.#required(type, carried(lacking), 'Relabel').then((values) => {
      const needed = missingAttributes(type.attributes, {}).map((one) => one.name);
      const asked = Object.fromEntries(Object.entries(values ?? {}).filter(([name]) => needed.includes(name)));
      if (values) this.#relabelled(fitting, type, (item) => ({ typeId, attributes: { ...asked, ...carried(item) } }));
    });
  }

  /** @param {Item[]} items @param {AnnotationType} type @param {(item: Item) => import('./edits.js').Patch} patchOf */
  #relabelled(items, type, patchOf) {
    const label = `Relabel ${this.#describe(items)} as ${type.name}`;
    this.at.edits.update(items, patchOf, label);
    this.#noted(label);
  }

  /**
   * The attributes with what the type requires, asked for where it is missing; null when it was not given.
   * @param {AnnotationType} type @param {Record<string, unknown>} attributes @param {string} action
   * @returns {Promise<Record<string, unknown> | null>}
   */
  async #required(type, attributes, action) {
    const missing = missingAttributes(type.attributes, attributes);
    if (!missing.length) return attributes;
    const form = attributeFields(missing, {}, { prefix: 'required' });
    return openDialog({
      title: type.name, action, size: 'small', body: form,
      submit: () => {
        const values = Object.fromEntries(Object.entries(readAttributes(form, missing)).filter(([, value]) => value !== null));
        const [lacking] = missingAttributes(missing, values);
        if (lacking) throw new Error(`${titleOf(lacking)} is needed.`);
        return { ...attributes, ...values };
      },
    });
  }

  /** A type was chosen: for the selected shapes, else for the next ones. @param {AnnotationType} type */
  chooseType(type) {
    if (this.at.selection.size > 0 && this.at.rack.shape === null) this.relabel(type.id);
    else this.at.rack.chooseType(type);
    if (this.at.rack.shape !== null) closeSheets();
  }

  /** @param {number} dx image px @param {number} dy */
  nudge(dx, dy) {
    const items = this.#nudge?.items ?? this.#editable();
    if (items.length === 0) return;
    this.#nudge = { items, dx: (this.#nudge?.dx ?? 0) + dx, dy: (this.#nudge?.dy ?? 0) + dy };
    this.at.selected.draw(this.#nudged());
    this.#endNudge();
  }

  #nudged() {
    const nudge = this.#nudge;
    return new Map((nudge?.items ?? []).map((item) => [keyOf(item), translate(item.geometry, nudge?.dx ?? 0, nudge?.dy ?? 0)]));
  }

  #commitNudge() {
    this.#endNudge.cancel();
    if (!this.#nudge) return;
    const moved = this.#nudged();
    this.#nudge = null;
    this.reshape(moved, 'Move');
  }

  undo() {
    if (this.at.data.version) return;
    const { tool } = this.at.rack;
    if (tool instanceof DrawTool && tool.undoStep()) return;
    this.#commitNudge();
    void this.at.undo.undo();
  }

  redo() {
    if (this.at.data.version) return;
    const { tool } = this.at.rack;
    if (tool instanceof DrawTool && tool.isDrawing && tool.redoStep()) return;
    void this.at.undo.redo();
  }

  /** @param {Item[]} items */
  goTo(items) {
    const bounds = union(items.filter((item) => item.geometry.rings.length > 0).map((item) => boundsOf(item.geometry)));
    if (!bounds) return;
    const isPoint = bounds[0] === bounds[2] && bounds[1] === bounds[3];
    if (isPoint) this.at.stage.goTo({ x: bounds[0], y: bounds[1], zoom: Math.max(this.at.stage.targetZoom, 0.5) });
    else this.at.stage.fitBounds(bounds, { margin: 0.45 });
    closeSheets();
  }

  /** @param {Item[]} items */
  isInView(items) {
    const [x0, y0, x1, y1] = this.at.stage.visibleBounds;
    return items.some((item) => {
      const [a, b, c, d] = boundsOf(item.geometry);
      return a <= x1 && c >= x0 && b <= y1 && d >= y0;
    });
  }

  /** @param {Item} item @param {import('./gestures.js').Pointer} pointer */
  isUnder(item, pointer) {
    return isUnder(item, pointer);
  }

  /** @param {number} typeId @param {1 | -1} step */
  async jump(typeId, step) {
    const known = this.#walks.get(typeId);
    const walk = known ?? new Walk(async (cursor) =>
      pageOf(await api.get(`/images/${this.at.image.id}/annotations`, { type_id: typeId, shape: this.#drawnOf(typeId), cursor, limit: 200, ...this.#frameQuery(), ...this.at.asOf })));
    this.#walks.set(typeId, walk);
    const { single } = this.at.selection;
    try {
      const json = await walk.step(single?.typeId === typeId ? single.id : null, step);
      if (!json) {
        this.at.flash(`There is no ${this.at.nameOf(typeId)} on this image yet.`);
        return;
      }
      if (this.at.visibility.hiddenTypes.has(typeId)) this.at.visibility.showType(typeId, true);
      if (!this.at.visibility.display.visible) this.at.visibility.set({ visible: true });
      if (this.at.rack.shape !== null) this.at.rack.choose('select');
      const item = this.at.edits.current({ id: json.id, uuid: json.uuid }) ?? itemFromJson(json);
      this.at.selection.set([item.isComplete ? item : itemFromJson(json)]);
      this.goTo([item]);
    } catch (error) {
      showError(error, 'The next shape could not be found');
    }
  }

  /** @param {number} typeId */
  #drawnOf(typeId) {
    const type = this.at.type(typeId);
    return type ? drawnShapes(type) : [];
  }

  #frameQuery() {
    const { z, t } = this.at.frame;
    return { z, t };
  }

  /** Say something of the whole image, or of a frame. @param {AnnotationType} type @param {import('./types.js').Shape} shape @param {import('./types.js').Frame} frame */
  async setLabel(type, shape, frame) {
    const isAbsent = shape === 'absent';
    const label = isAbsent ? `Say that there is no ${type.name}` : `Label the image as ${type.name}`;
    const attributes = isAbsent ? {} : await this.#required(type, defaultsOf(type), 'Label the image');
    if (!attributes) return;
    this.at.edits.create(type.id, { shape, rings: [] }, label, { text: '', attributes, frame });
    this.#noted(label);
  }

  /** @param {Item[]} items @param {AnnotationType} type */
  takeLabelOff(items, type) {
    const label = `Take the label ${type.name} off`;
    this.at.edits.remove(items, label);
    this.#noted(label);
  }

  selectAll() {
    const items = this.at.selected.pickBox(this.at.stage.visibleBounds);
    if (this.at.rack.shape !== null) this.at.rack.choose('select');
    this.at.selection.set(items);
  }

  /** @type {number | string | null} */
  #highlighted = null;

  /** @param {number | string | null} key */
  highlight(key) {
    if (key === this.#highlighted || this.at.selection.size > 60) return;
    this.#highlighted = key;
    this.at.highlights.set('pointer', key === null ? [] : [key]);
  }

  /** @param {import('./gestures.js').Pointer} pointer @param {Item | null} item */
  menu(pointer, item) {
    if (!item) return false;
    const editable = this.at.mayEdit(item);
    const [x, y] = pointer.screen;
    const box = this.at.stage.element.getBoundingClientRect();
    const menu = html`<div class="menu" role="menu" popover="auto" aria-label="Shape"></div>`;
    const close = () => menu.hidePopover();
    const entry = (/** @type {string} */ symbol, /** @type {string} */ label, /** @type {string} */ keys, /** @type {() => void} */ run, extra = '') => html`
      <button type="button" role="menuitem" class="menu__item ${extra}" @click=${() => { close(); run(); }}>${icon(symbol)}<span class="truncate">${label}</span>${keys ? html`<span class="kbd">${shown(keys)}</span>` : null}</button>`;
    const fits = this.at.types.filter((type) => type.is_active && type.id !== item.typeId && type.shapes.includes(item.geometry.shape)).slice(0, 12);
    menu.append(
      entry('scan', 'Go to it', 'Z', () => this.goTo(this.at.selection.items)),
      entry('link', 'Copy link to it', '', () => void this.copyLink()),
    );
    if (editable) {
      menu.append(entry('copy', 'Duplicate', 'Ctrl+D', () => this.duplicate()), entry('trash-2', 'Delete', 'Delete', () => this.remove(), 'menu__item--danger'));
      if (fits.length > 0) menu.append(html`<div class="menu__label">Change into</div>`);
      menu.append(...fits.map((type) => html`
        <button type="button" role="menuitem" class="menu__item" @click=${() => { close(); this.relabel(type.id); }}>
          <span class="swatch" .style=${{ background: type.color }}></span><span class="truncate">${type.name}</span>${this.at.keys.has(type.id) ? html`<span class="kbd">${this.at.keys.get(type.id)}</span>` : null}</button>`));
    }
    document.body.append(menu);
    menu.addEventListener('toggle', (/** @type {any} */ event) => event.newState === 'closed' && menu.remove());
    menu.showPopover();
    menu.style.left = `${Math.min(box.left + x, innerWidth - menu.offsetWidth - 8)}px`;
    menu.style.top = `${Math.min(box.top + y, innerHeight - menu.offsetHeight - 8)}px`;
    menu.querySelector('button')?.focus();
    return true;
  }

  async copyLink() {
    try {
      await navigator.clipboard.writeText(location.href);
      toast('Link copied', { kind: 'success', detail: 'It opens this image at this place.' });
    } catch {
      toast('Copy the address of this page: it opens this image at this place.', { kind: 'info' });
    }
  }

  /** @param {import('../sdk/context.js').Guard} guard @returns {import('../sdk/types.js').AnnotationFacade} */
  pluginFacade(guard) {
    const { at } = this;
    return {
      on: (event, listener) => {
        const listeners = event === 'selected' ? this.#selectListeners : at.changeListeners;
        const tell = guard.call(listener);
        listeners.add(tell);
        return guard.keep(() => listeners.delete(tell));
      },
      select: async (ids) => {
        const read = await Promise.all(ids.slice(0, 200).map((id) => api.get(`/annotations/${id}`)));
        at.selection.set(read.filter((json) => !json.deleted && json.image_id === at.image.id).map(itemFromJson));
      },
      selected: () => at.selection.items.map((item) => item.id).filter((id) => id !== null),
      counts: () => Object.fromEntries(at.types.map((type) => [type.id, at.counts.ofType(type.id)])),
      types: () => at.types.map(({ id, name, color, product }) => ({ id, name, color, product })),
      refresh: () => {
        at.layer.refresh();
        void at.counts.load();
      },
    };
  }

  /** @param {number[]} ids */
  tellSelected(ids) {
    this.#selectListeners.forEach((listener) => listener(ids));
  }

  #editable() {
    return this.at.selection.items.filter((item) => this.at.mayEdit(item));
  }

  /** @param {Item[]} items */
  #describe(items) {
    const names = new Set(items.map((item) => this.at.nameOf(item.typeId)));
    if (items.length === 1) return this.at.nameOf(items[0].typeId);
    return names.size === 1 ? `${items.length} × ${[...names][0]}` : `${items.length} shapes`;
  }

  /** @param {string} label */
  #noted(label) {
    this.#walks.clear();
    this.at.undo.noteEdit(label);
  }
}

/** @param {AnnotationType} type @returns {Record<string, unknown>} */
function defaultsOf(type) {
  return Object.fromEntries(type.attributes.filter((one) => one.default !== undefined && one.default !== null).map((one) => [one.name, one.default]));
}

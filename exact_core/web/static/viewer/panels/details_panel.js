// @ts-check
/** What is known about the selected shapes, and the form of their text and attributes. */

import { attributeFields } from '../../shell/attribute_fields.js';
import { html, icon, render, setStyle } from '../../shell/html.js';
import { ago, dateTime } from '../../shell/time.js';
import { LABELS, areaOf, boundsOf, lengthOf } from '../geometry.js';
import { keyOf } from '../items.js';
import { formatMicrometres, formatPixels, formatSquareMicrometres } from '../measure.js';
import { SHAPES } from '../shapes.js';

/**
 * @typedef {import('../types.js').AnnotationType} AnnotationType
 * @typedef {import('../types.js').AttributeField} AttributeField
 * @typedef {import('../types.js').Geometry} Geometry
 * @typedef {import('../items.js').Item} Item
 *
 * @typedef {object} DetailsModel
 * @property {import('../selection.js').Selection} selection
 * @property {AnnotationType[]} types
 * @property {{mpp_x: number | null, mpp_y: number | null, size_z: number, size_t: number}} image
 * @property {number} actorId
 * @property {(item: Item) => HTMLElement | null} verification what is said of the shape
 * @property {(item: Item) => boolean} mayEdit
 * @property {string} whyNot
 * @property {(typeId: number) => void} relabel
 * @property {(item: Item, patch: {text?: string, attributes?: Record<string, unknown>}, label: string) => void} change
 * @property {() => void} goTo
 * @property {() => void} duplicate
 * @property {() => void} remove
 * @property {() => void} close
 * @property {() => void} history
 * @property {() => boolean} isHistoryOpen
 */

/** Draws the selection's details into its host. */
export class DetailsPanel {
  /** @param {HTMLElement} host @param {DetailsModel} model */
  constructor(host, model) {
    this.host = host;
    this.model = model;
  }

  /** @type {string | number | null} */
  #shown = null;

  render() {
    const { selection } = this.model;
    const item = selection.single;
    this.host.hidden = selection.size === 0;
    if (item && this.#isTypingHere(item)) {
      this.#refreshMeasures(item);
      return;
    }
    const shown = item ? keyOf(item) : null;
    if (shown !== this.#shown && this.host.parentElement) this.host.parentElement.scrollTop = 0;
    this.#shown = shown;
    if (selection.size === 0) this.host.replaceChildren();
    else render(this.host, item ? this.#one(item) : this.#many(selection.items));
  }

  /** A form that somebody types in is not drawn anew under their hands. @param {Item} item */
  #isTypingHere(item) {
    const active = document.activeElement;
    const isField = active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement;
    return isField && this.host.contains(active) && (this.#shown === item.id || this.#shown === item.uuid);
  }

  /** @param {Item} item */
  #one(item) {
    const type = this.#typeOf(item);
    const editable = this.model.mayEdit(item);
    return html`
      <section aria-label="Selected shape">
        <div class="side__head">
          <h2>${SHAPES[item.geometry.shape].name}</h2>
          <span class="grow"></span>
          ${this.#buttons(editable, !LABELS.has(item.geometry.shape))}
        </div>
        <div class="details">
          ${this.#typeChooser([item], editable)}
          <dl class="details__facts small">${this.#facts(item)}</dl>
          ${this.model.verification(item)}
          ${item.isComplete ? this.#form(item, type, editable) : html`<div class="skeleton details__skeleton" aria-label="Loading details"></div>`}
          ${editable ? null : html`<p class="small muted">${icon('lock')} ${this.model.whyNot}</p>`}
        </div>
      </section>`;
  }

  /** @param {Item[]} items */
  #many(items) {
    const editable = items.some((item) => this.model.mayEdit(item));
    /** @type {Map<number, number>} */
    const counts = new Map();
    items.forEach((item) => counts.set(item.typeId, (counts.get(item.typeId) ?? 0) + 1));
    const area = items.reduce((sum, item) => sum + areaOf(item.geometry), 0);
    return html`
      <section aria-label="Selected shapes">
        <div class="side__head"><h2 class="num">${items.length.toLocaleString('en')} shapes</h2><span class="grow"></span>${this.#buttons(editable)}</div>
        <div class="details">
          ${this.#typeChooser(items, editable)}
          <ul class="details__mix small">${[...counts].map(([typeId, count]) => {
            const type = this.model.types.find((one) => one.id === typeId);
            return html`<li><span class="swatch" .style=${{ background: type?.color ?? 'currentColor' }}></span><span class="truncate">${type?.name ?? 'Unknown type'}</span><span class="num">${count}</span></li>`;
          })}</ul>
          ${area > 0 ? html`<p class="small muted">Together ${this.#area(area)}</p>` : null}
        </div>
      </section>`;
  }

  /** @param {boolean} editable @param {boolean} [isPlaced] whether it lies somewhere */
  #buttons(editable, isPlaced = true) {
    const button = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ keys, /** @type {() => void} */ run, extra = '', /** @type {boolean | null} */ pressed = null) => html`
      <button type="button" class="icon-btn icon-btn--small ${extra}" data-focus="selection-${name}" aria-label=${label} aria-pressed=${pressed === null ? null : String(pressed)} data-tip=${label} data-keys=${keys || null} @click=${run}>${icon(name)}</button>`;
    return [
      this.model.selection.single ? button('history', 'History of this shape', 'Shift+H', this.model.history, '', this.model.isHistoryOpen()) : null,
      isPlaced ? button('scan', 'Go to it', 'Z', this.model.goTo) : null,
      editable && isPlaced ? button('copy', 'Duplicate', 'Ctrl+D', this.model.duplicate) : null,
      editable ? button('trash-2', 'Delete', 'Delete', this.model.remove, 'icon-btn--danger') : null,
      button('x', 'Deselect', 'Escape', this.model.close),
    ];
  }

  /** @param {Item[]} items @param {boolean} editable */
  #typeChooser(items, editable) {
    const [first] = items;
    const same = items.every((item) => item.typeId === first.typeId);
    const fits = this.model.types.filter((type) => type.id === first.typeId || (type.is_active && items.every((item) => type.shapes.includes(item.geometry.shape))));
    const swatch = html`<span class="swatch swatch--lg"></span>`;
    setStyle(swatch, { background: same ? (this.model.types.find((type) => type.id === first.typeId)?.color ?? 'transparent') : 'transparent' });
    return html`
      <label class="details__type">${swatch}<span class="visually-hidden">Type</span>
        <select class="select" id="selected-type" disabled=${!editable} @change=${(/** @type {any} */ e) => this.model.relabel(Number(e.target.value))}>
          ${same ? null : html`<option value="" selected disabled>Several types</option>`}
          ${fits.map((type) => html`<option value=${type.id} selected=${same && type.id === first.typeId}>${type.name}</option>`)}
        </select></label>`;
  }

  /** @param {Item} item */
  #facts(item) {
    const rows = [...this.#measures(item.geometry), ...this.#frame(item)];
    const who = item.author ? (item.author.id === this.model.actorId ? 'You' : item.author.name) : '';
    if (who) rows.push(['Drawn by', who]);
    return [
      ...rows.map(([name, value]) => html`<dt>${name}</dt><dd class="num" data-fact=${name}>${value}</dd>`),
      item.createdAt ? html`<dt>Drawn</dt><dd><time datetime=${item.createdAt} data-tip=${dateTime(item.createdAt)}>${ago(item.createdAt)}</time></dd>` : null,
      item.editedAt && item.editedAt.slice(0, 19) !== item.createdAt.slice(0, 19)
        ? html`<dt>Changed</dt><dd><time datetime=${item.editedAt} data-tip=${dateTime(item.editedAt)}>${ago(item.editedAt)}</time></dd>` : null,
    ];
  }

  /** Which frames a label is said of, where there are several. @param {Item} item @returns {[string, string][]} */
  #frame({ geometry, frame }) {
    const { size_z: depth, size_t: times } = this.model.image;
    if (!LABELS.has(geometry.shape) || depth * times === 1) return [];
    const parts = [['Focus', frame.z, depth], ['Time', frame.t, times]].filter(([, value, size]) => value !== -1 && Number(size) > 1);
    return [['Said of', parts.length === 0 ? 'every frame' : parts.map(([axis, value]) => `${axis} ${Number(value) + 1}`).join(', ')]];
  }

  /** @param {Item} item */
  #refreshMeasures(item) {
    for (const [name, value] of this.#measures(item.geometry)) {
      const place = this.host.querySelector(`[data-fact="${name}"]`);
      if (place) place.textContent = value;
    }
  }

  /** @param {Geometry} geometry @returns {[string, string][]} */
  #measures(geometry) {
    const { mpp_x: mx, mpp_y } = this.model.image;
    const my = mpp_y ?? mx;
    const [x0, y0, x1, y1] = boundsOf(geometry);
    const length = (/** @type {number} */ px, /** @type {number | null} */ mpp) => (mpp ? formatMicrometres(px * mpp) : formatPixels(px));
    if (LABELS.has(geometry.shape)) return [];
    if (geometry.shape === 'point') return [['Position', `${Number(x0.toFixed(2))}, ${Number(y0.toFixed(2))} px`]];
    const along = mx ? formatMicrometres(lengthOf(geometry, mx, my ?? mx)) : formatPixels(lengthOf(geometry));
    if (geometry.shape === 'line' || geometry.shape === 'polyline') return [['Length', along]];
    const vertices = geometry.rings.reduce((sum, ring) => sum + ring.length, 0);
    return [
      ['Size', `${length(x1 - x0, mx)} × ${length(y1 - y0, my)}`],
      ['Area', this.#area(areaOf(geometry))],
      ['Perimeter', along],
      ...(geometry.shape === 'polygon' || geometry.shape === 'multi_polygon' ? /** @type {[string, string][]} */ ([['Vertices', String(vertices)]]) : []),
    ];
  }

  /** @param {number} squarePixels */
  #area(squarePixels) {
    const { mpp_x: mx, mpp_y: my } = this.model.image;
    return mx ? formatSquareMicrometres(squarePixels * mx * (my ?? mx)) : formatPixels(squarePixels, 'px²');
  }

  /** @param {Item} item @param {AnnotationType | undefined} type @param {boolean} editable */
  #form(item, type, editable) {
    const fields = type?.attributes ?? [];
    return html`
      <form class="details__form" @submit=${(/** @type {Event} */ e) => e.preventDefault()}>
        ${fields.length ? this.#attributes(item, fields, editable) : null}
        <label class="field"><span class="field__label">Remark</span>
          <textarea class="textarea" id="selected-text" rows="2" maxlength="10000" readonly=${!editable} placeholder=${editable ? 'Anything others should know' : ''}
            .value=${item.text} @change=${(/** @type {any} */ e) => this.model.change(this.#latest(item), { text: e.target.value }, 'Change the remark of')}></textarea></label>
      </form>`;
  }

  /** @param {Item} item */
  #latest(item) {
    const { single } = this.model.selection;
    return single && (single.id === item.id || single.uuid === item.uuid) ? single : item;
  }

  /** @param {Item} item @param {AttributeField[]} fields @param {boolean} editable */
  #attributes(item, fields, editable) {
    const shown = Object.fromEntries(fields.map((field) => [field.name, item.attributes[field.name] ?? field.default ?? null]));
    return attributeFields(fields, shown, {
      disabled: !editable,
      save: (field, value) => {
        const latest = this.#latest(item);
        const attributes = { ...latest.attributes, [field.name]: value };
        if (value === null) delete attributes[field.name];
        this.model.change(latest, { attributes }, 'Change an attribute of');
      },
    });
  }

  /** @param {Item} item */
  #typeOf(item) {
    return this.model.types.find((type) => type.id === item.typeId);
  }
}

// @ts-check
/** What is known about the selected shapes, and the form of their text and attributes. */

import { html, icon, render, setStyle } from '../../shell/html.js';
import { ago, dateTime } from '../../shell/time.js';
import { areaOf, boundsOf, lengthOf } from '../geometry.js';
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
 * @property {{mpp_x: number | null, mpp_y: number | null}} image
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
          ${this.#buttons(editable)}
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

  /** @param {boolean} editable */
  #buttons(editable) {
    const button = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ keys, /** @type {() => void} */ run, extra = '') => html`
      <button type="button" class="icon-btn icon-btn--small ${extra}" data-focus="selection-${name}" aria-label=${label} data-tip=${label} data-keys=${keys || null} @click=${run}>${icon(name)}</button>`;
    return [
      button('scan', 'Go to it', 'Z', this.model.goTo),
      editable ? button('copy', 'Duplicate', 'Ctrl+D', this.model.duplicate) : null,
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
    const rows = [...this.#measures(item.geometry)];
    const who = item.author ? (item.author.id === this.model.actorId ? 'You' : item.author.name) : '';
    if (who) rows.push(['Drawn by', who]);
    return [
      ...rows.map(([name, value]) => html`<dt>${name}</dt><dd class="num" data-fact=${name}>${value}</dd>`),
      item.createdAt ? html`<dt>Drawn</dt><dd><time datetime=${item.createdAt} data-tip=${dateTime(item.createdAt)}>${ago(item.createdAt)}</time></dd>` : null,
      item.editedAt && item.editedAt.slice(0, 19) !== item.createdAt.slice(0, 19)
        ? html`<dt>Changed</dt><dd><time datetime=${item.editedAt} data-tip=${dateTime(item.editedAt)}>${ago(item.editedAt)}</time></dd>` : null,
    ];
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
    if (geometry.shape === 'image') return [];
    if (geometry.shape === 'point') return [['Position', `${Math.round(x0)}, ${Math.round(y0)} px`]];
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
        ${fields.map((field) => this.#field(item, field, editable))}
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

  /** @param {Item} item @param {AttributeField} field @param {boolean} editable */
  #field(item, field, editable) {
    const id = `attribute-${field.name}`;
    const value = item.attributes[field.name] ?? field.default ?? null;
    const save = (/** @type {unknown} */ next) => {
      const latest = this.#latest(item);
      const attributes = { ...latest.attributes, [field.name]: next };
      if (next === null) delete attributes[field.name];
      this.model.change(latest, { attributes }, 'Change an attribute of');
    };
    const label = field.title || field.name;
    if (field.kind === 'boolean') {
      return html`<label class="check small"><input type="checkbox" id=${id} checked=${value === true} disabled=${!editable}
        @change=${(/** @type {any} */ e) => save(e.target.checked)}><span>${label}</span></label>`;
    }
    return html`<label class="field"><span class="field__label">${label}${field.unit ? ` (${field.unit})` : ''}</span>
      ${this.#control(field, id, value, editable, save)}
      ${field.description ? html`<span class="field__hint">${field.description}</span>` : null}</label>`;
  }

  /** @param {AttributeField} field @param {string} id @param {unknown} value @param {boolean} editable @param {(value: unknown) => void} save */
  #control(field, id, value, editable, save) {
    if (field.kind === 'choice') {
      return html`<select class="select" id=${id} disabled=${!editable} @change=${(/** @type {any} */ e) => save(e.target.value || null)}>
        <option value="">–</option>${(field.choices ?? []).map((choice) => html`<option value=${choice} selected=${choice === value}>${choice}</option>`)}</select>`;
    }
    if (field.kind === 'number') {
      return html`<input class="input" type="number" id=${id} step="any" min=${field.min ?? null} max=${field.max ?? null}
        value=${value ?? null} readonly=${!editable} @change=${(/** @type {any} */ e) => {
          if (e.target.reportValidity()) save(e.target.value === '' ? null : e.target.valueAsNumber);
        }}>`;
    }
    return html`<input class="input" type="text" id=${id} maxlength="2000" value=${value ?? null} readonly=${!editable}
      @change=${(/** @type {any} */ e) => save(e.target.value || null)}>`;
  }

  /** @param {Item} item */
  #typeOf(item) {
    return this.model.types.find((type) => type.id === item.typeId);
  }
}

// @ts-check
/** The list of annotation types: what to draw next, how many there are, what is shown, and the way from one to the next. */

import { html, icon, render, setStyle } from '../../shell/html.js';
import { flatten, withDescendants } from '../../shell/type_tree.js';
import { SHAPES, drawnShapes } from '../shapes.js';
import { labelsSection } from './labels_section.js';

/**
 * @typedef {import('../types.js').AnnotationType} AnnotationType
 * @typedef {import('../types.js').Shape} Shape
 * @typedef {import('../counts.js').Counts} Counts
 *
 * @typedef {object} TypesModel
 * @property {AnnotationType[]} types
 * @property {Map<number, string>} keys
 * @property {Counts} counts
 * @property {() => number | null} active
 * @property {() => Shape | null} tool
 * @property {Set<number>} hiddenTypes
 * @property {Set<number>} hiddenAuthors
 * @property {() => {visible: boolean, fill: boolean, opacity: number, width: number}} display
 * @property {boolean} mayAnnotate
 * @property {boolean} hasScale  Whether the size of a pixel is known.
 * @property {string} setUrl
 * @property {number} actorId
 * @property {import('../labels.js').Labels} labels  Of the whole image and of frames.
 * @property {(item: import('../items.js').Item) => void} select
 * @property {(type: AnnotationType) => void} choose
 * @property {(shape: Shape) => void} chooseShape
 * @property {(typeId: number, visible: boolean) => void} show
 * @property {(typeId: number) => void} solo
 * @property {(authorId: number, visible: boolean) => void} showAuthor
 * @property {(typeId: number, step: 1 | -1) => void} jump
 * @property {Set<number>} folded  Types of the label tree whose branches are not shown.
 * @property {(folded: Set<number>) => void} rememberFolded
 * @property {(change: Partial<{visible: boolean, fill: boolean, opacity: number, width: number}>) => void} setDisplay
 */

/** More types than this get a field to find one. */
const MANY = 12;

/** Draws the list into its host. */
export class TypesPanel {
  /** @param {HTMLElement} host @param {TypesModel} model */
  constructor(host, model) {
    this.host = host;
    this.model = model;
    model.counts.onChange(() => this.#updateCounts());
  }

  render() {
    const { types } = this.model;
    render(this.host, this.#head(), types.length === 0 ? this.#empty() : this.#products(), labelsSection(this.model), this.#about(), this.#authors(), this.#display());
  }

  #head() {
    const { visible } = this.model.display();
    const label = visible ? 'Hide all shapes' : 'Show all shapes';
    return html`
      <div class="side__head">
        <h2>Annotations</h2>
        <span class="count num" data-count="all">${number(this.model.counts.total)}</span>
        <button type="button" class="icon-btn icon-btn--small" data-focus="all-eye" aria-label=${label} data-tip=${label} data-keys="A"
          aria-pressed=${String(!visible)} @click=${() => this.model.setDisplay({ visible: !visible })}>${icon(visible ? 'eye' : 'eye-off')}</button>
      </div>`;
  }

  #empty() {
    return html`
      <div class="side__empty">
        ${icon('shapes', 'icon--xl')}
        <p><strong>No annotation types yet</strong></p>
        <p class="small muted">This image set uses no product. A product says what can be annotated: its types, colours and keys.</p>
        <a class="btn btn--small" href="${this.model.setUrl}/products">Choose a product</a>
      </div>`;
  }

  #products() {
    /** @type {Map<number, {name: string, types: AnnotationType[]}>} */
    const groups = new Map();
    for (const type of this.model.types.filter((one) => drawnShapes(one).length > 0)) {
      const group = groups.get(type.product.id) ?? { name: type.product.name, types: [] };
      groups.set(type.product.id, group);
      group.types.push(type);
    }
    return [...groups.values()].map(({ name, types }) => html`
      <section class="types" aria-label=${name}>
        ${groups.size > 1 ? html`<h3 class="types__product truncate">${name}</h3>` : null}
        ${types.length > MANY ? this.#finder() : null}
        <ul class="types__list">${this.#shown(types).map(({ type, depth, children }) => this.#row(type, depth, children))}</ul>
      </section>`);
  }

  #wanted = '';

  /** A field that shows only the types of a name, for long lists. */
  #finder() {
    const input = html`<input class="input" type="search" id="find-type" placeholder="Find a class" aria-label="Find a class" value=${this.#wanted} autocomplete="off" @input=${(/** @type {any} */ event) => {
      this.#wanted = event.target.value;
      const at = event.target.selectionStart;
      this.renderKeepingFolds();
      const again = this.host.querySelector('#find-type');
      if (again instanceof HTMLInputElement) again.setSelectionRange(at, at);
    }}>`;
    return html`<div class="types__find search">${icon('search')}${input}</div>`;
  }

  /** The rows of the tree without folded branches; with a name to find, those that have it and what lies above them. @param {AnnotationType[]} types */
  #shown(types) {
    const wanted = this.#wanted.trim().toLowerCase();
    const rows = flatten(types);
    if (wanted) {
      const found = new Set(types.filter((type) => [type.name, type.rank, type.external_id].some((text) => text?.toLowerCase().includes(wanted))).map((type) => type.id));
      return rows.filter(({ type }) => [...withDescendants(types, type.id)].some((id) => found.has(id)));
    }
    const hidden = new Set(rows.filter(({ type }) => this.model.folded.has(type.id)).flatMap(({ type }) => [...withDescendants(types, type.id)].filter((id) => id !== type.id)));
    return rows.filter(({ type }) => !hidden.has(type.id));
  }

  /** @param {AnnotationType} type @param {boolean} fold */
  #fold(type, fold) {
    if (fold) this.model.folded.add(type.id);
    else this.model.folded.delete(type.id);
    this.model.rememberFolded(this.model.folded);
    this.renderKeepingFolds();
  }

  /** With everything below it in the tree. @param {number} typeId */
  #countOf(typeId) {
    return [...withDescendants(this.model.types, typeId)].reduce((sum, id) => sum + this.#drawn(id), 0);
  }

  /** @param {AnnotationType} type @param {number} depth @param {number} children */
  #row(type, depth, children) {
    const { model } = this;
    const isFolded = children > 0 && model.folded.has(type.id);
    const itself = children > 0 ? `${number(this.#drawn(type.id))} of ${type.name} itself, the others of what lies below it` : null;
    const fold = children > 0 ? html`<button type="button" class="icon-btn types__fold" data-focus="fold-${type.id}" aria-expanded=${String(!isFolded)} aria-label="What lies below ${type.name}"
      @click=${() => this.#fold(type, !isFolded)}>${icon('chevron-right')}</button>` : null;
    const isActive = model.active() === type.id;
    const isHidden = model.hiddenTypes.has(type.id);
    const key = model.keys.get(type.id);
    const shape = html`<span class="types__shape">${icon(SHAPES[drawnShapes(type)[0]]?.icon ?? 'shapes')}</span>`;
    setStyle(shape, { '--shape': type.color });
    const main = html`
      <button type="button" class="types__main" data-focus="type-${type.id}" aria-pressed=${String(isActive)}
        data-tip=${[type.rank, type.description].filter(Boolean).join(': ') || null} @click=${() => model.choose(type)} @keydown=${(/** @type {KeyboardEvent} */ event) => {
          if (children > 0 && (event.key === 'ArrowLeft' || event.key === 'ArrowRight')) {
            event.preventDefault();
            event.stopPropagation();
            this.#fold(type, event.key === 'ArrowLeft');
          }
        }}>${shape}<span class="truncate">${type.name}</span>
        ${type.is_active ? null : html`<span class="badge">retired</span>`}
        <span class="types__count num" data-count=${type.id} data-tip=${itself}>${number(this.#countOf(type.id))}</span></button>`;
    const tool = (/** @type {string} */ name, /** @type {string} */ label, /** @type {(event: MouseEvent) => void} */ run, /** @type {string} */ focus) => html`
      <button type="button" class="icon-btn types__tool" data-focus="${focus}-${type.id}" aria-label="${label}: ${type.name}" data-tip=${label} @click=${run}>${icon(name)}</button>`;
    return html`
      <li class="types__row ${isActive ? 'is-active' : ''} ${isHidden ? 'is-hidden' : ''}" .style=${{ '--depth': depth }}>
        <span class="kbd types__key" aria-hidden="true">${key ?? ''}</span>${fold}
        ${main}
        ${tool('chevron-left', 'Previous shape', () => model.jump(type.id, -1), 'back')}
        ${tool('chevron-right', 'Next shape', () => model.jump(type.id, 1), 'next')}
        ${tool(isHidden ? 'eye-off' : 'eye', isHidden ? 'Show' : 'Hide (with Shift: the others)', (event) => (event.shiftKey ? model.solo(type.id) : model.show(type.id, isHidden)), 'eye')}
      </li>`;
  }

  /** How many shapes of a type are drawn; labels of the image are listed by themselves. @param {number} typeId */
  #drawn(typeId) {
    return Math.max(0, this.model.counts.ofType(typeId) - this.model.labels.items.filter((item) => item.typeId === typeId).length);
  }

  #about() {
    const type = this.model.types.find((one) => one.id === this.model.active());
    if (!type || !this.model.mayAnnotate || drawnShapes(type).length === 0) return null;
    const size = type.default_width || type.default_height;
    const unit = type.default_unit === 'um' && this.model.hasScale ? 'µm' : 'px';
    const width = type.default_width ?? type.default_height;
    const height = type.default_height ?? type.default_width;
    return html`
      <section class="about" aria-label="About ${type.name}">
        ${drawnShapes(type).length > 1 ? html`
          <div class="btn-group" role="group" aria-label="Shape of ${type.name}">${drawnShapes(type).map((shape) => html`
            <button type="button" class="icon-btn icon-btn--small" data-focus="shape-${shape}" aria-pressed=${String(this.model.tool() === shape)}
              aria-label=${SHAPES[shape].name} data-tip=${SHAPES[shape].name} data-keys=${SHAPES[shape].key || null}
              @click=${() => this.model.chooseShape(shape)}>${icon(SHAPES[shape].icon)}</button>`)}</div>` : null}
        <div class="about__text small muted">
          ${type.description ? html`<p>${type.description}</p>` : null}
          ${size ? html`<p>A click places ${rounded(width)} × ${rounded(height)} ${unit}.</p>` : null}
        </div>
        ${type.example_url ? html`<img class="about__example" src=${type.example_url} alt="Example of ${type.name}" loading="lazy">` : null}
      </section>`;
  }

  #authors() {
    const { authors } = this.model.counts;
    if (authors.length < 2) return null;
    return html`
      <details class="fold" data-fold="authors">
        <summary>${icon('chevron-right')}People <span class="count num">${authors.length}</span></summary>
        <ul class="types__list">${authors.map(({ id, name, count }) => {
          const isHidden = this.model.hiddenAuthors.has(id);
          return html`
            <li class="types__row ${isHidden ? 'is-hidden' : ''}">
              <span class="types__person truncate">${id === this.model.actorId ? 'You' : name}</span>
              <span class="types__count num">${number(count)}</span>
              <button type="button" class="icon-btn types__tool" data-focus="author-${id}" aria-label="${isHidden ? 'Show' : 'Hide'} what ${name} drew"
                data-tip=${isHidden ? 'Show' : 'Hide'} @click=${() => this.model.showAuthor(id, isHidden)}>${icon(isHidden ? 'eye-off' : 'eye')}</button>
            </li>`;
        })}</ul>
      </details>`;
  }

  #display() {
    const { fill, opacity, width } = this.model.display();
    return html`
      <details class="fold" data-fold="display">
        <summary>${icon('chevron-right')}How shapes are drawn</summary>
        <div class="fold__body">
          <label class="switch small"><input type="checkbox" role="switch" checked=${fill} id="display-fill" @change=${(/** @type {any} */ e) => this.model.setDisplay({ fill: e.target.checked })}>
            Filled <span class="kbd">F</span></label>
          ${this.#slider('opacity', 'Opacity', opacity, [0.1, 1, 0.05], (value) => `${Math.round(value * 100)} %`)}
          ${this.#slider('width', 'Line', width, [1, 5, 0.5], (value) => `${value} px`)}
        </div>
      </details>`;
  }

  /**
   * @param {'opacity' | 'width'} name
   * @param {string} label
   * @param {number} value
   * @param {[number, number, number]} range least, most and step
   * @param {(value: number) => string} written
   */
  #slider(name, label, value, [least, most, step], written) {
    const figure = html`<output class="num">${written(value)}</output>`;
    const slide = (/** @type {any} */ event) => {
      const chosen = Number(event.target.value);
      figure.textContent = written(chosen);
      this.model.setDisplay({ [name]: chosen });
    };
    return html`<label class="slider small"><span>${label}</span><input type="range" min=${least} max=${most} step=${step} value=${value}
      id="display-${name}" @input=${slide}>${figure}</label>`;
  }

  #updateCounts() {
    const people = this.host.querySelector('[data-fold="authors"]');
    if (this.model.counts.authors.length > 1 || people) {
      const open = people?.hasAttribute('open');
      this.renderKeepingFolds();
      if (open) this.host.querySelector('[data-fold="authors"]')?.setAttribute('open', '');
      return;
    }
    for (const element of this.host.querySelectorAll('[data-count]')) {
      const of = /** @type {HTMLElement} */ (element).dataset.count;
      element.textContent = number(of === 'all' ? this.model.counts.total : this.#countOf(Number(of)));
    }
  }

  renderKeepingFolds() {
    const open = [...this.host.querySelectorAll('details[open]')].map((one) => /** @type {HTMLElement} */ (one).dataset.fold);
    this.render();
    open.forEach((name) => this.host.querySelector(`[data-fold="${name}"]`)?.setAttribute('open', ''));
  }
}

/** @param {number} value */
function number(value) {
  return value.toLocaleString('en');
}

/** @param {number | null} value */
function rounded(value) {
  return value === null ? '' : String(Number(value.toFixed(1)));
}

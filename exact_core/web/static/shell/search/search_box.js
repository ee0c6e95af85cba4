// @ts-check
/** The field in which a query is typed: offers fields and values, and underlines what is wrong at its place. */

import { html, icon } from '../html.js';
import { completionAt } from './completion.js';

let count = 0;

/**
 * @typedef {import('./completion.js').SearchField} SearchField
 * @typedef {{column: number, length: number, detail: string, reason: string, suggestion: string}} Mistake
 *
 * @typedef {object} SearchBoxOptions
 * @property {string} label
 * @property {string} [value]
 * @property {SearchField[]} [fields]
 * @property {(query: string) => unknown} search Enter was pressed
 * @property {() => unknown} [escape] Escape was pressed and nothing was open
 */

/** A search field with completion. */
export class SearchBox {
  /** @param {SearchBoxOptions} options */
  constructor(options) {
    this.options = options;
    /** @type {SearchField[]} */
    this.fields = options.fields ?? [];
    this.#id = `search-box-${++count}`;
    const id = this.#id;
    this.input = html`<input class="input search-box__input" type="text" id=${id} data-search role="combobox" aria-autocomplete="list" aria-expanded="false"
      aria-controls="${id}-list" aria-describedby="${id}-error" aria-label=${options.label} autocomplete="off" spellcheck="false" autocapitalize="off" enterkeyhint="search"
      placeholder='class:"Mitotic figure" size>50 author:me' maxlength="4000">`;
    this.input.value = options.value ?? '';
    this.#mirror = html`<div class="search-box__mirror" aria-hidden="true"></div>`;
    this.#list = html`<ul class="search-box__list menu" id="${id}-list" role="listbox" aria-label="Suggestions" hidden></ul>`;
    this.#error = html`<p class="field__error search-box__error" id="${id}-error" role="alert"></p>`;
    this.#clear = html`<button type="button" class="icon-btn icon-btn--small search-box__clear" aria-label="Empty the search" hidden @click=${() => {
      this.set('');
      this.input.focus();
      this.#submit();
    }}>${icon('x')}</button>`;
    this.element = html`<div class="search-box"><div class="search-box__frame">${icon('search')}${this.#mirror}${this.input}${this.#clear}${this.#list}</div>${this.#error}</div>`;
    this.#listen();
    this.#draw();
  }

  #id;
  #mirror;
  #list;
  #error;
  #clear;
  /** @type {import('./completion.js').Completion | null} */
  #offered = null;
  #active = -1;
  /** @type {Mistake | null} */
  #mistake = null;

  /** The query. @returns {string} */
  get value() {
    return this.input.value.trim();
  }

  /** @param {string} text */
  set(text) {
    this.input.value = text;
    this.#close();
    this.showMistake(null);
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** Underline what is wrong and say why; null takes it away. @param {Mistake | null} mistake */
  showMistake(mistake) {
    this.#mistake = mistake;
    this.input.setAttribute('aria-invalid', String(mistake !== null));
    if (!mistake) this.#error.replaceChildren();
    else {
      const { suggestion, reason } = mistake;
      const again = suggestion ? html`<button type="button" class="link-btn small" @click=${() => this.#mend(mistake)}>${suggestion}</button>` : null;
      this.#error.replaceChildren(html`<span>${reason.charAt(0).toUpperCase()}${reason.slice(1)}.</span>`, ...(again ? [html`<span>Did you mean ${again}?</span>`] : []));
    }
    this.#draw();
  }

  /** @param {Mistake} mistake */
  #mend({ column, length, suggestion }) {
    const { value } = this.input;
    this.set(value.slice(0, column) + suggestion + value.slice(column + length));
    this.input.focus();
    this.#submit();
  }

  #listen() {
    const { input } = this;
    input.addEventListener('input', () => {
      this.showMistake(null);
      this.#offer();
    });
    input.addEventListener('scroll', () => { this.#mirror.scrollLeft = input.scrollLeft; });
    input.addEventListener('click', () => this.#offer());
    input.addEventListener('blur', () => this.#close());
    input.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => this.#key(event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const isOpen = !this.#list.hidden;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!isOpen) this.#offer();
      else this.#move(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault();
      this.#offer();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (isOpen && this.#active >= 0) this.#take(this.#active);
      else this.#submit();
    } else if (event.key === 'Tab' && isOpen && !event.shiftKey) {
      event.preventDefault();
      this.#take(Math.max(this.#active, 0));
    } else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      if (isOpen) this.#close();
      else this.options.escape?.();
    }
  }

  #submit() {
    this.#close();
    this.options.search(this.value);
  }

  #offer() {
    this.#draw();
    const found = completionAt(this.input.value, this.input.selectionStart ?? 0, this.fields);
    this.#offered = found;
    this.#active = -1;
    this.#drawList();
  }

  #close() {
    this.#offered = null;
    this.#active = -1;
    this.#drawList();
  }

  /** @param {number} by */
  #move(by) {
    const length = this.#offered?.options.length ?? 0;
    if (!length) return;
    this.#active = (this.#active + by + (this.#active < 0 && by < 0 ? 1 : 0) + length) % length;
    this.#drawList();
  }

  /** @param {number} place */
  #take(place) {
    const found = this.#offered;
    const option = found?.options[place];
    if (!found || !option) return;
    const { value } = this.input;
    const rest = value.slice(found.to);
    const insert = rest.startsWith(' ') ? option.insert.trimEnd() : option.insert;
    this.input.value = value.slice(0, found.from) + insert + rest;
    const caret = found.from + insert.length;
    this.input.setSelectionRange(caret, caret);
    this.showMistake(null);
    this.#offer();
  }

  #drawList() {
    const options = this.#offered?.options ?? [];
    this.#list.hidden = options.length === 0;
    this.input.setAttribute('aria-expanded', String(options.length > 0));
    if (this.#active >= 0) this.input.setAttribute('aria-activedescendant', `${this.#id}-${this.#active}`);
    else this.input.removeAttribute('aria-activedescendant');
    this.#list.replaceChildren(...options.map((option, place) => html`
      <li class="menu__item" role="option" id="${this.#id}-${place}" aria-selected=${String(place === this.#active)}
        @pointerdown=${(/** @type {Event} */ event) => {
          event.preventDefault();
          this.#take(place);
        }}><span class="truncate">${option.label}</span><span class="small muted truncate search-box__hint">${option.hint}</span></li>`));
    this.#list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }

  /** The mirror has the same text behind the field, with a mark under what is wrong. */
  #draw() {
    const { value } = this.input;
    this.#clear.hidden = value === '';
    if (!this.#mistake) {
      this.#mirror.replaceChildren();
      return;
    }
    const column = Math.min(this.#mistake.column, value.length);
    const end = Math.min(column + this.#mistake.length, Math.max(value.length, column));
    const wrong = value.slice(column, end) || '  ';
    this.#mirror.replaceChildren(value.slice(0, column), html`<mark>${wrong}</mark>`, value.slice(end));
    this.#mirror.scrollLeft = this.input.scrollLeft;
  }
}

/**
 * What is wrong with a query, from the server's refusal; null for other errors.
 * @param {any} error
 * @returns {Mistake | null}
 */
export function mistakeOf(error) {
  const body = error?.body;
  if (error?.code !== 'search-syntax' || typeof body?.column !== 'number') return null;
  return { column: body.column, length: body.length, detail: body.detail, reason: body.reason ?? body.detail, suggestion: body.suggestion ?? '' };
}

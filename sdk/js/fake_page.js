// @ts-check
/**
 * A page without a browser, as much as panels need: elements with text, classes and listeners, and the `html` helper.
 * What is put into a hole is text or an element here too, never markup.
 */

export const VOID = new Set(['br', 'hr', 'img', 'input']);

/**
 * While the page is written for a click: who hears a click, by the number that stands in the text.
 * @type {{owner: FakeElement | null, listener: (event: any) => unknown}[] | null}
 */
let hearing = null;

/** @param {FakeElement | null} owner @param {(event: any) => unknown} listener */
const clickMark = (owner, listener) => ` @click="${/** @type {any[]} */ (hearing).push({ owner, listener }) - 1}"`;

/** An element as text in which `@click="0"` stands for the first of the listeners. @param {FakeElement} element */
export function writtenWithClicks(element) {
  /** @type {NonNullable<typeof hearing>} */
  const listeners = [];
  hearing = listeners;
  try {
    return { text: element.innerHTML, listeners };
  } finally {
    hearing = null;
  }
}

/** @param {unknown} value */
export function escaped(value) {
  return String(value).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);
}

/** An element of the fake page. */
export class FakeElement {
  /** @param {string} tag */
  constructor(tag = 'div') {
    this.tag = tag;
    /** @type {Record<string, string>} */
    this.attributes = {};
    /** @type {unknown[]} */
    this.children = [];
    /** @type {Record<string, ((event: any) => unknown)[]>} */
    this.listeners = {};
    /** @type {Record<string, string>} */
    this.dataset = {};
    this.style = { setProperty: (/** @type {string} */ name, /** @type {string} */ value) => void (this.attributes[`style:${name}`] = value) };
    this.className = '';
    this.hidden = false;
    this.disabled = false;
    this.value = '';
  }

  /** @param {...unknown} children */
  append(...children) {
    this.children.push(...children);
  }

  /** @param {...unknown} children */
  replaceChildren(...children) {
    this.children = children;
  }

  /** @param {string} name @param {unknown} value */
  setAttribute(name, value) {
    this.attributes[name] = String(value);
  }

  /** @param {string} name */
  getAttribute(name) {
    return this.attributes[name] ?? null;
  }

  /** @param {string} name */
  removeAttribute(name) {
    delete this.attributes[name];
  }

  /** @param {string} event @param {(event: any) => unknown} listener */
  addEventListener(event, listener) {
    (this.listeners[event] ??= []).push(listener);
  }

  /** Do what a person would: call the listeners of an event, of this element and of those in it. @param {string} event */
  fire(event) {
    const told = { type: event, target: this, preventDefault: () => undefined };
    for (const [owner, listener] of this.#heard(event)) listener.call(owner, told);
  }

  /** @param {string} event @returns {Generator<[unknown, (event: any) => unknown]>} */
  *#heard(event) {
    for (const listener of this.listeners[event] ?? []) yield [this, listener];
    for (const part of flat(this.children)) {
      if (part instanceof FakeElement) yield* part.#heard(event);
      if (part instanceof Markup) yield* part.heard(event);
    }
  }

  /** @returns {string} */
  get innerHTML() {
    return flat(this.children).map(written).join('');
  }

  /** @returns {string} */
  get outerHTML() {
    const attributes = Object.entries({ ...(this.className ? { class: this.className } : {}), ...this.attributes });
    let text = attributes.map(([name, value]) => ` ${name}="${escaped(value)}"`).join('');
    if (hearing) text += (this.disabled ? ' disabled' : '') + (this.listeners.click ?? []).map((listener) => clickMark(this, listener)).join('');
    return VOID.has(this.tag) ? `<${this.tag}${text}>` : `<${this.tag}${text}>${this.innerHTML}</${this.tag}>`;
  }

  /** What a person reads. */
  get textContent() {
    const bare = this.innerHTML.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim();
    return bare.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&');
  }

  set textContent(text) {
    this.children = [text];
  }
}

/** What `html` gives: written out when it is looked at, so that elements in its holes are live. */
export class Markup {
  /** @param {TemplateStringsArray} strings @param {unknown[]} values */
  constructor(strings, values) {
    this.strings = strings;
    this.values = values;
  }

  /** @param {string} event @returns {Generator<[unknown, (event: any) => unknown]>} */
  *heard(event) {
    for (const [index, value] of this.values.entries()) {
      if (typeof value === 'function' && this.strings[index].endsWith(`@${event}=`)) {
        yield [this, /** @type {(event: any) => unknown} */ (value)];
      }
      for (const part of flat([value])) {
        if (part instanceof Markup) yield* part.heard(event);
        if (part instanceof FakeElement) for (const listener of part.listeners[event] ?? []) yield [part, listener];
      }
    }
  }

  /** @returns {string} */
  toString() {
    let text = '';
    this.strings.forEach((part, index) => {
      text += part;
      if (index >= this.values.length) return;
      const value = this.values[index];
      const attribute = /\s([.@]?[\w-]+)=$/.exec(text);
      if (!attribute) text += flat([value]).map(written).join('');
      else if (hearing && attribute[1] === '@click' && typeof value === 'function') text = text.slice(0, attribute.index) + clickMark(null, /** @type {any} */ (value));
      else if (hearing && attribute[1] === '.disabled' && value) text = `${text.slice(0, attribute.index)} disabled`;
      else if (/^[.@]/.test(attribute[1]) || value === false || value === null || value === undefined) text = text.slice(0, attribute.index);
      else text += `"${value === true ? '' : escaped(value)}"`;
    });
    return text;
  }
}

/** @param {unknown[]} values @returns {unknown[]} */
function flat(values) {
  return values.flat(Infinity).filter((value) => value !== null && value !== undefined && value !== false && value !== true);
}

/** @param {unknown} value @returns {string} */
function written(value) {
  if (value instanceof FakeElement) return value.outerHTML;
  return value instanceof Markup ? value.toString() : escaped(value);
}

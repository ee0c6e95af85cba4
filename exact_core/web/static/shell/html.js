// @ts-check
/**
 * Safe templates: html`<p class="${name}">${text}</p>` gives DOM nodes, and nothing in a hole is ever read as markup.
 *
 * Holes: text, numbers, nodes, arrays of them, null, undefined and false (nothing). Attributes: `name=${value}`
 * (left out for null, undefined, false; empty for true), `.property=${value}`, `@event=${listener}`, and
 * `.style=${{width: '3px', '--swatch': '#f00'}}`, which is set through the object model because the page's content
 * security policy forbids style attributes.
 */

/** @typedef {Node | string | number | boolean | null | undefined | readonly any[]} Hole */

const MARK = 'exact-hole-';
const ATTRIBUTE = new RegExp(`${MARK}(\\d+)-`, 'g');
/** @type {WeakMap<TemplateStringsArray, HTMLTemplateElement>} */
const templates = new WeakMap();

/**
 * Is the next hole inside a tag (an attribute) or between tags?
 * @param {string} text everything before the hole
 */
function insideTag(text) {
  return text.lastIndexOf('<') > text.lastIndexOf('>');
}

/** @param {TemplateStringsArray} strings */
function compile(strings) {
  let known = templates.get(strings);
  if (known) return known;
  let source = '';
  strings.forEach((part, index) => {
    source += part;
    if (index < strings.length - 1) source += insideTag(source) ? `${MARK}${index}-` : `<!--${MARK}${index}-->`;
  });
  known = document.createElement('template');
  // Line breaks around a template are layout of the source; a single space beside a word is meant.
  known.innerHTML = source.replace(/^\s*\n\s*|\s*\n\s*$/g, '');
  templates.set(strings, known);
  return known;
}

/**
 * @param {TemplateStringsArray} strings
 * @param {...any} values
 * @returns {any} one element when the template has one root, else a fragment
 */
export function html(strings, ...values) {
  const fragment = /** @type {DocumentFragment} */ (document.importNode(compile(strings).content, true));
  /** @type {Comment[]} */
  const comments = [];
  const walker = document.createTreeWalker(fragment, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_COMMENT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node instanceof Comment) {
      if (node.data.startsWith(MARK)) comments.push(node);
    } else {
      fill(/** @type {Element} */ (node), values);
    }
  }
  for (const comment of comments) comment.replaceWith(toNode(values[Number(comment.data.slice(MARK.length))]));
  return fragment.childNodes.length === 1 ? fragment.firstChild : fragment;
}

/**
 * @param {Element} element
 * @param {any[]} values
 */
function fill(element, values) {
  for (const { name, value } of [...element.attributes]) {
    const holes = [...value.matchAll(ATTRIBUTE)];
    if (!holes.length) continue;
    const whole = holes.length === 1 && holes[0][0] === value;
    const single = values[Number(holes[0][1])];
    element.removeAttribute(name);
    if (name.startsWith('@')) {
      if (single) element.addEventListener(name.slice(1), single);
    } else if (name === '.style') {
      setStyle(/** @type {HTMLElement} */ (element), single);
    } else if (name.startsWith('.')) {
      /** @type {any} */ (element)[property(name.slice(1))] = single;
    } else if (!whole) {
      setAttribute(element, name, value.replace(ATTRIBUTE, (_, index) => text(values[Number(index)])));
    } else if (single !== null && single !== undefined && single !== false) {
      setAttribute(element, name, single === true ? '' : String(single));
    }
  }
}

/** Names of attributes arrive in lower case; a property needs its own spelling. */
const PROPERTIES = ['textContent', 'indeterminate', 'selectedIndex', 'readOnly', 'valueAsNumber', 'defaultValue', 'tabIndex'];

/** @param {string} name */
function property(name) {
  return PROPERTIES.find((known) => known.toLowerCase() === name) ?? name;
}

/** @param {any} value */
function text(value) {
  return value === null || value === undefined || value === false ? '' : String(value);
}

const ADDRESS = new Set(['href', 'src', 'action', 'formaction', 'xlink:href']);

/**
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
function setAttribute(element, name, value) {
  if (name.startsWith('on')) throw new Error(`"${name}" cannot be set by a template; use @${name.slice(2)}`);
  if (ADDRESS.has(name) && /^\s*(javascript|data(?!:image\/)|vbscript):/i.test(value)) {
    throw new Error(`"${name}" may not be a script address`);
  }
  element.setAttribute(name, value);
}

/**
 * @param {HTMLElement} element
 * @param {Record<string, string | number | null> | null} style
 */
export function setStyle(element, style) {
  for (const [name, value] of Object.entries(style ?? {})) {
    element.style.setProperty(name.startsWith('--') ? name : name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`), text(value));
  }
}

/**
 * @param {Hole} value
 * @returns {Node}
 */
function toNode(value) {
  if (value instanceof Node) return value;
  if (Array.isArray(value)) {
    const fragment = document.createDocumentFragment();
    for (const item of value) fragment.append(toNode(item));
    return fragment;
  }
  return document.createTextNode(value === true ? '' : text(value));
}

/**
 * Replace what is in an element, keeping the focus on the control that has the same `data-key` or `id`.
 * @param {Element} target
 * @param {...Hole} content
 */
export function render(target, ...content) {
  const active = document.activeElement;
  const key = active && target.contains(active) ? active.getAttribute('data-focus') ?? active.id : '';
  target.replaceChildren(...content.map(toNode));
  if (key) {
    const again = [...target.querySelectorAll('[data-focus], [id]')].find((e) => (e.getAttribute('data-focus') ?? e.id) === key);
    if (again instanceof HTMLElement) again.focus({ preventScroll: true });
  }
}

const SPRITE = new URL('../icons.svg', import.meta.url).href;
const SVG = 'http://www.w3.org/2000/svg';

/**
 * An icon of the sprite; it is decoration, so say what it means beside it or in `aria-label`.
 * @param {string} name as in frontend/vendor.json
 * @param {string} [classes] 'icon--lg', 'icon--spin'
 * @returns {SVGSVGElement}
 */
export function icon(name, classes = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon ${classes}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/**
 * The first element of a page that a module needs; a missing one is a mistake of ours.
 * @template {Element} [T=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {T}
 */
export function $(selector, root = document) {
  const element = root.querySelector(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return /** @type {T} */ (/** @type {unknown} */ (element));
}

// @ts-check
/** Finding what a person would click, by the words on it. */

import { FakeElement, VOID, writtenWithClicks } from './fake_page.js';

/**
 * @typedef {object} Part  An element as it was written.
 * @property {string} tag
 * @property {Record<string, string>} attributes
 * @property {number[]} clicks  Numbers of the listeners of its own.
 * @property {Part | null} parent
 * @property {string} text
 *
 * @typedef {{owner: FakeElement | null, listener: (event: any) => unknown}} Heard
 */

const TOKEN = /<(\/?)([\w-]+)((?:\s+[^\s=>/]+(?:=(?:"[^"]*"|'[^']*'|[^\s>]+))?)*)\s*(\/?)>|([^<]+)/g;
const ATTRIBUTE = /([^\s=]+)(?:=(?:"([^"]*)"|'([^']*)'|(\S+)))?/g;
const CONTROLS = new Set(['button', 'a', 'summary']);

/**
 * Click a control of an element: its listeners are called, and those of what it lies in.
 * @param {FakeElement} element
 * @param {string} label  All the words on the control, or its `aria-label`.
 * @param {number} nth  Which one, from 0, when several are called so.
 * @throws when nothing is called so, when it is disabled, or when nobody hears it
 */
export async function clickIn(element, label, nth) {
  const { text, listeners } = writtenWithClicks(element);
  const parts = controlsOf(text);
  const called = parts.filter((part) => nameOf(part) === label);
  const found = called[nth];
  if (!found) {
    const others = parts.map(nameOf).join(', ') || 'none';
    throw new Error(called.length ? `only ${called.length} controls are called ${label}` : `no control is called ${label}; there are: ${others}`);
  }
  if ('disabled' in found.attributes || found.attributes['aria-disabled'] === 'true') throw new Error(`${label} is disabled`);
  await tell(found, listeners);
}

/** @param {Part} found @param {Heard[]} listeners */
async function tell(found, listeners) {
  const owned = found.clicks.map((number) => listeners[number].owner).find((owner) => owner);
  const target = owned ?? Object.assign(new FakeElement(found.tag), { attributes: found.attributes });
  let isStopped = false;
  let isHeard = false;
  const event = { type: 'click', target, currentTarget: target, preventDefault: () => undefined, stopPropagation: () => void (isStopped = true) };
  for (let part = /** @type {Part | null} */ (found); part && !isStopped; part = part.parent) {
    for (const number of part.clicks) {
      isHeard = true;
      await listeners[number].listener.call(target, event);
    }
  }
  if (!isHeard) throw new Error(`nothing happens at ${nameOf(found)}`);
}

/** @param {string} written @returns {Part[]} buttons, links and whatever listens, in their order */
function controlsOf(written) {
  /** @type {Part[]} */
  const all = [];
  let inside = /** @type {Part | null} */ (null);
  for (const [, closes, tag, more = '', isEmpty, words] of written.matchAll(TOKEN)) {
    if (words !== undefined) {
      for (let part = inside; part; part = part.parent) part.text += words;
    } else if (closes) {
      let opened = /** @type {Part | null} */ (inside);
      while (opened && opened.tag !== tag) opened = opened.parent;
      if (opened) inside = opened.parent;
    } else {
      const part = partOf(tag, more, inside);
      all.push(part);
      for (let outer = inside; outer; outer = outer.parent) outer.text += ' ';
      if (!isEmpty && !VOID.has(tag)) inside = part;
    }
  }
  return all.filter(({ tag, attributes, clicks }) => CONTROLS.has(tag) || attributes.role === 'button' || clicks.length > 0);
}

/** @param {string} tag @param {string} more @param {Part | null} parent @returns {Part} */
function partOf(tag, more, parent) {
  /** @type {Part} */
  const part = { tag, attributes: {}, clicks: [], parent, text: '' };
  for (const [, name, ...values] of more.matchAll(ATTRIBUTE)) {
    const value = plain(values.find((each) => each !== undefined) ?? '');
    if (name === '@click') part.clicks.push(Number(value));
    else part.attributes[name] = value;
  }
  return part;
}

/** @param {Part} part */
function nameOf(part) {
  return part.attributes['aria-label'] ?? plain(part.text).replace(/\s+/g, ' ').trim();
}

/** @param {string} text */
function plain(text) {
  return text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&');
}

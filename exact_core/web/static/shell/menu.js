// @ts-check
/** Menus that drop from a button: arrow keys, first letters, Escape back to the button. */

import { html, icon } from './html.js';
import { shown } from './keys.js';
import { place } from './tooltip.js';
import { showError } from './toast.js';

/**
 * @typedef {object} MenuItem
 * @property {string} [label]
 * @property {string} [icon]
 * @property {string} [href]
 * @property {string} [keys] a shortcut to show
 * @property {boolean} [danger]
 * @property {boolean} [checked]
 * @property {() => unknown} [run]
 * @property {boolean} [separator]
 * @property {string} [heading]
 */

/**
 * Open the menu when the button is pressed.
 * @param {HTMLElement} button
 * @param {() => (MenuItem | null | false)[]} items asked at each opening; empty entries are skipped
 * @param {'start' | 'end'} [align]
 */
export function attachMenu(button, items, align = 'end') {
  button.setAttribute('aria-haspopup', 'menu');
  button.setAttribute('aria-expanded', 'false');
  button.addEventListener('click', (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (button.getAttribute('aria-expanded') === 'true') return;
    openMenu(button, items().filter((item) => !!item), align);
  });
  button.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      button.click();
    }
  });
}

/**
 * @param {HTMLElement} button
 * @param {MenuItem[]} items
 * @param {'start' | 'end'} align
 */
function openMenu(button, items, align) {
  const menu = html`<div class="menu" role="menu" popover="auto">${items.map(entry)}</div>`;
  button.after(menu);
  menu.showPopover();
  place(menu, button, align);
  button.setAttribute('aria-expanded', 'true');
  /** @type {HTMLElement[]} */
  const choices = [...menu.querySelectorAll('[role^="menuitem"]')];
  choices[0]?.focus();

  menu.addEventListener('toggle', (/** @type {any} */ event) => {
    if (event.newState !== 'closed') return;
    button.setAttribute('aria-expanded', 'false');
    const inside = menu.contains(document.activeElement) || document.activeElement === document.body;
    menu.remove();
    if (inside && button.isConnected && !document.querySelector('dialog[open]')) button.focus();
  });
  menu.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const at = choices.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = step(event.key, at, choices);
    if (event.key === 'Tab') menu.hidePopover();
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    choices[next]?.focus();
  });
  const close = () => menu.isConnected && menu.hidePopover();
  addEventListener('resize', close, { once: true });
  document.addEventListener('scroll', (event) => { if (event.target !== menu) close(); }, { capture: true, once: true });

  /** @param {MenuItem} item */
  function entry(item) {
    if (item.separator) return html`<hr>`;
    if (item.heading) return html`<div class="menu__label">${item.heading}</div>`;
    const content = [
      item.icon ? icon(item.icon) : null, html`<span class="truncate">${item.label}</span>`,
      item.keys ? html`<span class="kbd">${shown(item.keys)}</span>` : null,
    ];
    const classes = `menu__item ${item.danger ? 'menu__item--danger' : ''}`;
    if (item.href) return html`<a class=${classes} role="menuitem" tabindex="-1" href=${item.href}>${content}</a>`;
    const checked = item.checked === undefined ? null : String(item.checked);
    return html`
      <button type="button" class=${classes} tabindex="-1" aria-checked=${checked}
        role=${checked === null ? 'menuitem' : 'menuitemcheckbox'} @click=${run}>${content}</button>`;
    async function run() {
      menu.hidePopover();
      try {
        await item.run?.();
      } catch (error) {
        showError(error);
      }
    }
  }
}

/**
 * @param {string} key
 * @param {number} at
 * @param {HTMLElement[]} choices
 * @returns {number | null}
 */
function step(key, at, choices) {
  if (key === 'ArrowDown') return (at + 1) % choices.length;
  if (key === 'ArrowUp') return (at - 1 + choices.length) % choices.length;
  if (key === 'Home') return 0;
  if (key === 'End') return choices.length - 1;
  if (key.length !== 1) return null;
  const letter = key.toLowerCase();
  for (let offset = 1; offset <= choices.length; offset++) {
    const index = (at + offset) % choices.length;
    if (choices[index].textContent?.trim().toLowerCase().startsWith(letter)) return index;
  }
  return null;
}

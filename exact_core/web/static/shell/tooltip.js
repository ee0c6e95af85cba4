// @ts-check
/** One tooltip for the page: `data-tip="Save"`, and `data-keys="Ctrl+S"` to show the key beside it. */

import { shown } from './keys.js';

const DELAY = 450;

/** Watch the page for elements with a tip; called once by shell.js. */
export function watchTooltips() {
  const tip = document.createElement('div');
  tip.className = 'tooltip';
  tip.setAttribute('role', 'tooltip');
  tip.popover = 'manual';
  document.body.append(tip);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Element | null} */
  let owner = null;

  const hide = () => {
    clearTimeout(timer);
    owner = null;
    if (tip.matches(':popover-open')) tip.hidePopover();
  };

  /** @param {HTMLElement} element */
  const show = (element) => {
    if (!element.isConnected || !element.dataset.tip) return;
    tip.textContent = element.dataset.tip;
    if (element.dataset.keys) {
      const key = document.createElement('span');
      key.className = 'kbd';
      key.textContent = shown(element.dataset.keys);
      tip.append(key);
    }
    tip.showPopover();
    place(tip, element, 'center');
  };

  /**
   * @param {Event} event
   * @param {number} delay
   */
  const ask = (event, delay) => {
    const element = event.target instanceof Element ? event.target.closest('[data-tip]') : null;
    if (element === owner) return;
    hide();
    if (!(element instanceof HTMLElement)) return;
    owner = element;
    timer = setTimeout(() => show(element), delay);
  };

  document.addEventListener('pointerover', (event) => {
    if (event.pointerType !== 'touch') ask(event, DELAY);
  });
  document.addEventListener('focusin', (event) => {
    if (event.target instanceof Element && event.target.matches(':focus-visible')) ask(event, 0);
  });
  document.addEventListener('focusout', hide);
  document.addEventListener('pointerdown', hide);
  document.addEventListener('scroll', hide, { capture: true, passive: true });
  document.addEventListener('keydown', hide);
}

/**
 * Put a floating element below (or above, where there is no room) another one, inside the window.
 * @param {HTMLElement} floating
 * @param {Element} anchor
 * @param {'start' | 'center' | 'end'} align
 */
export function place(floating, anchor, align) {
  const gap = 6;
  const box = anchor.getBoundingClientRect();
  const size = floating.getBoundingClientRect();
  const below = box.bottom + gap + size.height <= innerHeight || box.top < size.height + gap;
  const left = { start: box.left, center: box.left + (box.width - size.width) / 2, end: box.right - size.width }[align];
  floating.style.top = `${Math.max(gap, below ? box.bottom + gap : box.top - gap - size.height)}px`;
  floating.style.left = `${Math.min(Math.max(gap, left), Math.max(gap, innerWidth - size.width - gap))}px`;
}

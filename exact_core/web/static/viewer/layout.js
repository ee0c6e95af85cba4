// @ts-check
/** Which parts of the page are open, remembered on this computer; on a phone they are sheets, one at a time. */

import { $ } from '../shell/html.js';

const KEY = 'exact.viewer';
const PHONE = matchMedia('(max-width: 52rem)');

/** @returns {Record<string, any>} */
export function preferences() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') ?? {};
  } catch {
    return {};
  }
}

/** @param {Record<string, unknown>} change */
export function remember(change) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...preferences(), ...change }));
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** @typedef {{button: HTMLElement, panel: HTMLElement, name: string, event: string, byDefault: boolean}} Part */

/** Make the buttons of the bar open and close the side panels. */
export function rememberLayout() {
  /** @type {Part[]} */
  const parts = [
    { button: $('#toggle-strip'), panel: $('#strip'), name: 'strip', event: 'exact:strip-shown', byDefault: false },
    { button: $('#toggle-history'), panel: $('#history'), name: 'history', event: 'exact:history-shown', byDefault: false },
    { button: $('#toggle-side'), panel: $('#side'), name: 'side', event: 'exact:side-shown', byDefault: true },
  ];
  const set = (/** @type {Part} */ part, /** @type {boolean} */ open) => {
    part.panel.hidden = !open;
    part.button.setAttribute('aria-expanded', String(open));
    if (open) dispatchEvent(new CustomEvent(part.event));
  };
  const arrange = () => parts.forEach((part) => set(part, PHONE.matches ? false : Boolean(preferences()[part.name] ?? part.byDefault)));
  for (const part of parts) {
    part.button.addEventListener('click', () => {
      const open = part.panel.hidden === true;
      if (PHONE.matches && open) parts.filter((other) => other !== part).forEach((other) => set(other, false));
      set(part, open);
      if (!PHONE.matches) remember({ [part.name]: open });
    });
  }
  for (const closer of document.querySelectorAll('[data-close-sheet]')) {
    closer.addEventListener('click', () => parts.forEach((part) => PHONE.matches && set(part, false)));
  }
  PHONE.addEventListener('change', arrange);
  arrange();
}

/** On a phone, get the sheets out of the way of the picture. */
export function closeSheets() {
  if (!PHONE.matches) return;
  for (const id of ['#toggle-side', '#toggle-strip', '#toggle-history']) {
    const button = document.querySelector(id);
    if (button?.getAttribute('aria-expanded') === 'true' && button instanceof HTMLElement) button.click();
  }
}

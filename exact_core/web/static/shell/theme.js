// @ts-check
/** Light, dark, or what the system says: kept in this browser at once and in the user's preferences. */

import { api } from './api.js';

/** @typedef {'system' | 'light' | 'dark'} Theme */
const KEY = 'exact.theme';

/** @returns {Theme} */
export function theme() {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : 'system';
}

/**
 * Show a theme and remember it in this browser.
 * @param {Theme} value
 */
export function applyTheme(value) {
  if (value === 'system') {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(KEY, value);
    document.documentElement.dataset.theme = value;
  }
  dispatchEvent(new CustomEvent('exact:theme', { detail: value }));
}

/**
 * The user chose a theme.
 * @param {Theme} value
 * @param {boolean} loggedIn
 */
export async function chooseTheme(value, loggedIn) {
  applyTheme(value);
  if (loggedIn) await api.patch('/me', { preferences: { theme: value } });
}

// @ts-check
/** How an image and its state are shown. */

import { apiUrl } from './api.js';
import { html, icon } from './html.js';

/** @type {Record<string, {label: string, kind: string, symbol: string}>} */
export const STATUS = {
  ready: { label: 'Ready', kind: 'success', symbol: 'circle-check' },
  probing: { label: 'Being checked', kind: 'accent', symbol: 'loader-circle' },
  converting: { label: 'Being converted', kind: 'accent', symbol: 'loader-circle' },
  unreadable: { label: 'Unreadable', kind: 'danger', symbol: 'file-warning' },
};

/** @param {string} status */
export function statusBadge(status) {
  const known = STATUS[status] ?? { label: status, kind: '', symbol: 'info' };
  return html`<span class="badge badge--${known.kind}">${icon(known.symbol, known.symbol === 'loader-circle' ? 'icon--spin' : '')}${known.label}</span>`;
}

/**
 * The thumbnail of an image; a sign takes its place when there is none.
 * @param {number} id
 * @param {number} size
 * @param {string} [version] changes the address when the picture changes
 * @param {string} [classes]
 */
export function thumbnail(id, size, version = '', classes = '') {
  const picture = html`<img class=${classes} loading="lazy" decoding="async" alt="" src=${apiUrl(`/images/${id}/thumbnail`, { size, v: version })}>`;
  picture.addEventListener('error', () => picture.replaceWith(icon('image-off', 'icon--lg')), { once: true });
  return picture;
}

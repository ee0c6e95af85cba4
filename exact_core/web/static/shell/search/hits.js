// @ts-check
/** Hits of a search as lists show them. */

import { apiUrl } from '../api.js';
import { html, icon } from '../html.js';
import { SHAPES } from '../shapes.js';
import { ago, dateTime } from '../time.js';

/**
 * @typedef {object} Hit
 * @property {number} id
 * @property {string} uuid
 * @property {number} image_id
 * @property {number} type_id
 * @property {string} shape
 * @property {[number, number, number, number]} box
 * @property {{z: number, t: number, c: number}} frame
 * @property {string} text
 * @property {Record<string, unknown>} attributes
 * @property {{id: number, name: string} | null} author
 * @property {string} claimed_author
 * @property {string} edited_at
 * @property {number} revision
 * @property {boolean} may_edit
 *
 * @typedef {{id: number, name: string, color: string}} HitType
 */

/** The picture of a hit; it changes when the shape does. @param {Hit} hit @param {number} size */
export function pictureUrl(hit, size) {
  return apiUrl(`/annotations/${hit.id}/picture`, { size, v: hit.revision });
}

/** @param {Hit} hit @param {number} size */
export function hitPicture(hit, size) {
  const picture = html`<img class="hit__picture" alt="" loading="lazy" decoding="async" width=${size} height=${size} src=${pictureUrl(hit, size)}>`;
  picture.addEventListener('error', () => picture.replaceWith(html`<span class="hit__picture hit__picture--none">${icon(SHAPES[hit.shape]?.symbol ?? 'shapes')}</span>`), { once: true });
  return picture;
}

/** What stands beside the picture. @param {Hit} hit @param {HitType | undefined} type @param {string} [imageName] */
export function hitText(hit, type, imageName = '') {
  const who = hit.author?.name || hit.claimed_author || 'Imported';
  const values = Object.entries(hit.attributes).map(([name, value]) => `${name}: ${spoken(value)}`).join(' · ');
  return html`
    <span class="hit__text">
      <span class="hit__title"><span class="swatch" .style=${{ '--swatch': type?.color ?? 'currentColor' }}></span><span class="truncate">${type?.name ?? 'Unknown class'}</span></span>
      ${imageName ? html`<span class="small truncate">${imageName}</span>` : null}
      ${hit.text ? html`<span class="small truncate">${hit.text}</span>` : null}
      ${values ? html`<span class="small muted truncate">${values}</span>` : null}
      <span class="small faint truncate">${who} · <time datetime=${hit.edited_at} title=${dateTime(hit.edited_at)}>${ago(hit.edited_at)}</time></span>
    </span>`;
}

/** @param {unknown} value */
export function spoken(value) {
  if (Array.isArray(value)) return value.join(', ');
  return value === true ? 'yes' : value === false ? 'no' : String(value);
}

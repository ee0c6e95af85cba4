// @ts-check
/** How one image looks in the images of a set: as a card, and as a row. */

import { html, icon } from '../html.js';
import { statusBadge, STATUS, thumbnail } from '../image_status.js';
import { stateBadge } from '../review.js';
import { plural, size } from '../time.js';

/** @typedef {import('./set_images.js').ImageList} ImageList */
/** @typedef {Record<string, any>} Image */

/** @param {Image} image */
function picture(image) {
  if (image.status === 'ready') return thumbnail(image.id, 256, image.content_version);
  const known = STATUS[image.status];
  return icon(known?.symbol ?? 'image', `icon--xl ${image.status === 'unreadable' ? '' : 'icon--spin'}`);
}

/** @param {Image} image */
export function titleOf(image) {
  return image.private_name || image.name;
}

/** @param {ImageList} list @param {Image} image */
function link(list, image) {
  const title = titleOf(image);
  if (image.status !== 'ready' || image.deleted_at) return html`<button type="button" class="link-btn truncate image-card__link" title=${title} @click=${() => list.details(image)}>${title}</button>`;
  return html`<a class="image-card__link truncate" href="/image-sets/${list.page.id}/images/${image.id}" title=${title}>${title}</a>`;
}

/** @param {Image} image */
function facts(image) {
  if (image.status === 'unreadable') return html`<span class="truncate danger-text" title=${image.status_reason}>${image.status_reason}</span>`;
  if (image.status !== 'ready') return html`<span>${STATUS[image.status].label}${image.progress ? ` · ${Math.round(image.progress * 100)} %` : ''}</span>`;
  return html`<span class="num truncate">${image.width.toLocaleString('en')} × ${image.height.toLocaleString('en')}${image.annotations ? ` · ${plural(image.annotations, 'shape')}` : ''}</span>`;
}

/** The state of review, once there is one, and whether something waits for oneself. @param {Image} image */
function review(image) {
  const waits = image.assigned === 'open' || image.assigned === 'in_work';
  const isLate = waits && image.due_at && new Date(image.due_at) < new Date();
  if (image.status !== 'ready' || (image.review === 'to_do' && !waits)) return null;
  return html`<span class="image-review">${image.review === 'to_do' ? null : stateBadge(image.review)}${waits ? html`<span class="badge ${isLate ? 'badge--danger' : 'badge--accent'}" data-tip=${image.due_at ? `Due ${new Date(image.due_at).toLocaleDateString('en')}` : null}>${icon('list-checks')}${isLate ? 'Late' : 'For you'}</span>` : null}</span>`;
}

/** @param {ImageList} list @param {Image} image */
export function imageCard(list, image) {
  const busy = image.status === 'probing' || image.status === 'converting';
  return html`
    <li class="card image-card ${list.selected.has(image.id) ? 'image-card--selected' : ''}" data-image=${image.id}>
      <div class="image-card__picture">${picture(image)}
        ${review(image)}
        ${busy ? html`<progress class="progress" max="1" value=${image.progress || null} aria-label=${STATUS[image.status].label}></progress>` : null}</div>
      <div class="image-card__body">${link(list, image)}<div class="image-card__meta">${facts(image)}</div>
        ${image.tags.length ? html`<div class="row tags">${image.tags.slice(0, 3).map((/** @type {string} */ tag) => html`<span class="tag"><span class="truncate">${tag}</span></span>`)}</div>` : null}</div>
      <label class="image-card__select">${list.checkbox(image)}</label>
      <div class="image-card__tools">${list.tools(image)}</div>
    </li>`;
}

/** @param {ImageList} list @param {Image} image */
export function imageRow(list, image) {
  const preview = image.status === 'ready' ? thumbnail(image.id, 128, image.content_version, 'thumb') : html`<span class="thumb thumb--icon">${icon(STATUS[image.status]?.symbol ?? 'image')}</span>`;
  return html`
    <li class="image-row" data-image=${image.id}>
      ${list.checkbox(image)}${preview}
      <div class="grow"><div class="truncate">${link(list, image)}</div><div class="image-card__meta">${facts(image)}</div></div>
      <div class="row tags hide-small">${image.tags.slice(0, 3).map((/** @type {string} */ tag) => html`<span class="tag"><span class="truncate">${tag}</span></span>`)}</div>
      ${image.status === 'ready' ? review(image) : statusBadge(image.status)}
      <span class="small muted num hide-small">${size(image.size_bytes)}</span>
      <span class="row row--nowrap image-row__tools">${list.tools(image)}</span>
    </li>`;
}

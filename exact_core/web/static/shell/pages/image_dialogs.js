// @ts-check
/** Dialogs about images of a set: what is known of them, their tags, and removing them for good. */

import { api } from '../api.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { areaField, tagInput, textField } from '../fields.js';
import { html, icon } from '../html.js';
import { statusBadge } from '../image_status.js';
import { dateTime, plural, size } from '../time.js';
import { titleOf } from './image_cards.js';

/** @typedef {Record<string, any>} Image */

/** Ask, and remove an image from the bin. @param {Image} image @returns {Promise<boolean>} whether it is gone */
export async function purgeDialog(image) {
  return Boolean(await confirmDialog({
    title: 'Remove the image for good?', action: 'Remove',
    body: html`<p><strong>${titleOf(image)}</strong> and its ${plural(image.annotations, 'annotation')} are removed, and its files. This cannot be undone.</p>`,
    submit: () => api.delete(`/images/${image.id}?permanently=true`),
  }));
}

/**
 * The tags of one image or many.
 *
 * @param {string} path of the image set
 * @param {Image[]} chosen
 * @param {string[]} known
 */
export async function tagDialog(path, chosen, known) {
  const ids = chosen.map((image) => image.id);
  const common = chosen.length ? chosen[0].tags.filter((/** @type {string} */ tag) => chosen.every((image) => image.tags.includes(tag))) : [];
  const input = tagInput({ tags: common, label: 'Tags', known });
  await openDialog({
    title: ids.length === 1 ? 'Tags' : `Tags of ${plural(ids.length, 'image')}`, action: 'Save', size: 'small',
    body: html`<div class="field">${input.element}<p class="field__hint">Enter or a comma ends a tag.${ids.length > 1 ? ' Only the tags that all of them have are shown.' : ''}</p></div>`,
    submit: async () => {
      const now = input.tags();
      const fresh = now.filter((tag) => !common.includes(tag));
      const gone = common.filter((/** @type {string} */ tag) => !now.includes(tag));
      if (fresh.length) await api.post(`${path}/image-actions`, { action: 'tag', image_ids: ids, tags: fresh });
      if (gone.length) await api.post(`${path}/image-actions`, { action: 'untag', image_ids: ids, tags: gone });
    },
  });
}

/**
 * What is known of an image, and what may be changed of it.
 *
 * @param {Image} image
 * @param {boolean} mayEdit
 */
export async function detailsDialog(image, mayEdit) {
  const resolution = image.mpp_x ? `${image.mpp_x.toFixed(4)} × ${(image.mpp_y ?? image.mpp_x).toFixed(4)} µm per pixel` : 'unknown';
  const facts = [
    ['Name', image.name], image.private_name ? ['File name', image.private_name] : null, ['State', statusBadge(image.status)],
    image.width ? ['Size', `${image.width.toLocaleString('en')} × ${image.height.toLocaleString('en')} px`] : null,
    image.size_z * image.size_t > 1 ? ['Frames', `${image.size_z} z × ${image.size_t} t × ${image.size_c} channels`] : null,
    ['Resolution', resolution], image.objective_power ? ['Objective', `${image.objective_power}×`] : null,
    image.vendor ? ['Scanner', image.vendor] : null, ['File size', size(image.size_bytes)], ['Added', dateTime(image.created_at)],
  ].filter((each) => each !== null);
  return openDialog({
    title: titleOf(image), action: mayEdit ? 'Save' : undefined, size: 'wide',
    body: [
      image.status === 'unreadable' ? html`<div class="banner banner--danger">${icon('file-warning')}<div class="grow"><p><strong>This file cannot be read.</strong></p><p>${image.status_reason}</p></div></div>` : null,
      html`<dl class="facts">${facts.map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>`,
      mayEdit ? [areaField('description', 'Description', image.description, { optional: true }),
        html`<div class="form-grid">${textField('mpp_x', 'µm per pixel, across', image.mpp_x ?? '', { optional: true, type: 'number' })}${textField('mpp_y', 'µm per pixel, down', image.mpp_y ?? '', { optional: true, type: 'number' })}${textField('objective_power', 'Objective magnification', image.objective_power ?? '', { optional: true, type: 'number' })}</div>`]
        : image.description ? html`<p>${image.description}</p>` : null,
    ],
    submit: mayEdit ? (data) => {
      const number = (/** @type {string} */ name) => (data.get(name) ? Number(data.get(name)) : null);
      return api.patch(`/images/${image.id}`, { description: data.get('description') ?? '', mpp_x: number('mpp_x'), mpp_y: number('mpp_y') ?? number('mpp_x'), objective_power: number('objective_power') });
    } : undefined,
  });
}

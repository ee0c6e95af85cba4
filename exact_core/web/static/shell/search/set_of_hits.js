// @ts-check
/** Making an image set of the images that a search finds. */

import { InputError, api, idempotencyKey } from '../api.js';
import { openDialog } from '../dialog.js';
import { areaField, selectField, textField } from '../fields.js';
import { html } from '../html.js';
import { MODES } from '../pages/set_branches.js';
import { toast } from '../toast.js';

/** @typedef {import('../pages/image_set.js').SetPage} SetPage */

/**
 * Ask for a name and make the set; it is filled in the background.
 * @param {SetPage} page
 * @param {string} query
 */
export async function makeSetOfHits(page, query) {
  const key = idempotencyKey();
  const modes = page.set.is_blind ? MODES.filter(([mode]) => mode !== 'cooperative') : MODES;
  const done = await openDialog({
    title: 'Image set of these images', action: 'Make it',
    body: [
      html`<p class="small muted">${query ? html`All images where something fits <code>${query}</code>` : 'All images with an annotation'}, with everything that is on them. A version of this set is made first, so that it stays known what the new one was made from; what changes there can be merged back.</p>`,
      textField('name', 'Name of the new set', '', { maxlength: 150, autofocus: true }),
      areaField('description', 'Description', '', { hint: 'Left empty, it says what was searched.' }),
      selectField('mode', 'How people work in it', modes, page.set.is_blind ? page.set.mode : 'cooperative', page.set.is_blind ? { hint: 'This set is blind, so the new one is, too.' } : {}),
    ],
    submit: (data) => {
      if (!String(data.get('name')).trim()) throw new InputError('Give the image set a name.');
      const wanted = { q: query, name: data.get('name'), description: data.get('description'), mode: data.get('mode') };
      return api.post(`/image-sets/${page.id}/annotation-search/image-sets`, wanted, { idempotencyKey: key });
    },
  });
  if (!done) return;
  toast(`The image set ${done.name} is being made.`, { kind: 'success', action: { label: 'How far it is', run: () => location.assign(`/image-sets/${page.id}/versions`) } });
}

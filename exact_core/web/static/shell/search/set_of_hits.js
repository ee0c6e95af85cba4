// @ts-check
/** Making an image set of the images that a search finds. */

import { html } from '../html.js';
import { askForSet } from '../pages/set_branches.js';
import { toast } from '../toast.js';

/** @typedef {import('../pages/image_set.js').SetPage} SetPage */

/**
 * Ask for a name and make the set; it is filled in the background.
 * @param {SetPage} page
 * @param {string} query
 */
export async function makeSetOfHits(page, query) {
  const done = await askForSet(page, {
    title: 'Image set of these images', path: `/image-sets/${page.id}/annotation-search/image-sets`, more: { q: query },
    description: 'Left empty, it says what was searched.',
    about: html`${query ? html`All images where something fits <code>${query}</code>` : 'All images with an annotation'}, with everything that is on them. A version of this set is made first, so that it stays known what the new one was made from; what changes there can be merged back.`,
  });
  if (!done) return;
  toast(`The image set ${done.name} is being made.`, { kind: 'success', action: { label: 'How far it is', run: () => location.assign(`/image-sets/${page.id}/versions`) } });
}

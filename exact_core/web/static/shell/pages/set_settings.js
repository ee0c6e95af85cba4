// @ts-check
/** Name, description, tags, mode, lock and the end of an image set. */

import { api } from '../api.js';
import { checkFields, clearErrors, confirmDialog, markErrors } from '../dialog.js';
import { areaField, tagInput, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { modeCard } from './mode_settings.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawSettings(target, page) {
  const path = `/image-sets/${page.id}`;
  const mayManage = page.rights.manage;
  const { set } = page;
  const known = (await api.get('/image-set-tags')).map((/** @type {any} */ tag) => tag.name);
  const tags = tagInput({ tags: set.tags ?? [], label: 'Tags of the image set', known, disabled: !mayManage });
  const message = html`<p class="field__error" role="alert"></p>`;
  const button = html`<button class="btn btn--primary">Save</button>`;

  /** @param {SubmitEvent} event */
  const save = async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const data = new FormData(form);
    clearErrors(form);
    message.textContent = '';
    if (!checkFields(form)) return;
    button.setAttribute('aria-busy', 'true');
    try {
      await api.patch(path, { name: data.get('name'), description: data.get('description') ?? '' });
      await api.put(`${path}/tags`, { tags: tags.tags() });
      await page.refresh();
      toast('Saved.', { kind: 'success' });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!markErrors(form, error)) message.textContent = error.message;
    } finally {
      button.removeAttribute('aria-busy');
    }
  };

  const lock = async () => {
    try {
      await api.patch(path, { is_locked: !page.set.is_locked });
      await page.refresh();
      await drawSettings(target, page);
    } catch (error) {
      showError(error);
    }
  };

  const remove = async () => {
    const gone = await confirmDialog({
      title: `Delete ${page.set.name}?`, action: 'Delete',
      body: html`<p>The set with its ${plural(page.set.image_count ?? 0, 'image')} disappears for everybody. Nothing is lost: it can be restored from the list of deleted image sets.</p>`, submit: () => api.delete(path),
    });
    if (gone) location.assign('/');
  };

  const mode = await modeCard(page, () => drawSettings(target, page));
  if (page.signal.aborted) return;
  render(target,
    html`<form class="card" novalidate @submit=${save} aria-label="About this set"><div class="card__head"><h2>About this set</h2></div>
      <fieldset class="card__body stack" disabled=${!mayManage}><legend class="visually-hidden">About this set</legend>
        ${textField('name', 'Name', set.name, { maxlength: 150 })}${areaField('description', 'Description', set.description, { optional: true })}
        <div class="field"><span class="field__label">Tags</span>${tags.element}</div>
        ${message}${mayManage ? html`<div class="form-actions form-actions--start">${button}</div>` : html`<p class="muted">Only managers of this set can change this.</p>`}</fieldset></form>`,
    mode,
    mayManage ? html`<section class="card" aria-label="Lock"><div class="card__head">${icon(set.is_locked ? 'lock' : 'lock-open')}<h2 class="grow">${page.set.is_locked ? 'This set is locked' : 'Lock this set'}</h2><button type="button" class="btn" @click=${lock}>${page.set.is_locked ? 'Unlock' : 'Lock'}</button></div>
      <p class="card__body muted">A locked set is read only for everybody, managers included: no new images, no new annotations, until it is unlocked.</p></section>` : null,
    page.rights.delete_set ? html`<section class="card card--danger" aria-label="Delete"><div class="card__head">${icon('trash-2')}<h2 class="grow">Delete this set</h2><button type="button" class="btn btn--danger" @click=${remove}>Delete…</button></div>
      <p class="card__body muted">It can be restored later, with all its images and annotations.</p></section>` : null);
  target.setAttribute('aria-busy', 'false');
}

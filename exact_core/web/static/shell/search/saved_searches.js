// @ts-check
/** The menu of saved searches: one's own and those that are shared with the image set. */

import { api } from '../api.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { checkField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { attachMenu } from '../menu.js';
import { toast } from '../toast.js';

/**
 * @typedef {{id: number, name: string, query: string, is_shared: boolean, is_own: boolean, may_delete: boolean, owner: {name: string} | null}} Saved
 *
 * @typedef {object} SavedOptions
 * @property {number} imageSetId
 * @property {boolean} mayShare
 * @property {() => string} query what is searched now
 * @property {(query: string) => unknown} run
 * @property {boolean} [isSmall] without its name, for narrow places
 */

/** @param {SavedOptions} options @returns {HTMLElement} the button */
export function savedSearches(options) {
  const path = `/image-sets/${options.imageSetId}/saved-searches`;
  const button = html`<button type="button" class="btn" aria-label="Saved searches" data-tip="Saved searches">${icon('bookmark')}${options.isSmall ? null : html`<span class="hide-small">Saved</span>`}</button>`;
  /** @type {Saved[]} */
  let saved = [];
  const load = async () => { saved = (await api.get(path)).items; };
  void load().catch(() => undefined);
  attachMenu(button, () => [
    ...(saved.length ? [{ heading: 'Saved searches' }] : []),
    ...saved.map((one) => ({ label: one.name, icon: one.is_shared ? 'users' : 'bookmark', run: () => options.run(one.query) })),
    ...(saved.length ? [{ separator: true }] : []),
    { label: 'Save this search', icon: 'plus', run: () => save() },
    ...(saved.length ? [{ label: 'Rename, share or delete', icon: 'pencil', run: () => manage() }] : []),
  ]);

  async function save() {
    const query = options.query();
    if (!query) {
      toast('Type a search first.', { kind: 'info' });
      return;
    }
    const kept = await openDialog({
      title: 'Save this search', action: 'Save', size: 'small',
      body: [textField('name', 'Name', '', { maxlength: 100, autofocus: true }), html`<p class="mono small search-query">${query}</p>`,
        options.mayShare ? checkField('is_shared', 'Share it with everybody in this image set') : null],
      submit: (data) => api.post(path, { name: data.get('name'), query, is_shared: data.get('is_shared') === 'on' }),
    });
    if (kept) {
      await load();
      toast(`Saved as ${kept.name}.`, { kind: 'success' });
    }
  }

  async function manage() {
    const list = html`<ul class="list"></ul>`;
    const draw = () => render(list, saved.map((one) => html`
      <li class="list__item"><div class="grow">
        <div class="row"><strong class="truncate">${one.name}</strong>${one.is_shared ? html`<span class="badge">${icon('users')}shared</span>` : null}${one.owner && !one.is_own ? html`<span class="small muted">${one.owner.name}</span>` : null}</div>
        <p class="mono small muted search-query">${one.query}</p></div>
        ${one.is_own ? html`<button type="button" class="icon-btn" aria-label="Change ${one.name}" data-tip="Change" @click=${() => change(one)}>${icon('pencil')}</button>` : null}
        <button type="button" class="icon-btn" aria-label="Copy the link of ${one.name}" data-tip="Copy the link" @click=${() => copyLink(one)}>${icon('link')}</button>
        ${one.may_delete ? html`<button type="button" class="icon-btn icon-btn--danger" aria-label="Delete ${one.name}" data-tip="Delete" @click=${() => remove(one)}>${icon('trash-2')}</button>` : null}</li>`));
    const again = async () => {
      await load();
      draw();
    };
    /** @param {Saved} one */
    const change = async (one) => {
      const changed = await openDialog({
        title: 'Change the saved search', action: 'Save',
        body: [textField('name', 'Name', one.name, { maxlength: 100 }), textField('query', 'Search', one.query, { maxlength: 4000 }),
          options.mayShare ? checkField('is_shared', 'Share it with everybody in this image set', one.is_shared) : null],
        submit: (data) => api.patch(`${path}/${one.id}`, { name: data.get('name'), query: data.get('query'), ...(options.mayShare ? { is_shared: data.get('is_shared') === 'on' } : {}) }),
      });
      if (changed) await again();
    };
    /** @param {Saved} one */
    const remove = async (one) => {
      if (await confirmDialog({ title: `Delete ${one.name}?`, action: 'Delete', body: html`<p>The annotations that it finds stay.</p>`, submit: () => api.delete(`${path}/${one.id}`) })) await again();
    };
    draw();
    await openDialog({ title: 'Saved searches', body: list, size: 'wide' });
  }

  /** @param {Saved} one */
  async function copyLink(one) {
    const address = new URL(`/image-sets/${options.imageSetId}/search?q=${encodeURIComponent(one.query)}`, location.href).href;
    try {
      await navigator.clipboard.writeText(address);
      toast('Link copied.', { kind: 'success' });
    } catch {
      toast('The link of this search', { detail: address, seconds: 0 });
    }
  }
  return button;
}

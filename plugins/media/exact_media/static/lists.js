// @ts-check
/** Lists of attached files: what each is, playing it, saving it, taking it off. */

import { confirmDialog, html, icon, showError } from 'exact/sdk';

import { brief, facts } from './media.js';

/** @typedef {import('./media.js').Item} Item */

const ICONS = { sound: 'activity', film: 'monitor', picture: 'image' };

/**
 * @param {Item[]} items
 * @param {{player: import('./player.js').Player, api: import('./media.js').MediaApi, removed: () => void}} parts
 */
export function createList(items, parts) {
  return html`<ul class="media-list">${items.map((item) => createRow(item, parts))}</ul>`;
}

/** Where the player goes for something that is listed. @param {HTMLElement} list @param {number} id */
export function hostOf(list, id) {
  return /** @type {HTMLElement | null} */ (list.querySelector(`[data-media="${id}"]`));
}

/** @param {Item} item @param {Parameters<typeof createList>[1]} parts */
function createRow(item, parts) {
  const { player, api } = parts;
  const row = html`<li class="media-item" data-media=${item.id}></li>`;
  const open = () => {
    if (!player.shows(item)) player.open(item, row);
    else if (item.kind === 'picture') player.stop();
    else player.toggle();
  };
  const verb = item.kind === 'picture' ? 'Show' : 'Play';
  row.append(html`
    <div class="media-item__head">
      <button type="button" class="media-item__open" data-focus=${`media-${item.id}`} title=${`${item.title}, ${facts(item)}`} aria-label=${`${verb} ${item.name}`} @click=${open}>
        ${icon(ICONS[item.kind])}
        <span class="media-item__text"><span class="media-item__name">${item.name}</span><span class="small muted">${brief(item)}</span></span>
      </button>
      <a class="icon-btn icon-btn--small" href=${api.ctx.api.url(`media/${item.id}/content`)} download aria-label=${`Download ${item.name}`} title="Download">${icon('download')}</a>
      ${item.can_remove && html`<button type="button" class="icon-btn icon-btn--small icon-btn--danger" aria-label=${`Remove ${item.name}`} title="Remove" @click=${() => void remove(item, parts)}>${icon('trash-2')}</button>`}
    </div>`);
  return row;
}

/** @param {Item} item @param {Parameters<typeof createList>[1]} parts */
async function remove(item, { player, api, removed }) {
  const isSure = await confirmDialog({
    title: `Remove ${item.name}?`,
    body: 'The file is taken off and cannot be brought back, unless a version of the image set keeps it.',
    action: 'Remove',
    danger: true,
  });
  if (!isSure) return;
  try {
    await api.remove(item);
    if (player.shows(item)) player.stop();
    removed();
  } catch (error) {
    showError(error);
  }
}

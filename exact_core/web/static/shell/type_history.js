// @ts-check
/** What was changed of the types of a product, by whom, when and why. */

import { api } from './api.js';
import { openDialog } from './dialog.js';
import { html, render } from './html.js';
import { ago, dateTime } from './time.js';

/** @type {Record<string, string>} */
const WORDS = {
  name: 'Name', description: 'Description', shapes: 'Shapes', color: 'Colour', key: 'Key', default_width: 'Width', default_height: 'Height', default_unit: 'Unit',
  attributes: 'Attributes', is_active: 'In use', parent_id: 'Below', external_id: 'External number', rank: 'Rank', merged_into_id: 'Merged into',
};

/**
 * @param {number} productId
 * @param {{id: number, name: string}[]} types
 */
export async function openTypeHistory(productId, types) {
  const names = new Map(types.map((type) => [type.id, type.name]));
  const list = html`<ol class="list type-history"></ol>`;
  const more = html`<div class="pager"></div>`;
  /** @type {any[]} */
  let items = [];
  /** @param {string | null} cursor */
  const load = async (cursor) => {
    const found = await api.get(`/products/${productId}/type-history`, { cursor, limit: 50 });
    items = [...items, ...found.items];
    render(list, items.length ? items.map((item) => entry(item, names)) : html`<li class="list__item muted">Nothing was changed yet.</li>`);
    render(more, found.next_cursor ? html`<button type="button" class="btn" @click=${() => load(found.next_cursor)}>Show more</button>` : null);
  };
  await load(null);
  await openDialog({ title: 'History of the types', body: [list, more], size: 'wide' });
}

/** @param {any} item @param {Map<number, string>} names */
function entry(item, names) {
  return html`
    <li class="list__item"><div class="stack stack--tight grow">
      <div class="row row--between"><strong>${item.type_name}</strong><span class="small muted">${item.by?.name ?? 'The system'}, <time datetime=${item.at} title=${dateTime(item.at)}>${ago(item.at)}</time></span></div>
      <dl class="facts small">${Object.keys(item.after).map((key) => html`<dt>${WORDS[key] ?? key}</dt><dd><s class="muted">${said(key, item.before[key], names)}</s> → ${said(key, item.after[key], names)}</dd>`)}</dl>
      ${item.reason ? html`<p class="small">${item.reason}</p>` : null}</div></li>`;
}

/** @param {string} key @param {any} value @param {Map<number, string>} names */
function said(key, value, names) {
  if (value === null || value === undefined || value === '') return '–';
  if (key === 'parent_id' || key === 'merged_into_id') return names.get(value) ?? `type ${value}`;
  if (key === 'attributes') return value.length ? value.map((/** @type {any} */ one) => one.title || one.name).join(', ') : 'none';
  if (Array.isArray(value)) return value.join(', ').replaceAll('_', ' ');
  return value === true ? 'yes' : value === false ? 'no' : String(value);
}

// @ts-check
/** One product: its annotation types, in order. */

import { api, bootstrap, idempotencyKey } from '../api.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { areaField, selectField, textField } from '../fields.js';
import { $, html, icon, render } from '../html.js';
import { attachMenu } from '../menu.js';
import { mergeDialog } from '../merge_dialog.js';
import { SHAPES } from '../shapes.js';
import { plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { treeList } from '../tree_list.js';
import { typeDialog } from '../type_dialog.js';
import { openTypeHistory } from '../type_history.js';
import { flatten, moved, placeOfKey } from '../type_tree.js';
import { empty, show } from '../view.js';

const page = bootstrap();
const path = `/products/${page.productId}`;
const target = $('#types');
const live = html`<p class="visually-hidden" role="status"></p>`;
document.body.append(live);
/** @type {any} */
let product = null;
/** @type {Map<number, {annotations: number, image_sets: number}>} */
let usage = new Map();

async function load() {
  await show(target, async () => {
    const found = await api.get(path);
    const used = found.may_edit ? await api.get(`${path}/usage`) : { items: [] };
    usage = new Map(used.items.map((/** @type {any} */ each) => [each.type_id, each]));
    return found;
  }, (found) => {
    product = found;
    drawHead();
    return drawTypes();
  });
}

function drawHead() {
  $('#product-name').textContent = product.name;
  $('#product-description').textContent = product.description;
  const more = html`<button type="button" class="icon-btn" aria-label="More">${icon('ellipsis')}</button>`;
  render($('#actions'), html`<div class="row">
    ${product.may_edit ? html`<button type="button" class="btn btn--primary" @click=${() => edit(null)}>${icon('plus')}Add a type</button>` : null}${more}</div>`);
  attachMenu(more, () => [
    product.may_edit && { label: 'Rename or describe', icon: 'pencil', run: rename },
    { label: 'Copy the product', icon: 'copy', run: copy },
    { label: 'History of the types', icon: 'history', run: () => openTypeHistory(page.productId, product.types) },
    product.may_edit && { separator: true },
    product.may_edit && { label: 'Delete the product', icon: 'trash-2', danger: true, run: remove },
  ]);
}

function drawTypes() {
  const active = product.types.filter((/** @type {any} */ type) => type.is_active);
  const retired = product.types.filter((/** @type {any} */ type) => !type.is_active);
  const sets = product.image_sets;
  const list = html`<ol class="list" id="type-list">${flatten(active).map(({ type, depth }) => row(type, depth))}</ol>`;
  if (product.may_edit) {
    treeList(list, {
      placeOfKey: (id, key) => placeOfKey(activeTypes(), id, key),
      move: (id, place) => move(id, place),
      after: (over) => {
        const siblings = flatten(activeTypes()).filter(({ type }) => (type.parent_id ?? null) === (Number(over.dataset.parent) || null)).map(({ type }) => type.id);
        return { parent: Number(over.dataset.parent) || null, before: siblings[siblings.indexOf(Number(over.dataset.id)) + 1] ?? null };
      },
    });
  }
  return [
    html`<p class="small muted">${product.team.name} · ${sets.length ? ['used by ', ...sets.slice(0, 8).flatMap((/** @type {any} */ set, /** @type {number} */ index) => [index ? ', ' : '', html`<a href="/image-sets/${set.id}">${set.name}</a>`]), sets.length > 8 ? ` and ${sets.length - 8} more` : ''] : 'not used by an image set yet'}</p>`,
    active.length ? html`<section class="card" aria-label="Annotation types">${list}</section>`
      : html`<section class="card">${empty('shapes', 'No annotation types yet', 'Add what people will draw: a name, a colour and a shape are enough.',
        product.may_edit ? html`<button type="button" class="btn btn--primary" @click=${() => edit(null)}>${icon('plus')}Add a type</button>` : null)}</section>`,
    retired.length ? html`<details><summary>${plural(retired.length, 'retired type')}</summary>
      <section class="card retired"><ul class="list">${retired.map((/** @type {any} */ type) => row(type))}</ul></section></details>` : null,
  ];
}

function activeTypes() {
  return product.types.filter((/** @type {any} */ type) => type.is_active);
}

/** @param {any} type @param {number} [depth] in the tree */
function row(type, depth = 0) {
  const used = usage.get(type.id)?.annotations ?? 0;
  const more = html`<button type="button" class="icon-btn" aria-label="More for ${type.name}" data-focus="more-${type.id}">${icon('ellipsis')}</button>`;
  attachMenu(more, () => [
    { label: 'Change', icon: 'pencil', run: () => edit(type) },
    type.is_active && { label: 'Merge into another type', icon: 'layers', run: () => mergeDialog(type, product.types, load) },
    type.is_active ? { label: 'Retire', icon: 'archive-restore', run: () => retire(type, false) } : { label: 'Use again', icon: 'archive-restore', run: () => retire(type, true) },
    { separator: true },
    { label: 'Delete', icon: 'trash-2', danger: true, run: () => removeType(type, used) },
  ]);
  return html`
    <li class="type-row" data-id=${type.id} data-parent=${type.parent_id ?? ''} data-depth=${depth} .style=${{ '--depth': depth }} aria-level=${depth + 1}>
      ${product.may_edit && type.is_active ? html`<button type="button" class="icon-btn icon-btn--small grip" data-focus="grip-${type.id}" aria-label="Move ${type.name}: use the arrow keys" data-tip="Drag, or press ↑ ↓; → puts it below the one above, ← takes it out">${icon('grip-vertical')}</button>` : html`<span></span>`}
      <span class="swatch swatch--lg" .style=${{ '--swatch': type.color }} aria-hidden="true"></span>
      <div class="type-row__text">
        <div class="row">${product.may_edit ? html`<button type="button" class="link-btn" data-focus="edit-${type.id}" @click=${() => edit(type)}>${type.name}</button>` : html`<strong>${type.name}</strong>`}
          ${type.key ? html`<span class="kbd" data-tip="Key in the viewer">${type.key}</span>` : null}${type.rank ? html`<span class="badge">${type.rank}</span>` : null}${type.external_id ? html`<span class="small faint mono">${type.external_id}</span>` : null}
          ${type.merged_into_id ? html`<span class="badge">merged into ${product.types.find((/** @type {any} */ each) => each.id === type.merged_into_id)?.name ?? 'another type'}</span>` : null}</div>
        <div class="small muted row type-row__facts">
          ${type.shapes.map((/** @type {string} */ shape) => html`<span class="row">${icon(SHAPES[shape]?.symbol ?? 'shapes')}${SHAPES[shape]?.label ?? shape}</span>`)}
          ${type.default_width ? html`<span class="num">${type.default_width} × ${type.default_height ?? type.default_width} ${type.default_unit === 'px' ? 'px' : 'µm'}</span>` : null}
          ${type.attributes.length ? html`<span>${plural(type.attributes.length, 'attribute')}</span>` : null}
        </div>
        ${type.description ? html`<p class="clamp-2">${type.description}</p>` : null}
      </div>
      <span class="small muted num end">${used ? plural(used, 'annotation') : 'not used'}</span>
      <span class="row row--nowrap">${type.example_url ? html`<img class="thumb" alt="Example of ${type.name}" loading="lazy" src=${type.example_url}>` : null}${product.may_edit ? more : null}</span>
    </li>`;
}

/** @param {any} type */
async function edit(type) {
  if (await typeDialog(page.productId, type, product.types)) await load();
}

/**
 * Put a type in another place of the order and the tree.
 * @param {number} id
 * @param {import('../type_tree.js').Place} place
 */
async function move(id, place) {
  const before = product.types.find((/** @type {any} */ type) => type.id === id);
  const active = moved(activeTypes(), id, place);
  if (!active) return;
  const retired = product.types.filter((/** @type {any} */ type) => !type.is_active);
  product.types = [...active, ...retired];
  draw(id);
  const parent = place.parent ? product.types.find((/** @type {any} */ type) => type.id === place.parent)?.name : '';
  const siblings = flatten(activeTypes()).filter(({ type }) => (type.parent_id ?? null) === place.parent);
  live.textContent = `${parent ? `Below ${parent}, place` : 'Moved to place'} ${siblings.findIndex(({ type }) => type.id === id) + 1} of ${siblings.length}`;
  try {
    if ((before.parent_id ?? null) !== place.parent) await api.patch(`/annotation-types/${id}`, { parent_id: place.parent });
    await api.put(`${path}/order`, { type_ids: product.types.map((/** @type {any} */ type) => type.id) });
  } catch (error) {
    showError(error, 'It could not be moved');
    await load();
  }
}

/** @param {number} id whose grip keeps the focus */
function draw(id) {
  render(target, drawTypes());
  const grip = target.querySelector(`[data-focus="grip-${id}"]`);
  if (grip instanceof HTMLElement) grip.focus();
}

/**
 * @param {any} type
 * @param {boolean} active
 */
async function retire(type, active) {
  await api.patch(`/annotation-types/${type.id}`, { is_active: active });
  await load();
  toast(active ? `${type.name} can be drawn again.` : `${type.name} is retired.`, {
    kind: 'success', detail: active ? '' : 'What was drawn stays; nobody can draw new ones.', action: { label: 'Undo', run: () => retire(type, !active) },
  });
}

/**
 * @param {any} type
 * @param {number} used
 */
async function removeType(type, used) {
  if (used) {
    const agreed = await confirmDialog({ title: `${type.name} is in use`, danger: false, action: 'Retire it', body: html`<p>${plural(used, 'annotation')} are of this type, so it cannot be deleted. Retiring it keeps them and stops new ones.</p>` });
    if (agreed) await retire(type, false);
    return;
  }
  if (await confirmDialog({ title: `Delete ${type.name}?`, action: 'Delete', body: html`<p>It was never used. This cannot be undone.</p>`, submit: () => api.delete(`/annotation-types/${type.id}`) })) await load();
}

async function rename() {
  const saved = await openDialog({
    title: 'Rename or describe', action: 'Save',
    body: [textField('name', 'Name', product.name, { maxlength: 100, autofocus: true }), areaField('description', 'Description', product.description, { optional: true })],
    submit: (data) => api.patch(path, { name: data.get('name'), description: data.get('description') ?? '' }),
  });
  if (saved) location.reload();
}

async function copy() {
  const teams = (await api.get('/teams')).filter((/** @type {any} */ team) => page.actor.is_admin || team.is_lead);
  if (!teams.length) {
    toast('You need a team that you lead to copy a product into.', { kind: 'warning' });
    return;
  }
  const key = idempotencyKey();
  const made = await openDialog({
    title: 'Copy the product', action: 'Copy',
    body: [textField('name', 'Name of the copy', `${product.name} (copy)`, { maxlength: 100, autofocus: true }),
      selectField('team_id', 'Team', teams.map((/** @type {any} */ team) => [team.id, team.name]), product.team.id)],
    submit: (data) => api.post(`${path}/copy`, { name: data.get('name'), team_id: Number(data.get('team_id')) }, { idempotencyKey: key }),
  });
  if (made) location.assign(`/products/${made.id}`);
}

async function remove() {
  const gone = await confirmDialog({
    title: `Delete ${product.name}?`, action: 'Delete', body: html`<p>Its annotation types go with it. This cannot be undone. A product that annotations or image sets use stays.</p>`, submit: () => api.delete(path),
  });
  if (gone) location.assign('/products');
}

await load();

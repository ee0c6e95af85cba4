// @ts-check
/** Which products an image set uses. */

import { api } from '../api.js';
import { openDialog } from '../dialog.js';
import { checkField } from '../fields.js';
import { html, icon } from '../html.js';
import { SHAPES } from '../shapes.js';
import { plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { empty, everything, show } from '../view.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawProducts(target, page) {
  const path = `/image-sets/${page.id}`;
  const load = () => show(target, () => Promise.all([api.get(`${path}/products`), api.get(`${path}/annotation-types`)]), ([products, types]) => draw(products.items, types.items));

  /**
   * @param {any[]} products
   * @param {any[]} types
   */
  const draw = (products, types) => {
    const choose = page.rights.manage ? html`<button type="button" class="btn btn--primary" @click=${() => openChoice(products)}>${icon('shapes')}Choose products</button>` : null;
    if (!products.length) {
      return html`<section class="card">${empty('shapes', 'No product yet', page.rights.manage ? 'A product says what people can draw here. Choose one or more; without one nobody can annotate.' : 'Somebody who manages this set has to choose what can be drawn here.', choose)}</section>`;
    }
    return [html`<div class="row row--between"><p class="muted">What people can draw in this set.</p>${choose}</div>`, products.map((product) => card(product, types.filter((type) => type.product.id === product.id && type.is_active)))];
  };

  /**
   * @param {any} product
   * @param {any[]} types
   */
  const card = (product, types) => html`
    <section class="card" aria-label=${product.name}>
      <div class="card__head"><h2 class="grow"><a class="plain" href="/products/${product.id}">${product.name}</a></h2><span class="small muted">${product.team.name} · ${plural(types.length, 'type')}</span>
        ${page.rights.manage ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="Remove ${product.name} from this set" data-tip="Remove from this set" @click=${() => without(product)}>${icon('x')}</button>` : null}</div>
      ${product.description ? html`<p class="card__body muted">${product.description}</p>` : null}
      <ul class="list">${types.map((type) => html`<li class="list__item"><span class="swatch" .style=${{ '--swatch': type.color }}></span><span class="grow">${type.name}</span>
        <span class="row small muted type-row__facts">${type.shapes.map((/** @type {string} */ shape) => html`<span class="row" data-tip=${SHAPES[shape]?.label}>${icon(SHAPES[shape]?.symbol ?? 'shapes')}<span class="visually-hidden">${SHAPES[shape]?.label}</span></span>`)}</span>${type.key ? html`<span class="kbd">${type.key}</span>` : null}</li>`)}</ul>
    </section>`;

  /** @param {number[]} ids */
  const save = (ids) => api.put(`${path}/products`, { product_ids: ids });
  /** @param {any} product */
  const without = async (product) => {
    try {
      const before = (await api.get(`${path}/products`)).items.map((/** @type {any} */ each) => each.id);
      await save(before.filter((/** @type {number} */ id) => id !== product.id));
      await load();
      toast(`${product.name} is no longer used here.`, { kind: 'success', action: { label: 'Undo', run: () => save(before).then(load) } });
    } catch (error) {
      showError(error);
    }
  };

  /** @param {any[]} chosen */
  const openChoice = async (chosen) => {
    const all = await everything((cursor) => api.get('/products', { cursor, limit: 200 }));
    if (!all.length) {
      toast('There is no product yet.', { kind: 'warning', action: { label: 'Make one', run: () => location.assign('/products') } });
      return;
    }
    const saved = await openDialog({
      title: 'Products of this set', action: 'Save',
      body: html`<div class="stack stack--tight">${all.map((product) => checkField('products', product.name, chosen.some((each) => each.id === product.id), { value: String(product.id), hint: [plural(product.type_count, 'type'), product.team.name, product.description].filter(Boolean).join(' · ') }))}</div>`,
      submit: (data) => save(data.getAll('products').map(Number)),
    });
    if (saved) await load();
  };
  await load();
}

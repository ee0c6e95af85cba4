// @ts-check
/** Every product that the person may see. */

import { api, bootstrap, idempotencyKey } from '../api.js';
import { openDialog } from '../dialog.js';
import { areaField, selectField, textField } from '../fields.js';
import { $, html, icon, render } from '../html.js';
import { plural } from '../time.js';
import { debounce, empty, everything, show } from '../view.js';

const page = bootstrap();
const target = $('#list');
const create = /** @type {HTMLButtonElement} */ ($('#create'));
let words = '';
/** @type {any[]} */
let teams = [];

async function load() {
  await show(target, () => everything((cursor) => api.get('/products', { q: words, cursor, limit: 200 })), draw);
}

/** @param {any[]} products */
function draw(products) {
  if (!products.length && words) return empty('search', 'No product fits', 'Try other words.');
  if (!products.length) {
    return empty('shapes', 'No products yet',
      'A product says what people draw: mitotic figures as points, tumour as polygons, each with its colour and key. Make one, then choose it in the image sets that need it.',
      create.hidden ? null : html`<button type="button" class="btn btn--primary" @click=${openCreate}>${icon('plus')}New product</button>`);
  }
  return html`<ul class="set-grid">${products.map((product) => html`
    <li><article class="card set-card"><div class="set-card__body">
      <a class="set-card__link" href="/products/${product.id}">${product.name}</a>
      ${product.description ? html`<p class="clamp-2">${product.description}</p>` : null}
      <div class="set-card__meta"><span>${product.team.name}</span><span class="num">${plural(product.type_count, 'type')}</span>
        <span class="num">${product.image_set_count ? `used by ${plural(product.image_set_count, 'image set')}` : 'not used yet'}</span></div>
    </div></article></li>`)}</ul>`;
}

async function openCreate() {
  const key = idempotencyKey();
  const made = await openDialog({
    title: 'New product',
    action: 'Create',
    body: [
      textField('name', 'Name', '', { autofocus: true, maxlength: 100, placeholder: 'Mitosis count' }),
      areaField('description', 'Description', '', { optional: true, hint: 'What it is for, and the protocol that people should follow.' }),
      teams.length > 1 ? selectField('team_id', 'Team', teams.map((team) => [team.id, team.name])) : html`<input type="hidden" name="team_id" value=${teams[0]?.id}>`,
    ],
    submit: (data) => api.post('/products', { name: data.get('name'), description: data.get('description') ?? '', team_id: Number(data.get('team_id')) }, { idempotencyKey: key }),
  });
  if (made) location.assign(`/products/${made.id}`);
}

render($('#toolbar'), html`
  <div class="search">${icon('search')}<input class="input" type="search" id="search" data-search placeholder="Search products" aria-label="Search products"
    @input=${debounce((/** @type {any} */ event) => {
      words = event.target.value;
      void load();
    })}><span class="kbd" aria-hidden="true">/</span></div>`);
create.addEventListener('click', () => void openCreate());
const answer = await api.get('/teams').catch(() => []);
teams = answer.filter((/** @type {any} */ team) => page.actor.is_admin || team.is_lead);
create.hidden = !teams.length;
await load();

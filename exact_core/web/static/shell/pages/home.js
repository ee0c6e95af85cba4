// @ts-check
/** Every image set that the person may see. */

import { api, bootstrap, idempotencyKey } from '../api.js';
import { openDialog } from '../dialog.js';
import { areaField, checkField, selectField, textField } from '../fields.js';
import { $, html, icon, render } from '../html.js';
import { keys } from '../keys.js';
import { plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { debounce, empty, show } from '../view.js';
import { thumbnail } from '../image_status.js';

/** @typedef {Record<string, any>} ImageSet */

const MODES = /** @type {[string, string][]} */ ([
  ['cooperative', 'Cooperative: everybody sees and improves the same annotations'],
  ['competitive', 'Blind: people see only their own annotations'],
  ['second_opinion', 'Second opinion: several people judge each image'],
]);

const page = bootstrap();
const target = $('#sets');
const create = /** @type {HTMLButtonElement} */ ($('#create'));
const filter = { deleted: false, ...fromAddress() };
/** @type {ImageSet[]} */
let sets = [];
/** @type {string | null} */
let next = null;
/** @type {any[]} */
let teams = [];

function fromAddress() {
  const query = new URLSearchParams(location.search);
  return { q: query.get('q') ?? '', team: query.get('team') ?? '', tag: query.get('tag') ?? '', pinned: query.get('pinned') === '1', sort: query.get('sort') ?? 'newest' };
}

function toAddress() {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value && value !== 'newest' && name !== 'deleted') query.set(name, value === true ? '1' : String(value));
  history.replaceState(null, '', query.size ? `?${query}` : location.pathname);
}

/** @param {string} [cursor] */
function query(cursor) {
  return { ...filter, pinned: filter.pinned ? true : '', deleted: filter.deleted ? true : '', cursor, limit: 48 };
}

async function load() {
  toAddress();
  await show(target, (signal) => api.get('/image-sets', query(), { signal }), (answer) => {
    sets = answer.items;
    next = answer.next_cursor ?? null;
    return draw();
  });
}

function isFiltered() {
  return !!(filter.q || filter.team || filter.tag || filter.pinned);
}

function draw() {
  if (!sets.length && filter.deleted) return empty('trash-2', 'No deleted image sets', 'Image sets that are deleted can be restored from here.');
  if (!sets.length) return isFiltered() ? nothingFound() : nothingYet();
  return [
    html`<ul class="set-grid">${sets.map(card)}</ul>`,
    next ? html`<div class="pager pager--end"><button type="button" class="btn" @click=${more}>Show more</button></div>` : null,
  ];
}

/** @param {Event} event */
async function more(event) {
  const button = /** @type {HTMLElement} */ (event.currentTarget);
  button.setAttribute('aria-busy', 'true');
  try {
    const answer = await api.get('/image-sets', query(next ?? undefined));
    sets = [...sets, ...answer.items];
    next = answer.next_cursor ?? null;
    render(target, draw());
  } catch (error) {
    button.removeAttribute('aria-busy');
    showError(error);
  }
}

function nothingFound() {
  return empty('search', 'No image set fits', 'Try other words, or take a filter away.', html`
    <button type="button" class="btn" @click=${clear}>Show all</button>`);
}

function clear() {
  Object.assign(filter, { q: '', team: '', tag: '', pinned: false });
  drawToolbar();
  void load();
}

function nothingYet() {
  if (!teams.some(mayCreate) && !page.actor.is_admin) {
    return empty('images', 'You are not in an image set yet',
      'Image sets appear here as soon as somebody adds you to one, or to a team that owns one. Ask the person who invited you.');
  }
  return empty('images', 'Make your first image set',
    'An image set is a folder of slides or pictures with the people who annotate them. Make one, drop your files into it, choose a product that says what to draw, and start.',
    [html`<button type="button" class="btn btn--primary" @click=${openCreate}>${icon('plus')}New image set</button>`,
      html`<a class="btn" href="/products">${icon('shapes')}Products</a>`]);
}

/** @param {ImageSet} set */
function card(set) {
  const waiting = set.image_count - set.ready_count;
  return html`
    <li><article class="card set-card">
      ${cover(set)}
      <div class="set-card__body">
        <div class="set-card__title">
          ${set.deleted_at ? html`<strong>${set.name}</strong>` : html`<a class="set-card__link" href="/image-sets/${set.id}">${set.name}</a>`}
          ${set.deleted_at ? null : html`<button type="button" class="icon-btn icon-btn--small" aria-pressed=${String(set.is_pinned)} data-focus="pin-${set.id}"
            aria-label="${set.is_pinned ? 'Unpin' : 'Pin'} ${set.name}" data-tip=${set.is_pinned ? 'Unpin' : 'Keep on top'} @click=${() => pin(set)}>${icon('pin')}</button>`}
        </div>
        ${set.description ? html`<p class="clamp-2">${set.description}</p>` : null}
        ${set.tags.length ? html`<div class="row tags">${set.tags.map((/** @type {string} */ tag) => html`<span class="tag"><span class="truncate">${tag}</span></span>`)}</div>` : null}
        <div class="set-card__meta">
          <span class="num">${plural(set.image_count, 'image')}</span><span class="truncate">${set.team.name}</span>
          ${set.is_locked ? html`<span class="badge">${icon('lock')}Locked</span>` : null}
          ${waiting ? html`<span class="badge badge--warning" data-tip="Being prepared, or unreadable">${plural(waiting, 'image')} not ready</span>` : null}
          ${set.deleted_at ? html`<button type="button" class="btn btn--small push-end" @click=${() => restore(set)}>${icon('undo-2')}Restore</button>` : null}
        </div>
      </div>
    </article></li>`;
}

/** @param {ImageSet} set */
function cover(set) {
  if (!set.cover_image_id) return html`<div class="set-card__cover">${icon('images')}</div>`;
  return html`<div class="set-card__cover">${thumbnail(set.cover_image_id, 512)}</div>`;
}

/** @param {ImageSet} set */
async function restore(set) {
  try {
    await api.post(`/image-sets/${set.id}/restore`);
    toast(`${set.name} is back.`, { kind: 'success', action: { label: 'Open', run: () => location.assign(`/image-sets/${set.id}`) } });
    await load();
  } catch (error) {
    showError(error);
  }
}

/** @param {ImageSet} set */
async function pin(set) {
  const pinned = !set.is_pinned;
  set.is_pinned = pinned;
  render(target, draw());
  try {
    if (pinned) await api.put(`/image-sets/${set.id}/pin`);
    else await api.delete(`/image-sets/${set.id}/pin`);
    await load();
  } catch (error) {
    set.is_pinned = !pinned;
    render(target, draw());
    showError(error);
  }
}

function drawToolbar() {
  const search = debounce((/** @type {string} */ text) => {
    filter.q = text;
    void load();
  });
  render($('#toolbar'),
    html`<div class="search">${icon('search')}<input class="input" type="search" id="search" data-search placeholder="Search image sets" aria-label="Search image sets" .value=${filter.q}
      @input=${(/** @type {any} */ e) => search(e.target.value)}><span class="kbd" aria-hidden="true">/</span></div>`,
    teams.length > 1 ? choice('Team', 'team', [['', 'All teams'], ...teams.map((team) => [String(team.id), team.name])]) : null,
    tagNames.length ? choice('Tag', 'tag', [['', 'All tags'], ...tagNames.map((tag) => [tag, tag])]) : null,
    choice('Order', 'sort', [['newest', 'Newest first'], ['name', 'By name']]),
    html`<button type="button" class="btn" aria-pressed=${String(filter.pinned)} id="only-pinned" @click=${() => change({ pinned: !filter.pinned })}>${icon('pin')}Pinned</button>`,
    html`<button type="button" class="icon-btn push-end" aria-pressed=${String(filter.deleted)} id="show-deleted" aria-label="Deleted image sets" data-tip="Deleted image sets" @click=${() => change({ deleted: !filter.deleted })}>${icon('trash-2')}</button>`);
}

/** @param {Partial<typeof filter>} values */
function change(values) {
  Object.assign(filter, values);
  drawToolbar();
  void load();
}

/**
 * @param {string} label
 * @param {'team' | 'tag' | 'sort'} name
 * @param {string[][]} choices
 */
function choice(label, name, choices) {
  return html`<select class="select" id="filter-${name}" aria-label=${label} @change=${(/** @type {any} */ event) => change({ [name]: event.target.value })}>
    ${choices.map(([value, text]) => html`<option value=${value} selected=${value === filter[name]}>${text}</option>`)}</select>`;
}

/** @type {string[]} */
let tagNames = [];

/** @param {any} team */
function mayCreate(team) {
  return page.actor.is_admin || team.is_lead;
}

async function openCreate() {
  const own = teams.filter(mayCreate);
  if (!own.length) {
    toast('An image set belongs to a team.', { kind: 'warning', detail: 'Make a team first.', action: { label: 'Teams', run: () => location.assign('/teams') } });
    return;
  }
  /** @type {any[]} */
  let products = [];
  try {
    products = (await api.get('/products', { limit: 200 })).items;
  } catch (error) {
    showError(error);
  }
  const key = idempotencyKey();
  const made = await openDialog({
    title: 'New image set',
    action: 'Create',
    body: [
      textField('name', 'Name', '', { autofocus: true, maxlength: 200 }),
      areaField('description', 'Description', '', { optional: true }),
      own.length > 1 ? selectField('team_id', 'Team', own.map((team) => [team.id, team.name])) : html`<input type="hidden" name="team_id" value=${own[0].id}>`,
      products.length ? html`<fieldset class="field"><legend class="field__label">Products <span class="optional">(what people will draw; you can change this later)</span></legend>
        <div class="stack stack--tight choices">${products.map((product) => checkField('products', product.name, false, { value: String(product.id), hint: product.description || undefined }))}</div></fieldset>` : null,
      selectField('mode', 'How people work together', MODES, 'cooperative'),
    ],
    submit: async (data) => {
      const set = await api.post('/image-sets', {
        name: data.get('name'), description: data.get('description') ?? '', team_id: Number(data.get('team_id')), mode: data.get('mode'),
      }, { idempotencyKey: key });
      const products = data.getAll('products').map(Number);
      if (products.length) await api.put(`/image-sets/${set.id}/products`, { product_ids: products });
      return set;
    },
  });
  if (!made) return;
  await offerPlugins(made);
  location.assign(`/image-sets/${made.id}`);
}

/**
 * Plugins that say they suit the set's products are offered, never switched on unasked.
 * @param {ImageSet} set
 */
async function offerPlugins(set) {
  const switches = await api.get(`/image-sets/${set.id}/plugins`).catch(() => []);
  const suggested = switches.filter((/** @type {any} */ each) => each.is_suggested && !each.enabled && each.state === 'loaded');
  if (!suggested.length) return;
  await openDialog({
    title: 'Plugins that suit this set',
    action: 'Switch on',
    cancel: 'Not now',
    body: html`<div class="stack stack--tight">${suggested.map((/** @type {any} */ each) => checkField('plugins', each.title, true, { value: each.name, hint: each.summary }))}</div>`,
    submit: async (data) => {
      for (const name of data.getAll('plugins')) await api.put(`/image-sets/${set.id}/plugins/${name}`, { enabled: true });
    },
  });
}

async function start() {
  drawToolbar();
  const [teamAnswer, tagAnswer] = await Promise.all([
    api.get('/teams').catch(() => []), api.get('/image-set-tags').catch(() => []),
  ]);
  teams = teamAnswer;
  tagNames = tagAnswer.map((/** @type {any} */ tag) => tag.name);
  create.hidden = !page.actor.is_admin && !teams.some(mayCreate);
  drawToolbar();
}

create.addEventListener('click', () => void openCreate());
keys.add({ keys: 'N', title: 'New image set', run: () => { if (!create.hidden) void openCreate(); } });
void start().then(load);

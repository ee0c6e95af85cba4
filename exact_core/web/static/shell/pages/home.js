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
const filter = { q: '', team_id: '', tag: '', is_pinned: false, .../** @type {any} */ (fromAddress()) };
/** @type {ImageSet[]} */
let sets = [];
/** @type {string | null} */
let next = null;
/** @type {any[]} */
let teams = [];

function fromAddress() {
  const query = new URLSearchParams(location.search);
  return {
    q: query.get('q') ?? '', team_id: query.get('team') ?? '', tag: query.get('tag') ?? '', is_pinned: query.get('pinned') === '1',
  };
}

function toAddress() {
  const query = new URLSearchParams();
  if (filter.q) query.set('q', filter.q);
  if (filter.team_id) query.set('team', filter.team_id);
  if (filter.tag) query.set('tag', filter.tag);
  if (filter.is_pinned) query.set('pinned', '1');
  history.replaceState(null, '', query.size ? `?${query}` : location.pathname);
}

/** @param {string} [cursor] */
function query(cursor) {
  return { q: filter.q, team_id: filter.team_id, tag: filter.tag, pinned: filter.is_pinned ? true : '', cursor, limit: 48 };
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
  return !!(filter.q || filter.team_id || filter.tag || filter.is_pinned);
}

function draw() {
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
  Object.assign(filter, { q: '', team_id: '', tag: '', is_pinned: false });
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
  const pinned = !!set.is_pinned;
  return html`
    <li><article class="card set-card">
      ${strip(set)}
      <div class="set-card__body">
        <div class="set-card__title">
          <a class="set-card__link" href="/image-sets/${set.id}">${set.name}</a>
          <button type="button" class="icon-btn icon-btn--small" aria-pressed=${String(pinned)} data-focus="pin-${set.id}"
            aria-label="${pinned ? 'Unpin' : 'Pin'} ${set.name}" data-tip=${pinned ? 'Unpin' : 'Keep on top'} @click=${() => pin(set)}>${icon(pinned ? 'pin-off' : 'pin')}</button>
        </div>
        ${set.description ? html`<p class="clamp-2">${set.description}</p>` : null}
        ${set.tags?.length ? html`<div class="row tags">${set.tags.map((/** @type {any} */ tag) => html`<span class="tag"><span class="truncate">${tag}</span></span>`)}</div>` : null}
        <div class="set-card__meta">
          <span class="num">${plural(set.counts?.total ?? 0, 'image')}</span>
          <span class="truncate">${set.team?.name}</span>
          ${set.is_locked ? html`<span class="badge">${icon('lock')}Locked</span>` : null}
          ${busyBadge(set)}
          ${set.counts?.unreadable ? html`<span class="badge badge--danger">${plural(set.counts.unreadable, 'unreadable image')}</span>` : null}
        </div>
      </div>
    </article></li>`;
}

/** @param {ImageSet} set */
function busyBadge(set) {
  const running = (set.counts?.probing ?? 0) + (set.counts?.converting ?? 0);
  return running ? html`<span class="badge badge--accent">${icon('loader-circle', 'icon--spin')}${running} being prepared</span>` : null;
}

/** @param {ImageSet} set */
function strip(set) {
  const images = (set.preview_images ?? []).slice(0, 4);
  if (!images.length) return html`<div class="set-card__strip set-card__strip--empty">${icon('images')}</div>`;
  return html`<div class="set-card__strip set-card__strip--${images.length}">${images.map((/** @type {any} */ id) => thumbnail(id.id ?? id, 256))}</div>`;
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
    teams.length > 1 ? html`<select class="select" aria-label="Team" @change=${(/** @type {any} */ e) => { filter.team_id = e.target.value; void load(); }}>
      <option value="">All teams</option>${teams.map((team) => html`<option value=${team.id} selected=${String(team.id) === filter.team_id}>${team.name}</option>`)}</select>` : null,
    tagNames.length ? html`<select class="select" aria-label="Tag" @change=${(/** @type {any} */ e) => { filter.tag = e.target.value; void load(); }}>
      <option value="">All tags</option>${tagNames.map((tag) => html`<option value=${tag} selected=${tag === filter.tag}>${tag}</option>`)}</select>` : null,
    html`<button type="button" class="btn" aria-pressed=${String(filter.is_pinned)} id="only-pinned" @click=${() => {
      filter.is_pinned = !filter.is_pinned;
      drawToolbar();
      void load();
    }}>${icon('pin')}Pinned</button>`);
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
    submit: (data) => api.post('/image-sets', {
      name: data.get('name'), description: data.get('description') ?? '', team_id: Number(data.get('team_id')), mode: data.get('mode'),
      product_ids: data.getAll('products').map(Number),
    }, { idempotencyKey: key }),
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
    api.get('/teams', { limit: 200 }).catch(() => ({ items: [] })), api.get('/tags').catch(() => ({ items: [] })),
  ]);
  teams = teamAnswer.items;
  tagNames = tagAnswer.items.map((/** @type {any} */ tag) => tag.name ?? tag);
  create.hidden = !page.actor.is_admin && !teams.some(mayCreate);
  drawToolbar();
}

create.addEventListener('click', () => void openCreate());
keys.add({ keys: 'N', title: 'New image set', run: () => { if (!create.hidden) void openCreate(); } });
void start().then(load);

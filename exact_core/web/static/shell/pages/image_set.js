// @ts-check
/** One image set: its heading, its tabs, and what plugins add to them. */

import { api, bootstrap } from '../api.js';
import { $, html, icon, render } from '../html.js';
import { loadPlugins } from '../plugins.js';
import { showError } from '../toast.js';
import { failure } from '../view.js';
import { UploadPanel } from '../upload_panel.js';
import { drawAgreement } from './set_agreement.js';
import { drawExchange } from './set_exchange.js';
import { drawHistory } from './set_history.js';
import { drawImages } from './set_images.js';
import { drawMembers } from './set_members.js';
import { drawPlugins } from './set_plugins.js';
import { drawProducts } from './set_products.js';
import { drawReview } from './set_review.js';
import { drawSearch } from './set_search.js';
import { drawSettings } from './set_settings.js';
import { drawStudies } from './set_studies.js';
import { drawVersions } from './set_versions.js';

/**
 * @typedef {object} SetPage what the tabs share
 * @property {number} id
 * @property {Record<string, any>} set as the API last said it
 * @property {Record<string, boolean>} rights
 * @property {any} actor
 * @property {UploadPanel | null} uploads
 * @property {EventTarget} events 'images' when images came or changed
 * @property {() => Promise<void>} refresh read the set again and draw the heading
 * @property {AbortSignal} signal ends with the tab
 */

const start = bootstrap();
const target = $('#tab');
const events = new EventTarget();

/**
 * `shown` unless told: for whom the tab is offered; who types its address is told what the API says.
 * @type {Record<string, {title: string, symbol: string, draw: (target: HTMLElement, page: SetPage) => unknown, shown?: (rights: Record<string, boolean>) => boolean, isWide?: boolean}>}
 */
const TABS = {
  images: { title: 'Images', symbol: 'images', draw: drawImages, isWide: true },
  search: { title: 'Search', symbol: 'search', draw: drawSearch, isWide: true },
  review: { title: 'Review', symbol: 'list-checks', draw: drawReview },
  versions: { title: 'Versions', symbol: 'bookmark', draw: drawVersions },
  agreement: { title: 'Agreement', symbol: 'target', draw: drawAgreement, isWide: true, shown: (rights) => rights.see_all && (rights.export || rights.annotate) },
  studies: { title: 'Studies', symbol: 'clock', draw: drawStudies, shown: (rights) => rights.annotate || rights.manage },
  products: { title: 'Products', symbol: 'shapes', draw: drawProducts },
  exchange: { title: 'Import and export', symbol: 'arrow-down-up', draw: drawExchange },
  members: { title: 'Members', symbol: 'users', draw: drawMembers },
  history: { title: 'History', symbol: 'history', draw: drawHistory },
  plugins: { title: 'Plugins', symbol: 'puzzle', draw: drawPlugins },
  settings: { title: 'Settings', symbol: 'settings', draw: drawSettings },
};

/** @type {{id: string, title: string, order: number}[]} */
const pluginTabs = start.plugins.flatMap((/** @type {any} */ plugin) => plugin.panels).filter((/** @type {any} */ panel) => panel.slot === 'image-set.tab')
  .sort((/** @type {any} */ a, /** @type {any} */ b) => a.order - b.order);

/** @type {SetPage} */
const page = {
  id: start.imageSet.id, set: start.imageSet, rights: start.rights, actor: start.actor, uploads: null, events, refresh,
  signal: new AbortController().signal,
};
let current = start.tab;
let ending = new AbortController();

/** @param {string} tab */
function address(tab) {
  return tab === 'images' ? `/image-sets/${page.id}` : `/image-sets/${page.id}/${tab}`;
}

function drawTabs() {
  const offered = Object.entries(TABS).filter(([id, tab]) => id === current || (tab.shown?.(page.rights) ?? true));
  const all = offered.map(([id, tab]) => ({ id, title: tab.title, symbol: tab.symbol }));
  const daily = all.findIndex(({ id }) => id === 'products'); // what follows is for those who manage the set
  all.splice(daily, 0, ...pluginTabs.map(({ id, title }) => ({ id, title, symbol: 'puzzle' })));
  render($('#tabs'), all.map(({ id, title, symbol }) => html`
    <a class="tab" role="tab" id="tab-${id}" href=${address(id)} aria-controls="tab" aria-selected=${String(id === current)}
      tabindex=${id === current ? 0 : -1} @click=${(/** @type {MouseEvent} */ event) => follow(event, id)}>${icon(symbol)}${title}</a>`));
}

/**
 * @param {MouseEvent} event
 * @param {string} id
 */
function follow(event, id) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (id === current) return;
  history.pushState(null, '', address(id));
  open(id);
}

/** @param {string} id */
function open(id) {
  current = id;
  ending.abort();
  ending = new AbortController();
  page.signal = ending.signal;
  drawTabs();
  target.setAttribute('aria-labelledby', `tab-${id}`);
  $(`#${CSS.escape(`tab-${id}`)}`).scrollIntoView({ block: 'nearest', inline: 'nearest' });
  placePlugins();
  if (!(id in TABS)) return;
  target.classList.toggle('tab-text', !TABS[id].isWide);
  render(target, html`<div class="stack" aria-hidden="true"><div class="skeleton skeleton--row"></div><div class="skeleton skeleton--row"></div></div>`);
  const { signal } = ending;
  Promise.resolve(TABS[id].draw(target, page)).catch((error) => {
    if (!signal.aborted) render(target, failure(error, () => open(id)));
  });
}

/** Show what plugins add to the tab that is open. */
function placePlugins() {
  const plugins = $('#plugin-tabs');
  const isPlugin = !(current in TABS);
  plugins.hidden = !isPlugin;
  target.hidden = isPlugin;
  const settings = $('#plugin-settings');
  settings.hidden = current !== 'settings' || !settings.childElementCount;
  for (const panel of plugins.querySelectorAll('[data-panel]')) panel.toggleAttribute('data-shown', panel.getAttribute('data-panel') === current);
}

function fromAddress() {
  const last = location.pathname.split('/').filter(Boolean)[2] ?? 'images';
  return last in TABS || pluginTabs.some((tab) => tab.id === decodeURIComponent(last)) ? decodeURIComponent(last) : 'images';
}

async function refresh() {
  page.set = await api.get(`/image-sets/${page.id}`);
  drawHead();
}

function drawHead() {
  const { set } = page;
  $('#set-name').textContent = set.name;
  $('#set-description').textContent = set.description ?? '';
  render($('#set-facts'),
    set.team ? html`<span class="muted">${set.team.name}</span>` : null,
    set.is_locked ? html`<span class="badge badge--warning">${icon('lock')}Locked: read only</span>` : null,
    set.mode === 'competitive' ? html`<span class="badge">${icon(set.is_blind ? 'eye-off' : 'eye')}${set.is_blind ? 'Blind' : 'Unblinded'}</span>` : null,
    set.mode === 'second_opinion' ? html`<span class="badge">${icon('users')}Second opinion${set.is_blind ? '' : ', unblinded'}</span>` : null,
    (set.tags ?? []).map((/** @type {string} */ tag) => html`<a class="tag" href="/?tag=${encodeURIComponent(tag)}"><span class="truncate">${tag}</span></a>`));
  render($('#set-actions'),
    html`<button type="button" class="icon-btn" id="pin-set" aria-pressed=${String(!!set.is_pinned)} aria-label=${set.is_pinned ? 'Unpin this image set' : 'Pin this image set'}
      data-tip=${set.is_pinned ? 'Unpin' : 'Keep on top of the list'} @click=${pin}>${icon(set.is_pinned ? 'pin-off' : 'pin')}</button>`,
    page.rights.upload ? [
      html`<button type="button" class="btn" @click=${() => page.uploads?.choose(true)}>${icon('folder-up')}Upload a folder</button>`,
      html`<button type="button" class="btn btn--primary" @click=${() => page.uploads?.choose(false)}>${icon('upload')}Upload files</button>`] : null);
}

async function pin() {
  try {
    if (page.set.is_pinned) await api.delete(`/image-sets/${page.id}/pin`);
    else await api.put(`/image-sets/${page.id}/pin`);
    await refresh();
  } catch (error) {
    showError(error);
  }
}

$('#tabs').addEventListener('keydown', (event) => {
  const tabs = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('#tabs [role="tab"]'))];
  const at = tabs.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  const next = tabs[(to + tabs.length) % tabs.length];
  next.click();
  $(`#${CSS.escape(next.id)}`).focus();
});
addEventListener('popstate', () => open(fromAddress()));

if (page.rights.upload) {
  page.uploads = new UploadPanel(page.id, $('#uploads'), () => events.dispatchEvent(new Event('images')));
  page.uploads.acceptDrops();
}
drawHead();
drawTabs();
if (start.plugins.length) {
  void loadPlugins(start.plugins, /** @type {any} */ ({ imageSet: start.imageSet, image: null, actor: start.actor, rights: start.rights })).then(placePlugins);
}
void refresh().catch(showError).then(() => open(current));

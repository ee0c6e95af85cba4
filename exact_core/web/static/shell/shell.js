// @ts-check
/** What every page does: tooltips, shortcuts, the user's menu, the theme, and a word when the login has ended. */

import { api, bootstrap } from './api.js';
import { openDialog } from './dialog.js';
import { html } from './html.js';
import { keys, shown } from './keys.js';
import { attachMenu } from './menu.js';
import { applyTheme, chooseTheme, theme } from './theme.js';
import { toast } from './toast.js';
import { watchTooltips } from './tooltip.js';

const page = bootstrap();

/** @type {[import('./theme.js').Theme, string, string][]} */
const THEMES = [['system', 'As the system', 'monitor'], ['light', 'Light', 'sun'], ['dark', 'Dark', 'moon']];

function themeItems() {
  return THEMES.map(([value, label, symbol]) => ({
    label, icon: symbol, checked: theme() === value, run: () => chooseTheme(value, !!page.actor),
  }));
}

/** End this browser's session. */
export async function logOut() {
  await api.post('/auth/logout');
  location.assign('/login');
}

/** Show every shortcut of this page. */
export function showShortcuts() {
  /** @type {Map<string, import('./keys.js').Shortcut[]>} */
  const groups = new Map();
  for (const shortcut of keys.all()) {
    const group = shortcut.group ?? 'This page';
    groups.set(group, [...(groups.get(group) ?? []), shortcut]);
  }
  return openDialog({
    title: 'Keyboard shortcuts',
    body: [...groups].map(([group, shortcuts]) => html`
      <section class="stack stack--tight">
        <h3>${group}</h3>
        <ul class="list">${shortcuts.map((s) => html`
          <li class="row row--between shortcut"><span>${s.title}</span><span class="kbd">${shown(s.keys)}</span></li>`)}</ul>
      </section>`),
  });
}

function tellLoggedOut() {
  if (document.body.dataset.page === 'login') return;
  const next = encodeURIComponent(location.pathname + location.search + location.hash);
  toast('You are not logged in any more.', {
    kind: 'warning', seconds: 0, action: { label: 'Log in', run: () => location.assign(`/login?next=${next}`) },
  });
}

/** Set up the frame of the page. */
function start() {
  watchTooltips();
  keys.add({ keys: '?', title: 'Show this list', group: 'Everywhere', run: showShortcuts });
  // Looked for when the key is pressed: pages draw their search field after this.
  const search = () => /** @type {HTMLInputElement | null} */ (document.querySelector('input[data-search]'));
  // The viewer has a search of its own.
  if (document.body.dataset.page !== 'viewer') keys.add({ keys: '/', title: 'Search', group: 'Everywhere', when: () => search() !== null, run: () => search()?.focus() });
  keys.listen();
  const preferred = page.actor?.theme;
  if (preferred && preferred !== theme()) applyTheme(preferred);

  const userButton = document.querySelector('#user-menu');
  if (userButton instanceof HTMLElement) {
    attachMenu(userButton, () => [
      { heading: page.actor.display_name || page.actor.name },
      { label: 'Profile', icon: 'user', href: '/profile' },
      { label: 'Teams', icon: 'users', href: '/teams' },
      { label: 'Jobs', icon: 'activity', href: '/jobs' },
      { label: 'Keyboard shortcuts', icon: 'keyboard', keys: '?', run: showShortcuts },
      { separator: true },
      ...themeItems(),
      { separator: true },
      { label: 'Log out', icon: 'log-out', run: logOut },
    ]);
  }
  const themeButton = document.querySelector('#theme-menu');
  if (themeButton instanceof HTMLElement) attachMenu(themeButton, themeItems);
  const navigation = document.querySelector('#nav-menu');
  if (navigation instanceof HTMLElement) {
    const links = /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('.bar__nav a'));
    attachMenu(navigation, () => [...links].map((link) => ({
      label: link.textContent?.trim(), icon: link.dataset.icon, href: link.getAttribute('href') ?? '/',
    })), 'start');
  }
  let told = 0;
  addEventListener('exact:logged-out', () => {
    if (Date.now() - told < 10000) return;
    told = Date.now();
    tellLoggedOut();
  });
}

start();

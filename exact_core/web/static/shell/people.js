// @ts-check
/** Choosing a person or a team by typing. */

import { api } from './api.js';
import { html } from './html.js';
import { debounce } from './view.js';

/**
 * @typedef {object} Holder
 * @property {'user' | 'team'} kind
 * @property {number} id
 * @property {string} label
 */

/** @param {any} user */
export function personName(user) {
  return user.display_name || user.name;
}

/**
 * Two letters for a person.
 * @param {any} user
 */
export function avatar(user) {
  const words = personName(user).split(/\s+/).filter(Boolean);
  const letters = (words[0]?.[0] ?? '') + (words.length > 1 ? words.at(-1)?.[0] : words[0]?.[1] ?? '');
  return html`<span class="avatar" aria-hidden="true">${letters.toUpperCase()}</span>`;
}

let count = 0;

/**
 * A field that finds people (and teams) while one types; arrow keys choose.
 * @param {object} options
 * @param {string} options.label
 * @param {boolean} [options.teams] offer teams too
 * @param {(holder: Holder) => boolean} [options.skip]
 * @returns {{element: HTMLElement, value: () => Holder | null}}
 */
export function personField({ label, teams = false, skip = () => false }) {
  const id = `person-${++count}`;
  /** @type {Holder | null} */
  let chosen = null;
  /** @type {Holder[]} */
  let found = [];
  let active = -1;
  const list = html`<ul class="combo__list" id="${id}-list" role="listbox" aria-label=${label} hidden></ul>`;
  const input = html`<input class="input" id=${id} role="combobox" aria-autocomplete="list" aria-expanded="false" aria-controls="${id}-list"
    autocomplete="off" placeholder=${teams ? 'Type a name of a person or team' : 'Type a name'} autofocus>`;
  const error = html`<p class="field__error" data-error-for="holder"></p>`;
  const element = html`<div class="field combo"><label class="field__label" for=${id}>${label}</label>${input}${list}${error}</div>`;

  const draw = (isOpen = true) => {
    list.hidden = !isOpen;
    input.setAttribute('aria-expanded', String(isOpen));
    if (active >= 0) input.setAttribute('aria-activedescendant', `${id}-${active}`);
    else input.removeAttribute('aria-activedescendant');
    list.replaceChildren(...(found.length ? found.map((holder, index) => html`
      <li class="menu__item" role="option" id="${id}-${index}" aria-selected=${String(index === active)} @pointerdown=${(/** @type {Event} */ event) => {
        event.preventDefault();
        take(holder);
      }}><span class="grow truncate">${holder.label}</span><span class="faint small">${holder.kind === 'team' ? 'Team' : ''}</span></li>`)
      : [html`<li class="menu__label">Nobody of this name</li>`]));
  };
  const take = (/** @type {Holder} */ holder) => {
    chosen = holder;
    input.value = holder.label;
    draw(false);
  };
  const search = debounce(async () => {
    const q = input.value.trim();
    const [people, groups] = await Promise.all([
      api.get('/users', { q, limit: 8 }), teams ? api.get('/teams', { q }) : [],
    ]).catch(() => [{ items: [] }, []]);
    found = [
      ...people.items.filter((/** @type {any} */ user) => user.is_active !== false).map((/** @type {any} */ user) => ({ kind: 'user', id: user.id, label: user.display_name && user.display_name !== user.name ? `${user.display_name} (${user.name})` : user.name })),
      ...groups.slice(0, 6).map((/** @type {any} */ team) => ({ kind: 'team', id: team.id, label: team.name })),
    ].filter((holder) => !skip(/** @type {Holder} */ (holder)));
    active = found.length ? 0 : -1;
    if (document.activeElement === input) draw();
  }, 160);
  input.addEventListener('input', () => {
    chosen = null;
    search();
  });
  input.addEventListener('focus', () => { if (!chosen) search(); });
  input.addEventListener('blur', () => draw(false));
  input.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (list.hidden) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      active = found.length ? (active + (event.key === 'ArrowDown' ? 1 : -1) + found.length) % found.length : -1;
      draw();
    } else if (event.key === 'Enter' && found[active] && !chosen) {
      event.preventDefault();
      take(found[active]);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      draw(false);
    }
  });
  return { element, value: () => chosen };
}

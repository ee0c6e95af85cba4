// @ts-check
/** Every command by name: type a few letters, press Enter. */

import { openDialog } from '../shell/dialog.js';
import { html, render } from '../shell/html.js';
import { keys, shown } from '../shell/keys.js';

/** Letters of ``query`` in order, the closer together the better. @param {string} text @param {string} query @returns {number} below 0 for no match */
export function score(text, query) {
  const [hay, needle] = [text.toLowerCase(), query.toLowerCase().trim()];
  if (needle === '') return 0;
  const whole = hay.indexOf(needle);
  if (whole >= 0) return 1000 - whole;
  let [at, gaps] = [-1, 0];
  for (const letter of needle) {
    const next = hay.indexOf(letter, at + 1);
    if (next < 0) return -1;
    gaps += next - at - 1;
    at = next;
  }
  return Math.max(0, 500 - gaps);
}

/** Open the list. */
export function openPalette() {
  const commands = keys.all().filter(({ keys: combo }) => combo !== 'Ctrl+K' && combo !== '=');
  let [chosen, found] = [0, commands];
  const list = html`<ul class="palette" role="listbox" id="palette-list" aria-label="Commands"></ul>`;
  const field = html`<input class="input" type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-label="Command" placeholder="What do you want to do?" autocomplete="off" autofocus>`;
  const run = (/** @type {import('../shell/keys.js').Shortcut | undefined} */ command) => {
    list.closest('dialog')?.close();
    if (command) setTimeout(() => command.run(new KeyboardEvent('keydown')), 0);
  };
  const draw = () => {
    found = commands.map((command) => ({ command, rank: score(`${command.title} ${command.group ?? ''}`, field.value) }))
      .filter(({ rank }) => rank >= 0).sort((a, b) => b.rank - a.rank).map(({ command }) => command);
    chosen = Math.min(chosen, Math.max(found.length - 1, 0));
    render(list, found.length === 0 ? html`<li class="muted small palette__none">Nothing is called like this.</li>` : found.map((command, i) => html`
      <li role="option" aria-selected=${String(i === chosen)} class="palette__item" @click=${() => run(command)}>
        <span class="truncate">${command.title}</span><span class="small muted">${command.group ?? ''}</span><span class="kbd">${shown(command.keys)}</span></li>`));
    list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  };
  field.addEventListener('input', () => {
    chosen = 0;
    draw();
  });
  field.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'ArrowDown') chosen = Math.min(chosen + 1, found.length - 1);
    else if (event.key === 'ArrowUp') chosen = Math.max(chosen - 1, 0);
    else if (event.key === 'Enter') run(found[chosen]);
    else return;
    event.preventDefault();
    if (event.key !== 'Enter') draw();
  });
  draw();
  return openDialog({ title: 'Commands', body: html`<div class="stack stack--tight palette__box">${field}${list}</div>` });
}

// @ts-check
/** How far somebody is, as a line. */

import { ago, html, icon } from 'exact/sdk';

/** @param {number} share 0 to 1 */
export function percent(share) {
  if (share > 0 && share < 0.001) return '< 0.1 %';
  return `${Number((share * 100).toFixed(share < 0.1 ? 1 : 0))} %`;
}

/** @param {any} person */
export function personRow(person) {
  const passes = person.passes > 1 ? `, pass ${person.passes}` : '';
  return html`<li class="screening-person">
    <div class="row row--between row--nowrap"><span class="truncate">${person.name}</span>
      ${person.finished_at ? html`<span class="badge badge--success">${icon('check')}finished</span>` : html`<span class="small muted">${ago(person.updated_at)}</span>`}</div>
    <progress class="progress" max="1" value=${String(person.done / person.total)} aria-label="Fields seen by ${person.name}"></progress>
    <span class="small muted num">${person.done.toLocaleString('en')} of ${person.total.toLocaleString('en')} fields${passes}</span>
  </li>`;
}

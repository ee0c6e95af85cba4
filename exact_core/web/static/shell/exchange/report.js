// @ts-check
/** What was not carried over, recognised and refused, in words: the same after a preview, an import and an export. */

import { html, icon } from '../html.js';

/**
 * @param {{losses?: {what: string, count: number}[], warnings?: string[], refused?: {place: string, reason: string}[], refused_count?: number}} report
 * @param {{clean?: string}} [options]
 */
export function reportView(report, { clean = 'Everything is carried over.' } = {}) {
  const losses = report.losses ?? [];
  const warnings = report.warnings ?? [];
  const refused = report.refused ?? [];
  const count = report.refused_count ?? 0;
  if (!losses.length && !warnings.length && !count) {
    return html`<p class="row muted">${icon('circle-check')}<span class="grow">${clean}</span></p>`;
  }
  return html`
    <div class="stack stack--tight exchange-report">
      ${warnings.length ? html`<ul class="exchange-lines">${warnings.map((text) => html`<li>${icon('info')}<span>${sentence(text)}</span></li>`)}</ul>` : null}
      ${losses.length ? html`<div><h3>Not carried over</h3><ul class="exchange-lines">${losses.map((loss) => html`
        <li>${icon('triangle-alert')}<span class="grow">${sentence(loss.what)}</span><span class="num muted">${loss.count.toLocaleString()}</span></li>`)}</ul></div>` : null}
      ${count ? html`<details class="exchange-refused" open=${refused.length <= 3}><summary>${count.toLocaleString()} ${count === 1 ? 'shape cannot' : 'shapes cannot'} be kept</summary>
        <ul class="exchange-lines">${refused.map((each) => html`<li>${icon('circle-x')}<span><strong>${each.place}</strong>: ${each.reason}</span></li>`)}
        ${count > refused.length ? html`<li class="muted">${icon('ellipsis')}<span>and ${(count - refused.length).toLocaleString()} more</span></li>` : null}</ul></details>` : null}
    </div>`;
}

/** @param {string} text */
function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}

/** @param {number} part 0 to 1 @param {string} label */
export function progressBar(part, label) {
  return html`<div class="stack stack--tight"><p class="row small muted" role="status">${icon('loader-circle', 'icon--spin')}<span class="grow">${label}</span><span class="num">${Math.floor(part * 100)} %</span></p>
    <progress class="progress" max="1" value=${part} aria-label=${label}></progress></div>`;
}

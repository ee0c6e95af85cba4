// @ts-check
/** What is installed on this server, in which state and why, what it adds, and what went wrong in it. */

import { api, bootstrap } from '../api.js';
import { $, html, icon } from '../html.js';
import { ago, dateTime, plural } from '../time.js';
import { empty, failure, show } from '../view.js';

const { adds } = bootstrap();
/** @type {Record<string, {label: string, kind: string, symbol: string, hint: string}>} */
const STATES = {
  loaded: { label: 'Running', kind: 'success', symbol: 'circle-check', hint: '' },
  pending_migration: { label: 'Needs a migration', kind: 'warning', symbol: 'database', hint: 'Its tables are not up to date; it cannot be switched on until they are.' },
  blocked: { label: 'Blocked', kind: '', symbol: 'ban', hint: 'Left out by the settings of this server.' },
  conflict: { label: 'Name conflict', kind: 'danger', symbol: 'circle-alert', hint: 'Two distributions claim this name; neither was loaded.' },
  incompatible: { label: 'Wrong version', kind: 'danger', symbol: 'circle-alert', hint: 'It was made for another version of EXACT.' },
  import_failed: { label: 'Does not start', kind: 'danger', symbol: 'circle-alert', hint: 'Its module could not be imported.' },
  invalid: { label: 'Not valid', kind: 'danger', symbol: 'circle-alert', hint: 'It does not keep to the rules for plugins.' },
};

await show($('#admin'), () => api.get('/plugins'), (answer) => {
  const all = answer;
  const plugins = all.filter((/** @type {any} */ plugin) => !plugin.name.startsWith('core.'));
  const builtin = all.filter((/** @type {any} */ plugin) => plugin.name.startsWith('core.'));
  plugins.sort((/** @type {any} */ a, /** @type {any} */ b) => Number(a.is_healthy) - Number(b.is_healthy) || a.title.localeCompare(b.title));
  return [
    html`<div class="banner banner--info">${icon('shield')}<div><p><strong>Installing a plugin is trusting it.</strong> Its code runs inside this server and in the browsers of your users, with all that they may do.</p>
      <p class="muted">Plugins are installed on the server (<code>pip install …</code>, then restart) and switched on per image set; that switch is for convenience, not a wall. <code>EXACT_PLUGINS</code> can hold a list of those that may load.</p></div></div>`,
    plugins.length ? plugins.map(card) : html`<section class="card">${empty('puzzle', 'No plugins are installed', 'EXACT is complete without any. Install one on the server, restart, and it appears here.')}</section>`,
    builtin.length ? html`<details><summary>${plural(builtin.length, 'built-in part')}</summary><div class="stack builtin">${builtin.map(card)}</div></details>` : null,
  ];
});

/** @param {any} plugin */
function card(plugin) {
  const state = STATES[plugin.state] ?? { label: plugin.state, kind: '', symbol: 'info', hint: '' };
  const faults = html`<div class="card__body"></div>`;
  return html`
    <section class="card ${plugin.is_healthy ? '' : 'card--danger'}" aria-label=${plugin.title} data-plugin-row=${plugin.name}>
      <div class="card__head">${icon('puzzle')}<div class="grow"><h2>${plugin.title} <span class="count">${plugin.version}</span></h2><p class="small muted"><code>${plugin.name}</code>${plugin.distribution ? html` from <code>${plugin.distribution}</code>` : null}</p></div>
        ${plugin.faults ? html`<span class="badge badge--warning">${icon('triangle-alert')}${plural(plugin.faults, 'fault')}</span>` : null}<span class="badge badge--${state.kind}">${icon(state.symbol)}${state.label}</span></div>
      <div class="card__body stack stack--tight">
        ${plugin.summary ? html`<p>${plugin.summary}</p>` : null}
        ${plugin.reason || !plugin.is_healthy ? html`<div class="banner ${plugin.is_healthy ? '' : 'banner--danger'}">${icon(state.symbol)}<div><p>${plugin.reason || state.hint}</p>${plugin.reason && state.hint ? html`<p class="small muted">${state.hint}</p>` : null}</div></div>` : null}
        ${plugin.warnings.map((/** @type {string} */ warning) => html`<div class="banner banner--warning">${icon('triangle-alert')}<p>${warning}</p></div>`)}
        ${adds[plugin.name]?.length ? html`<div class="row tags" aria-label="What it adds">${adds[plugin.name].map((/** @type {string} */ words) => html`<span class="tag"><span class="truncate">${words}</span></span>`)}</div>` : null}
        ${plugin.name.startsWith('core.') ? null : html`<p class="small muted">${plugin.image_sets ? `On in ${plural(plugin.image_sets, 'image set')}` : 'On in no image set; managers switch it on under Plugins of theirs.'}</p>`}
        ${plugin.requires.length ? html`<p class="small muted">Needs ${plugin.requires.join(', ')}</p>` : null}
      </div>
      ${plugin.faults ? html`<details class="card__foot" @toggle=${(/** @type {any} */ event) => { if (event.target.open) void drawFaults(plugin, faults); }}><summary>What went wrong</summary>${faults}</details>` : null}
    </section>`;
}

/**
 * @param {any} plugin
 * @param {HTMLElement} place
 */
async function drawFaults(plugin, place) {
  try {
    const found = await api.get('/plugin-faults', { plugin: plugin.name, limit: 50 });
    place.replaceChildren(html`<ul class="list">${found.map((/** @type {any} */ fault) => html`
      <li class="fault"><div class="row row--between"><strong>${fault.message}</strong><span class="small muted" title=${dateTime(fault.at)}>${ago(fault.at)}</span></div>
        <p class="small muted"><code>${fault.place}</code>${fault.image_set_id ? html` in <a href="/image-sets/${fault.image_set_id}">image set ${fault.image_set_id}</a>` : null}</p>
        ${fault.traceback ? html`<details><summary>Traceback</summary><pre class="trace" tabindex="0">${fault.traceback}</pre></details>` : null}</li>`)}</ul>`);
  } catch (error) {
    place.replaceChildren(failure(error, () => drawFaults(plugin, place)));
  }
}

// @ts-check
/** What differs between two versions, or between one and now: numbers, images, and the list of everything. */

import { api } from '../api.js';
import { html, icon, render } from '../html.js';
import { showError } from '../toast.js';
import { empty } from '../view.js';
import { back } from './version_detail.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {import('./set_versions.js').Go} Go */
/** @typedef {Record<string, any>} Numbers */

const PAGE = 50;
/** @type {[string, string][]} */
const KINDS = [['', 'Everything'], ['added', 'Added'], ['removed', 'Removed'], ['geometry', 'Outline changed'], ['type', 'Type changed'], ['attributes', 'Text or attributes changed']];
/** @type {Record<string, [string, string]>} */
const SIGNS = { added: ['+', 'Added'], removed: ['−', 'Removed'], changed: ['≠', 'Changed'] };
/** @type {Record<string, string>} */
const WAYS = { geometry: 'outline', type: 'type', attributes: 'text or attributes' };

/** @param {HTMLElement} target @param {SetPage} page @param {string} from @param {string} to @param {Go} go */
export async function drawComparison(target, page, from, to, go) {
  const found = await api.get(`/image-sets/${page.id}/version-diff`, { from, to }, { signal: page.signal });
  if (page.signal.aborted) return;
  const [before, after] = [found.from.name, found.to.name || 'now'];
  const { total } = found;
  const stat = (/** @type {string} */ name) => html`<div class="stat" data-total=${name}><strong><span class="sign sign--${name}" aria-hidden="true">${SIGNS[name][0]}</span> ${total[name].toLocaleString('en')}</strong><span class="small muted">${SIGNS[name][1].toLowerCase()}</span></div>`;
  const isSame = total.added + total.removed + total.changed + found.images_added.length + found.images_removed.length === 0;
  const swap = found.to.version_id === null ? null : html`<button type="button" class="btn btn--small" @click=${() => go({ from: to, to: from })}>${icon('shuffle')}Swap</button>`;
  render(target, back(page, go),
    html`<div class="row"><h2 class="grow" id="comparison">${before} → ${after}</h2>${swap}</div>`,
    isSame ? html`<section class="card">${empty('circle-check', 'Nothing differs', `${before} and ${after} hold the same annotations and images.`)}</section>` : [
      html`<div class="stats">${stat('added')}${stat('removed')}${stat('changed')}</div>`,
      table('Types', 'Type', found.types, (each) => each.name || 'A type that is gone'),
      found.relabelled.length ? relabelled(found.relabelled) : null,
      page.rights.see_all ? table('People', 'Drawn by', found.authors, (each) => each.author?.name ?? 'Imported') : null,
      imagesCard(page, found),
      cameAndWent(found),
      listCard(page, found, from, to)]);
}

/** @param {string} title @param {string} head @param {any[]} rows @param {(row: any) => string} nameOf */
function table(title, head, rows, nameOf) {
  if (!rows.length) return null;
  const number = (/** @type {number} */ value) => (value ? value.toLocaleString('en') : html`<span class="faint">0</span>`);
  return html`<section class="card" aria-label=${title}><div class="card__head"><h2>${title}</h2></div><div class="table-wrap"><table class="table table--cards">
    <thead><tr><th scope="col">${head}</th><th scope="col">Added</th><th scope="col">Removed</th><th scope="col">Changed</th><th scope="col">Outline</th><th scope="col">Type</th><th scope="col">Text, attributes</th></tr></thead>
    <tbody>${rows.map((each) => html`<tr><th scope="row">${nameOf(each)}</th>${[['added', 'added'], ['removed', 'removed'], ['changed', 'changed'], ['geometry', 'outline'], ['type', 'type'], ['attributes', 'text, attributes']].map(([name, label]) => html`<td class="num" data-label=${label}>${number(each[name])}</td>`)}</tr>`)}</tbody></table></div></section>`;
}

/** @param {any[]} rows */
function relabelled(rows) {
  return html`<section class="card" aria-label="Relabelled"><div class="card__head"><h2>Relabelled</h2></div><ul class="list">${rows.map((each) => html`<li class="list__item"><span class="grow">${each.from_name} → ${each.to_name}</span><span class="num">${each.count.toLocaleString('en')}</span></li>`)}</ul></section>`;
}

/** Where on the slide it is seen. @param {SetPage} page @param {Numbers} found @param {number} imageId @param {string} [hash] @returns {string | null} null where the later side lacks the image or the earlier one is now */
function onSlide(page, found, imageId, hash = '') {
  if (found.from.version_id === null || found.images_removed.some((/** @type {any} */ image) => image.id === imageId)) return null;
  const version = found.to.version_id === null ? '' : `version=${found.to.version_id}&`;
  return `/image-sets/${page.id}/images/${imageId}?${version}diff=${found.from.version_id}${hash}`;
}

/** @param {SetPage} page @param {Numbers} found */
function imagesCard(page, found) {
  if (!found.images.length) return null;
  return html`<section class="card" aria-label="Images"><div class="card__head"><h2>On the slides</h2></div><ul class="list" id="changed-images">${found.images.map((/** @type {any} */ image) => {
    const href = onSlide(page, found, image.image_id);
    return html`<li><div class="list__item"><div class="grow">${href ? html`<a class="truncate" href=${href}>${image.name}</a>` : html`<span class="truncate">${image.name}</span>`}
      <div class="small muted num">${['added', 'removed', 'changed'].filter((name) => image[name]).map((name) => `${SIGNS[name][0]} ${image[name].toLocaleString('en')} ${SIGNS[name][1].toLowerCase()}`).join(' · ')}</div></div>
      ${href ? html`<a class="btn btn--small" href=${href}>${icon('microscope')}Look at it</a>` : html`<span class="small muted">not among the images any more</span>`}</div></li>`;
  })}</ul></section>`;
}

/** @param {Numbers} found */
function cameAndWent(found) {
  const part = (/** @type {string} */ title, /** @type {any[]} */ images) => (images.length ? html`<section class="card" aria-label=${title}><div class="card__head"><h2>${title} <span class="count num">${images.length}</span></h2></div>
    <p class="card__body">${images.map((image) => image.name).join(', ')}</p></section>` : null);
  return [part('Images that came', found.images_added), part('Images that went', found.images_removed)];
}

/** @param {SetPage} page @param {Numbers} found @param {string} from @param {string} to */
function listCard(page, found, from, to) {
  const path = `/image-sets/${page.id}/version-diff/annotations`;
  const names = Object.fromEntries([...found.types.map((/** @type {any} */ each) => [each.type_id, each.name]), ...found.relabelled.flatMap((/** @type {any} */ each) => [[each.from_type_id, each.from_name], [each.to_type_id, each.to_name]])]);
  const images = Object.fromEntries(found.images.map((/** @type {any} */ image) => [image.image_id, image.name]));
  const list = html`<ul class="list" id="differences"></ul>`;
  const more = html`<button type="button" class="btn btn--small" @click=${() => load(true).catch(showError)}>Show more</button>`;
  const foot = html`<div class="card__foot" hidden>${more}</div>`;
  const none = html`<p class="card__body muted">Nothing differs in this way.</p>`;
  let kind = '';
  let cursor = '';
  const load = async (/** @type {boolean} */ goesOn) => {
    const answer = await api.get(path, { from, to, kind, cursor: goesOn ? cursor : '', limit: PAGE }, { signal: page.signal });
    cursor = answer.next_cursor ?? '';
    if (!goesOn) list.replaceChildren();
    list.append(...answer.items.map((/** @type {any} */ item) => difference(item)));
    foot.hidden = !cursor;
    none.hidden = list.childElementCount > 0;
  };
  const difference = (/** @type {any} */ item) => {
    const which = ['added', 'removed'].find((name) => item.kinds.includes(name)) ?? 'changed';
    const state = item.after ?? item.before;
    const [x0, y0, x1, y1] = item.box;
    const href = onSlide(page, found, item.image_id, x1 > x0 || y1 > y0 || x0 || y0 ? `#x=${Math.round((x0 + x1) / 2)}&y=${Math.round((y0 + y1) / 2)}&zoom=1` : '');
    const what = which === 'changed' ? `: ${item.kinds.map((/** @type {string} */ way) => (way === 'type' ? `${names[item.before.type_id] ?? 'another type'} → ${names[item.after.type_id] ?? 'another type'}` : WAYS[way])).join(', ')}` : '';
    const text = [images[item.image_id], state.author?.name].filter(Boolean).join(' · ');
    return html`<li class="list__item"><span class="sign sign--${which}" aria-hidden="true">${SIGNS[which][0]}</span><div class="grow"><div>${SIGNS[which][1]} ${names[state.type_id] ?? ''}${what}</div><div class="small muted">${text}</div></div>
      ${href ? html`<a class="icon-btn icon-btn--small" href=${href} aria-label="Look at it on the slide" data-tip="Look at it on the slide">${icon('microscope')}</a>` : null}</li>`;
  };
  void load(false).catch((error) => page.signal.aborted || showError(error));
  return html`<section class="card" aria-label="Everything that differs"><div class="card__head"><h2 class="grow">One by one</h2>
    <select class="select role-select" id="difference-kind" aria-label="Which differences" @change=${(/** @type {any} */ event) => {
      kind = event.target.value;
      void load(false).catch(showError);
    }}>${KINDS.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select></div>${list}${none}${foot}</section>`;
}

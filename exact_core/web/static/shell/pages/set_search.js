// @ts-check
/** Searching the annotations of an image set: hits with small pictures, numbers per class, changing all of them. */

import { api } from '../api.js';
import { html, icon, render } from '../html.js';
import { bulkDialog, undoBulkEdit } from '../search/bulk_dialog.js';
import { hitPicture, hitText } from '../search/hits.js';
import { quoted } from '../search/completion.js';
import { savedSearches } from '../search/saved_searches.js';
import { SearchBox } from '../search/search_box.js';
import { makeSetOfHits } from '../search/set_of_hits.js';
import { ago, plural } from '../time.js';
import { showError } from '../toast.js';
import { empty, failure } from '../view.js';

/**
 * @typedef {import('./image_set.js').SetPage} SetPage
 * @typedef {import('../search/hits.js').Hit} Hit
 */

const PAGE = 60;
const PICTURE = 96;

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawSearch(target, page) {
  const path = `/image-sets/${page.id}`;
  const [types, fields] = await Promise.all([
    api.get(`${path}/annotation-types`).then((answer) => answer.items), api.get('/search-fields', { image_set_id: page.id }).then((answer) => answer.items),
  ]);
  const byId = new Map(types.map((/** @type {any} */ type) => [type.id, type]));
  const mayChange = Boolean(page.rights.annotate);
  let query = new URLSearchParams(location.search).get('q') ?? '';
  /** @type {Hit[]} */
  let hits = [];
  /** @type {Map<number, string>} */
  let images = new Map();
  /** @type {string | null} */
  let cursor = null;
  let total = 0;
  let isPartial = false;
  let running = new AbortController();
  /** @type {Set<number>} */
  const selected = new Set();

  const box = new SearchBox({ label: 'Search annotations', imageSetId: page.id, value: query, fields, search: (text) => run(text) });
  const saved = savedSearches({ imageSetId: page.id, mayShare: Boolean(page.rights.see_all), query: () => box.value, run: (text) => run(text) });
  const notes = html`<div class="stack stack--tight"></div>`;
  const facets = html`<div class="search-facets" aria-label="Numbers of hits"></div>`;
  const head = html`<div class="row row--between search-head" role="status"></div>`;
  const list = html`<ul class="hit-grid" id="hits"></ul>`;
  const more = html`<div class="pager"></div>`;
  const bar = html`<div class="card selection-bar" hidden></div>`;
  const recent = html`<div></div>`;
  render(target, html`<div class="stack">
    <div class="row row--nowrap search-top"><div class="grow">${box.element}</div>${saved}${helpButton(fields)}</div>
    ${notes}${facets}${head}${list}${more}${bar}${recent}</div>`);

  /** @param {string} text */
  async function run(text) {
    query = text;
    box.set(text);
    history.replaceState(null, '', `/image-sets/${page.id}/search${text ? `?q=${encodeURIComponent(text)}` : ''}`);
    selected.clear();
    drawBar();
    await load();
  }

  async function load() {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    page.signal.addEventListener('abort', () => running.abort(), { once: true });
    target.setAttribute('aria-busy', 'true');
    try {
      const mistake = await box.mistakeIn(query, signal);
      if (mistake) {
        box.showMistake(mistake);
        return;
      }
      const [found, numbers] = await Promise.all([
        api.get(`${path}/annotation-search`, { q: query, limit: PAGE }, { signal }),
        api.get(`${path}/annotation-search/facets`, { q: query }, { signal }),
      ]);
      hits = found.items;
      images = new Map(found.images.map((/** @type {any} */ image) => [image.id, image.name]));
      cursor = found.next_cursor;
      total = Math.max(numbers.total, hits.length);
      isPartial = numbers.is_partial;
      box.showMistake(null);
      drawNotes([...new Set([...found.notes, ...numbers.notes, ...(isPartial ? ['There are more hits than could be counted in time. Say more of what you look for, and the numbers are exact.'] : [])])]);
      drawFacets(numbers);
      drawHits();
    } catch (error) {
      if (signal.aborted) return;
      render(list, html`<li>${failure(error, load)}</li>`);
    } finally {
      if (!signal.aborted) target.setAttribute('aria-busy', 'false');
    }
  }

  async function loadMore() {
    try {
      const found = await api.get(`${path}/annotation-search`, { q: query, limit: PAGE, cursor });
      hits.push(...found.items);
      found.images.forEach((/** @type {any} */ image) => images.set(image.id, image.name));
      cursor = found.next_cursor;
      drawHits();
    } catch (error) {
      showError(error);
    }
  }

  /** @param {string[]} texts */
  function drawNotes(texts) {
    render(notes, texts.map((text) => html`<div class="banner banner--info">${icon('info')}<p>${text}</p></div>`));
  }

  /** @param {any} numbers */
  function drawFacets(numbers) {
    if (!numbers?.total) {
      facets.replaceChildren();
      return;
    }
    const chip = (/** @type {string} */ term, /** @type {any} */ content, /** @type {number} */ count) => html`
      <button type="button" class="tag" data-tip="Only these" @click=${() => run(query ? `${/\bor\b/i.test(query) ? `(${query})` : query} ${term}` : term)}>${content}<span class="num">${count.toLocaleString('en')}</span></button>`;
    render(facets,
      numbers.types.slice(0, 16).map((/** @type {any} */ one) => chip(`class:${quoted(one.name)}`, [html`<span class="swatch" .style=${{ '--swatch': one.color }}></span>`, one.name], one.with_descendants)),
      numbers.authors.length > 1 ? numbers.authors.slice(0, 8).map((/** @type {any} */ one) => chip(`author:${one.author ? quoted(one.author.name) : 'none'}`, [icon('user'), one.author?.name ?? 'Imported'], one.count)) : null);
  }

  function drawHits() {
    render(head, html`<p class="muted">${total ? `${isPartial ? 'At least ' : ''}${plural(total, 'annotation')}` : 'No annotation'}${hits.length < total ? `, ${hits.length.toLocaleString('en')} shown` : ''}</p>`,
      hits.length ? html`<div class="row">
        ${page.rights.manage && page.rights.see_all ? html`<button type="button" class="btn" @click=${() => makeSetOfHits(page, query).catch(showError)}>${icon('images')}Make an image set</button>` : null}
        ${mayChange ? html`<button type="button" class="btn" @click=${() => change(null)}>${icon('pencil')}Change all hits</button>` : null}</div>` : null);
    if (!hits.length) {
      render(list, html`<li class="hit-grid__empty">${empty('search', query ? 'Nothing fits this search' : 'No annotations yet', query ? 'Try fewer words, or a class alone. The question mark lists what can be searched for.' : 'Draw on an image, or import annotations; then they can be searched here.')}</li>`);
    } else {
      render(list, hits.map(card));
    }
    render(more, cursor ? html`<button type="button" class="btn" @click=${loadMore}>Show more</button>` : null);
  }

  /** @param {Hit} hit */
  function card(hit) {
    const address = `/image-sets/${page.id}/images/${hit.image_id}#${new URLSearchParams({ annotation: String(hit.id), ...(query ? { search: query } : {}) })}`;
    const name = `${byId.get(hit.type_id)?.name ?? 'Annotation'} ${hit.id} on ${images.get(hit.image_id) ?? ''}`;
    return html`
      <li class="card hit ${selected.has(hit.id) ? 'is-selected' : ''}" data-hit=${hit.id}>
        ${mayChange ? html`<label class="hit__select"><input type="checkbox" class="checkbox" checked=${selected.has(hit.id)} aria-label="Select ${name}" @change=${(/** @type {any} */ event) => {
          if (event.target.checked) selected.add(hit.id);
          else selected.delete(hit.id);
          event.target.closest('.hit').classList.toggle('is-selected', event.target.checked);
          drawBar();
        }}></label>` : null}
        <a class="hit__link" href=${address} aria-label=${name}>${hitPicture(hit, PICTURE)}${hitText(hit, byId.get(hit.type_id), images.get(hit.image_id))}</a>
      </li>`;
  }

  function drawBar() {
    bar.hidden = selected.size === 0;
    render(bar, html`<span class="num">${selected.size} selected</span>`,
      html`<button type="button" class="btn btn--primary btn--small" @click=${() => change([...selected])}>${icon('pencil')}Change</button>`,
      html`<button type="button" class="btn btn--small" @click=${() => {
        hits.forEach((hit) => selected.add(hit.id));
        drawHits();
        drawBar();
      }}>Select all shown</button>`,
      html`<button type="button" class="btn btn--ghost btn--small" @click=${() => {
        selected.clear();
        drawHits();
        drawBar();
      }}>Clear</button>`);
  }

  /** @param {number[] | null} ids */
  async function change(ids) {
    const again = async () => {
      selected.clear();
      drawBar();
      await Promise.all([load(), drawRecent()]);
    };
    await bulkDialog({ imageSetId: page.id, query, ids, types, done: again });
  }

  async function drawRecent() {
    if (!mayChange) return;
    const { items } = await api.get(`${path}/annotation-bulk-edits`, { limit: 8 });
    render(recent, items.length ? html`<details class="bulk-log"><summary>Recent changes of many annotations</summary><ul class="list card">${items.map((/** @type {any} */ one) => html`
      <li class="list__item"><span class="grow"><span class="num">${plural(one.annotations, 'annotation')}</span> ${one.reason ? `· ${one.reason}` : one.kind === 'merge' ? '· merged' : ''}<br><span class="small muted">${one.by?.name ?? 'The system'}, ${ago(one.at)}</span></span>
        ${one.undone_by ? html`<span class="badge">undone</span>` : html`<button type="button" class="btn btn--small" @click=${async () => {
          try {
            await undoBulkEdit(page.id, one.revision, async () => { await Promise.all([load(), drawRecent()]); });
          } catch (error) {
            showError(error);
          }
        }}>${icon('undo-2')}Undo</button>`}</li>`)}</ul></details>` : null);
  }

  await load();
  void drawRecent().catch(showError);
  box.focus();
}

/** @param {import('../search/completion.js').SearchField[]} fields */
function helpButton(fields) {
  return html`<button type="button" class="icon-btn" aria-label="What can be searched for" data-tip="What can be searched for" @click=${() => openHelp(fields)}>${icon('circle-help')}</button>`;
}

/** @param {import('../search/completion.js').SearchField[]} fields */
export async function openHelp(fields) {
  const { openDialog } = await import('../dialog.js');
  await openDialog({
    title: 'What can be searched for', size: 'wide',
    body: html`<div class="stack">
      <p>Terms stand side by side: all of them must hold. <code>or</code>, <code>not</code> and parentheses combine them; <code>class:a,b</code> means one of several. Names with spaces need quotes, <code>*</code> stands for anything, <code>~</code> looks inside of a text.</p>
      <div class="table-wrap"><table class="table"><thead><tr><th scope="col">Field</th><th scope="col">What it is</th><th scope="col">Example</th></tr></thead>
      <tbody>${fields.map((field) => html`<tr><td><code>${field.name}</code></td><td>${field.title}${field.description ? html`<br><span class="small muted">${field.description}</span>` : null}</td><td><code>${field.example}</code></td></tr>`)}</tbody></table></div></div>`,
  });
}

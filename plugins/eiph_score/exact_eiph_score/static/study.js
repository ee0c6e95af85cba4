// @ts-check
/** The scores of all images of a set: how they are spread, and a table that can be sorted. */

import { html, icon, plural, render } from 'exact/sdk';

import { COLORS, readable, shares } from './panel.js';

/**
 * @typedef {object} ImageScore
 * @property {number} image_id
 * @property {string} name
 * @property {number | null} value
 * @property {number[]} counts
 * @property {number} total
 * @property {boolean} is_certain
 *
 * @typedef {'name' | 'value' | 'total'} Column
 * @typedef {{column: Column, isDescending: boolean}} Order
 */

const BINS = 8;

/**
 * @param {HTMLElement} element
 * @param {import('exact/sdk').PluginContext} ctx
 */
export async function showStudy(element, ctx) {
  const target = document.createElement('div');
  target.className = 'eiph-study stack';
  target.dataset.plugin = 'eiph_score';
  element.append(target);
  /** @type {Order} */
  let order = { column: 'value', isDescending: true };

  const load = async () => {
    render(target, html`<p class="muted row">${icon('loader-circle', 'icon--spin')}Scoring the images …</p>`);
    try {
      const study = await ctx.api.get('study');
      draw(study);
    } catch (error) {
      if (ctx.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      render(target, html`<div class="banner banner--danger">${icon('circle-alert')}<div><p>The scores could not be read: ${reason}</p>
        <button type="button" class="btn btn--small" @click=${load}>${icon('refresh-cw')}Try again</button></div></div>`);
    }
  };

  /** @param {{items: ImageScore[], maximum: number, minimum: number}} study */
  const draw = (study) => {
    const scored = study.items.filter((item) => item.value !== null);
    if (!scored.length) {
      render(target, html`<div class="card"><div class="card__body stack stack--tight"><p><strong>No image has a graded cell yet.</strong></p>
        <p class="muted">Annotate macrophages with the types of the grades 0 to 4; which types these are is set under <a href=${`/image-sets/${ctx.imageSet.id}/plugins`}>Plugins</a>.</p></div></div>`);
      return;
    }
    const sortBy = (/** @type {Column} */ column) => {
      order = { column, isDescending: order.column === column ? !order.isDescending : column !== 'name' };
      draw(study);
      /** @type {HTMLElement | null} */ (target.querySelector(`[data-sort="${column}"]`))?.focus();
    };
    const certain = scored.filter((item) => item.is_certain).length;
    render(target, html`
      <div class="row row--between">
        <p>${plural(scored.length, 'image')} with graded cells${study.items.length > scored.length ? `, ${study.items.length - scored.length} without` : ''}; ${certain} with the ${study.minimum} cells that a certain score needs. Median score <strong data-testid="eiph-median">${readable(median(scored.map((item) => item.value ?? 0)))}</strong>.</p>
        <div class="row"><button type="button" class="btn btn--small" @click=${load}>${icon('refresh-cw')}Refresh</button>
        <a class="btn btn--small" href=${ctx.api.url('study.csv')} download>${icon('download')}CSV</a></div>
      </div>
      ${histogram(scored, study.maximum, ctx.imageSet.id)}
      <div class="card"><div class="table-wrap"><table class="table">
        <thead><tr>${head('name', 'Image', order, sortBy)}${head('value', 'Score', order, sortBy)}${head('total', 'Cells', order, sortBy)}<th scope="col">Grades 0 to 4</th></tr></thead>
        <tbody>${sorted(study.items, order).map((item) => row(item, ctx.imageSet.id))}</tbody>
      </table></div></div>`);
  };

  await load();
}

/** @param {Column} column @param {string} title @param {Order} order @param {(column: Column) => void} sortBy */
function head(column, title, order, sortBy) {
  const is = order.column === column;
  return html`<th scope="col" class=${column === 'name' ? '' : 'end'} aria-sort=${is ? (order.isDescending ? 'descending' : 'ascending') : 'none'}>
    <button type="button" class="btn btn--ghost btn--small" data-sort=${column} @click=${() => sortBy(column)}>${title}${is ? icon(order.isDescending ? 'arrow-down' : 'arrow-up') : null}</button></th>`;
}

/** @param {ImageScore} item @param {number} imageSet */
function row(item, imageSet) {
  const parts = shares(item.counts);
  const told = item.counts.map((count, grade) => `grade ${grade}: ${count}`).join(', ');
  return html`<tr>
    <th scope="row"><a href=${`/image-sets/${imageSet}/images/${item.image_id}`}>${item.name}</a></th>
    <td class="end"><span class="eiph-figure-cell">${item.value !== null && !item.is_certain ? html`<span class="eiph-few" title="Fewer cells than a certain score needs">${icon('triangle-alert')}<span class="visually-hidden">few cells:</span></span>` : null}${readable(item.value)}</span></td>
    <td class="end">${item.total.toLocaleString('en')}</td>
    <td><div class="eiph-stack" role="img" aria-label=${told} title=${told}>${parts.map((part, grade) => html`<span .style=${{ width: `${100 * part}%`, 'background-color': COLORS[grade] }}></span>`)}</div></td>
  </tr>`;
}

/**
 * Each column leads to the cells of its images.
 * @param {ImageScore[]} scored @param {number} maximum @param {number} imageSet
 */
function histogram(scored, maximum, imageSet) {
  const bins = binned(scored.map((item) => item.value ?? 0), maximum);
  const most = Math.max(...bins);
  const step = maximum / BINS;
  return html`<figure class="eiph-histogram">
    <figcaption class="small muted">Images by score</figcaption>
    <ol>${bins.map((count, bin) => {
      const [low, high] = [bin * step, (bin + 1) * step];
      const told = `${plural(count, 'image')} with a score of ${low} to ${high}`;
      const query = `eiph_score.score>=${low} eiph_score.score${bin === BINS - 1 ? '<=' : '<'}${high}`;
      const column = html`<span class="eiph-count">${count || ''}</span><span class="eiph-column" .style=${{ height: `${(60 * count) / most}px` }}></span>`;
      return html`<li>${count ? html`<a href=${`/image-sets/${imageSet}/search?${new URLSearchParams({ q: query })}`} title=${told} aria-label=${told}>${column}</a>` : column}<span class="eiph-tick">${low}</span></li>`;
    })}</ol>
  </figure>`;
}

/** How many values lie in each of the bins; the highest value belongs to the last one. @param {number[]} values @param {number} maximum */
export function binned(values, maximum) {
  const bins = new Array(BINS).fill(0);
  for (const value of values) bins[Math.min(BINS - 1, Math.floor((value / maximum) * BINS))] += 1;
  return bins;
}

/** @param {number[]} values at least one */
export function median(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

/** Images without a score come last, either way. @param {ImageScore[]} items @param {Order} order */
export function sorted(items, order) {
  const sign = order.isDescending ? -1 : 1;
  return [...items].sort((a, b) => {
    if (order.column === 'name') return sign * a.name.localeCompare(b.name, 'en', { numeric: true });
    const [x, y] = [a[order.column], b[order.column]];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return sign * (x - y) || a.name.localeCompare(b.name, 'en', { numeric: true });
  });
}

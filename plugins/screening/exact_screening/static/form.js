// @ts-check
/** The form that a pass begins with: one click with what the image set suggests, everything else folded away. */

import { html, icon, plural, showError } from 'exact/sdk';

import { drawRegion, stopDrawing } from './drawing.js';
import { fieldCount } from './fields.js';

/**
 * @typedef {import('exact/sdk').PluginContext} PluginContext
 * @typedef {{kind: string, points?: [number, number][], label?: string}} Region
 */

const MAGNIFICATIONS = [2.5, 5, 10, 20, 40];
const MOST = 1_000_000;

/**
 * @param {PluginContext} ctx
 * @param {any} defaults what the server suggests @param {boolean} hasEarlier
 * @param {(wishes: any) => Promise<unknown>} begin
 * @param {(() => void) | null} cancel
 */
export function passForm(ctx, defaults, hasEarlier, begin, cancel) {
  const image = /** @type {NonNullable<PluginContext['image']>} */ (ctx.image);
  /** @type {Region} */
  let region = defaults.region?.points?.length ? defaults.region : { kind: 'whole' };
  const message = html`<p class="field__error" role="alert"></p>`;
  const about = html`<p class="small muted" data-testid="screening-about"></p>`;
  const number = (/** @type {string} */ name, /** @type {number} */ value, /** @type {string} */ label, /** @type {object} */ more = {}) => html`
    <input class="input num" type="number" name=${name} id="screening-${name}" aria-label=${label} required
      value=${String(Math.round(value * 100) / 100)} min=${/** @type {any} */ (more).min ?? 1} max=${/** @type {any} */ (more).max ?? 1e9} step="any">`;
  const option = (/** @type {string | number} */ value, /** @type {string} */ text, /** @type {boolean} */ chosen) => html`<option value=${value} selected=${chosen}>${text}</option>`;

  const regionText = html`<span class="small muted"></span>`;
  const choices = html`<select class="select" id="screening-region" name="region">
    ${option('whole', 'The whole image', region.kind === 'whole')}
    ${option('view', 'What the window shows', false)}
    ${option('draw', 'A region that I draw…', false)}
    ${option('shape', 'The selected annotation', false)}
    ${region.kind !== 'whole' ? option('kept', region.label || 'The region of the last pass', true) : null}
  </select>`;
  const form = html`
    <form class="stack stack--tight screening-form" novalidate>
      <p class="small muted">Go through the image field by field. Your place is kept, on every computer.</p>
      <label class="field"><span class="field__label">What</span>${choices}${regionText}</label>
      <label class="switch small"><input type="checkbox" role="switch" name="tissue" checked=${defaults.tissue_only}>Leave empty glass out</label>
      <details class="screening-more">
        <summary>${icon('sliders-horizontal')}Fields, overlap and order</summary>
        <div class="stack stack--tight">
          <div class="field"><span class="field__label">Size of a field</span>
            <div class="screening-size">${number('width', defaults.field_width, 'Width of a field')}<span aria-hidden="true">×</span>${number('height', defaults.field_height, 'Height of a field')}
              <select class="select" name="unit" aria-label="Unit">
                ${image.mpp_x ? option('um', 'µm', defaults.unit === 'um') : null}${option('px', 'px', defaults.unit === 'px')}
              </select></div></div>
          <div class="screening-pair">
            <label class="field"><span class="field__label">Shown at</span>
              <select class="select" name="magnification">${option(0, 'Fit to window', !defaults.magnification)}
                ${nativeOf(image) ? [...new Set([...MAGNIFICATIONS, defaults.magnification || 40])].sort((a, b) => a - b).map((value) => option(value, `${value}×`, defaults.magnification === value)) : null}</select></label>
            <label class="field"><span class="field__label">Overlap in %</span>${number('overlap', defaults.overlap, 'Overlap in percent', { min: 0, max: 90 })}</label>
          </div>
          <label class="field"><span class="field__label">Order</span>
            <select class="select" name="order">${option('snake', 'Back and forth', defaults.order === 'snake')}${option('rows', 'Every row from the left', defaults.order === 'rows')}</select></label>
        </div>
      </details>
      ${hasEarlier ? html`<label class="switch small"><input type="checkbox" role="switch" name="keep" checked>Keep what I have seen already</label>` : null}
      ${about}${message}
      <div class="row"><button class="btn btn--primary grow" data-testid="screening-start">${icon('play')}Start screening</button>
      ${cancel ? html`<button type="button" class="btn" @click=${() => (stopDrawing(), cancel())}>Cancel</button>` : null}</div>
    </form>`;

  const wishes = () => {
    const data = new FormData(form);
    const value = (/** @type {string} */ name) => Number(data.get(name));
    return {
      unit: data.get('unit'), field_width: value('width'), field_height: value('height'), overlap: value('overlap'),
      order: data.get('order'), magnification: value('magnification'), tissue_only: data.get('tissue') !== null,
      keep_seen: !hasEarlier || data.get('keep') !== null,
      region: { kind: region.kind, points: region.points ?? [], label: region.label ?? '' },
    };
  };
  const estimate = () => {
    const { unit, field_width: w, field_height: h, overlap, tissue_only: tissue } = wishes();
    const [sx, sy] = unit === 'um' ? [image.mpp_x ?? 1, image.mpp_y ?? image.mpp_x ?? 1] : [1, 1];
    const xs = region.points?.map(([x]) => x) ?? [0, image.width];
    const ys = region.points?.map(([, y]) => y) ?? [0, image.height];
    const size = [Math.max(1, Math.max(...xs) - Math.min(...xs)), Math.max(1, Math.max(...ys) - Math.min(...ys))];
    const count = w > 0 && h > 0 ? fieldCount(size[0], size[1], w / sx, h / sy, overlap / 100) : 0;
    about.textContent = count > MOST
      ? `These would be ${count.toLocaleString('en')} fields; at most ${MOST.toLocaleString('en')} are possible.`
      : count > 0 ? `${tissue || region.kind === 'polygon' ? 'At most ' : ''}${plural(count, 'field')}${tissue ? '; empty glass is left out' : ''}.` : '';
    about.classList.toggle('screening-warning', count > MOST);
  };
  const chooseRegion = async () => {
    message.textContent = '';
    stopDrawing();
    const chosen = choices.value;
    if (chosen === 'whole') region = { kind: 'whole' };
    if (chosen === 'view') region = viewRegion(ctx);
    if (chosen === 'draw') {
      regionText.textContent = 'Drag a rectangle, or click corners and press Enter. Esc gives up.';
      region = (await drawRegion(ctx)) ?? { kind: 'whole' };
    }
    if (chosen === 'shape') region = await shapeRegion(ctx).catch((error) => { message.textContent = error.message; return { kind: 'whole' }; });
    if (region.kind === 'whole') choices.value = 'whole';
    regionText.textContent = region.kind === 'whole' ? '' : describe(region);
    estimate();
  };
  choices.addEventListener('change', () => void chooseRegion());
  form.elements.namedItem('unit').addEventListener('change', () => {
    // The same field in the other unit.
    const toMicrometres = form.elements.namedItem('unit').value === 'um';
    const mpp = image.mpp_x ?? 1;
    for (const [name, scale] of /** @type {[string, number][]} */ ([['width', mpp], ['height', image.mpp_y ?? mpp]])) {
      const input = form.elements.namedItem(name);
      const value = Number(input.value) * (toMicrometres ? scale : 1 / scale);
      input.value = String(toMicrometres ? Math.round(value * 100) / 100 : Math.max(1, Math.round(value)));
    }
    estimate();
  });
  form.addEventListener('input', estimate);
  form.addEventListener('submit', async (/** @type {Event} */ event) => {
    event.preventDefault();
    stopDrawing();
    message.textContent = '';
    const button = /** @type {HTMLButtonElement} */ (form.querySelector('.btn--primary'));
    button.setAttribute('aria-busy', 'true');
    button.disabled = true;
    try {
      await begin(wishes());
    } catch (error) {
      const { code, detail, message: words } = /** @type {any} */ (error);
      message.textContent = detail ?? words ?? String(error);
      if (code === 'no-tissue') {
        message.append(html`<button type="button" class="btn btn--small" @click=${() => {
          /** @type {HTMLInputElement} */ (form.elements.namedItem('tissue')).checked = false;
          estimate();
          form.requestSubmit();
        }}>Screen all of it</button>`);
      } else if (!detail) showError(error);
    } finally {
      button.removeAttribute('aria-busy');
      button.disabled = false;
    }
  });
  estimate();
  return form;
}

/** @param {PluginContext} ctx @returns {Region} */
function viewRegion(ctx) {
  const { x0, y0, x1, y1 } = /** @type {NonNullable<PluginContext['viewer']>} */ (ctx.viewer).view().bounds;
  return { kind: 'rectangle', points: [[x0, y0], [x1, y1]], label: 'What the window showed' };
}

/** The outline of the one selected annotation. @param {PluginContext} ctx @returns {Promise<Region>} */
async function shapeRegion(ctx) {
  const [id, ...more] = ctx.annotations?.selected() ?? [];
  if (!id || more.length) throw new Error('Select one annotation on the slide, then choose this again.');
  const { geometry } = await ctx.api.core.get(`/annotations/${id}`);
  const points = (geometry.rings?.[0] ?? geometry.points ?? []).map((/** @type {[number, number]} */ [x, y]) => [x, y]);
  const kind = ['box', 'ellipse'].includes(geometry.shape) || points.length === 2 ? 'rectangle' : 'polygon';
  if (points.length < 2) throw new Error('This annotation encloses no area.');
  const xs = points.map((/** @type {number[]} */ [x]) => x);
  const ys = points.map((/** @type {number[]} */ [, y]) => y);
  const corners = /** @type {[number, number][]} */ ([[Math.min(...xs), Math.min(...ys)], [Math.max(...xs), Math.max(...ys)]]);
  return { kind, points: kind === 'rectangle' ? corners : points, label: `Annotation ${id}` };
}

/** @param {Region} region */
function describe(region) {
  return region.label || (region.kind === 'rectangle' ? 'A rectangle' : `A polygon of ${region.points?.length} corners`);
}

/** Magnification of one screen pixel per image pixel. @param {{objective_power: number | null, mpp_x: number | null}} image */
export function nativeOf({ objective_power: power, mpp_x: mpp }) {
  if (power && power > 0) return power;
  return mpp && mpp > 0 ? 10 / mpp : null;
}

// @ts-check
/** The choices of an import: which label is which type, which image, what is done with what is here already. */

import { checkField, selectField, textField } from '../fields.js';
import { html } from '../html.js';
import { plural } from '../time.js';

const UNITS = [['auto', 'Find it out'], ['px', 'Pixels'], ['um', 'Micrometres']];
const AXES = [['auto', 'Find it out'], ['down', 'Down, as on screens'], ['up', 'Up']];
const MAKE = 'make';
const LEAVE = 'leave';

/**
 * @param {object} given
 * @param {Record<string, any>} given.found the import
 * @param {Record<string, any>[]} given.types
 * @param {Record<string, any>[]} given.formats
 * @param {Record<string, any>[]} given.images
 * @param {boolean} given.isForOneImage
 * @param {() => void} given.changed
 */
export function optionsForm({ found, types, formats, images, isForOneImage, changed }) {
  const { preview, options } = found;
  const products = [...new Map(types.map((type) => [type.product.id, type.product])).values()];
  /** @type {Map<string, HTMLSelectElement>} */
  const choices = new Map();
  for (const each of preview.labels) {
    const given = options.labels[each.label];
    const chosen = each.label in options.labels ? (given === null ? LEAVE : given) : each.is_made ? MAKE : '';
    choices.set(each.label, html`
      <select class="select" aria-label="Type for ${each.label || 'shapes without a label'}">
        <option value="">${each.type_name && !each.is_made && !(each.label in options.labels) ? `${each.type_name}` : each.problem ? 'Choose a type' : 'By its name'}</option>
        ${types.map((type) => html`<option value=${type.id} selected=${String(type.id) === String(chosen) || type.name === chosen}>${products.length > 1 ? `${type.product.name}: ` : ''}${type.name}</option>`)}
        ${products.length && each.label ? html`<option value=${MAKE} selected=${chosen === MAKE}>Make a new type</option>` : null}
        <option value=${LEAVE} selected=${chosen === LEAVE}>Leave these out</option>
      </select>`);
  }
  const labels = html`
    <table class="table exchange-labels"><thead><tr><th scope="col">Label in the file</th><th scope="col" class="num">Shapes</th><th scope="col">Annotation type</th></tr></thead>
      <tbody>${preview.labels.map((/** @type {any} */ each) => html`<tr>
        <td><span class="row row--nowrap">${each.color ? html`<span class="swatch" .style=${{ '--swatch': each.color }}></span>` : null}<span class="truncate">${each.label || '(none)'}</span></span></td>
        <td class="num">${each.count.toLocaleString()}</td><td>${choices.get(each.label)}</td></tr>`)}</tbody></table>`;
  const form = html`
    <form class="stack" @change=${changed} @submit=${(/** @type {Event} */ event) => { event.preventDefault(); event.stopPropagation(); }}>
      ${preview.labels.length ? labels : null}
      ${preview.label_count > preview.labels.length ? html`<p class="small muted">and ${plural(preview.label_count - preview.labels.length, 'more label')}</p>` : null}
      ${imagesView(preview)}
      <details class="exchange-more"><summary>More choices</summary>
        <div class="form-grid">
          ${isForOneImage ? null : selectField('image_id', 'Image', [['', 'As the file says'], ...images.map((image) => /** @type {[number, string]} */ ([image.id, image.name]))], found.image_id ?? '')}
          ${selectField('format', 'Format', [['', 'Find it out'], ...formats.map((each) => /** @type {[string, string]} */ ([each.name, each.title]))], found.asked_format)}
          ${selectField('unit', 'Coordinates are', /** @type {[string, string][]} */ (UNITS), options.unit)}
          ${selectField('y_axis', 'The y axis points', /** @type {[string, string][]} */ (AXES), options.y_axis)}
          ${selectField('on_duplicate', 'Annotations that are here in another state', [['skip', 'Leave as they are'], ['update', 'Change to what the file says']], options.on_duplicate)}
          ${products.length > 1 ? selectField('product', 'New types belong to', products.map((product) => /** @type {[number, string]} */ ([product.id, product.name])), options.create_types_in) : null}
          ${textField('run', 'Name in the history', options.run, { optional: true, hint: 'A model run, for example.', maxlength: 200 })}
        </div>
      </details>
      ${preview.report.refused_count || options.skip_bad ? checkField('skip_bad', 'Leave out what cannot be kept', options.skip_bad) : null}
    </form>`;
  const value = (/** @type {string} */ name) => /** @type {any} */ (form.elements.namedItem(name))?.value ?? '';

  /** What is asked of a preview and of an import. */
  const asked = () => {
    /** @type {Record<string, number | null>} */
    const chosen = {};
    let makes = false;
    for (const [label, select] of choices) {
      if (select.value === LEAVE) chosen[label] = null;
      else if (select.value === MAKE) makes = true;
      else if (select.value) chosen[label] = Number(select.value);
    }
    const product = makes ? Number(value('product') || products[0]?.id) : null;
    const box = /** @type {HTMLInputElement | null} */ (form.elements.namedItem('skip_bad'));
    return {
      labels: chosen, create_types_in: product, on_duplicate: value('on_duplicate'), unit: value('unit'), y_axis: value('y_axis'),
      run: value('run'), skip_bad: box?.checked ?? false,
    };
  };
  return {
    element: form,
    options: asked,
    reading: () => ({ image_id: isForOneImage ? found.image_id : Number(value('image_id')) || null, format: value('format') }),
  };
}

/** @param {Record<string, any>} preview */
function imagesView(preview) {
  const mended = preview.images.filter((/** @type {any} */ each) => each.mend || each.image_id === null || each.name !== each.image_name);
  if (!mended.length && preview.image_count <= 1) return null;
  const shown = preview.images.slice(0, 50);
  return html`<details class="exchange-more" open=${preview.images.length <= 4}><summary>${plural(preview.image_count, 'image')} in the file</summary>
    <ul class="exchange-lines">${shown.map((/** @type {any} */ each) => html`<li><span class="grow"><span class="truncate">${each.name ?? '(not named)'}</span>${each.image_id === null ? html` <span class="danger-text">is not in this set</span>` : each.image_name !== each.name ? html` <span class="muted">is ${each.image_name}</span>` : null}
      ${each.mend ? html`<br><span class="small muted">${each.mend[0].toUpperCase()}${each.mend.slice(1)}</span>` : null}</span><span class="num muted">${each.shapes.toLocaleString()}</span></li>`)}</ul></details>`;
}

// @ts-check
/** The dialog in which an annotation type is made and changed. */

import { api, idempotencyKey } from './api.js';
import { agreeToEffects, attributeEditor } from './attribute_editor.js';
import { openDialog } from './dialog.js';
import { areaField, selectField, textField } from './fields.js';
import { html, icon } from './html.js';
import { PALETTE, SHAPES } from './shapes.js';
import { showError } from './toast.js';
import { flatten, withDescendants } from './type_tree.js';

/** @typedef {{id: number, [key: string]: any}} Type */

/**
 * @param {number} productId
 * @param {Type | null} type null makes a new one
 * @param {Type[]} siblings the other types of the product
 * @returns {Promise<Type | null>} null when it was cancelled
 */
export function typeDialog(productId, type, siblings) {
  const key = idempotencyKey();
  const unused = PALETTE.find((color) => !siblings.some((each) => each.color === color)) ?? PALETTE[0];
  const shapes = shapeChoice(type?.shapes ?? ['polygon']);
  const color = colorField(type?.color ?? unused);
  const attributes = attributeEditor(type?.attributes ?? []);
  const own = type ? withDescendants(siblings, type.id) : new Set();
  const parents = flatten(siblings.filter((each) => each.is_active && !own.has(each.id)));
  const picture = examplePicture(type);
  const taken = new Set(siblings.filter((each) => each.is_active && each.id !== type?.id).map((each) => each.key));
  /** @type {[string, string][]} */
  const keys = [['', 'By position'], .../** @type {[string, string][]} */ ([...'123456789'].filter((digit) => !taken.has(digit)).map((digit) => [digit, digit]))];
  return openDialog({
    title: type ? `Change ${type.name}` : 'New annotation type',
    action: type ? 'Save' : 'Add',
    size: 'wide',
    body: [
      html`<div class="form-grid">${textField('name', 'Name', type?.name ?? '', { autofocus: true, maxlength: 100 })}${selectField('key', 'Key in the viewer', keys, type?.key ?? '')}</div>`,
      color.element, shapes.element,
      html`<div class="form-grid">${selectField('parent_id', 'Below', [['', 'Nothing: it stands at the top'], .../** @type {[number, string][]} */ (parents.map(({ type: each, depth }) => [each.id, `${'\u2003'.repeat(depth)}${each.name}`]))], type?.parent_id ?? '', { hint: 'A species lies below its genus, and counts as one.' })}
        ${textField('rank', 'Rank', type?.rank ?? '', { optional: true, maxlength: 40, placeholder: 'species' })}
        ${textField('external_id', 'External number', type?.external_id ?? '', { optional: true, maxlength: 100, placeholder: 'NCBI:txid9606' })}</div>`,
      html`<fieldset class="field"><legend class="field__label">Size of a shape placed with one click</legend>
        <div class="row size-row">
          <input class="input input--narrow" type="number" name="default_width" min="0.01" step="any" value=${type?.default_width ?? null} placeholder="Width" aria-label="Default width">
          <span aria-hidden="true">×</span>
          <input class="input input--narrow" type="number" name="default_height" min="0.01" step="any" value=${type?.default_height ?? null} placeholder="Height" aria-label="Default height">
          <select class="select" name="default_unit" aria-label="Unit of the default size"><option value="um" selected=${type?.default_unit !== 'px'}>µm</option><option value="px" selected=${type?.default_unit === 'px'}>pixels</option></select>
        </div><p class="field__hint">In µm it fits every magnification. Leave it empty for a size that suits the view.</p>
        <p class="field__error" data-error-for="default_width"></p><p class="field__error" data-error-for="default_height"></p></fieldset>`,
      areaField('description', 'Description', type?.description ?? '', { optional: true, hint: 'When to use this type; people see it in the viewer.' }),
      attributes.element, picture.element,
      type ? textField('reason', 'Reason of the change', '', { optional: true, maxlength: 500, hint: 'Shown in the history of the types.' }) : null,
    ],
    submit: async (data) => {
      const number = (/** @type {string} */ name) => (data.get(name) ? Number(data.get(name)) : null);
      const body = {
        name: data.get('name'), description: data.get('description') ?? '', color: color.value(), shapes: shapes.value(),
        default_width: number('default_width'), default_height: number('default_height'), default_unit: data.get('default_unit'),
        attributes: attributes.value(), parent_id: number('parent_id'), rank: data.get('rank') ?? '', external_id: data.get('external_id') ?? '',
      };
      const chosen = String(data.get('key') ?? '');
      const drops = type ? await agreeToEffects(/** @type {any} */ (type), body.attributes) : false;
      if (drops === null) throw new DOMException('not agreed', 'AbortError');
      const saved = type
        ? await api.patch(`/annotation-types/${type.id}`, { ...body, key: chosen, drop_values: drops, reason: data.get('reason') ?? '' })
        : await api.post(`/products/${productId}/types`, { ...body, key: chosen || null }, { idempotencyKey: key });
      try {
        await picture.save(saved.id);
      } catch (error) {
        showError(error, 'The type is saved, but not its example picture');
      }
      return saved;
    },
  });
}

/** @param {string[]} chosen */
function shapeChoice(chosen) {
  let first = chosen[0];
  const element = html`
    <fieldset class="field"><legend class="field__label">Shapes</legend>
      <div class="chip-set">${Object.entries(SHAPES).map(([value, { label, symbol }]) => html`
        <label class="chip"><input type="checkbox" name="shapes" value=${value} checked=${chosen.includes(value)} @change=${update}>${icon(symbol)}${label}<span class="chip__first faint" hidden>first</span></label>`)}</div>
      <p class="field__hint">What people may draw. The one chosen first is ready when they pick the type.</p>
      <p class="field__error" data-error-for="shapes"></p></fieldset>`;
  const value = () => {
    const all = [.../** @type {NodeListOf<HTMLInputElement>} */ (element.querySelectorAll('input:checked'))].map((input) => input.value);
    return all.includes(first) ? [first, ...all.filter((each) => each !== first)] : all;
  };
  function update() {
    first = value()[0];
    for (const label of element.querySelectorAll('.chip')) {
      label.querySelector('.chip__first').hidden = label.querySelector('input').value !== first || value().length < 2;
    }
  }
  update();
  return { element, value };
}

/** @param {string} start */
function colorField(start) {
  let current = start;
  const picker = html`<input class="input" type="color" value=${start} aria-label="Pick any colour" @input=${(/** @type {any} */ event) => put(event.target.value)}>`;
  const hex = html`<input class="input input--narrow mono" name="color" value=${start} maxlength="7" spellcheck="false" aria-label="Colour as #rrggbb" @input=${(/** @type {any} */ event) => {
    const text = event.target.value.trim().toLowerCase();
    if (/^#?[0-9a-f]{6}$/.test(text)) put(text.startsWith('#') ? text : `#${text}`, true);
  }}>`;
  const palette = html`<div class="palette" role="group" aria-label="Colours that can be told apart on tissue">${PALETTE.map((color) => html`
    <button type="button" .style=${{ '--swatch': color }} aria-label=${color} @click=${() => put(color)}></button>`)}</div>`;
  /**
   * @param {string} color
   * @param {boolean} [typed]
   */
  function put(color, typed = false) {
    current = color;
    picker.value = color;
    if (!typed) hex.value = color;
    for (const button of palette.children) button.setAttribute('aria-pressed', String(button.getAttribute('aria-label') === color));
  }
  put(start);
  const element = html`<fieldset class="field"><legend class="field__label">Colour</legend><div class="row">${picker}${hex}${palette}</div><p class="field__error" data-error-for="color"></p></fieldset>`;
  return {
    element,
    value() {
      if (!/^#?[0-9a-f]{6}$/i.test(hex.value.trim())) throw new Error('The colour must be written as #rrggbb, for example #e6194b.');
      return current;
    },
  };
}

/** @param {Type | null} type */
function examplePicture(type) {
  /** @type {File | null} */
  let file = null;
  let removed = false;
  const view = html`<div class="row"></div>`;
  const input = html`<input type="file" accept="image/*" hidden @change=${() => {
    file = input.files?.[0] ?? null;
    removed = false;
    draw();
  }}>`;
  /** @type {string} */
  let address = '';
  const draw = () => {
    if (address) URL.revokeObjectURL(address);
    address = file ? URL.createObjectURL(file) : '';
    const source = address || (removed ? '' : type?.example_url ?? '');
    view.replaceChildren(...[
      source ? html`<img class="example" alt="Example" src=${source}>` : null,
      html`<button type="button" class="btn btn--small" @click=${() => input.click()}>${icon('image-plus')}${source ? 'Another picture' : 'Choose a picture'}</button>`,
      source ? html`<button type="button" class="btn btn--small" @click=${() => {
        file = null;
        removed = true;
        draw();
      }}>Remove</button>` : null,
    ].filter((each) => each !== null));
  };
  draw();
  return {
    element: html`<fieldset class="field"><legend class="field__label">Example picture <span class="optional">(optional)</span></legend>${view}${input}</fieldset>`,
    /** @param {number} id */
    async save(id) {
      const body = new FormData();
      if (file) body.append('file', file);
      if (file) await api.put(`/annotation-types/${id}/example`, body);
      else if (removed && type?.example_url) await api.delete(`/annotation-types/${id}/example`);
    },
  };
}


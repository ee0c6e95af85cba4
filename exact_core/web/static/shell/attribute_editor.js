// @ts-check
/** The editor of a type's attributes: what people can note about each shape. */

import { api } from './api.js';
import { attributeField, readAttributes, titleOf } from './attribute_fields.js';
import { confirmDialog } from './dialog.js';
import { html, icon, render } from './html.js';
import { plural } from './time.js';

/** @typedef {import('./attribute_fields.js').Definition} Definition */

const KINDS = /** @type {[Definition['kind'], string][]} */ ([
  ['text', 'Text'], ['number', 'Number'], ['boolean', 'Yes or no'], ['choice', 'Choice'], ['multi_choice', 'Several choices'], ['date', 'Date'],
]);

let count = 0;

/**
 * @param {Definition[]} start
 * @returns {{element: HTMLElement, value: () => Definition[]}}
 */
export function attributeEditor(start) {
  const list = html`<div class="stack stack--tight attribute-editor"></div>`;
  start.forEach((definition) => list.append(row(definition)));
  const element = html`<fieldset class="field"><legend class="field__label">Attributes <span class="optional">(optional)</span></legend>
    ${list}<p class="field__hint">What people can note about each shape, checked when it is saved.</p>
    <div><button type="button" class="btn btn--small" @click=${() => {
      const fresh = row({ name: '', kind: 'text' });
      list.append(fresh);
      fresh.querySelector('input').focus();
    }}>${icon('plus')}Add an attribute</button></div>
    <p class="field__error" data-error-for="attributes"></p></fieldset>`;
  return { element, value: () => [...list.children].map((each) => /** @type {any} */ (each).read()).filter((each) => each !== null) };
}

/** @param {Definition} before @returns {any} */
function row(before) {
  const id = `attribute-editor-${++count}`;
  let kind = before.kind;
  const name = html`<input class="input" id="${id}-name" aria-label="Name of the attribute" placeholder="Name" maxlength="100" value=${before.title || before.name || ''}>`;
  const kindChoice = html`<select class="select" aria-label="Kind" @change=${(/** @type {any} */ event) => {
    kind = event.target.value;
    drawDetails();
  }}>${KINDS.map(([value, label]) => html`<option value=${value} selected=${value === kind}>${label}</option>`)}</select>`;
  const required = html`<input type="checkbox" checked=${before.required}>`;
  const description = html`<input class="input" aria-label="Description" placeholder="Description, shown beside the field" maxlength="4000" value=${before.description ?? ''}>`;
  const details = html`<div class="attribute-editor__details"></div>`;
  const standard = html`<div class="attribute-editor__default"></div>`;
  const number = (/** @type {string} */ key, /** @type {string} */ label, /** @type {unknown} */ value) => html`
    <label class="attribute-editor__small"><span class="small muted">${label}</span><input class="input" type="number" step="any" data-part=${key} value=${/** @type {any} */ (value) ?? null} @change=${drawDefault}></label>`;

  function drawDetails() {
    const same = kind === before.kind ? before : /** @type {Partial<Definition>} */ ({});
    if (kind === 'number') {
      render(details, number('min', 'From', same.min), number('max', 'To', same.max), number('step', 'In steps of', same.step),
        html`<label class="attribute-editor__small"><span class="small muted">Unit</span><input class="input" data-part="unit" maxlength="20" placeholder="µm" value=${same.unit ?? ''} @change=${drawDefault}></label>`);
    } else if (kind === 'choice' || kind === 'multi_choice') {
      render(details, html`<label class="attribute-editor__wide"><span class="small muted">Choices, in their order, separated by commas</span>
        <input class="input" data-part="choices" placeholder="low, medium, high" value=${(before.choices ?? []).join(', ')} @change=${drawDefault}></label>`);
    } else {
      details.replaceChildren();
    }
    drawDefault();
  }

  function drawDefault() {
    const now = read();
    const value = kind === before.kind ? before.default ?? null : null;
    if (!now || (now.choices && !now.choices.length)) standard.replaceChildren();
    else render(standard, attributeField({ ...now, title: 'Value of new shapes', description: '', required: false, name: 'default' }, value, { prefix: id }));
  }

  /** @returns {Definition | null} */
  function read() {
    const shown = name.value.trim();
    if (!shown) return null;
    const stored = before.name || attributeName(shown);  // annotations refer to the name, so only the title changes
    /** @type {Definition} */
    const found = { name: stored, title: shown === stored ? '' : shown, description: description.value.trim(), kind, required: required.checked };
    const part = (/** @type {string} */ key) => details.querySelector(`[data-part="${key}"]`)?.value.trim() ?? '';
    if (kind === 'number') {
      const numberOf = (/** @type {string} */ key) => (part(key) === '' ? null : Number(part(key)));
      Object.assign(found, { min: numberOf('min'), max: numberOf('max'), step: numberOf('step'), unit: part('unit') });
    }
    if (kind === 'choice' || kind === 'multi_choice') found.choices = part('choices').split(',').map((/** @type {string} */ word) => word.trim()).filter(Boolean);
    return found;
  }

  const element = html`
    <div class="attribute-editor__row">
      <div class="attribute-editor__head">${name}${kindChoice}<label class="check small attribute-editor__required">${required}<span>Required</span></label>
        <button type="button" class="icon-btn icon-btn--danger" aria-label="Remove the attribute" data-tip="Remove" @click=${() => element.remove()}>${icon('trash-2')}</button></div>
      ${details}<div class="attribute-editor__foot">${description}${standard}</div></div>`;
  name.addEventListener('change', drawDefault);
  drawDetails();
  element.read = () => {
    const found = read();
    if (!found) return null;
    if (found.choices && !found.choices.length) throw new Error(`${titleOf(found)}: write the choices, separated by commas.`);
    const chosen = readAttributes(standard, [{ ...found, name: 'default' }]).default ?? null;
    // A box that is not ticked is no value of new shapes, unless it was one before.
    return { ...found, default: found.kind === 'boolean' && chosen === false && before.default !== false ? null : chosen };
  };
  return element;
}

/** @param {string} title */
export function attributeName(title) {
  const plain = title.normalize('NFKD').replace(/[^\w]+/g, '_').replace(/^[^A-Za-z]+|_+$/g, '').toLowerCase();
  return (plain || 'attribute').slice(0, 50);
}

/**
 * Tell what a change of a type's attributes does to annotations, and ask where values would be lost.
 * @param {{id: number, name: string, attributes: Definition[]}} type
 * @param {Definition[]} wanted
 * @returns {Promise<boolean | null>} whether values are to be dropped; null when it was cancelled
 */
export async function agreeToEffects(type, wanted) {
  if (JSON.stringify(type.attributes) === JSON.stringify(wanted)) return false;
  const told = await api.post(`/annotation-types/${type.id}/attribute-effects`, { attributes: wanted });
  const touched = told.items.filter((/** @type {any} */ item) => item.dropped || item.missing);
  if (!touched.length) return false;
  const agreed = await confirmDialog({
    title: told.dropped ? 'Values will be lost' : 'Values are missing', danger: told.dropped > 0, action: told.dropped ? 'Change and drop them' : 'Change it',
    body: html`<div class="stack stack--tight"><p>${plural(told.annotations, 'annotation')} are of the type ${type.name}.</p>
      <div class="table-wrap"><table class="table"><thead><tr><th scope="col">Attribute</th><th scope="col" class="end">Kept</th><th scope="col" class="end">Lost</th><th scope="col" class="end">Missing</th></tr></thead>
      <tbody>${touched.map((/** @type {any} */ item) => html`<tr><td>${item.name}${item.change === 'removed' ? html` <span class="badge">removed</span>` : null}</td><td class="end num">${item.kept.toLocaleString('en')}</td><td class="end num">${item.dropped.toLocaleString('en')}</td><td class="end num">${item.missing.toLocaleString('en')}</td></tr>`)}</tbody></table></div>
      ${told.dropped ? html`<p class="small muted">What is lost stays in the history of the annotations; managers can undo the change on the page of the image set.</p>` : html`<p class="small muted">They stay as they are until somebody edits them.</p>`}</div>`,
  });
  return agreed ? told.dropped > 0 : null;
}

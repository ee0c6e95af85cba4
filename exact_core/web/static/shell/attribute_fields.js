// @ts-check
/** Fields for the attributes of a shape: units beside numbers, a calendar for dates, boxes for several choices. */

import { html } from './html.js';

/**
 * @typedef {object} Definition
 * @property {string} name
 * @property {string} [title]
 * @property {'text'|'number'|'boolean'|'choice'|'multi_choice'|'date'} kind
 * @property {string} [description]
 * @property {boolean} [required]
 * @property {string} [unit]
 * @property {string[]} [choices]
 * @property {unknown} [default]
 * @property {number | null} [min]
 * @property {number | null} [max]
 * @property {number | null} [step]
 *
 * @typedef {object} FieldOptions
 * @property {boolean} [disabled]
 * @property {string} [prefix] of the ids of the controls
 * @property {(definition: Definition, value: unknown) => void} [save] told when a value was changed
 */

/** @param {Definition} definition */
export function titleOf(definition) {
  return definition.title || definition.name;
}

/**
 * Every attribute with its control.
 * @param {Definition[]} definitions
 * @param {Record<string, unknown>} values
 * @param {FieldOptions} [options]
 */
export function attributeFields(definitions, values, options = {}) {
  return html`<div class="attribute-fields">${definitions.map((one) => attributeField(one, values[one.name] ?? null, options))}</div>`;
}

/**
 * @param {Definition} definition
 * @param {unknown} value null for none
 * @param {FieldOptions} [options]
 */
export function attributeField(definition, value, options = {}) {
  const id = `${options.prefix ?? 'attribute'}-${definition.name}`;
  const label = html`${titleOf(definition)}${definition.required ? html`<span class="attribute-fields__needed" aria-hidden="true"> *</span>` : null}`;
  const hint = definition.description ? html`<span class="field__hint" id="${id}-hint">${definition.description}</span>` : null;
  const missing = Boolean(definition.required) && (value === null || value === undefined);
  const place = html`<div class="field attribute-field" data-attribute=${definition.name} data-missing=${String(missing)}></div>`;
  const changed = () => {
    const now = readControl(place, definition);
    if (now === undefined) return;
    place.setAttribute('data-missing', String(Boolean(definition.required) && now === null));
    options.save?.(definition, now);
  };
  if (definition.kind === 'boolean') {
    place.append(html`<label class="check small"><input type="checkbox" id=${id} checked=${value === true} disabled=${options.disabled} aria-describedby=${hint ? `${id}-hint` : null} @change=${changed}><span>${label}</span></label>`);
  } else if (definition.kind === 'multi_choice') {
    const chosen = Array.isArray(value) ? value : [];
    place.append(html`<fieldset class="field"><legend class="field__label">${label}</legend><div class="chip-set">${(definition.choices ?? []).map((choice) => html`
      <label class="chip"><input type="checkbox" value=${choice} checked=${chosen.includes(choice)} disabled=${options.disabled} @change=${changed}>${choice}</label>`)}</div></fieldset>`);
  } else {
    place.append(html`<label class="field__label" for=${id}>${label}</label>`, control(definition, id, value, options, changed, hint ? `${id}-hint` : null));
  }
  if (hint) place.append(hint);
  return place;
}

/**
 * @param {Definition} definition
 * @param {string} id
 * @param {unknown} value
 * @param {FieldOptions} options
 * @param {() => void} changed
 * @param {string | null} described
 */
function control(definition, id, value, options, changed, described) {
  const { disabled } = options;
  if (definition.kind === 'choice') {
    return html`<select class="select" id=${id} disabled=${disabled} aria-describedby=${described} required=${definition.required} @change=${changed}>
      <option value="">–</option>${(definition.choices ?? []).map((choice) => html`<option value=${choice} selected=${choice === value}>${choice}</option>`)}</select>`;
  }
  if (definition.kind === 'number') {
    const input = html`<input class="input" type="number" inputmode="decimal" id=${id} step=${definition.step ?? 'any'} min=${definition.min ?? null} max=${definition.max ?? null}
      value=${/** @type {any} */ (value)} readonly=${disabled} required=${definition.required} aria-describedby=${described} @change=${changed}>`;
    return definition.unit ? html`<div class="with-unit">${input}<span class="with-unit__unit" aria-hidden="true">${definition.unit}</span></div>` : input;
  }
  if (definition.kind === 'date') {
    return html`<input class="input" type="date" id=${id} value=${/** @type {any} */ (value)} readonly=${disabled} required=${definition.required} aria-describedby=${described} @change=${changed}>`;
  }
  return html`<input class="input" type="text" id=${id} maxlength="2000" value=${/** @type {any} */ (value)} readonly=${disabled} required=${definition.required} aria-describedby=${described} @change=${changed}>`;
}

/**
 * The values that stand in the fields; null for an empty one.
 * @param {Element} root
 * @param {Definition[]} definitions
 * @returns {Record<string, unknown>}
 */
export function readAttributes(root, definitions) {
  /** @type {Record<string, unknown>} */
  const values = {};
  for (const definition of definitions) {
    const place = root.querySelector(`[data-attribute="${CSS.escape(definition.name)}"]`);
    if (!place) continue;
    const value = readControl(place, definition);
    if (value !== undefined) values[definition.name] = value;
  }
  return values;
}

/** @param {Element} place @param {Definition} definition @returns {unknown} undefined for what the browser says is wrong */
function readControl(place, definition) {
  if (definition.kind === 'multi_choice') {
    const chosen = [.../** @type {NodeListOf<HTMLInputElement>} */ (place.querySelectorAll('input:checked'))].map((input) => input.value);
    return chosen.length ? chosen : null;
  }
  const input = /** @type {HTMLInputElement | null} */ (place.querySelector('input, select'));
  if (!input) return undefined;
  if (definition.kind === 'boolean') return input.checked;
  if (input.value === '' && !input.validity?.badInput) return null;
  if (definition.kind === 'number') return input.reportValidity() ? input.valueAsNumber : undefined;
  return input.value;
}

/**
 * Attributes that are required and have no value yet.
 * @param {Definition[]} definitions
 * @param {Record<string, unknown>} values
 */
export function missingAttributes(definitions, values) {
  return definitions.filter((one) => one.required && (values[one.name] === null || values[one.name] === undefined));
}

/**
 * Values that another type can have too: the same name, and a value that fits.
 * @param {Definition[]} definitions of the other type
 * @param {Record<string, unknown>} values
 */
export function carriedAttributes(definitions, values) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => {
    const definition = definitions.find((one) => one.name === name);
    return definition ? fits(definition, value) : false;
  }));
}

/** @param {Definition} definition @param {unknown} value */
function fits(definition, value) {
  if (definition.kind === 'boolean') return typeof value === 'boolean';
  if (definition.kind === 'number') return typeof value === 'number' && value >= (definition.min ?? -Infinity) && value <= (definition.max ?? Infinity) && !definition.step;
  if (definition.kind === 'multi_choice') return Array.isArray(value) && value.every((one) => definition.choices?.includes(one));
  if (typeof value !== 'string') return false;
  if (definition.kind === 'choice') return Boolean(definition.choices?.includes(value));
  return definition.kind !== 'date' || /^\d{4}-\d{2}-\d{2}$/.test(value);
}

// @ts-check
/** A form drawn from the JSON schema that pydantic makes of a settings model. */

import { html } from './html.js';

/** @typedef {Record<string, any>} Schema */
/**
 * @typedef {object} Field how one property is shown
 * @property {'switch' | 'select' | 'number' | 'text' | 'long' | 'color' | 'lines' | 'group' | 'json'} kind
 * @property {boolean} nullable
 * @property {Schema} schema
 */

/**
 * Follow `$ref` and unwrap "X or nothing".
 * @param {Schema} schema
 * @param {Schema} root
 * @returns {{schema: Schema, nullable: boolean}}
 */
export function resolve(schema, root) {
  let current = schema;
  let nullable = false;
  for (let depth = 0; depth < 16; depth++) {
    if (typeof current.$ref === 'string') {
      const name = current.$ref.split('/').pop() ?? '';
      const { $ref: _, ...own } = current;
      current = { ...root.$defs?.[name], ...own };
    } else if (current.allOf?.length === 1) {
      const { allOf, ...own } = current;
      current = { ...allOf[0], ...own };
    } else if (current.anyOf) {
      const some = current.anyOf.filter((/** @type {Schema} */ each) => each.type !== 'null');
      if (some.length !== 1) return { schema: current, nullable };
      const { anyOf: _, ...own } = current;
      nullable = nullable || some.length < schema.anyOf?.length;
      current = { ...some[0], ...own };
    } else {
      return { schema: current, nullable };
    }
  }
  return { schema: current, nullable };
}

/**
 * Decide how a property is shown.
 * @param {Schema} property
 * @param {Schema} root
 * @returns {Field}
 */
export function fieldOf(property, root) {
  const { schema, nullable } = resolve(property, root);
  /** @type {Field['kind']} */
  let kind = 'json';
  if (schema.enum || schema.const !== undefined) kind = 'select';
  else if (schema.type === 'boolean') kind = nullable ? 'select' : 'switch';
  else if (schema.type === 'integer' || schema.type === 'number') kind = 'number';
  else if (schema.type === 'string') kind = textKind(schema);
  else if (schema.type === 'array' && ['string', 'integer', 'number'].includes(resolve(schema.items ?? {}, root).schema.type)) kind = 'lines';
  else if (schema.type === 'object' && schema.properties && !nullable) kind = 'group';
  return { kind, nullable, schema };
}

/** @param {Schema} schema */
function textKind(schema) {
  if (schema.format === 'color' || schema.pattern === '^#[0-9a-fA-F]{6}$') return 'color';
  return (schema.maxLength ?? 0) > 200 || schema.format === 'multiline' ? 'long' : 'text';
}

/**
 * What the text of a control means as JSON; throws with words for people.
 * @param {Field} field
 * @param {string} text
 * @returns {any}
 */
export function parse(field, text) {
  const value = text.trim();
  if (field.kind === 'number') {
    if (value === '') {
      if (field.nullable) return null;
      throw new Error('a number is needed');
    }
    const number = Number(value);
    if (!Number.isFinite(number)) throw new Error('this is not a number');
    if (field.schema.type === 'integer' && !Number.isInteger(number)) throw new Error('a whole number is needed');
    return number;
  }
  if (field.kind === 'select') {
    if (value === '') return null;
    return options(field).find((option) => String(option) === value) ?? value;
  }
  if (field.kind === 'lines') {
    const lines = text.split('\n').map((line) => line.trim()).filter(Boolean);
    return field.schema.items?.type === 'string' || !field.schema.items?.type ? lines : lines.map((line) => parse({ kind: 'number', nullable: false, schema: field.schema.items }, line));
  }
  if (field.kind === 'json') {
    if (value === '' && field.nullable) return null;
    try {
      return JSON.parse(value);
    } catch {
      throw new Error('this is not JSON');
    }
  }
  return text === '' && field.nullable ? null : text;
}

/**
 * @param {Field} field
 * @returns {any[]}
 */
export function options(field) {
  if (field.schema.enum) return field.schema.enum;
  if (field.schema.const !== undefined) return [field.schema.const];
  return field.schema.type === 'boolean' ? [true, false] : [];
}

/**
 * How a value stands in a control.
 * @param {Field} field
 * @param {any} value
 */
export function format(field, value) {
  if (field.kind === 'json') return value === undefined ? '' : JSON.stringify(value, null, 2);
  if (field.kind === 'lines') return (value ?? []).join('\n');
  return value === null || value === undefined ? '' : String(value);
}

/**
 * A heading for a property that has none: "minimum_cells" reads "Minimum cells".
 * @param {string} name
 */
export function titleOf(name) {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

let count = 0;

/**
 * Draw the form.
 * @param {Schema} root the model's schema
 * @param {Record<string, any>} values what is set now
 * @param {boolean} [disabled]
 * @returns {{element: HTMLElement, read: () => Record<string, any>, showErrors: (fields: Record<string, string>) => boolean}}
 */
export function schemaForm(root, values, disabled = false) {
  /** @type {{path: string[], field: Field, read: () => any, control: HTMLElement, error: HTMLElement}[]} */
  const entries = [];

  /**
   * @param {Schema} schema
   * @param {Record<string, any>} current
   * @param {string[]} path
   * @returns {any[]}
   */
  const draw = (schema, current, path) => Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const field = fieldOf(property, root);
    const value = current?.[name] === undefined ? field.schema.default : current[name];
    const here = [...path, name];
    const title = field.schema.title && !isGenerated(field.schema.title, name) ? field.schema.title : titleOf(name);
    if (field.kind === 'group') {
      return html`<fieldset class="stack stack--tight"><legend class="field__label">${title}</legend>
        ${field.schema.description ? html`<p class="field__hint">${field.schema.description}</p>` : null}
        ${draw(field.schema, value ?? {}, here)}</fieldset>`;
    }
    return one(field, value, title, here);
  });

  /**
   * @param {Field} field
   * @param {any} value
   * @param {string} title
   * @param {string[]} path
   */
  const one = (field, value, title, path) => {
    const id = `setting-${++count}`;
    const control = controlFor(field, value, id, disabled);
    control.setAttribute('name', path.join('.'));
    const error = html`<p class="field__error" id="${id}-error" data-error-for=${path.join('.')}></p>`;
    const read = () => (field.kind === 'switch' ? /** @type {any} */ (control).checked : parse(field, /** @type {any} */ (control).value));
    entries.push({ path, field, read, control, error });
    const hint = field.schema.description ? html`<p class="field__hint" id="${id}-hint">${field.schema.description}</p>` : null;
    if (field.kind === 'switch') return html`<div class="field"><label class="switch">${control}<span>${title}</span></label>${hint}${error}</div>`;
    return html`<div class="field"><label class="field__label" for=${id}>${title}${field.nullable ? html`<span class="optional"> (optional)</span>` : null}</label>${control}${hint}${error}</div>`;
  };

  const element = html`<div class="stack">${draw(root, values, [])}</div>`;
  return {
    element,
    read() {
      /** @type {Record<string, any>} */
      const answer = {};
      /** @type {Record<string, string>} */
      const wrong = {};
      for (const entry of entries) {
        try {
          put(answer, entry.path, entry.read());
        } catch (error) {
          wrong[entry.path.join('.')] = error instanceof Error ? error.message : String(error);
        }
      }
      this.showErrors(wrong);
      const first = Object.entries(wrong)[0];
      if (first) throw new Error(`${titleOf(first[0])}: ${first[1]}`);
      return answer;
    },
    showErrors(fields) {
      let shown = 0;
      for (const { path, control, error } of entries) {
        const message = fields[path.join('.')] ?? fields[`settings.${path.join('.')}`] ?? '';
        error.textContent = message;
        if (message) control.setAttribute('aria-invalid', 'true');
        else control.removeAttribute('aria-invalid');
        if (message && !shown++) control.focus();
      }
      return shown > 0;
    },
  };
}

/**
 * Pydantic makes a title from the name where the author gave none.
 * @param {string} title
 * @param {string} name
 */
function isGenerated(title, name) {
  return title.toLowerCase().replaceAll(' ', '_') === name.toLowerCase();
}

/**
 * @param {Record<string, any>} target
 * @param {string[]} path
 * @param {any} value
 */
function put(target, path, value) {
  let place = target;
  for (const part of path.slice(0, -1)) place = place[part] ??= {};
  place[path[path.length - 1]] = value;
}

/**
 * @param {Field} field
 * @param {any} value
 * @param {string} id
 * @param {boolean} disabled
 * @returns {HTMLElement}
 */
function controlFor(field, value, id, disabled) {
  const { schema } = field;
  const text = format(field, value);
  const described = schema.description ? `${id}-hint ${id}-error` : `${id}-error`;
  if (field.kind === 'switch') return html`<input type="checkbox" role="switch" id=${id} checked=${!!value} disabled=${disabled} aria-describedby=${described}>`;
  if (field.kind === 'select') {
    const select = html`<select class="select" id=${id} disabled=${disabled} aria-describedby=${described}>
      ${field.nullable ? html`<option value="">–</option>` : null}
      ${options(field).map((option) => html`<option value=${String(option)}>${option === true ? 'Yes' : option === false ? 'No' : String(option)}</option>`)}</select>`;
    select.value = text;
    return select;
  }
  if (field.kind === 'number') {
    const step = schema.multipleOf ?? (schema.type === 'integer' ? 1 : 'any');
    return html`<input class="input input--narrow" type="number" inputmode="decimal" id=${id} value=${text} step=${step}
      min=${schema.minimum ?? schema.exclusiveMinimum ?? null} max=${schema.maximum ?? schema.exclusiveMaximum ?? null}
      disabled=${disabled} aria-describedby=${described}>`;
  }
  if (field.kind === 'text' || field.kind === 'color') {
    return html`<input class="input" type=${field.kind} id=${id} value=${text} maxlength=${schema.maxLength ?? null} disabled=${disabled} aria-describedby=${described}>`;
  }
  const area = html`<textarea class="textarea ${field.kind === 'json' ? 'mono' : ''}" id=${id} disabled=${disabled} aria-describedby=${described}
    placeholder=${field.kind === 'lines' ? 'One per line' : null} spellcheck=${field.kind === 'json' ? 'false' : null}></textarea>`;
  area.value = text;
  return area;
}

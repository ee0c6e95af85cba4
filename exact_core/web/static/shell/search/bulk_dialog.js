// @ts-check
/** The dialog that changes all hits of a search at once: says what it will do before it does it, and can be undone. */

import { api } from '../api.js';
import { attributeFields, readAttributes } from '../attribute_fields.js';
import { openDialog } from '../dialog.js';
import { html, render } from '../html.js';
import { plural } from '../time.js';
import { toast } from '../toast.js';
import { debounce } from '../view.js';

/**
 * @typedef {import('../attribute_fields.js').Definition} Definition
 * @typedef {{id: number, name: string, color: string, shapes: string[], is_active: boolean, attributes: Definition[]}} Type
 *
 * @typedef {object} BulkOptions
 * @property {number} imageSetId
 * @property {string} query
 * @property {number | null} [imageId]
 * @property {number[] | null} [ids] only these hits
 * @property {Type[]} types
 * @property {() => unknown} done after it was changed, or set back
 */

/**
 * @param {BulkOptions} options
 * @returns {Promise<any>} what was done; null when it was cancelled
 */
export async function bulkDialog(options) {
  const path = `/image-sets/${options.imageSetId}/annotation-bulk-edits`;
  const base = { q: options.query, image_id: options.imageId ?? null, ids: options.ids ?? null };
  const types = options.types.filter((type) => type.is_active);
  const names = [...new Set(types.flatMap((type) => type.attributes.map((one) => one.name)))];
  /** @type {'relabel' | 'attribute' | 'delete'} */
  let action = 'relabel';
  /** @type {any} */
  let told = null;
  const place = html`<div class="stack stack--tight"></div>`;
  const effect = html`<div class="bulk__effect" role="status" aria-live="polite"></div>`;
  const typeChoice = html`<select class="select" id="bulk-type" aria-label="Class" @change=${() => drawForm()}><option value="">Choose a class</option>${types.map((type) => html`<option value=${type.id}>${type.name}</option>`)}</select>`;
  const nameChoice = html`<select class="select" id="bulk-attribute" aria-label="Attribute" @change=${() => drawForm()}>${names.map((name) => html`<option value=${name}>${titleOf(types, name)}</option>`)}</select>`;
  const actions = /** @type {[typeof action, string][]} */ ([['relabel', 'Relabel'], ...(names.length ? [['attribute', 'Set an attribute']] : []), ['delete', 'Delete']]);
  const tabs = html`<div class="btn-group" role="group" aria-label="What to do">${actions.map(([name, label]) => html`
    <button type="button" class="btn" data-action=${name} aria-pressed=${String(name === action)} @click=${() => choose(name)}>${label}</button>`)}</div>`;
  /** @type {HTMLElement} */
  let form = html`<div></div>`;

  /** @param {typeof action} name */
  function choose(name) {
    action = name;
    for (const button of tabs.children) button.setAttribute('aria-pressed', String(button.getAttribute('data-action') === name));
    drawForm();
  }

  function drawForm() {
    const type = types.find((one) => one.id === Number(typeChoice.value));
    const definition = definitionOf(types, nameChoice.value);
    form = html`<div class="stack stack--tight"></div>`;
    if (action === 'relabel') {
      const needed = (type?.attributes ?? []).filter((one) => one.required && (one.default === null || one.default === undefined));
      form.append(typeChoice, ...(needed.length ? [html`<p class="small muted">${type?.name} needs these; they are set on all of them.</p>`, attributeFields(needed, {})] : []));
    } else if (action === 'attribute' && definition) {
      form.append(nameChoice, attributeFields([{ ...definition, required: false }], {}), html`<p class="small muted">Left empty, the value is taken away.</p>`);
    } else if (action === 'delete') {
      form.append(html`<p class="muted">They go to the trash, from which they can be brought back.</p>`);
    }
    form.addEventListener('change', () => ask());
    form.addEventListener('input', () => ask());
    render(place, tabs, form);
    ask();
  }

  /** @returns {Record<string, any> | null} null while nothing was chosen */
  function wanted() {
    if (action === 'delete') return { delete: true };
    if (action === 'relabel') {
      if (!typeChoice.value) return null;
      const type = types.find((one) => one.id === Number(typeChoice.value));
      const values = readAttributes(form, type?.attributes ?? []);
      return { type_id: Number(typeChoice.value), attributes: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) };
    }
    const definition = definitionOf(types, nameChoice.value);
    return definition ? { attributes: { [definition.name]: readAttributes(form, [definition])[definition.name] ?? null } } : null;
  }

  let asked = 0;
  const ask = debounce(async () => {
    const body = wanted();
    told = null;
    const mine = ++asked;
    if (!body) {
      render(effect, html`<p class="small muted">Choose what to do; you see what it changes before it is done.</p>`);
      return;
    }
    effect.setAttribute('aria-busy', 'true');
    try {
      const answer = await api.post(`${path}?preview=true`, { ...base, ...body });
      if (mine !== asked) return;
      told = { ...answer, body };
      render(effect, drawEffect(answer, action));
    } catch (error) {
      if (mine === asked) render(effect, html`<p class="field__error">${error instanceof Error ? error.message : String(error)}</p>`);
    } finally {
      effect.removeAttribute('aria-busy');
    }
  }, 250);

  drawForm();
  const done = await openDialog({
    title: options.ids ? `Change ${plural(options.ids.length, 'annotation')}` : 'Change all hits',
    body: [place, effect], action: 'Change',
    submit: async () => {
      if (!told) throw new Error('Wait until it is shown what will change.');
      if (!told.changed) throw new Error('There is nothing to change.');
      return api.post(path, { ...base, ...told.body, expected_revision: told.revision });
    },
  });
  if (!done) return null;
  await options.done();
  const rest = done.refused.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.count, 0);
  toast(`${plural(done.changed, 'annotation')} changed.`, {
    kind: 'success', seconds: 15, detail: rest ? `${rest.toLocaleString('en')} were left as they are.` : '',
    action: { label: 'Undo', run: () => undoBulkEdit(options.imageSetId, done.revision, options.done) },
  });
  return done;
}

/**
 * Set back what a change of the whole set did.
 * @param {number} imageSetId
 * @param {number} revision
 * @param {() => unknown} done
 */
export async function undoBulkEdit(imageSetId, revision, done) {
  const answer = await api.post(`/image-sets/${imageSetId}/annotation-bulk-edits/${revision}/undo`, {});
  await done();
  toast(`${plural(answer.changed, 'annotation')} set back.`, {
    kind: answer.skipped ? 'warning' : 'success', detail: answer.skipped ? `${plural(answer.skipped, 'annotation')} changed since, and stayed as they are.` : '',
  });
}

/** @param {any} answer @param {string} action */
function drawEffect(answer, action) {
  const dropped = Object.entries(answer.dropped_values);
  return html`
    <div class="stack stack--tight">
      <p><strong class="num">${answer.changed.toLocaleString('en')}</strong> of ${plural(answer.total, 'annotation')} ${action === 'delete' ? 'will be deleted' : 'will change'}.</p>
      ${answer.counts.length ? html`<div class="table-wrap"><table class="table bulk__table"><thead><tr><th scope="col">Class</th><th scope="col" class="end">Before</th><th scope="col" class="end">After</th></tr></thead>
        <tbody>${answer.counts.map((/** @type {any} */ row) => html`<tr><td>${row.name}</td><td class="end num">${row.before.toLocaleString('en')}</td><td class="end num">${row.after.toLocaleString('en')}</td></tr>`)}</tbody></table></div>` : null}
      ${dropped.length ? html`<p class="small">Values that the class cannot have are dropped: ${dropped.map(([name, n]) => `${Number(n).toLocaleString('en')} × ${name}`).join(', ')}.</p>` : null}
      ${answer.refused.length ? html`<ul class="small muted bulk__refused">${answer.refused.map((/** @type {any} */ one) => html`<li><span class="num">${one.count.toLocaleString('en')}</span> stay: ${one.reason}.</li>`)}</ul>` : null}
    </div>`;
}

/** @param {Type[]} types @param {string} name @returns {Definition | null} */
function definitionOf(types, name) {
  return types.flatMap((type) => type.attributes).find((one) => one.name === name) ?? null;
}

/** @param {Type[]} types @param {string} name */
function titleOf(types, name) {
  return definitionOf(types, name)?.title || name;
}

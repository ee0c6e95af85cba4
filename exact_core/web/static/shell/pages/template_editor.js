// @ts-check
/** The editor of an export template: its texts on one side, what they give for a few annotations on the other. */

import { api } from '../api.js';
import { checkFields, clearErrors } from '../dialog.js';
import { areaField, selectField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { debounce } from '../view.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

const START = {
  name: '', description: '', extension: '.csv', scope: 'set', escape: 'csv', header: 'image,label,x,y,text\n', image_header: '',
  body: '{{ image.name }},{{ annotation.label }},{{ annotation.x | fixed(1) }},{{ annotation.y | fixed(1) }},{{ annotation.text }}\n', separator: '', image_footer: '', footer: '',
};
const ESCAPES = [['none', 'As they are'], ['csv', 'For CSV'], ['json', 'For JSON'], ['xml', 'For XML and HTML']];
const PARTS = /** @type {[string, string, string][]} */ ([
  ['header', 'Before everything', ''], ['image_header', 'Before each image', ''], ['body', 'For each annotation', 'Written once for every annotation.'],
  ['separator', 'Between two annotations', 'Plain text.'], ['image_footer', 'After each image', ''], ['footer', 'At the end', ''],
]);

/** @param {string} part */
function named(part) {
  return PARTS.find(([name]) => name === part)?.[1] ?? part;
}

/**
 * What the page shows instead of the lists.
 * @param {SetPage} page
 * @param {any} template null for a new one
 * @param {() => void} back
 */
export function templateEditor(page, template, back) {
  const values = template ?? START;
  const mayEdit = template ? template.may_edit : page.rights.manage;
  const shown = html`<pre class="template-shown mono" tabindex="0" aria-label="What it gives"></pre>`;
  const told = html`<p class="small muted" role="status"></p>`;
  const form = html`
    <form class="stack" novalidate @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void save(); }}>
      <div class="form-grid">${textField('name', 'Name', values.name, { maxlength: 100, autofocus: true })}${textField('description', 'What it is for', values.description, { optional: true, maxlength: 500 })}
        ${textField('extension', 'Ending of the file', values.extension, { maxlength: 20 })}
        ${selectField('scope', 'Files', [['set', 'One for the whole set'], ['image', 'One for each image']], values.scope)}
        ${selectField('escape', 'Placeholders are written', /** @type {[string, string][]} */ (ESCAPES), values.escape)}</div>
      ${PARTS.map(([name, label, hint]) => areaField(name, label, values[name], { hint, optional: name !== 'body' }))}
      ${mayEdit ? html`<div class="form-actions"><button type="button" class="btn" @click=${back}>Cancel</button><button class="btn btn--primary" data-save>${template ? 'Save' : 'Make the template'}</button></div>` : null}
    </form>`;
  for (const area of form.querySelectorAll('textarea')) {
    area.classList.add('mono');
    area.spellcheck = false;
    area.readOnly = !mayEdit;
  }

  const asked = () => Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).replaceAll('\r\n', '\n')]));
  const mark = (/** @type {string} */ part, /** @type {string} */ message) => {
    const place = form.querySelector(`[data-error-for="${CSS.escape(part)}"]`);
    form.elements.namedItem(part)?.setAttribute?.('aria-invalid', 'true');
    if (place) place.textContent = message;
  };

  const look = async () => {
    try {
      const answer = await api.post(`/image-sets/${page.id}/export-template-preview`, { ...asked(), name: 'preview' }, { signal: page.signal });
      clearErrors(form);
      shown.textContent = answer.text;
      told.classList.toggle('danger-text', !!answer.problem);
      told.textContent = answer.problem ? `${named(answer.problem.part)}${answer.problem.line ? `, line ${answer.problem.line}` : ''}: ${answer.problem.message}` : `${answer.annotations ? `With ${plural(answer.annotations, 'annotation')} of this set.` : 'There is no annotation to try it on.'}${answer.is_cut ? ' Only the beginning is shown.' : ''}`;
      if (answer.problem) mark(answer.problem.part, `${answer.problem.line ? `Line ${answer.problem.line}: ` : ''}${answer.problem.message}`);
    } catch (error) {
      if (!page.signal.aborted) told.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const lookSoon = debounce(look, 400);
  form.addEventListener('input', lookSoon);

  const save = async () => {
    clearErrors(form);
    if (!checkFields(form)) return;
    const button = form.querySelector('[data-save]');
    button?.setAttribute('aria-busy', 'true');
    try {
      if (template) await api.put(`/export-templates/${template.id}`, asked());
      else await api.post(`/image-sets/${page.id}/export-templates`, asked());
      toast(`${asked().name} is saved.`, { kind: 'success' });
      back();
    } catch (error) {
      const found = error instanceof Error ? /^The template's ([a-z ]+?)(?:, line (\d+))?: (.*)$/.exec(error.message) : null;
      if (found) mark(found[1].replaceAll(' ', '_'), `${found[2] ? `Line ${found[2]}: ` : ''}${found[3]}`);
      else showError(error);
    } finally {
      button?.removeAttribute('aria-busy');
    }
  };

  const words = html`<dl class="template-words small"></dl>`;
  const put = (/** @type {string} */ name) => {
    const area = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem('body'));
    area.setRangeText(`{{ ${name} }}`, area.selectionStart, area.selectionEnd, 'end');
    area.focus();
    lookSoon();
  };
  void api.get('/export-template-placeholders').then((placeholders) => render(words, Object.entries(placeholders).map(([name, meaning]) => html`
    <dt>${mayEdit ? html`<button type="button" class="btn btn--ghost btn--small mono" data-tip="Put it where the cursor is" @click=${() => put(name)}>${name}</button>` : html`<span class="mono">${name}</span>`}</dt><dd class="muted">${meaning}</dd>`))).catch(showError);
  void look();
  return [
    html`<div class="row"><button type="button" class="btn btn--ghost" data-focus="back" @click=${back}>${icon('arrow-left')}Imports and exports</button><h2>${template ? template.name : 'New template'}</h2></div>`,
    html`<div class="template-editor">
      <section class="card"><div class="card__body">${form}</div></section>
      <section class="card template-side"><div class="card__head"><h3 class="grow">What it gives</h3></div><div class="card__body stack">${told}${shown}
        <details class="exchange-more"><summary>Placeholders</summary>${words}</details>
        <details class="exchange-more"><summary>The language</summary><p class="small muted">Values stand in <code>${'{{ }}'}</code>, with <code>+ - * /</code>, <code>~</code> to join texts, and filters: <code>| fixed(2)</code>, <code>round</code>, <code>upper</code>, <code>lower</code>, <code>replace('a', 'b')</code>, <code>default('none')</code>, <code>json</code>, <code>csv</code>, <code>xml</code>, <code>raw</code>. Conditions: <code>${'{% if annotation.text %}…{% endif %}'}</code>. Loops: <code>${'{% for p in annotation.points %}{{ p.x }},{{ p.y }} {% endfor %}'}</code>.</p></details></div></section>
    </div>`,
  ];
}

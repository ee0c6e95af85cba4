// @ts-check
/** One model: its card, figures, classes and files; pinning, renaming, deleting and restoring it. */

import { InputError, api, apiUrl, bootstrap } from '../api.js';
import { openDialog } from '../dialog.js';
import { areaField, checkField, textField } from '../fields.js';
import { $, html, icon, render } from '../html.js';
import { attachMenu } from '../menu.js';
import { richText } from '../rich_text.js';
import { dateTime, size } from '../time.js';
import { toast } from '../toast.js';
import { busy, show } from '../view.js';
import { cardFacts, figuresCard } from './model_card.js';
import { classes, kindBadge, trainedOn } from './model_parts.js';
import { usesCard } from './model_uses.js';

/** @typedef {import('./model_parts.js').Model} Model */

const page = bootstrap();
const uuid = /** @type {string} */ (page.uuid);
const target = $('#model');

const load = () => show(target, () => api.get(`/models/${uuid}`), draw);

/** @param {Model} model */
function draw(model) {
  $('#model-name').textContent = model.name;
  render($('#model-about'), html`<span class="row">${kindBadge(model)}${model.is_pinned ? html`<span class="badge">${icon('pin')}Pinned</span>` : null}${model.kind_title === model.name ? null : html`<span>${model.kind_title}</span>`}</span>`);
  render($('#actions'), actions(model));
  return [
    model.deleted ? deletedBanner(model) : null,
    model.unavailable_reason && !model.deleted ? html`<p class="banner banner--warning" id="unavailable">${icon('unplug')}<span>${model.unavailable_reason}</span></p>` : null,
    model.closed_reason ? html`<p class="banner" id="closed">${icon('lock')}<span>${model.closed_reason} Its card is shown in part, and it cannot be downloaded or run by you.</span></p>` : null,
    html`<div class="model-columns">
      <div>${figuresCard(model)}${textCard(model)}${cardFacts(model)}${usesCard(model)}</div>
      <div>${aboutCard(model)}${classesCard(model)}${notesCard(model)}${filesCard(model)}</div>
    </div>`,
  ];
}

/** @param {Model} model */
function actions(model) {
  const more = html`<button type="button" class="icon-btn" aria-label="More about this model" data-tip="More">${icon('ellipsis')}</button>`;
  attachMenu(more, () => [
    { label: 'Rename, edit notes', icon: 'pencil', run: () => edit(model) },
    { label: 'Delete this model', icon: 'trash-2', danger: true, run: () => remove(model) },
  ]);
  const mayChange = model.may_change && !model.deleted;
  return [
    mayChange ? html`<button type="button" class="btn" id="pin" aria-pressed=${String(model.is_pinned)} data-tip="A pinned model comes first and cannot be deleted"
      @click=${(/** @type {any} */ event) => pin(event.currentTarget, model)}>${icon(model.is_pinned ? 'pin-off' : 'pin')}${model.is_pinned ? 'Unpin' : 'Pin'}</button>` : null,
    model.may_open && model.sha256 && !model.deleted ? html`<a class="btn btn--primary" id="download" href=${apiUrl(`/models/${uuid}/archive`)} download>${icon('download')}Download</a>` : null,
    mayChange ? more : null,
  ];
}

/** @param {Model} model */
function deletedBanner(model) {
  const { deleted } = model;
  const restore = (/** @type {any} */ event) => busy(event.currentTarget, async () => {
    await api.post(`/models/${uuid}/restore`);
    toast(`${model.name} is back.`, { kind: 'success' });
    await load();
  });
  return html`<div class="banner banner--danger" id="deleted">${icon('trash-2')}<div class="grow"><p>Deleted by ${deleted.by || 'the system'} on ${dateTime(deleted.at)}: ${deleted.reason}</p>
    <p class="small">${deleted.has_files ? 'It can be restored until its files are removed from the bin.' : 'Its files are gone. The card stays, since predictions name this model; uploading the same archive brings it back.'}</p></div>
    ${model.may_change && deleted.has_files ? html`<button type="button" class="btn btn--small" @click=${restore}>${icon('undo-2')}Restore</button>` : null}</div>`;
}

/** @param {Model} model */
function aboutCard(model) {
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => (value ? [html`<dt>${name}</dt>`, html`<dd>${value}</dd>`] : null);
  const parent = model.parent_uuid && html`<a class="mono small" href="/models/${model.parent_uuid}">${model.parent_uuid}</a>`;
  return html`<section class="card" aria-label="About"><div class="card__head">${icon('info')}<h2>About</h2></div><div class="card__body"><dl class="facts">
    ${fact('Learned from', trainedOn(model))}
    ${fact('Refined from', parent)}
    ${fact('Kind', html`<span>${model.kind_title} <span class="mono small muted">${model.kind}</span></span>`)}
    ${fact('Team', model.team?.name)}
    ${fact('Added', model.is_built_in ? null : `${dateTime(model.created_at)}${model.created_by ? `, by ${model.created_by}` : ''}`)}
    ${fact('Size', model.size_bytes ? size(model.size_bytes) : null)}
    ${fact('In the browser', model.has_network ? 'Can be run there' : null)}
    ${fact('Identity', html`<span class="mono small model-hash">${model.uuid}</span>`)}
  </dl></div></section>`;
}

/** @param {Model} model */
function classesCard(model) {
  if (!model.labels.length) return null;
  return html`<section class="card" aria-label="Classes"><div class="card__head">${icon('shapes')}<h2 class="grow">Classes <span class="count num">${model.labels.length}</span></h2></div>
    <div class="card__body">${classes(model.labels)}</div></section>`;
}

/** @param {Model} model */
function notesCard(model) {
  if (!model.notes) return null;
  return html`<section class="card" aria-label="Notes"><div class="card__head">${icon('message-square')}<h2>Notes</h2></div><div class="card__body"><p class="model-text">${model.notes}</p></div></section>`;
}

/** @param {Model} model */
function textCard(model) {
  if (!model.card_text) return null;
  return html`<section class="card" aria-label="Model card"><div class="card__head">${icon('book-open')}<h2>Model card</h2></div><div class="card__body">${model.card_html ? richText(model.card_html) : html`<pre class="model-json">${model.card_text}</pre>`}</div></section>`;
}

/** @param {Model} model */
function filesCard(model) {
  if (!model.files.length) return null;
  const mayFetch = model.may_open && !model.deleted;
  return html`<section class="card" aria-label="Files"><div class="card__head">${icon('package')}<h2 class="grow">Files <span class="count num">${model.files.length}</span></h2></div>
    <ul class="list" id="files">${model.files.map((/** @type {any} */ file) => {
      const address = apiUrl(`/models/${uuid}/files/${file.name}`);
      return html`<li><div class="list__item"><div class="grow"><strong class="truncate">${file.name}</strong>
        <div class="small muted"><span class="num">${size(file.size_bytes)}</span> · <span class="mono" data-tip="SHA-256: ${file.sha256}">${file.sha256.slice(0, 12)}</span></div></div>
        ${mayFetch ? html`<a class="icon-btn icon-btn--small" href=${address} download aria-label="Download ${file.name}" data-tip="Download">${icon('download')}</a>` : null}</div></li>`;
    })}</ul>
    <p class="card__foot small muted">SHA-256 of all files: <span class="mono model-hash">${model.sha256}</span></p></section>`;
}

/** @param {HTMLButtonElement} button @param {Model} model */
function pin(button, model) {
  return busy(button, async () => {
    await (model.is_pinned ? api.delete(`/models/${uuid}/pin`) : api.put(`/models/${uuid}/pin`));
    await load();
  });
}

/** @param {Model} model */
async function edit(model) {
  const done = await openDialog({
    title: 'Rename, edit notes',
    action: 'Save',
    body: [
      textField('name', 'Name', model.name, { autofocus: true, maxlength: 200 }),
      areaField('notes', 'Notes', model.notes, { optional: true, maxlength: 10_000, hint: 'For people; the card itself belongs to the files and cannot be changed.' }),
    ],
    submit: (data) => api.patch(`/models/${uuid}`, { name: data.get('name'), notes: data.get('notes') }),
  });
  if (done) await load();
}

/** @param {Model} model */
async function remove(model) {
  const done = await openDialog({
    title: `Delete ${model.name}?`,
    action: 'Delete it',
    danger: true,
    body: [
      html`<p>Its card stays on record, and predictions still name it. Nobody can run it any more.</p>`,
      areaField('reason', 'Why', '', { autofocus: true, maxlength: 500, hint: 'Stays on record.' }),
      checkField('permanently', 'Remove its files now', false, { hint: 'Otherwise it can be restored for as long as things stay in the bin.' }),
    ],
    submit: (data) => {
      const reason = String(data.get('reason') ?? '').trim();
      if (!reason) throw new InputError('Say why the model is deleted.');
      return api.delete(`/models/${uuid}`, undefined, { query: { reason, permanently: data.has('permanently') || undefined } });
    },
  });
  if (done) await load();
}

await load();

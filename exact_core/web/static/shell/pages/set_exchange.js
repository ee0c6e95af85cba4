// @ts-check
/** Bringing annotations in and out: what came, what was written, and templates of one's own. */

import { api, apiUrl } from '../api.js';
import { confirmDialog } from '../dialog.js';
import { openExport } from '../exchange/export_dialog.js';
import { openImport } from '../exchange/import_dialog.js';
import { html, icon } from '../html.js';
import { ago, plural, size } from '../time.js';
import { showError, toast } from '../toast.js';
import { empty, show } from '../view.js';
import { templateEditor } from './template_editor.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

const STATES = {
  reading: ['loader-circle', 'Being looked at'], ready: ['eye', 'Waits for you'], storing: ['loader-circle', 'Being imported'], done: ['circle-check', 'Imported'],
  undoing: ['loader-circle', 'Being taken back'], undone: ['undo-2', 'Taken back'], failed: ['circle-alert', 'Not read'], writing: ['loader-circle', 'Being written'],
};

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawExchange(target, page) {
  const set = `/image-sets/${page.id}`;
  const load = () => show(target, () => Promise.all([
    page.rights.annotate ? api.get(`${set}/annotation-imports`) : [], page.rights.export ? api.get(`${set}/annotation-exports`) : [], api.get(`${set}/export-templates`),
  ]), ([imports, exports, templates]) => [importsCard(imports), page.rights.export ? exportsCard(exports) : null, page.rights.export || templates.length ? templatesCard(templates) : null]);
  const attempt = async (/** @type {() => Promise<unknown>} */ run) => {
    try {
      await run();
    } catch (error) {
      showError(error);
    }
  };
  const changed = () => page.events.dispatchEvent(new Event('images'));

  /** @param {any} [begun] @param {File} [file] */
  const importNow = async (begun, file) => {
    await openImport({ imageSetId: page.id, begun, file, changed });
    if (!page.signal.aborted) await load();
  };
  const exportNow = async () => {
    await openExport({ imageSetId: page.id, rights: page.rights });
    if (!page.signal.aborted) await load();
  };

  /** @param {any[]} imports */
  const importsCard = (imports) => html`
    <section class="card" aria-labelledby="imports-title">
      <div class="card__head"><h2 class="grow" id="imports-title">Imports</h2>
        ${page.rights.annotate && !page.set.is_locked ? html`<button type="button" class="btn btn--primary" data-focus="import" @click=${() => importNow()}>${icon('download')}Import annotations</button>` : null}</div>
      ${imports.length ? html`<ul class="list">${imports.map((each) => importRow(each))}</ul>`
        : empty('download', 'Nothing imported yet', page.rights.annotate ? 'Files of QuPath, COCO, YOLO, ASAP, Aperio, DICOM and others. You see what a file holds before anything changes.' : 'You may look at this image set, but not import into it.')}
    </section>`;

  /** @param {any} each */
  const importRow = (each) => html`
    <li class="list__item exchange-row">${state(each.state)}
      <div class="grow"><strong class="truncate">${each.file_name}</strong>
        <div class="small muted">${words(each)} · ${ago(each.created_at)}</div>${each.message ? html`<div class="small danger-text">${each.message}</div>` : null}</div>
      <div class="row">
        <button type="button" class="btn btn--small" @click=${() => importNow(each)}>${each.state === 'ready' ? 'Look at it' : 'Open'}</button>
        ${['ready', 'failed', 'done', 'undone'].includes(each.state) ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="Remove ${each.file_name} from this list" data-tip="Remove from this list" @click=${() => attempt(() => discard(each))}>${icon('x')}</button>` : null}
      </div></li>`;

  /** @param {any} each */
  const discard = async (each) => {
    const isDone = each.state === 'done';
    if (isDone && !(await confirmDialog({ title: 'Remove from this list?', body: 'The annotations stay. The import can then no longer be taken back as a whole.', action: 'Remove' }))) return;
    await api.delete(`/annotation-imports/${each.id}`);
    await load();
  };

  /** @param {any[]} exports */
  const exportsCard = (exports) => html`
    <section class="card" aria-labelledby="exports-title">
      <div class="card__head"><h2 class="grow" id="exports-title">Exports</h2><button type="button" class="btn" data-focus="export" @click=${exportNow}>${icon('upload')}Export annotations</button></div>
      ${exports.length ? html`<ul class="list">${exports.map((each) => html`
        <li class="list__item exchange-row">${state(each.state)}
          <div class="grow"><strong class="truncate">${each.file_name || each.wanted.format || 'File'}</strong>
            <div class="small muted">${[each.state === 'done' ? size(each.size_bytes) : null, each.report.losses.length ? plural(each.report.losses.length, 'loss', 'losses') : null, ago(each.created_at)].filter(Boolean).join(' · ')}</div>
            ${each.message ? html`<div class="small danger-text">${each.message}</div>` : null}</div>
          <div class="row">${each.state === 'done' ? html`<a class="btn btn--small" download href=${apiUrl(`/annotation-exports/${each.id}/file`)}>${icon('download')}Save</a>` : null}
            ${each.state !== 'writing' ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="Remove ${each.file_name || 'this export'}" data-tip="Remove" @click=${() => attempt(async () => { await api.delete(`/annotation-exports/${each.id}`); await load(); })}>${icon('x')}</button>` : null}</div></li>`)}</ul>`
        : empty('upload', 'Nothing exported yet', 'Files that you export are kept here for some days. Only you can fetch them.')}
    </section>`;

  /** @param {any[]} templates */
  const templatesCard = (templates) => html`
    <section class="card" aria-labelledby="templates-title">
      <div class="card__head"><h2 class="grow" id="templates-title">Templates of your own</h2>${page.rights.manage ? html`<button type="button" class="btn" data-focus="template" @click=${() => edit(null)}>${icon('plus')}New template</button>` : null}</div>
      ${templates.length ? html`<ul class="list">${templates.map((each) => html`
        <li class="list__item exchange-row">${icon('braces')}<div class="grow"><strong class="truncate">${each.name}</strong><div class="small muted">${[each.product_id ? 'of a product' : 'of this set', each.extension, each.description].filter(Boolean).join(' · ')}</div></div>
          <div class="row"><button type="button" class="btn btn--small" @click=${() => edit(each)}>${each.may_edit ? 'Edit' : 'Look'}</button>
          ${each.may_edit ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="Delete ${each.name}" data-tip="Delete" @click=${() => attempt(() => remove(each))}>${icon('trash-2')}</button>` : null}</div></li>`)}</ul>`
        : empty('braces', 'No template yet', 'For a program that reads none of the formats: write what is to be written for each annotation.')}
    </section>`;

  /** @param {any} template */
  const remove = async (template) => {
    if (!(await confirmDialog({ title: `Delete ${template.name}?`, body: 'Files that were made with it stay.', action: 'Delete' }))) return;
    await api.delete(`/export-templates/${template.id}`);
    toast(`${template.name} is deleted.`, { kind: 'success' });
    await load();
  };

  /** @param {any} template */
  // By the same door as the lists, so that a list that is still being read does not come on top.
  const edit = (template) => show(target, async () => template, () => templateEditor(page, template, () => void load()));
  await load();
}

/** @param {string} name */
function state(name) {
  const [symbol, text] = /** @type {Record<string, string[]>} */ (STATES)[name];
  return html`<span data-tip=${text}>${icon(symbol, symbol === 'loader-circle' ? 'icon--spin' : '')}<span class="visually-hidden">${text}</span></span>`;
}

/** @param {any} each */
function words(each) {
  const [, text] = /** @type {Record<string, string[]>} */ (STATES)[each.state];
  if (each.state === 'done') return `${each.result.added.toLocaleString()} added, ${each.result.updated.toLocaleString()} changed`;
  if (each.state === 'undone') return `${each.result.undo.changed.toLocaleString()} set back`;
  if (each.state === 'ready') return `${text}: ${each.preview.shapes.toLocaleString()} shapes`;
  return text;
}

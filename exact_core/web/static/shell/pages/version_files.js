// @ts-check
/** Files that belong to a version: figures, models, predictions, anything else. */

import { api, apiUrl, idempotencyKey } from '../api.js';
import { confirmDialog } from '../dialog.js';
import { html, icon, render } from '../html.js';
import { dateTime, size } from '../time.js';
import { showError, toast } from '../toast.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

/** @type {[string, string][]} */
const KINDS = [['file', 'File'], ['metrics', 'Figures'], ['model', 'Model'], ['prediction', 'Predictions']];

/** @param {HTMLElement} target @param {SetPage} page @param {Record<string, any>} version */
export async function artefactsCard(target, page, version) {
  const files = await api.get(`/versions/${version.id}/artefacts`, {}, { signal: page.signal });
  const again = () => artefactsCard(target, page, version).catch(showError);
  const status = html`<p class="card__foot small muted" role="status" hidden></p>`;
  const kind = html`<select class="select" id="artefact-kind" aria-label="Kind of file">${KINDS.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select>`;
  const input = html`<input type="file" class="visually-hidden" id="artefact-files" multiple tabindex="-1" aria-label="Files to attach">`;
  input.addEventListener('change', async () => {
    const chosen = [...input.files];
    for (const [index, file] of chosen.entries()) {
      status.hidden = false;
      status.textContent = `Sending ${index + 1} of ${chosen.length}: ${file.name}`;
      try {
        await api.post(`/versions/${version.id}/artefacts`, file, {
          idempotencyKey: idempotencyKey(), headers: { 'Content-Type': file.type || 'application/octet-stream' }, query: { name: file.name, kind: kind.value } });
      } catch (error) {
        showError(error, `${file.name} was not attached`);
      }
    }
    again();
  });
  const mayAdd = page.rights.export;
  render(target, html`<section class="card" aria-label="Files"><div class="card__head">${icon('package')}<h2 class="grow">Files <span class="count num">${files.length}</span></h2>
    ${mayAdd ? html`<span class="row row--nowrap">${kind}<button type="button" class="btn" id="attach" @click=${() => input.click()}>${icon('upload')}Attach files</button>${input}</span>` : null}</div>
    ${files.length ? html`<ul class="list" id="artefacts">${files.map((/** @type {any} */ file) => row(page, version, file, again))}</ul>`
      : html`<p class="card__body muted">Figures, models and predictions that belong to this version can be kept with it.</p>`}
    ${status}</section>`);
}

/** @param {SetPage} page @param {Record<string, any>} version @param {any} file @param {() => unknown} again */
function row(page, version, file, again) {
  const mayRemove = page.actor.is_admin || file.creator.id === page.actor.id || version.creator.id === page.actor.id;
  const remove = async () => {
    const gone = await confirmDialog({ title: `Remove ${file.name}?`, action: 'Remove it', body: html`<p>The file is deleted for good.</p>`, submit: () => api.delete(`/version-artefacts/${file.id}`) });
    if (gone) {
      toast(`${file.name} is removed.`);
      again();
    }
  };
  return html`<li><div class="list__item"><div class="grow"><a class="truncate" href=${apiUrl(`/version-artefacts/${file.id}/file`)} download=${file.name}>${file.name}</a>
    <div class="small muted">${KINDS.find(([value]) => value === file.kind)?.[1]} · ${size(file.size_bytes)} · ${file.plugin ? `from the plugin ${file.plugin}` : `by ${file.creator.name}`}, ${dateTime(file.created_at)} · <span class="mono" data-tip="SHA-256: ${file.sha256}">${file.sha256.slice(0, 10)}</span></div></div>
    <a class="icon-btn icon-btn--small" href=${apiUrl(`/version-artefacts/${file.id}/file`)} download=${file.name} aria-label="Download ${file.name}" data-tip="Download">${icon('download')}</a>
    ${mayRemove ? html`<button type="button" class="icon-btn icon-btn--small icon-btn--danger" aria-label="Remove ${file.name}" data-tip="Remove" @click=${() => remove().catch(showError)}>${icon('trash-2')}</button>` : null}</div></li>`;
}

// @ts-check
/** One version: what it holds, its images, its files, its manifest, and deleting it. */

import { InputError, api, apiUrl } from '../api.js';
import { openExport } from '../exchange/export_dialog.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { areaField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { everything } from '../view.js';
import { attachMenu } from '../menu.js';
import { stateBadge } from '../review.js';
import { dateTime, plural, size } from '../time.js';
import { showError, toast } from '../toast.js';
import { inPlace, manifestBadge } from './set_versions.js';
import { artefactsCard } from './version_files.js';
import { modelsCard } from './version_models.js';
import { splitsCard } from './version_splits.js';
import { trainingCard } from './version_training.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {import('./set_versions.js').Go} Go */
/** @typedef {Record<string, any>} Version */

const LOOK_AGAIN_MS = 2500;
const SHOWN = 20;

/** @param {HTMLElement} target @param {SetPage} page @param {number} id @param {Go} go */
export async function drawVersion(target, page, id, go) {
  const version = await api.get(`/versions/${id}`, {}, { signal: page.signal });
  if (version.deleted) {
    render(target, back(page, go), html`<p class="banner">${icon('trash-2')}<span>Version <strong>${version.name}</strong> was deleted by ${version.deleted.by} on ${dateTime(version.deleted.at)}: ${version.deleted.reason}</span></p>`);
    return;
  }
  const [images, types] = await Promise.all([
    everything((cursor) => api.get(`/versions/${id}/images`, { cursor, limit: 500 }, { signal: page.signal })), api.get(`/versions/${id}/annotation-types`, {}, { signal: page.signal })]);
  if (page.signal.aborted) return;
  const files = html`<div></div>`;
  const splits = html`<div></div>`;
  const models = html`<div></div>`;
  const trainings = html`<div></div>`;
  const facts = html`<section class="card" aria-label="Version"></section>`;
  const again = () => drawVersion(target, page, id, go).catch(showError);
  render(target, back(page, go), facts, imagesCard(page, version, images), splits, models, page.rights.see_all ? [trainings, files] : null, typesCard(types.items));
  drawFacts(facts, page, version, go, again);
  await Promise.all([
    splitsCard(splits, page, version, Object.fromEntries(images.map((image) => [image.image_id, image.name]))),
    page.rights.see_all ? artefactsCard(files, page, version) : null,
    modelsCard(models, page, version),
    page.rights.see_all ? trainingCard(trainings, page, version, go) : null,
  ]);
  watch(facts, page, version, go, again);
}

/** @param {SetPage} page @param {Go} go */
export function back(page, go) {
  return html`<p><a class="row" href="/image-sets/${page.id}/versions" @click=${(/** @type {MouseEvent} */ event) => inPlace(event, () => go({}))}>${icon('arrow-left')}All versions</a></p>`;
}

/** Look whether the manifest is ready. @param {HTMLElement} facts @param {SetPage} page @param {Version} version @param {Go} go @param {() => unknown} again */
function watch(facts, page, version, go, again) {
  if (version.manifest.state !== 'pending') return;
  setTimeout(async () => {
    if (page.signal.aborted || !facts.isConnected) return;
    const now = document.hidden ? version : await api.get(`/versions/${version.id}`).catch(() => version);
    if (now.manifest.state !== 'pending') drawFacts(facts, page, now, go, again);
    watch(facts, page, now, go, again);
  }, LOOK_AGAIN_MS);
}

/** @param {HTMLElement} card @param {SetPage} page @param {Version} version @param {Go} go @param {() => unknown} again */
function drawFacts(card, page, version, go, again) {
  const { manifest } = version;
  const hash = (/** @type {string} */ text) => html`<span class="mono small version-hash">${text}</span>`;
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => (value === null ? null : [html`<dt>${name}</dt>`, html`<dd>${value}</dd>`]);
  const more = html`<button type="button" class="icon-btn" aria-label="More about this version" data-tip="More">${icon('ellipsis')}</button>`;
  const mayExport = page.rights.see_all && page.rights.export;
  attachMenu(more, () => [
    page.rights.manage && { label: 'Edit the description', icon: 'pencil', run: () => describe(version, again) },
    manifest.state === 'ready' && mayExport && { label: 'Download the manifest', icon: 'download', href: apiUrl(`/versions/${version.id}/manifest`) },
    manifest.state === 'ready' && { label: 'Verify the manifest', icon: 'badge-check', run: () => check(version) },
    manifest.state === 'failed' && page.rights.manage && { label: 'Write the manifest again', icon: 'refresh-cw', run: async () => { await api.post(`/versions/${version.id}/manifest`); again(); } },
    version.may_delete && { separator: true },
    version.may_delete && { label: 'Delete this version', icon: 'trash-2', danger: true, run: () => remove(version, go) },
  ]);
  render(card,
    html`<div class="card__head">${icon('bookmark')}<h2 class="grow">${version.name}</h2>
      <div class="row row--nowrap">${page.rights.export ? html`<button type="button" class="btn" id="export-version" @click=${() => openExport({ imageSetId: page.id, version: { id: version.id, name: version.name }, rights: page.rights })}>${icon('upload')}Export…</button>` : null}
      <a class="btn" href="/image-sets/${page.id}/versions?from=${version.id}&to=now" @click=${(/** @type {MouseEvent} */ event) => inPlace(event, () => go({ from: version.id, to: 'now' }))}>Changes since</a>${more}</div></div>`,
    html`<div class="card__body stack">${version.description ? html`<p class="version-text">${version.description}</p>` : null}<dl class="facts">
      ${fact('Made', `${dateTime(version.created_at)}${version.creator.name ? `, by ${version.creator.name}` : ''}`)}
      ${fact('Holds', `${plural(version.image_count, 'image')}${version.annotation_count === null ? '' : `, ${plural(version.annotation_count, 'annotation')}`}`)}
      ${fact('Revision', version.revision.toLocaleString('en'))}
      ${fact('Content hash', hash(version.content_digest))}
      ${fact('Manifest', html`<span class="stack stack--tight"><span>${manifestBadge(version)}</span>${manifest.state === 'ready' ? hash(manifest.digest) : null}${manifest.bytes ? html`<span class="small muted">${size(manifest.bytes)}, signed by this server</span>` : null}${manifest.reason ? html`<span class="small danger-text">${manifest.reason}</span>` : null}</span>`)}
    </dl></div>`);
}

/** @param {SetPage} page @param {Version} version @param {any[]} images */
function imagesCard(page, version, images) {
  const list = html`<ul class="list" id="version-images"></ul>`;
  const more = html`<button type="button" class="btn btn--small" @click=${() => add()}>Show more</button>`;
  const foot = html`<div class="card__foot">${more}</div>`;
  const add = () => {
    const from = list.childElementCount;
    list.append(...images.slice(from, from + SHOWN).map((image) => imageRow(page, version, image)));
    foot.hidden = list.childElementCount >= images.length;
  };
  add();
  return html`<section class="card" aria-label="Images"><div class="card__head">${icon('images')}<h2 class="grow">Images <span class="count num">${version.image_count.toLocaleString('en')}</span></h2></div>
    ${images.length ? list : html`<p class="card__body muted">The set had no image.</p>`}${foot}</section>`;
}

/** @param {SetPage} page @param {Version} version @param {any} image */
function imageRow(page, version, image) {
  const href = `/image-sets/${page.id}/images/${image.image_id}?version=${version.id}`;
  const note = image.is_deleted ? (image.has_pixels ? 'In the bin now.' : 'Removed for good since; its annotations are kept.') : '';
  return html`<li data-image=${image.image_id}><div class="list__item"><div class="grow"><div class="row">${image.has_pixels ? html`<a class="truncate" href=${href}>${image.name}</a>` : html`<span class="truncate">${image.name}</span>`}
      ${image.review_state ? stateBadge(image.review_state) : null}</div>
    <div class="small muted num">${image.width.toLocaleString('en')} × ${image.height.toLocaleString('en')} px${image.tags.length ? ` · ${image.tags.join(', ')}` : ''}</div>
    ${note ? html`<div class="row row--nowrap small muted">${icon('trash-2')}<span>${note}</span></div>` : null}</div>
    ${!image.has_pixels ? null : html`<a class="btn btn--small" href=${href}>${icon('eye')}Open read only</a>`}</div></li>`;
}

/** @param {any[]} types */
function typesCard(types) {
  if (!types.length) return null;
  return html`<section class="card" aria-label="Annotation types"><div class="card__head">${icon('shapes')}<h2 class="grow">Annotation types <span class="count num">${types.length}</span></h2></div>
    <ul class="card__body row version-types">${types.map((type) => html`<li class="row row--nowrap"><span class="swatch" .style=${{ '--swatch': type.color }}></span>${type.name}</li>`)}</ul></section>`;
}

/** @param {Version} version @param {() => unknown} again */
async function describe(version, again) {
  const done = await openDialog({
    title: 'Description', action: 'Save', body: areaField('description', `Of ${version.name}`, version.description),
    submit: (data) => api.patch(`/versions/${version.id}`, { description: data.get('description') }),
  });
  if (done) again();
}

/** @param {Version} version */
async function check(version) {
  const found = await api.get(`/versions/${version.id}/manifest-check`);
  if (found.holds) toast('The manifest holds: the file has the hash that this server signed.', { kind: 'success' });
  else toast('The manifest does not hold.', { kind: 'error', seconds: 0, detail: !found.file ? 'The file is missing or was changed.' : 'The signature is not one of this server.' });
}

/** @param {Version} version @param {Go} go */
async function remove(version, go) {
  const gone = await confirmDialog({
    title: `Delete the version ${version.name}?`, action: 'Delete it',
    body: [html`<p>Its files and its manifest go for good. The annotations of the set stay. Your name, the time and the reason stay on record.</p>`, areaField('reason', 'Why', '', { maxlength: 500 })],
    submit: (data) => {
      const reason = String(data.get('reason') ?? '').trim();
      if (!reason) throw new InputError('Say why: the reason stays on record.');
      return api.delete(`/versions/${version.id}`, undefined, { query: { reason } });
    },
  });
  if (!gone) return;
  toast(`Version ${version.name} is deleted.`);
  await go({});
}

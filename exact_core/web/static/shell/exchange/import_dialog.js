// @ts-check
/** The dialog of an import: choose a file, look at what it would do, import it, take it back. */

import { api } from '../api.js';
import { openDialog } from '../dialog.js';
import { html, icon, render } from '../html.js';
import { plural, size } from '../time.js';
import { showError } from '../toast.js';
import { BUSY, sendFile, waited } from './client.js';
import { optionsForm } from './import_options.js';
import { progressBar, reportView } from './report.js';

/**
 * @typedef {import('./client.js').Import} Import
 *
 * @typedef {object} ImportPlace
 * @property {number} imageSetId
 * @property {number | null} [imageId] the image that the import is for, in the viewer
 * @property {string} [imageName]
 * @property {Import | null} [begun] an import to go on with
 * @property {File | null} [file] a file that was dropped
 * @property {() => unknown} [changed] annotations came or went
 */

/** @param {ImportPlace} place */
export async function openImport(place) {
  const flow = new ImportFlow(place);
  void flow.begin();
  await openDialog({ title: place.imageName ? `Import into ${place.imageName}` : 'Import annotations', size: 'wide', body: flow.body });
  flow.end();
}

/** One showing of the dialog. */
class ImportFlow {
  /** @type {Import | null} */
  #import = null;
  /** @type {Record<string, any>[]} */
  #types = [];
  /** @type {Record<string, any>[]} */
  #formats = [];
  /** @type {Record<string, any>[]} */
  #images = [];
  #ending = new AbortController();

  /** @param {ImportPlace} place */
  constructor(place) {
    this.place = place;
    this.body = html`<div class="stack exchange-flow" aria-live="polite"></div>`;
  }

  end() {
    this.#ending.abort();
  }

  async begin() {
    if (!this.place.begun && !this.place.file) this.#drawChoice();
    try {
      const set = `/image-sets/${this.place.imageSetId}`;
      const [types, formats, images] = await Promise.all([
        api.get(`${set}/annotation-types`), api.get(`${set}/annotation-formats`),
        this.place.imageId ? { items: [] } : api.get(`${set}/images`, { limit: 200 }),
      ]);
      this.#types = types.items.filter((/** @type {any} */ type) => type.is_active);
      this.#formats = formats.filter((/** @type {any} */ format) => format.can_import);
      this.#images = images.items;
      if (this.place.begun) await this.#goOn(this.place.begun);
      else if (this.place.file) await this.#send(this.place.file);
    } catch (error) {
      this.#failed(error);
    }
  }

  #drawChoice() {
    const input = html`<input type="file" class="visually-hidden" id="exchange-file" tabindex="-1" aria-label="File of annotations" @change=${() => input.files?.[0] && void this.#try(() => this.#send(input.files[0]))}>`;
    const zone = html`
      <div class="exchange-drop" @dragover=${(/** @type {DragEvent} */ event) => { event.preventDefault(); zone.dataset.over = ''; }}
        @dragleave=${() => delete zone.dataset.over}
        @drop=${(/** @type {DragEvent} */ event) => { event.preventDefault(); delete zone.dataset.over; const file = event.dataTransfer?.files[0]; if (file) void this.#try(() => this.#send(file)); }}>
        ${icon('upload', 'icon--xl')}
        <p><strong>Drop a file of annotations here</strong></p>
        <button type="button" class="btn btn--primary" autofocus @click=${() => input.click()}>Choose a file</button>${input}
        <p class="small muted">GeoJSON (QuPath), COCO, YOLO, Pascal VOC, Darwin, CSV, Aperio, ASAP, NDPA, SlideRunner, DICOM, OME-XML, EXACT's text; also several of them in a ZIP file.</p>
      </div>`;
    render(this.body, zone, html`<p class="small muted">Nothing is changed before you have seen what the file holds.</p>`);
  }

  /** @param {File} file */
  async #send(file) {
    const { signal } = this.#ending;
    const draw = (/** @type {number} */ part) => render(this.body, html`<p class="truncate"><strong>${file.name}</strong> <span class="muted">${size(file.size)}</span></p>`, progressBar(part, 'Sending the file'));
    draw(0);
    const sent = await sendFile(this.place.imageSetId, file, { imageId: this.place.imageId, signal, progress: draw });
    await this.#goOn(sent);
  }

  /** @param {Import} found */
  async #goOn(found) {
    this.#import = found;
    if (BUSY.includes(found.state)) {
      this.#drawBusy(found);
      this.#import = await waited(`/annotation-imports/${found.id}`, { signal: this.#ending.signal, told: (state) => this.#drawBusy(state) });
    }
    this.#draw();
  }

  /** @param {Record<string, any>} state */
  #drawBusy(state) {
    if (!BUSY.includes(state.state)) return;
    const what = { reading: 'Looking at the file', storing: 'Importing', undoing: 'Taking the import back' }[/** @type {'reading'} */ (state.state)] ?? 'Working';
    render(this.body, this.#heading(state), progressBar(state.progress, state.doing || what),
      html`<div class="row"><button type="button" class="btn" data-focus="exchange-cancel" @click=${() => this.#try(() => api.post(`/jobs/${state.job_id}/cancel`))}>Cancel</button>
        <span class="small muted">It goes on when you close this; find it again on the page of the image set.</span></div>`);
  }

  /** @param {Record<string, any>} state */
  #heading(state) {
    return html`<p class="truncate"><strong>${state.file_name}</strong> <span class="muted">${size(state.size_bytes)}</span></p>`;
  }

  #draw() {
    const found = /** @type {Import} */ (this.#import);
    if (found.state === 'ready') this.#drawPreview(found);
    else if (found.state === 'done') this.#drawDone(found);
    else if (found.state === 'undone') this.#drawUndone(found);
    else this.#drawFailed(found);
  }

  /** @param {Import} found */
  #drawPreview(found) {
    const { preview } = found;
    const format = this.#formats.find((each) => each.name === preview.format);
    const form = optionsForm({ found, types: this.#types, formats: this.#formats, images: this.#images, isForOneImage: !!this.place.imageId, changed: () => this.#markStale() });
    const total = preview.added + preview.updated;
    this.again = html`<button type="button" class="btn" @click=${() => this.#try(() => this.#lookAgain(form))}>${icon('refresh-cw')}Look again</button>`;
    this.start = html`<button type="button" class="btn btn--primary" disabled=${preview.problems.length > 0 || !total} @click=${() => this.#try(() => this.#startImport(form))}>${icon('download')}Import ${total.toLocaleString()}</button>`;
    render(this.body,
      html`<div class="row row--between">${this.#heading(found)}<span class="badge">${format?.title ?? preview.format}</span></div>`,
      found.message ? html`<p class="exchange-problem" role="alert">${icon('circle-alert')}<span>${found.message}</span></p>` : null,
      preview.problems.map((/** @type {string} */ text) => html`<p class="exchange-problem" role="alert">${icon('circle-alert')}<span>${text}</span></p>`),
      html`<dl class="exchange-numbers">${[['shapes in the file', preview.shapes], ['new', preview.added], ['changed', preview.updated], ['here already', preview.unchanged], ['different here', preview.skipped], ['left out', preview.left_out]]
        .filter(([, count], place) => count || place < 2).map(([label, count]) => html`<div><dd class="num">${count.toLocaleString()}</dd><dt class="small muted">${label}</dt></div>`)}</dl>`,
      form.element,
      reportView(preview.report, { clean: 'Everything in the file can be kept.' }),
      html`<div class="form-actions exchange-actions"><button type="button" class="btn btn--ghost" @click=${() => this.#try(() => this.#discard(found))}>Discard</button>${this.again}${this.start}</div>`);
  }

  #markStale() {
    if (this.start) this.start.disabled = true;
    this.again?.classList.add('btn--primary');
    this.start?.classList.remove('btn--primary');
  }

  /** @param {ReturnType<typeof optionsForm>} form */
  async #lookAgain(form) {
    const found = /** @type {Import} */ (this.#import);
    await this.#goOn(await api.post(`/annotation-imports/${found.id}/preview`, { ...form.options(), ...form.reading() }));
  }

  /** @param {ReturnType<typeof optionsForm>} form */
  async #startImport(form) {
    const found = /** @type {Import} */ (this.#import);
    await this.#goOn(await api.post(`/annotation-imports/${found.id}/start`, form.options()));
    if (this.#import?.state === 'done') this.place.changed?.();
  }

  /** @param {Import} found */
  #drawDone(found) {
    const { result } = found;
    const parts = [[result.added, 'added'], [result.updated, 'changed'], [result.unchanged, 'here already'], [result.skipped, 'left as they are'], [result.left_out, 'left out']].filter(([count], place) => count || !place);
    render(this.body, html`<div class="empty exchange-result">${icon('circle-check', 'icon--xl')}<h2>${parts.map(([count, word]) => `${count.toLocaleString()} ${word}`).join(', ')}</h2>
        <p>${found.file_name} · ${plural(result.images.length, 'image')} changed${result.created_types.length ? ` · new types: ${result.created_types.join(', ')}` : ''}</p></div>`,
      reportView(result.report),
      html`<div class="form-actions"><button type="button" class="btn" @click=${() => this.#try(() => this.#undo(found))}>${icon('undo-2')}Take it back</button></div>`);
  }

  /** @param {Import} found */
  async #undo(found) {
    await this.#goOn(await api.post(`/annotation-imports/${found.id}/undo`));
    this.place.changed?.();
  }

  /** @param {Import} found */
  #drawUndone(found) {
    const undone = found.result.undo;
    render(this.body, html`<div class="empty exchange-result">${icon('undo-2', 'icon--xl')}<h2>${plural(undone.changed, 'annotation')} set back</h2><p>${found.file_name}</p></div>`,
      undone.skipped.length ? html`<ul class="exchange-lines">${undone.skipped.map((/** @type {any} */ each) => html`<li>${icon('info')}<span class="grow">${each.reason}</span><span class="num muted">${each.count}</span></li>`)}</ul>` : null);
  }

  /** @param {Import} found */
  #drawFailed(found) {
    const formats = this.#formats.map((each) => html`<option value=${each.name} selected=${each.name === found.asked_format}>${each.title}</option>`);
    const select = html`<select class="select" aria-label="Format"><option value="">Find it out</option>${formats}</select>`;
    render(this.body, this.#heading(found),
      html`<p class="exchange-problem" role="alert">${icon('circle-alert')}<span>${found.message || 'The file could not be read.'}</span></p>`,
      html`<div class="field"><span class="field__label">Format of the file</span>${select}</div>`,
      html`<div class="form-actions"><button type="button" class="btn btn--ghost" @click=${() => this.#try(() => this.#discard(found))}>Discard</button>
        <button type="button" class="btn btn--primary" @click=${() => this.#try(async () => this.#goOn(await api.post(`/annotation-imports/${found.id}/preview`, { ...found.options, image_id: found.image_id, format: select.value })))}>${icon('refresh-cw')}Read it again</button></div>`);
  }

  /** @param {Import} found */
  async #discard(found) {
    await api.delete(`/annotation-imports/${found.id}`);
    this.#import = null;
    this.#drawChoice();
  }

  /** @param {() => Promise<unknown>} run */
  async #try(run) {
    try {
      await run();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    if (this.#import) {
      showError(error);
      return;
    }
    this.#drawChoice();
    this.body.prepend(html`<p class="exchange-problem" role="alert">${icon('circle-alert')}<span>${error instanceof Error ? error.message : String(error)}</span></p>`);
  }
}

// @ts-check
/** The dialog of an export: format or template, version, filters; then the file and what it could not hold. */

import { api, apiUrl } from '../api.js';
import { openDialog } from '../dialog.js';
import { checkField, selectField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { SHAPES } from '../shapes.js';
import { size } from '../time.js';
import { showError } from '../toast.js';
import { waited } from './client.js';
import { progressBar, reportView } from './report.js';

const LAST = 'exact.export.format';

/**
 * @typedef {object} ExportPlace
 * @property {number} imageSetId
 * @property {number | null} [imageId] only this image, in the viewer
 * @property {string} [imageName]
 * @property {{id: number, name: string} | null} [version] chosen when the dialog opens
 * @property {Record<string, boolean>} rights
 * @property {() => unknown} [changed]
 */

/** @param {ExportPlace} place */
export async function openExport(place) {
  const ending = new AbortController();
  const body = html`<div class="stack exchange-flow" aria-live="polite"><div class="skeleton skeleton--row"></div></div>`;
  const set = `/image-sets/${place.imageSetId}`;

  const begin = async () => {
    const [formats, templates, versions, types] = await Promise.all([
      api.get(`${set}/annotation-formats`), api.get(`${set}/export-templates`), api.get(`${set}/versions`), api.get(`${set}/annotation-types`),
    ]);
    draw(formats.filter((/** @type {any} */ each) => each.can_export), templates, versions.items ?? versions, types.items);
  };

  /**
   * @param {any[]} formats
   * @param {any[]} templates
   * @param {any[]} versions
   * @param {any[]} types
   */
  const draw = (formats, templates, versions, types) => {
    const choices = [
      ...formats.map((each) => /** @type {[string, string]} */ ([`format:${each.name}`, each.title])),
      ...templates.map((each) => /** @type {[string, string]} */ ([`template:${each.id}`, `Template: ${each.name}`])),
    ];
    const states = versions.filter((each) => !each.deleted && each.id !== place.version?.id);
    if (place.version) states.unshift(place.version); // the list may be too long to hold it
    const last = localStorage.getItem(LAST) ?? 'format:geojson';
    const form = html`
      <form class="stack" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); event.stopPropagation(); void attempt(() => write(form, formats)); }}>
        <div class="form-grid">
          ${selectField('format', 'Format', choices, choices.some(([key]) => key === last) ? last : choices[0]?.[0], { autofocus: true })}
          ${selectField('version', 'State', [['', 'As it is now'], ...states.map((each) => /** @type {[string, string]} */ ([String(each.id), `Version ${each.name}`]))], String(place.version?.id ?? ''))}
        </div>
        <details class="exchange-more"><summary>Only some annotations</summary>
          <div class="stack">
            <fieldset><legend class="field__label">Types</legend><div class="exchange-checks">${types.map((type) => checkField('types', html`<span class="row row--nowrap"><span class="swatch" .style=${{ '--swatch': type.color }}></span>${type.name}</span>`, false, { value: String(type.id) }))}</div></fieldset>
            <fieldset><legend class="field__label">Drawn as</legend><div class="exchange-checks">${Object.entries(SHAPES).map(([name, shape]) => checkField('shapes', shape.label, false, { value: name }))}</div></fieldset>
            <p class="small muted">Nothing chosen means all.</p>
          </div>
        </details>
        ${place.rights.private_names ? checkField('private_names', 'Call images by their original names', false, { hint: 'They can name patients; share such files with care.' }) : null}
        <div class="form-actions"><button class="btn btn--primary">${icon('download')}Write the file</button></div>
      </form>`;
    render(body, form);
    const select = form.elements.namedItem('format');
    if (select instanceof HTMLElement) select.focus();
  };

  /**
   * @param {HTMLFormElement} form
   * @param {any[]} formats
   */
  const write = async (form, formats) => {
    const data = new FormData(form);
    const [kind, name] = String(data.get('format')).split(':');
    localStorage.setItem(LAST, String(data.get('format')));
    const asked = await api.post(`${set}/annotation-exports`, {
      format: kind === 'format' ? name : '', template_id: kind === 'template' ? Number(name) : null,
      version_id: Number(data.get('version')) || null, image_ids: place.imageId ? [place.imageId] : null,
      type_ids: data.getAll('types').map(Number), shapes: data.getAll('shapes'), private_names: data.has('private_names'),
    });
    place.changed?.();
    render(body, progressBar(0, 'Writing the file'));
    const done = await waited(`/annotation-exports/${asked.id}`, { signal: ending.signal, told: (state) => render(body, progressBar(state.progress, 'Writing the file')) });
    place.changed?.();
    const again = html`<button type="button" class="btn" @click=${() => attempt(begin)}>Export again</button>`;
    if (done.state === 'failed') {
      render(body, html`<p class="exchange-problem" role="alert">${icon('circle-alert')}<span>${done.message}</span></p>`, html`<div class="form-actions">${again}</div>`);
      return;
    }
    const title = formats.find((each) => each.name === name)?.title ?? 'template';
    render(body, html`<div class="empty exchange-result">${icon('circle-check', 'icon--xl')}<h2 class="exchange-name">${done.file_name}</h2><p>${title} · ${size(done.size_bytes)}</p>
        <a class="btn btn--primary" download href=${apiUrl(`/annotation-exports/${done.id}/file`)}>${icon('download')}Save the file</a></div>`,
      reportView(done.report, { clean: 'The format holds everything.' }), html`<div class="form-actions">${again}</div>`);
    body.querySelector('a')?.focus();
  };

  /** @param {() => Promise<unknown>} run */
  const attempt = async (run) => {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) showError(error);
    }
  };
  void attempt(begin);
  await openDialog({ title: place.imageName ? `Export ${place.imageName}` : 'Export annotations', size: 'wide', body });
  ending.abort();
}

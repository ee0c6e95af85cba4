// @ts-check
/** Uploading a model: where to, what it is, and how far the file is. */

import { InputError, api } from '../api.js';
import { openDialog } from '../dialog.js';
import { progressBar } from '../exchange/report.js';
import { selectField, textField } from '../fields.js';
import { html, render } from '../html.js';
import { send } from '../sending.js';
import { size } from '../time.js';

/** @typedef {{key: string, label: string, query: Record<string, number>}} Destination */

/**
 * Where somebody may add models: image sets that they manage, and teams that they lead.
 * @param {any[]} sets @param {any[]} teams @param {boolean} isAdmin
 * @returns {Destination[]}
 */
export function destinations(sets, teams, isAdmin) {
  const managed = sets.filter((set) => set.rights.includes('manage'));
  const led = teams.filter((team) => isAdmin || team.is_lead);
  return [
    ...managed.map((set) => ({ key: `set-${set.id}`, label: `${set.name} (${set.team.name})`, query: { image_set_id: set.id } })),
    ...led.map((team) => ({ key: `team-${team.id}`, label: `Only the team ${team.name}`, query: { team_id: team.id } })),
  ];
}

/**
 * @param {Destination[]} places @param {any[]} kinds
 * @returns {Promise<any>} the model; null when it was cancelled
 */
export async function openUpload(places, kinds) {
  const ending = new AbortController();
  const version = html`<div></div>`;
  const progress = html`<div role="status"></div>`;
  const file = html`<input class="input" type="file" id="model-file" accept=".zip,application/zip" aria-describedby="model-file-hint">`;
  const place = selectField('place', 'Belongs to', places.map((each) => [each.key, each.label]), places[0]?.key ?? null,
    { hint: 'The image set that it learned from, so that its people can use it; or a team, when it comes from elsewhere.' });
  place.addEventListener('change', (/** @type {any} */ event) => void showVersions(version, places, event.target.value));
  void showVersions(version, places, places[0]?.key);
  const made = await openDialog({
    title: 'Upload a model',
    action: 'Upload',
    body: [
      html`<div class="field"><label class="field__label" for="model-file">Archive</label>${file}
        <p class="field__hint" id="model-file-hint">A ZIP archive of the model's folder: safetensors and JSON, as <code>exact models export</code> and <code>exact_sdk.ml.store</code> write it. Every file is checked before anything is kept.</p></div>`,
      place,
      version,
      selectField('kind', 'Kind', kindChoices(kinds)),
      textField('name', 'Name', '', { optional: true, maxlength: 200, placeholder: 'As its card says' }),
      progress,
    ],
    submit: (data) => submit(data, file.files?.[0] ?? null, places, progress, ending.signal),
  });
  ending.abort();
  return made;
}

/** @param {any[]} kinds @returns {[string, string][]} */
function kindChoices(kinds) {
  return [['', 'As its card says'], ...kinds.map((kind) => /** @type {[string, string]} */ ([kind.name, kind.title]))];
}

/** @param {FormData} data @param {File | null} file @param {Destination[]} places @param {HTMLElement} progress @param {AbortSignal} signal */
async function submit(data, file, places, progress, signal) {
  if (!file) throw new InputError('Choose the archive of the model.');
  const place = places.find((each) => each.key === data.get('place'));
  const query = { ...place?.query, version_id: data.get('version_id'), kind: data.get('kind'), name: data.get('name'), file_name: file.name };
  const told = (/** @type {number} */ part) => render(progress, part < 1
    ? progressBar(part, `Sending ${size(file.size)}`) : html`<p class="muted">The server checks every file and number…</p>`);
  told(0);
  try {
    return await send('/models', query, file, { type: 'application/zip', signal, progress: told });
  } finally {
    render(progress);
  }
}

/** @param {HTMLElement} target @param {Destination[]} places @param {string | undefined} key */
async function showVersions(target, places, key) {
  render(target);
  const set = places.find((each) => each.key === key)?.query.image_set_id;
  const answer = set ? await api.get(`/image-sets/${set}/versions`, { limit: 200 }).catch(() => null) : null;
  if (!answer?.items.length) return;
  const versions = /** @type {[number, string][]} */ (answer.items.map((/** @type {any} */ each) => [each.id, each.name]));
  render(target, selectField('version_id', 'Trained on', [['', 'No version'], ...versions]));
}

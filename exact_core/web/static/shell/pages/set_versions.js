// @ts-check
/** Versions of a set: making one, the list of them, and the way to one of them or to what differs between two. */

import { api, idempotencyKey } from '../api.js';
import { openDialog } from '../dialog.js';
import { areaField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { dateTime, plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { empty } from '../view.js';
import { drawMerge } from './merge_page.js';
import { drawBranches, makeBranch } from './set_branches.js';
import { drawComparison } from './version_compare.js';
import { drawTraining } from './training_run.js';
import { drawVersion } from './version_detail.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {Record<string, any>} Version */

const LOOK_AGAIN_MS = 2500;

/**
 * What the address says is drawn: the list, one version, or a comparison.
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawVersions(target, page) {
  const wanted = new URLSearchParams(location.search);
  const go = (/** @type {Record<string, string | number>} */ query) => {
    const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString();
    history.pushState(null, '', `/image-sets/${page.id}/versions${text ? `?${text}` : ''}`);
    scrollTo(0, 0);
    return drawVersions(target, page);
  };
  if (wanted.has('from')) await drawComparison(target, page, wanted.get('from') ?? '', wanted.get('to') ?? 'now', go);
  else if (wanted.has('merge')) await drawMerge(target, page, wanted.get('merge') ?? '', go);
  else if (wanted.has('version') && wanted.has('training')) await drawTraining(target, page, Number(wanted.get('version')), Number(wanted.get('training')), go);
  else if (wanted.has('version')) await drawVersion(target, page, Number(wanted.get('version')), go);
  else await drawList(target, page, go);
  target.setAttribute('aria-busy', 'false');
}

/** @typedef {(query: Record<string, string | number>) => Promise<void>} Go */

/** @param {HTMLElement} target @param {SetPage} page @param {Go} go */
async function drawList(target, page, go) {
  const path = `/image-sets/${page.id}/versions`;
  let withDeleted = false;
  /** @type {Version[]} */
  let items = [];
  /** @type {string | null} */
  let cursor = null;
  const list = html`<ul class="list" id="versions"></ul>`;
  const head = html`<section class="card" aria-label="Versions"></section>`;
  const compare = html`<div></div>`;
  const [own, branches] = [html`<div hidden></div>`, html`<div hidden></div>`];
  render(target, own, head, branches, compare);
  /** @type {() => Promise<void>} */
  let lookAtBranches = async () => {};
  const branch = (/** @type {Version} */ version) => makeBranch(page, /** @type {any} */ (version), lookAtBranches);

  const load = async (/** @type {boolean} */ more) => {
    const answer = await api.get(path, { deleted: withDeleted || undefined, cursor: more ? cursor : undefined, limit: 50 }, { signal: page.signal });
    items = more ? [...items, ...answer.items] : answer.items;
    cursor = answer.next_cursor;
    draw();
  };
  const draw = () => {
    const live = items.filter((version) => !version.deleted);
    render(list, items.map((version) => row(page, version, go, branch)));
    render(head,
      html`<div class="card__head">${icon('bookmark')}<h2 class="grow">Versions</h2>
        ${page.rights.manage ? html`<button type="button" class="btn btn--primary" id="make-version" @click=${() => create()}>${icon('plus')}Make a version</button>` : null}</div>`,
      items.length ? list : html`<div class="card__body">${empty('bookmark', 'No version yet', 'A version gives the set, as it is now, a name: images, annotations, types, members and settings. It is made at once, can be opened, compared and exported later, and never changes.')}</div>`,
      html`<div class="card__foot row">${cursor ? html`<button type="button" class="btn btn--small" @click=${() => load(true)}>Show more</button>` : null}
        <label class="switch small"><input type="checkbox" role="switch" id="show-deleted" checked=${withDeleted} @change=${(/** @type {any} */ event) => {
          withDeleted = event.target.checked;
          void load(false);
        }}>Deleted ones too</label></div>`);
    render(compare, live.length ? comparisonCard(live, go) : null);
    if (items.some((version) => version.manifest.state === 'pending' && !version.deleted)) lookAgain();
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  page.signal.addEventListener('abort', () => clearTimeout(timer));
  const lookAgain = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (!head.isConnected || page.signal.aborted) return;
      const answer = document.hidden ? null : await api.get(path, { deleted: withDeleted || undefined, limit: 50 }, { signal: page.signal }).catch(() => null);
      if (!answer || !head.isConnected) return lookAgain();
      const fresh = new Map(answer.items.map((/** @type {Version} */ version) => [version.id, version]));
      items = items.map((version) => fresh.get(version.id) ?? version);
      draw();
    }, LOOK_AGAIN_MS);
  };
  const create = async () => {
    const key = idempotencyKey();
    const made = await openDialog({
      title: 'Make a version', action: 'Make it',
      body: [
        textField('name', 'Name', '', { maxlength: 200, autofocus: true, placeholder: 'Round 1' }),
        areaField('description', 'Description', '', { hint: 'What it is for, and what is special about it. It can be changed later; nothing else can.' }),
        html`<p class="small muted">It holds everything as it is at this moment, also what is not verified.</p>`,
      ],
      submit: (data) => api.post(path, { name: data.get('name'), description: data.get('description') }, { idempotencyKey: key }),
    });
    if (!made) return;
    toast(`Version ${made.name} is made.`, { kind: 'success', detail: `${plural(made.image_count, 'image')}, revision ${made.revision}. Its manifest is written in the background.` });
    await load(false);
  };
  [, lookAtBranches] = await Promise.all([load(false), drawBranches(own, branches, page, go)]);
}

/** @param {SetPage} page @param {Version} version @param {Go} go @param {(version: Version) => Promise<void>} branch */
function row(page, version, go, branch) {
  const facts = [
    version.creator.name ? `by ${version.creator.name}` : '', dateTime(version.created_at), version.deleted ? '' : plural(version.image_count, 'image'),
    version.annotation_count === null ? '' : plural(version.annotation_count, 'annotation'),
    version.artefact_count ? plural(version.artefact_count, 'file') : '',
  ].filter(Boolean).join(' · ');
  if (version.deleted) {
    return html`<li><div class="list__item"><div class="grow"><div><s>${version.name}</s> <span class="badge">${icon('trash-2')}Deleted</span></div><div class="small muted">${facts}</div>
      <div class="small">Deleted by ${version.deleted.by} on ${dateTime(version.deleted.at)}: ${version.deleted.reason}</div></div></div></li>`;
  }
  return html`<li data-version=${version.id}><div class="list__item"><div class="grow stack stack--tight">
      <div class="row"><a href="/image-sets/${page.id}/versions?version=${version.id}" @click=${(/** @type {MouseEvent} */ event) => inPlace(event, () => go({ version: version.id }))}><strong>${version.name}</strong></a> ${manifestBadge(version)}</div>
      ${version.description ? html`<div class="small version-row__text">${version.description}</div>` : null}
      <div class="small muted">${facts} · <span class="mono" data-tip="Content hash: ${version.content_digest}">${version.content_digest.slice(0, 10)}</span></div></div>
    ${page.rights.manage && page.rights.see_all ? html`<button type="button" class="btn btn--small" aria-label="Branch of ${version.name}" @click=${() => branch(version).catch(showError)}>${icon('git-branch')}Branch…</button>` : null}
    <a class="btn btn--small" href="/image-sets/${page.id}/versions?from=${version.id}&to=now" @click=${(/** @type {MouseEvent} */ event) => inPlace(event, () => go({ from: version.id, to: 'now' }))}>Changes since</a></div></li>`;
}

/** Follow a link on this page unless another window is wanted. @param {MouseEvent} event @param {() => unknown} run */
export function inPlace(event, run) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  void run();
}

/** @param {Version} version */
export function manifestBadge({ manifest }) {
  if (manifest.state === 'ready') return html`<span class="badge badge--success" data-manifest="ready" data-tip="Everything in the version is written down and signed">${icon('badge-check')}Manifest ready</span>`;
  if (manifest.state === 'pending') return html`<span class="badge" data-manifest="pending" data-tip="Everything in the version is being written down">${icon('loader-circle', 'icon--spin')}Manifest pending</span>`;
  return html`<span class="badge badge--danger" data-manifest="failed" data-tip=${manifest.reason}>${icon('triangle-alert')}Manifest failed</span>`;
}

/** @param {Version[]} versions @param {Go} go */
function comparisonCard(versions, go) {
  const choice = (/** @type {string} */ name, /** @type {string} */ label, /** @type {[string | number, string][]} */ choices, /** @type {string | number} */ value) => html`
    <div class="field"><label class="field__label" for="compare-${name}">${label}</label><select class="select" id="compare-${name}" name=${name}>
      ${choices.map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}</select></div>`;
  const named = versions.map((version) => /** @type {[number, string]} */ ([version.id, version.name]));
  return html`<section class="card" aria-label="Compare"><div class="card__head">${icon('sliders-horizontal')}<h2 class="grow">What differs</h2></div>
    <form class="card__body version-compare" @submit=${(/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
      void go({ from: String(data.get('from')), to: String(data.get('to')) });
    }}>${choice('from', 'From', named, (versions[1] ?? versions[0]).id)}${choice('to', 'To', [['now', 'Now'], ...named], versions.length > 1 ? versions[0].id : 'now')}
      <button class="btn">Compare</button></form></section>`;
}

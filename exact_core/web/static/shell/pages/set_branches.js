// @ts-check
/** Branches of a set: making one from a version, the list of them, and on a branch where it comes from. */

import { InputError, api, idempotencyKey } from '../api.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { areaField, selectField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { dateTime, plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { inPlace } from './set_versions.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {import('./set_versions.js').Go} Go */
/** @typedef {Record<string, any>} Branch */

const LOOK_AGAIN_MS = 1500;
/** @type {[string, string][]} */
const MODES = [['cooperative', 'Cooperative: all see all'], ['competitive', 'Blind: each reader sees their own'], ['second_opinion', 'Second opinion']];

/**
 * The two cards of branches, kept up to date while one is being made.
 * @param {HTMLElement} own where the card of a branch goes
 * @param {HTMLElement} others where the branches made from this set go
 * @param {SetPage} page
 * @param {Go} go
 * @returns {Promise<() => Promise<void>>} reads everything again
 */
export async function drawBranches(own, others, page, go) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Map<number, Branch>} */
  let waited = new Map();
  page.signal.addEventListener('abort', () => clearTimeout(timer));
  const load = async () => {
    clearTimeout(timer);
    const found = await api.get(`/image-sets/${page.id}/branches`, {}, { signal: page.signal });
    if (page.signal.aborted) return;
    render(own, found.branch ? ownCard(page, found.branch, go, load) : null);
    render(others, found.items.length ? listCard(found.items) : null);
    [own.hidden, others.hidden] = [!found.branch, !found.items.length];
    const making = new Map(found.items.filter((/** @type {Branch} */ each) => each.state === 'making').map((/** @type {Branch} */ each) => [each.image_set_id, each]));
    tellEnds(waited, found.items);
    waited = making;
    if (making.size || found.branch?.state === 'making') timer = setTimeout(() => void load().catch(showError), LOOK_AGAIN_MS);
  };
  await load();
  return load;
}

/** Say what became of branches that were being made. @param {Map<number, Branch>} waited @param {Branch[]} items */
function tellEnds(waited, items) {
  for (const [id, branch] of waited) {
    const now = items.find((each) => each.image_set_id === id);
    if (now?.state === 'ready') toast(`The branch ${now.name} is ready.`, { kind: 'success', action: { label: 'Open it', run: () => location.assign(`/image-sets/${id}`) } });
    if (!now) void tellFailure(branch);
  }
}

/** @param {Branch} branch */
async function tellFailure(branch) {
  const job = branch.job_id ? await api.get(`/jobs/${branch.job_id}`).catch(() => null) : null;
  toast(`The branch ${branch.name} was not made.`, { kind: 'error', seconds: 0, detail: job?.message || 'Nothing is left of it; make it again.' });
}

/** @param {Branch[]} items */
function listCard(items) {
  return html`<section class="card" aria-label="Branches"><div class="card__head">${icon('git-branch')}<h2 class="grow">Branches <span class="count num">${items.length}</span></h2></div>
    <ul class="list" id="branches">${items.map((branch) => html`<li data-branch=${branch.image_set_id}><div class="list__item"><div class="grow stack stack--tight">
      <div class="row">${branch.state === 'ready' ? html`<a href="/image-sets/${branch.image_set_id}"><strong>${branch.name}</strong></a>` : html`<strong>${branch.name}</strong>`} ${stateBadge(branch)}</div>
      <div class="small muted">${facts(branch)}</div>
      ${branch.state === 'making' ? html`<progress class="progress" max="1" value=${branch.progress} aria-label="Making ${branch.name}"></progress>` : null}</div>
      ${branch.state === 'ready' && branch.may_merge ? html`<a class="btn btn--small" href="/image-sets/${branch.image_set_id}/versions?merge=into_source">${icon('git-merge')}Merge back…</a>` : null}</div></li>`)}</ul></section>`;
}

/** @param {Branch} branch */
function facts(branch) {
  const merges = branch.merges.filter((/** @type {any} */ merge) => merge.direction === 'into_source' && !merge.taken_back_by).length;
  return [
    branch.version ? `from ${branch.version.name}` : '', branch.creator.name ? `by ${branch.creator.name}` : '', dateTime(branch.created_at),
    branch.state === 'ready' ? plural(branch.image_count, 'image') : '', merges ? `merged ${merges === 1 ? 'once' : `${merges} times`}` : '',
  ].filter(Boolean).join(' · ');
}

/** @param {Branch} branch */
function stateBadge(branch) {
  if (branch.state === 'ready') return null;
  return html`<span class="badge" data-state="making">${icon('loader-circle', 'icon--spin')}Being made, ${Math.round(branch.progress * 100)} %</span>`;
}

/** @param {SetPage} page @param {Branch} branch @param {Go} go @param {() => Promise<void>} again */
function ownCard(page, branch, go, again) {
  const { source, version } = branch;
  const from = source ? html`<a href="/image-sets/${source.id}">${source.name}</a>` : 'a set that you may not see';
  const of = version && source ? html`, version <a href="/image-sets/${source.id}/versions?version=${version.id}">${version.name}</a>` : null;
  const way = (/** @type {string} */ direction, /** @type {string} */ text, /** @type {string} */ look) => html`
    <a class="btn ${look}" href="/image-sets/${page.id}/versions?merge=${direction}" @click=${(/** @type {MouseEvent} */ event) => inPlace(event, () => go({ merge: direction }))}>${text}</a>`;
  return html`<section class="card" aria-label="Branch"><div class="card__head">${icon('git-branch')}<h2 class="grow">Branch of ${from}${of} ${stateBadge(branch)}</h2></div>
    <div class="card__body stack"><p class="small muted">${branch.state === 'making' ? 'Images and annotations are being copied; nothing can be changed until that is done.' : `Made ${dateTime(branch.created_at)}${branch.creator.name ? ` by ${branch.creator.name}` : ''}. What is changed here is not seen there until it is merged.`}</p>
      ${branch.may_merge ? html`<div class="row">${way('into_source', 'Merge back…', 'btn--primary')}${way('from_source', `Update from ${source.name}…`, '')}</div>` : null}
      ${branch.merges.length ? html`<ul class="merges" id="merges">${branch.merges.map((/** @type {any} */ merge) => mergeRow(branch, merge, again))}</ul>` : null}</div></section>`;
}

/** @param {Branch} branch @param {any} merge @param {() => Promise<void>} again */
function mergeRow(branch, merge, again) {
  const isBack = merge.direction === 'into_source';
  const goal = isBack ? branch.source : { id: branch.image_set_id, name: branch.name };
  const revision = isBack ? merge.source_revision : merge.branch_revision;
  const takeBack = async () => {
    const done = await confirmDialog({
      title: 'Take this merge back?', action: 'Take it back', body: html`<p>What it changed in ${goal.name} gets its former state again, where nobody has changed it since. The next merge offers everything anew.</p>`,
      submit: () => api.post(`/image-sets/${goal.id}/annotation-bulk-edits/${revision}/undo`),
    });
    if (!done) return;
    toast('The merge is taken back.');
    await again();
  };
  return html`<li class="row"><span class="grow"><span>${icon('git-merge')} ${isBack ? `Merged into ${goal.name}` : `Updated from ${branch.source.name}`}: ${countsInWords(merge.counts) || 'nothing'}</span><br>
    <span class="small muted">${merge.reason} · ${merge.actor.name || 'the system'}, ${dateTime(merge.at)}${merge.taken_back_by ? ' · taken back' : ''}</span></span>
    ${merge.is_written && !merge.taken_back_by ? html`<button type="button" class="btn btn--small" @click=${() => takeBack().catch(showError)}>${icon('undo-2')}Take back</button>` : null}</li>`;
}

/** What a merge did. @param {Record<string, number>} counts */
export function countsInWords(counts) {
  const words = [['added', 'added'], ['changed', 'changed'], ['deleted', 'deleted']].filter(([name]) => counts[name]).map(([name, word]) => `${counts[name].toLocaleString('en')} ${word}`);
  if (counts.conflicts) words.push(`${plural(counts.conflicts, 'conflict')} decided`);
  return words.join(', ');
}

/**
 * Ask for what a new set made from this one is called, and make it; gives it, or nothing when that was called off.
 * @param {SetPage} page
 * @param {{title: string, about: any, description: string, placeholder?: string, path: string, more?: Record<string, unknown>}} what
 *   `about` says what it will be, `description` what belongs into that field; `more` is sent too
 */
export async function askForSet(page, { title, about, description, placeholder = '', path, more = {} }) {
  const key = idempotencyKey();
  const modes = page.set.is_blind ? MODES.filter(([mode]) => mode !== 'cooperative') : MODES;
  return openDialog({
    title, action: 'Make it',
    body: [
      html`<p class="small muted">${about}</p>`,
      textField('name', 'Name of the new set', '', { maxlength: 150, autofocus: true, placeholder }),
      areaField('description', 'Description', '', { hint: description }),
      selectField('mode', 'How people work in it', modes, page.set.is_blind ? page.set.mode : 'cooperative', page.set.is_blind ? { hint: 'This set is blind, so the new one is, too.' } : {}),
    ],
    submit: (data) => {
      if (!String(data.get('name')).trim()) throw new InputError('Give the new set a name.');
      return api.post(path, { ...more, name: data.get('name'), description: data.get('description'), mode: data.get('mode') }, { idempotencyKey: key });
    },
  });
}

/**
 * Ask for a name and make a branch of a version.
 * @param {SetPage} page @param {{id: number, name: string}} version @param {() => unknown} made called when it is asked for
 */
export async function makeBranch(page, version, made) {
  const done = await askForSet(page, {
    title: `Branch of ${version.name}`, path: `/versions/${version.id}/branches`, description: 'What is tried out.',
    placeholder: `${page.set.name}, second look`.slice(0, 80),
    about: 'An image set of its own, with the images and annotations of the version, to try something out. Pixels are shared, annotations copied in the background. Later it can be merged back.',
  });
  if (!done) return;
  toast(`The branch ${done.name} is being made.`);
  await made();
}

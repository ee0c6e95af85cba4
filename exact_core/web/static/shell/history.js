// @ts-check
/** The change log as people read it: grouped by session and by run, with what can be taken back; used by two pages. */

import { api } from './api.js';
import { openDialog } from './dialog.js';
import { html, icon } from './html.js';
import { avatar } from './people.js';
import { ago, dateTime, plural } from './time.js';
import { toast } from './toast.js';

/**
 * @typedef {{id: number | null, name: string}} Person
 *
 * @typedef {object} Entry  One change set.
 * @property {number} revision
 * @property {{id: number, name: string} | null} image
 * @property {string} at
 * @property {string} kind
 * @property {string} reason
 * @property {string} run
 * @property {Person | null} actor
 * @property {string[]} what
 * @property {number} n_changes
 * @property {[number, number, number, number] | null} box
 * @property {number[]} annotation_ids
 * @property {number | null} session
 * @property {boolean} is_taken_back
 *
 * @typedef {{first_revision: number, last_revision: number, actor: Person | null, began_at: string, ended_at: string, n_change_sets: number}} WorkSession
 *
 * @typedef {object} Group  Change sets that belong together, newest first.
 * @property {string} key
 * @property {'session' | 'run' | 'single'} kind
 * @property {string} run
 * @property {Person | null} actor
 * @property {WorkSession | null} session
 * @property {Entry[]} entries
 *
 * @typedef {{what: 'session' | 'change_set' | 'to_revision', revision: number} | {what: 'run', run: string}} Target
 *
 * @typedef {{image: {id: number, name: string}, revision: number | null, restored: number, deleted: number, changed: number, skipped: number}} ImageReport
 * @typedef {{title: string, run: string, restored: number, deleted: number, changed: number, skipped: number, images: ImageReport[], reasons: {reason: string, count: number}[]}} Report
 *
 * @typedef {object} LogActions
 * @property {(entry: Entry | null) => void} [hover]  A change set is under the pointer or has the focus.
 * @property {(entry: Entry) => unknown} [open]
 * @property {(entry: Entry) => string} [href]  Instead of ``open``: where it leads.
 * @property {((target: Target) => unknown) | null} revert
 * @property {((entry: Entry) => unknown) | null} setTo  For those who manage the set.
 * @property {boolean} [withImages]
 */

/** @type {Record<string, {label: string, symbol: string}>} */
export const KINDS = {
  edit: { label: 'Edit', symbol: 'pencil' },
  undo: { label: 'Undo', symbol: 'undo-2' },
  redo: { label: 'Redo', symbol: 'redo-2' },
  import: { label: 'Import', symbol: 'upload' },
  model: { label: 'Model', symbol: 'microscope' },
  restore: { label: 'Restored', symbol: 'archive-restore' },
  revert: { label: 'Set back', symbol: 'rotate-ccw' },
  bulk: { label: 'Change of many', symbol: 'list-checks' },
  branch: { label: 'Branch', symbol: 'git-branch' },
  merge: { label: 'Merge', symbol: 'git-merge' },
  verify: { label: 'Verification', symbol: 'badge-check' },
  review: { label: 'Readers and mode', symbol: 'users' },
};

const FEW = 6;

/**
 * Change sets by session and run, in the order of their newest ones.
 * @param {Entry[]} entries newest first
 * @param {WorkSession[]} sessions
 * @returns {Group[]}
 */
export function grouped(entries, sessions) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const entry of entries) {
    const who = entry.actor?.id ?? entry.actor?.name ?? '';
    const kind = entry.run ? 'run' : entry.session !== null ? 'session' : 'single';
    const key = { run: `run ${entry.run} ${who}`, session: `session ${who} ${entry.session}`, single: `single ${entry.revision}` }[kind];
    const known = groups.get(key);
    if (known) {
      known.entries.push(entry);
      continue;
    }
    const session = sessions.find((one) => one.first_revision === entry.session && one.actor?.id === entry.actor?.id) ?? null;
    groups.set(key, { key, kind, run: entry.run, actor: entry.actor, session: kind === 'session' ? session : null, entries: [entry] });
  }
  return [...groups.values()];
}

/** What taking a group back is called by the server. @param {Group} group @returns {Target} */
export function targetOf(group) {
  if (group.kind === 'run') return { what: 'run', run: group.run };
  return { what: group.kind === 'session' ? 'session' : 'change_set', revision: group.entries[0].revision };
}

/** "24 Nov 2026, 14:05 – 14:32" @param {string} began @param {string} ended */
export function span(began, ended) {
  const [first, last] = [dateTime(began), dateTime(ended)];
  if (first === last) return first;
  const [day, time] = [first.split(', '), last.split(', ')];
  return day[0] === time[0] ? `${first} – ${time[1]}` : `${first} – ${last}`;
}

/** What a report says in numbers, as done or as it would be. @param {Report} report @param {boolean} isDone */
export function numbersOf(report, isDone) {
  const parts = /** @type {[number, string][]} */ ([
    [report.restored, isDone ? 'brought back' : 'will come back'],
    [report.deleted, isDone ? 'deleted' : 'will be deleted'],
    [report.changed, isDone ? 'set back' : 'will get an earlier state'],
  ]).filter(([n]) => n > 0);
  return parts.map(([n, words], i) => `${i === 0 ? plural(n, 'shape') : n.toLocaleString('en')} ${words}`).join(', ');
}

/**
 * Show what taking something back would do, and do it when the person agrees.
 * @param {string} path of the image or the set, up to ``/revert``
 * @param {Target} target
 * @param {(report: Report | null) => unknown} [tellNothing] called when there is nothing to do
 * @returns {Promise<Report | null>}
 */
export async function revertDialog(path, target, tellNothing = () => undefined) {
  const patience = setTimeout(() => toast('Looking at what would change …'), 600);
  /** @type {Report} */
  const preview = await api.post(path, target, { query: { preview: true } }).finally(() => clearTimeout(patience));
  const total = preview.restored + preview.deleted + preview.changed;
  if (total === 0 && preview.skipped === 0) {
    tellNothing(preview);
    return null;
  }
  const reason = html`<label class="field"><span class="field__label">Reason <span class="optional">optional</span></span>
    <input class="input" name="reason" maxlength="500" autocomplete="off" placeholder=${preview.title}></label>`;
  return openDialog({
    title: preview.title,
    body: html`<div class="stack">${previewOf(preview)}${total > 0 ? reason : null}</div>`,
    action: total > 0 ? 'Set back' : undefined,
    submit: (form) => api.post(path, { ...target, reason: String(form.get('reason') ?? '').trim() }),
  });
}

/** @param {Report} preview */
function previewOf(preview) {
  const numbers = numbersOf(preview, false);
  const images = preview.images.filter((image) => image.restored + image.deleted + image.changed > 0);
  return html`<div class="stack stack--tight" data-preview>
    <p><strong class="num">${numbers || 'Nothing can be set back.'}</strong></p>
    ${images.length > 1 ? html`<details class="small"><summary>On ${plural(images.length, 'image')}</summary><ul class="log__images">${images.slice(0, 200).map((image) => html`
      <li><span class="truncate">${image.image.name}</span><span class="num muted">${(image.restored + image.deleted + image.changed).toLocaleString('en')}</span></li>`)}</ul></details>` : null}
    ${preview.reasons.map(({ reason, count }) => html`<div class="banner banner--warning">${icon('info')}<p class="small"><strong class="num">${plural(count, 'shape')}</strong> left alone. ${reason}</p></div>`)}
    ${numbers ? html`<p class="small muted">It becomes a change of yours: the history keeps everything, and you can undo it.</p>` : null}
  </div>`;
}

/**
 * The groups as a list.
 * @param {Group[]} groups
 * @param {LogActions} actions
 * @param {Set<string>} opened keys of groups that are shown whole
 * @param {() => void} redraw
 */
export function logList(groups, actions, opened, redraw) {
  return html`<ol class="log">${groups.map((group) => html`
    <li class="log__group" data-group=${group.kind}>
      <div class="log__head">
        ${group.kind === 'run' ? icon(KINDS[group.entries[0].kind]?.symbol ?? 'package', 'log__symbol') : avatar(group.actor ?? { name: 'EXACT' })}
        <div class="log__who"><strong class="truncate">${headOf(group)}</strong><span class="small muted">${whenOf(group)}</span></div>
        ${actions.revert ? html`<button type="button" class="btn btn--small btn--ghost" data-focus="revert-${group.key}" data-revert=${group.kind} data-tip=${tipOf(group)}
          @click=${() => actions.revert?.(targetOf(group))}>${icon('rotate-ccw')}Revert</button>` : null}
      </div>
      <ol class="log__entries">${shownOf(group, opened).map((entry) => entryOf(entry, group, actions))}</ol>
      ${group.entries.length > shownOf(group, opened).length ? html`<button type="button" class="btn btn--small btn--ghost log__more" data-focus="more-${group.key}"
        @click=${() => { opened.add(group.key); redraw(); }}>${icon('chevron-down')}${plural(group.entries.length - FEW, 'earlier change')}</button>` : null}
    </li>`)}</ol>`;
}

/** @param {Group} group @param {Set<string>} opened */
function shownOf(group, opened) {
  return opened.has(group.key) || group.entries.length <= FEW + 1 ? group.entries : group.entries.slice(0, FEW);
}

/** @param {Group} group */
function headOf(group) {
  return group.kind === 'run' ? group.run : group.actor?.name ?? 'EXACT';
}

/** @param {Group} group */
function whenOf(group) {
  const [newest] = group.entries;
  if (group.session) return `${span(group.session.began_at, group.session.ended_at)} · ${plural(group.session.n_change_sets, 'change')}`;
  const who = group.kind === 'run' && group.actor ? ` · started by ${group.actor.name}` : '';
  return `${dateTime(newest.at)}${who}`;
}

/** @param {Group} group */
function tipOf(group) {
  if (group.kind === 'run') return 'Take this run back, but what people changed since';
  return group.kind === 'session' ? 'Take this session back, but what others changed since' : 'Take this change back';
}

/** @param {Entry} entry @param {Group} group @param {LogActions} actions */
function entryOf(entry, group, actions) {
  const kind = KINDS[entry.kind] ?? { label: entry.kind, symbol: 'pencil' };
  const words = html`
    ${icon(kind.symbol, 'log__icon')}
    <span class="log__what"><span class="visually-hidden">${kind.label}: </span>${entry.what.map((one) => html`<span>${one}</span>`)}
      ${entry.reason ? html`<span class="small muted log__reason">${entry.reason}</span>` : null}
      ${actions.withImages && entry.image ? html`<span class="small muted">${entry.image.name}</span>` : null}</span>
    <time class="small muted" datetime=${entry.at} data-tip=${dateTime(entry.at)}>${ago(entry.at)}</time>`;
  const href = actions.href?.(entry);
  const main = href
    ? html`<a class="log__main" href=${href}>${words}</a>`
    : html`<button type="button" class="log__main" data-focus="entry-${entry.revision}" data-revision=${entry.revision} @click=${() => actions.open?.(entry)}>${words}</button>`;
  const row = html`<li class="log__entry ${entry.is_taken_back ? 'is-taken-back' : ''}">${main}
    ${actions.setTo ? html`<button type="button" class="icon-btn icon-btn--small log__set" data-focus="set-${entry.revision}" aria-label="Set everything back to after this change"
      data-tip="Set everything back to after this change" @click=${() => actions.setTo?.(entry)}>${icon('history')}</button>` : null}</li>`;
  for (const [on, off] of [['pointerenter', 'pointerleave'], ['focusin', 'focusout']]) {
    row.addEventListener(on, () => actions.hover?.(entry));
    row.addEventListener(off, () => actions.hover?.(null));
  }
  return row;
}

/**
 * The choices above the list.
 * @param {{people: {id: number, name: string}[], runs: string[]}} offers
 * @param {Record<string, string>} chosen
 * @param {(chosen: Record<string, string>) => void} choose
 */
export function logFilters(offers, chosen, choose) {
  /** @param {string} name @param {string} label @param {string} all @param {[string, string][]} values */
  const select = (name, label, all, values) => html`
    <select class="select log__filter" aria-label=${label} data-focus="filter-${name}" @change=${(/** @type {any} */ event) => choose({ ...chosen, [name]: event.target.value })}>
      <option value="">${all}</option>${values.map(([value, text]) => html`<option value=${value} selected=${chosen[name] === value}>${text}</option>`)}</select>`;
  return html`<div class="log__filters" role="group" aria-label="Show only">
    ${select('actor_id', 'Person', 'Everybody', offers.people.map(({ id, name }) => [String(id), name]))}
    ${select('kind', 'Kind of change', 'All changes', Object.entries(KINDS).map(([kind, { label }]) => [kind, label]))}
    ${offers.runs.length > 0 ? select('run', 'Run', 'All runs', offers.runs.map((run) => [run, run])) : null}
    ${select('since', 'Time', 'Any time', [['1', 'Last hour'], ['24', 'Last day'], ['168', 'Last week'], ['720', 'Last month']])}
  </div>`;
}

/** The query that the choices come to. @param {Record<string, string>} chosen @param {number} [now] */
export function queryOf(chosen, now = Date.now()) {
  const { since, ...rest } = chosen;
  return { ...rest, since: since ? new Date(now - Number(since) * 3_600_000).toISOString() : '' };
}

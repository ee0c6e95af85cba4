// @ts-check
/** Reading an image set: one's own queue, what needs a decision, who has how much to do, and the log of acts. */

import { InputError, api } from '../api.js';
import { openDialog } from '../dialog.js';
import { checkField, selectField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { avatar, personName } from '../people.js';
import { ago, dateTime, plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { readersOf } from './mode_settings.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

/** @type {Record<string, string>} */
const ACTS = {
  unblinded: 'Unblinded the set', mode_changed: 'Changed the mode', settings_changed: 'Changed the settings of the mode', assigned: 'Assigned items', reassigned: 'Gave items to somebody else',
  withdrawn: 'Took items back', decided: 'Decided an item', reopened: 'Opened a finished image again', role_given: 'Gave a role', role_taken: 'Took a role away', branch_made: 'Made a branch of a version',
};

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawReview(target, page) {
  const path = `/image-sets/${page.id}`;
  const mayManage = page.rights.manage;
  const again = () => drawReview(target, page);
  const [mode, next, load] = await Promise.all([api.get(`${path}/mode`), api.get(`${path}/queue/next`), api.get(`${path}/workload`)]);
  const [open, audit] = await Promise.all([
    mode.mode === 'second_opinion' && mode.may_adjudicate ? api.get(`${path}/adjudications`, { limit: 200 }) : null,
    mayManage ? api.get(`${path}/audit`, { limit: 50 }) : null,
  ]);
  if (page.signal.aborted) return;
  render(target,
    page.rights.verify ? queueCard(page, next) : null,
    open ? decisionsCard(page, open.items) : null,
    load.length || mayManage ? workloadCard(page, mode, load, again) : null,
    audit ? auditCard(path, audit) : null,
    !page.rights.verify && !mayManage && !load.length ? html`<p class="muted">You may look at this image set, but not verify in it.</p>` : null);
  target.setAttribute('aria-busy', 'false');
}

/** @param {SetPage} page @param {any} next */
function queueCard(page, next) {
  const { open, in_work: begun, done } = next.progress;
  const total = open + begun + done;
  const text = next.image_id === null ? (total ? 'You are done with everything that is assigned to you.' : 'Nothing waits for you here.')
    : total ? `${plural(open + begun, 'item')} left of ${total.toLocaleString('en')}.` : 'Nothing is assigned to you; go on with what is not done yet.';
  return html`<section class="card" aria-label="Your queue"><div class="card__head">${icon('list-checks')}<h2 class="grow">Your queue</h2>
      ${next.image_id === null ? null : html`<a class="btn btn--primary" id="continue" href="/image-sets/${page.id}/images/${next.image_id}${next.kind === 'annotation' ? '?verify=1' : ''}">${icon('play')}${done || begun ? 'Go on' : 'Begin'}</a>`}</div>
    <div class="card__body stack stack--tight">${total ? html`<progress class="progress" max=${total} value=${done} aria-label="Done"></progress>` : null}<p class="muted">${text}${next.due_at ? ` Due ${dateTime(next.due_at)}.` : ''}</p></div></section>`;
}

/** @param {SetPage} page @param {any[]} items */
function decisionsCard(page, items) {
  return html`<section class="card" aria-label="Decisions"><div class="card__head">${icon('gavel')}<h2 class="grow">Needs a decision <span class="count num">${items.length}</span></h2>
      ${items.length ? html`<a class="btn btn--primary" id="decide-next" href="/image-sets/${page.id}/images/${items[0].image_id}?adjudicate=${items[0].id}">${icon('play')}Decide</a>` : null}</div>
    ${items.length ? html`<ul class="list">${items.slice(0, 20).map((item) => html`<li class="list__item"><a class="grow truncate" href="/image-sets/${page.id}/images/${item.image_id}?adjudicate=${item.id}">${item.image_name}</a>
      <span class="small muted">${{ image: 'whole image', region: 'region', annotation: 'one shape' }[/** @type {'image'} */ (item.kind)]}${item.disagreements ? ` · ${plural(item.disagreements, 'difference')}` : ''}</span></li>`)}</ul>` : html`<p class="card__body muted">Readers agree on everything that they have finished.</p>`}</section>`;
}

/** @param {SetPage} page @param {any} mode @param {any[]} load @param {() => unknown} again */
function workloadCard(page, mode, load, again) {
  const mayManage = page.rights.manage;
  const row = (/** @type {any} */ each) => {
    const name = personName(each.reader);
    const total = each.open + each.in_work + each.done;
    return html`<tr>
      <td><span class="row row--nowrap">${avatar(each.reader)}<span class="truncate">${name}${each.reader.id === page.actor.id ? html` <span class="faint">(you)</span>` : null}</span></span></td>
      <td class="num">${each.open + each.in_work}${each.overdue ? html` <span class="badge badge--danger">${each.overdue} late</span>` : null}</td>
      <td class="num">${each.done}${total ? html` <span class="faint">of ${total}</span>` : null}</td>
      <td class="num">${each.median_seconds === null ? '–' : duration(each.median_seconds)}</td>
      <td class="num">${each.points}</td>
      ${mayManage ? html`<td>${each.open + each.in_work ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="Give the items of ${name} to somebody else" data-tip="Give to somebody else" @click=${() => move(page, each, again)}>${icon('shuffle')}</button>` : null}</td>` : null}</tr>`;
  };
  return html`<section class="card" aria-label="Readers"><div class="card__head">${icon('users')}<h2 class="grow">${mayManage ? 'Readers' : 'Your work'}</h2>
      ${mayManage ? html`<button type="button" class="btn btn--primary" id="assign" @click=${() => assign(page, mode, again)}>${icon('user-plus')}Assign</button>` : null}</div>
    ${load.length ? html`<div class="table-wrap"><table class="table"><thead><tr><th>Reader</th><th class="num">To do</th><th class="num">Done</th><th class="num">Median time</th><th class="num" data-tip="Accepted verdicts">Points</th>${mayManage ? html`<th><span class="visually-hidden">Actions</span></th>` : null}</tr></thead><tbody>${load.map(row)}</tbody></table></div>`
      : html`<p class="card__body muted">Nobody has anything to read yet. Assign images to readers, or let them begin by themselves.</p>`}</section>`;
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {SetPage} page @param {any} mode @param {() => unknown} again */
async function assign(page, mode, again) {
  const people = await readersOf(page.id);
  const second = mode.settings.second_opinion;
  const isSecond = mode.mode === 'second_opinion';
  const kind = isSecond ? second.items : 'image';
  const types = kind === 'image' ? [] : (await api.get(`/image-sets/${page.id}/annotation-types`)).items;
  const choices = /** @type {[string | number, string][]} */ (types.map((/** @type {any} */ type) => [type.id, type.name]));
  const what = kind === 'annotation' ? 'shape' : kind;
  const answer = await openDialog({
    title: `Assign ${what}s`, action: 'Assign',
    body: [
      kind === 'region' ? selectField('type', 'Regions are the boxes around shapes of the type', choices, null, { hint: 'Draw them first, for example with a type “Region”. The API takes rectangles, too.' }) : null,
      kind === 'annotation' ? selectField('type', 'Shapes', [['', 'Of every type'], ...choices], '') : null,
      html`<fieldset class="field people-choice"><legend class="field__label">Readers</legend><div class="people-choice__list">${people.map((user) => checkField('reader', personName(user), !isSecond || second.readers.length === 0 || second.readers.includes(user.id), { value: String(user.id) }))}</div></fieldset>`,
      selectField('how', 'How', [['each', `Every reader gets every ${what}`], ['evenly', `Every ${what} to one reader, evenly`], ['several', `Every ${what} to several readers, evenly`]], isSecond ? 'several' : mode.mode === 'competitive' ? 'each' : 'evenly'),
      textField('n', 'Readers per item, for several', String(isSecond ? second.readers_per_item : 2), { type: 'number' }),
      textField('quota', 'Most items per reader', second.quota && isSecond ? String(second.quota) : '', { type: 'number', optional: true }),
      textField('due', 'Due', '', { type: 'date', optional: true }),
    ],
    submit: (data) => {
      const readers = data.getAll('reader').map(Number);
      if (readers.length === 0) throw new InputError('Choose at least one reader.');
      const quota = Number(data.get('quota')) || null;
      const due = data.get('due') ? new Date(`${data.get('due')}T23:59:59`).toISOString() : null;
      const type = Number(data.get('type')) || null;
      const which = kind === 'region' ? { region_type_id: type } : type ? { type_ids: [type] } : {};
      return api.post(`/image-sets/${page.id}/assignments`, { ...which, readers, how: data.get('how'), n: Number(data.get('n')) || 1, kind, quota, due_at: due });
    },
  });
  if (!answer) return;
  toast(answer.created ? `${plural(answer.created, 'assignment')} made.` : 'Everybody had all of it already.', { kind: answer.short ? 'warning' : 'success', detail: answer.short ? `${plural(answer.short, 'item')} still lack readers: choose more, or a higher quota.` : '' });
  await again();
}

/** @param {SetPage} page @param {any} load @param {() => unknown} again */
async function move(page, load, again) {
  const name = personName(load.reader);
  const people = (await readersOf(page.id)).filter((user) => user.id !== load.reader.id);
  const answer = await openDialog({
    title: `Open items of ${name}`, action: 'Move',
    body: [selectField('to', 'Give them to', [['', 'Nobody: take them back'], .../** @type {[number, string][]} */ (people.map((user) => [user.id, personName(user)]))], ''), checkField('begun', 'Those that are in work, too', false, { hint: `What ${name} drew so far stays theirs.` })],
    submit: (data) => api.post(`/image-sets/${page.id}/assignments/move`, { from_reader: load.reader.id, to_reader: Number(data.get('to')) || null, begun: data.has('begun') }),
  });
  if (!answer) return;
  toast(`${plural(answer.moved, 'item')} moved.`, { kind: 'success' });
  await again();
}

/** @param {string} path @param {any} first */
function auditCard(path, first) {
  const list = html`<ul class="list"></ul>`;
  const more = html`<div class="card__foot" hidden><button type="button" class="btn btn--small" id="audit-more">Show older</button></div>`;
  let cursor = first.next_cursor;
  const add = (/** @type {any[]} */ items) => list.append(...items.map((event) => html`
    <li class="list__item audit"><div class="grow"><div>${ACTS[event.action] ?? event.action}${sizeOf(event)}</div>${event.reason ? html`<div class="small muted">${event.reason}</div>` : null}</div>
      <span class="small faint">${event.actor ? personName(event.actor) : 'The system'} · <time datetime=${event.at} data-tip=${dateTime(event.at)}>${ago(event.at)}</time></span></li>`));
  add(first.items);
  more.hidden = !cursor;
  more.querySelector('button').addEventListener('click', async () => {
    try {
      const page = await api.get(`${path}/audit`, { cursor, limit: 50 });
      add(page.items);
      cursor = page.next_cursor;
      more.hidden = !cursor;
    } catch (error) {
      showError(error);
    }
  });
  return html`<section class="card" aria-label="Log"><div class="card__head">${icon('history')}<h2>Log</h2></div>
    ${first.items.length ? [list, more] : html`<p class="card__body muted">Unblinding, changes of mode and roles, assignments and decisions appear here, with who did it and why.</p>`}</section>`;
}

/** @param {any} event */
function sizeOf({ action, details }) {
  if (action === 'mode_changed') return html` <span class="muted">from ${String(details.before).replace('_', ' ')} to ${String(details.after).replace('_', ' ')}</span>`;
  if (typeof details.count === 'number') return html` <span class="muted num">(${details.count.toLocaleString('en')})</span>`;
  return details.decision ? html` <span class="muted">(${details.decision})</span>` : null;
}


// @ts-check
/** Who can log in. */

import { api, bootstrap } from '../api.js';
import { confirmDialog, openDialog, secretDialog } from '../dialog.js';
import { checkField, textField } from '../fields.js';
import { $, html, icon, render } from '../html.js';
import { attachMenu } from '../menu.js';
import { avatar, personName } from '../people.js';
import { ago, date, dateTime, plural } from '../time.js';
import { toast } from '../toast.js';
import { debounce, empty, show } from '../view.js';

const page = bootstrap();
const target = $('#admin');
const list = html`<div class="stack"></div>`;
let words = '';
/** @type {any[]} */
let users = [];
/** @type {string | null} */
let next = null;
let total = 0;

async function load() {
  await show(list, (signal) => api.get('/users', { q: words, limit: 100 }, { signal }), (answer) => {
    users = answer.items;
    next = answer.next_cursor;
    total = answer.total;
    return draw();
  });
}

function draw() {
  if (!users.length) return empty('search', 'Nobody of this name', 'Try other words.');
  return [
    html`<p class="small muted num">${plural(total, 'person', 'people')}</p>`,
    html`<div class="card"><table class="table table--cards"><thead><tr><th>Person</th><th>State</th><th>Last seen</th><th>Since</th><th><span class="visually-hidden">Actions</span></th></tr></thead><tbody>${users.map(row)}</tbody></table></div>`,
    next ? html`<div class="pager"><button type="button" class="btn" @click=${more}>Show more</button></div>` : null];
}

async function more() {
  const answer = await api.get('/users', { q: words, cursor: next, limit: 100 });
  users = [...users, ...answer.items];
  next = answer.next_cursor;
  render(list, draw());
}

/** @param {any} user */
function row(user) {
  const button = html`<button type="button" class="icon-btn" aria-label="More for ${user.name}">${icon('ellipsis')}</button>`;
  const isSelf = user.id === page.actor.id;
  attachMenu(button, () => [
    { label: 'Make a login link', icon: 'link', run: () => link(user) },
    { label: 'Change the name', icon: 'pencil', run: () => rename(user) },
    user.is_admin ? { label: 'Take administration away', icon: 'shield', run: () => admin(user, false) } : { label: 'Make an administrator', icon: 'shield', run: () => admin(user, true) },
    { separator: true },
    user.is_active ? (!isSelf && { label: 'Deactivate', icon: 'ban', danger: true, run: () => deactivate(user) }) : { label: 'Activate again', icon: 'circle-check', run: () => patch(user, { is_active: true }) },
  ]);
  return html`<tr>
    <td><div class="row row--nowrap">${avatar(user)}<div class="grow"><div class="truncate">${personName(user)}${isSelf ? html` <span class="faint">(you)</span>` : null}</div><div class="small faint truncate">${user.name}</div></div></div></td>
    <td><span class="row">${user.is_active ? html`<span class="badge badge--success">Active</span>` : html`<span class="badge">Deactivated</span>`}${user.is_admin ? html`<span class="badge badge--accent">${icon('shield')}Administrator</span>` : null}${user.has_password || !user.is_active ? null : html`<span class="badge badge--warning">No password yet</span>`}</span></td>
    <td data-label="Last seen" title=${dateTime(user.last_seen_at)}>${ago(user.last_seen_at)}</td><td data-label="Since">${date(user.created_at)}</td><td class="actions">${button}</td></tr>`;
}

/**
 * @param {any} user
 * @param {Record<string, any>} change
 */
async function patch(user, change) {
  await api.patch(`/users/${user.id}`, change);
  await load();
}

/** @param {any} user */
async function deactivate(user) {
  const done = await confirmDialog({
    title: `Deactivate ${personName(user)}?`, action: 'Deactivate', submit: () => api.patch(`/users/${user.id}`, { is_active: false }),
    body: html`<p>They are logged out at once and their tokens stop working. What they annotated stays theirs.</p>`,
  });
  if (!done) return;
  await load();
  toast(`${personName(user)} is deactivated.`, { kind: 'success', action: { label: 'Undo', run: () => patch(user, { is_active: true }) } });
}

/**
 * @param {any} user
 * @param {boolean} is_admin
 */
async function admin(user, is_admin) {
  const done = await confirmDialog({
    title: is_admin ? `Make ${personName(user)} an administrator?` : `Take administration away from ${personName(user)}?`, danger: !is_admin, action: is_admin ? 'Make an administrator' : 'Take away',
    body: html`<p>Administrators have every right in every team and image set, original file names included.</p>`, submit: () => api.patch(`/users/${user.id}`, { is_admin }),
  });
  if (done) await load();
}

/** @param {any} user */
async function rename(user) {
  const done = await openDialog({
    title: `Name of ${user.name}`, action: 'Save', size: 'small', body: textField('display_name', 'Name that others see', user.display_name, { optional: true, autofocus: true, maxlength: 128 }),
    submit: (data) => api.patch(`/users/${user.id}`, { display_name: data.get('display_name') ?? '' }),
  });
  if (done) await load();
}

/** @param {any} user */
async function link(user) {
  const made = await api.post(`/users/${user.id}/login-link`);
  await showLink(user, made);
}

/**
 * @param {any} user
 * @param {any} made
 */
function showLink(user, made) {
  return secretDialog({
    title: `Login link for ${personName(user)}`, text: made.url, label: 'Login link',
    note: html`<p>Hand it to ${personName(user)} only. It works once, until ${dateTime(made.expires_at)}, and is not shown again.</p>`,
  });
}

async function create() {
  const made = await openDialog({
    title: 'New user', action: 'Create',
    body: [
      textField('name', 'User name', '', { autofocus: true, maxlength: 64, hint: 'For logging in; it cannot be changed later.' }),
      textField('display_name', 'Name that others see', '', { optional: true, maxlength: 128 }),
      checkField('is_admin', 'Administrator', false, { hint: 'Has every right in every team and image set.' }),
    ],
    submit: (data) => api.post('/users', { name: data.get('name'), display_name: data.get('display_name') ?? '', is_admin: data.has('is_admin') }),
  });
  if (!made) return;
  await Promise.all([load(), showLink(made.user, made.login_link)]);
}

render($('#actions'), html`<button type="button" class="btn btn--primary" @click=${create}>${icon('user-plus')}New user</button>`);
render(target, html`<div class="toolbar" role="search" aria-label="Users"><div class="search">${icon('search')}<input class="input" type="search" data-search id="search" placeholder="Search people" aria-label="Search people" @input=${debounce((/** @type {any} */ event) => {
  words = event.target.value;
  void load();
})}></div></div>`, list);
target.setAttribute('aria-busy', 'false');
await load();

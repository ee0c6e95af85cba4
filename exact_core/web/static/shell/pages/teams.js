// @ts-check
/** Teams and who is in them; for leads and administrators to change. */

import { InputError, api, bootstrap } from '../api.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { areaField, checkField, textField } from '../fields.js';
import { $, html, icon } from '../html.js';
import { attachMenu } from '../menu.js';
import { avatar, personField, personName } from '../people.js';
import { plural } from '../time.js';
import { showError } from '../toast.js';
import { empty, show } from '../view.js';

const page = bootstrap();
const target = $('#teams, #admin');
const create = document.querySelector('#create') ?? html`<button type="button" class="btn btn--primary">${icon('plus')}New team</button>`;
if (!create.isConnected) $('#actions').append(create);

async function load() {
  await show(target, () => api.get('/teams'), (teams) => (teams.length ? teams.map(card)
    : empty('users', 'No team yet', page.actor.is_admin ? 'Image sets and products belong to teams. Make one for each group or study.' : 'Somebody who leads a team can add you to it.')));
}

/** @param {any} team */
function card(team) {
  const members = html`<div class="card__body"><div class="skeleton skeleton--row"></div></div>`;
  const details = html`
    <details class="card team" @toggle=${(/** @type {any} */ event) => { if (event.target.open) void drawMembers(team, members); }}>
      <summary class="list__item"><span class="grow"><strong>${team.name}</strong>${team.description ? html`<span class="clamp-2">${team.description}</span>` : null}</span>
        <span class="small muted num">${plural(team.member_count, 'member')} · ${plural(team.image_set_count, 'image set')}</span>
        ${team.is_lead ? html`<span class="badge badge--accent hide-small">You manage it</span>` : team.is_member ? html`<span class="badge hide-small">Member</span>` : null}${icon('chevron-down')}</summary>
      ${members}
    </details>`;
  if (openTeams.has(team.id)) details.open = true;
  details.addEventListener('toggle', () => (details.open ? openTeams.add(team.id) : openTeams.delete(team.id)));
  return details;
}

/** @type {Set<number>} */
const openTeams = new Set();

/**
 * @param {any} team
 * @param {HTMLElement} place
 */
async function drawMembers(team, place) {
  await show(place, () => api.get(`/teams/${team.id}/members`), (answer) => {
    const members = answer;
    return html`<div class="stack">
      ${members.length ? html`<ul class="list panel">${members.map((/** @type {any} */ member) => row(team, member, place))}</ul>` : html`<p class="muted">Nobody is in this team.</p>`}
      ${team.is_lead ? html`<div class="row">
        <button type="button" class="btn btn--small" @click=${() => add(team, members, place)}>${icon('user-plus')}Add somebody</button>
        <button type="button" class="btn btn--small" @click=${() => edit(team)}>${icon('pencil')}Rename or describe</button>
        <button type="button" class="btn btn--small btn--danger" @click=${() => remove(team)}>${icon('trash-2')}Delete the team</button></div>` : null}
    </div>`;
  });
}

/**
 * @param {any} team
 * @param {any} member
 * @param {HTMLElement} place
 */
function row(team, member, place) {
  const { user } = member;
  const more = html`<button type="button" class="icon-btn icon-btn--small" aria-label="More for ${personName(user)}">${icon('ellipsis')}</button>`;
  const path = `/teams/${team.id}/members/${user.id}`;
  attachMenu(more, () => [
    member.is_lead ? { label: 'Make an ordinary member', icon: 'user', run: () => change(() => api.put(path, { is_lead: false })) }
      : { label: 'Make a lead', icon: 'shield', run: () => change(() => api.put(path, { is_lead: true })) },
    { label: 'Take out of the team', icon: 'trash-2', danger: true, run: () => change(() => api.delete(path)) },
  ]);
  const change = async (/** @type {() => Promise<unknown>} */ run) => {
    try {
      await run();
      await drawMembers(team, place);
    } catch (error) {
      showError(error);
    }
  };
  return html`<li class="list__item">${avatar(user)}<div class="grow"><div class="truncate">${personName(user)}</div><div class="small faint">${user.name}</div></div>
    ${user.is_active ? null : html`<span class="badge">Deactivated</span>`}${member.is_lead ? html`<span class="badge badge--accent">Lead</span>` : null}${team.is_lead ? more : null}</li>`;
}

/**
 * @param {any} team
 * @param {any[]} members
 * @param {HTMLElement} place
 */
async function add(team, members, place) {
  const person = personField({ label: 'Who', skip: (holder) => members.some((member) => member.user.id === holder.id) });
  const added = await openDialog({
    title: `Add somebody to ${team.name}`, action: 'Add', size: 'small',
    body: [person.element, checkField('is_lead', 'Lead', false, { hint: 'Leads manage the team, its image sets and products.' })],
    submit: (data) => {
      const chosen = person.value();
      if (!chosen) throw new InputError('Choose somebody from the list.');
      return api.put(`/teams/${team.id}/members/${chosen.id}`, { is_lead: data.has('is_lead') });
    },
  });
  if (added) await drawMembers(team, place);
}

/** @param {any} [team] */
async function edit(team) {
  const saved = await openDialog({
    title: team ? 'Rename or describe' : 'New team', action: team ? 'Save' : 'Create',
    body: [textField('name', 'Name', team?.name ?? '', { autofocus: true, maxlength: 64 }), areaField('description', 'Description', team?.description ?? '', { optional: true })],
    submit: (data) => {
      const body = { name: data.get('name'), description: data.get('description') ?? '' };
      return team ? api.patch(`/teams/${team.id}`, body) : api.post('/teams', body);
    },
  });
  if (saved) await load();
}

/** @param {any} team */
async function remove(team) {
  const gone = await confirmDialog({
    title: `Delete ${team.name}?`, action: 'Delete', body: html`<p>Its members stay users. A team that owns image sets or products cannot be deleted.</p>`, submit: () => api.delete(`/teams/${team.id}`),
  });
  if (gone) await load();
}

create.hidden = !page.actor.is_admin;
create.addEventListener('click', () => void edit());
await load();

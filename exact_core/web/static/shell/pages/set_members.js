// @ts-check
/** Who may do what in an image set, and why. */

import { InputError, api } from '../api.js';
import { openDialog } from '../dialog.js';
import { selectField } from '../fields.js';
import { html, icon } from '../html.js';
import { avatar, personField, personName } from '../people.js';
import { showError, toast } from '../toast.js';
import { show } from '../view.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

/** @type {[string, string, string][]} */
const ROLES = [
  ['viewer', 'Viewer', 'sees images and annotations'],
  ['annotator', 'Annotator', 'also draws, and verifies'],
  ['reviewer', 'Reviewer', 'also changes what others drew, and exports'],
  ['manager', 'Manager', 'also uploads and deletes, sees original file names, and manages this set'],
];
/** @type {Record<string, string>} */
const RIGHTS = {
  view: 'See images and annotations', annotate: 'Draw', edit_any: 'Change what others drew', verify: 'Verify', see_all: 'See what others drew', adjudicate: 'See and decide what readers differ in', upload: 'Upload images', edit_images: 'Change images', delete_images: 'Delete images',
  private_names: 'See original file names', label_pictures: 'See label and macro pictures', export: 'Export', manage: 'Manage the set', delete_set: 'Delete the set',
};

/** @param {string} role */
function roleName(role) {
  return ROLES.find(([name]) => name === role)?.[1] ?? role;
}

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawMembers(target, page) {
  const path = `/image-sets/${page.id}`;
  const load = () => show(target, () => api.get(`${path}/members`), draw);

  /** @param {any[]} members */
  const draw = (members) => {
    const given = members.filter((member) => member.source === 'set');
    const owning = members.filter((member) => member.source === 'team');
    return [
      html`<section class="card" aria-label="Roles in this set"><div class="card__head"><h2 class="grow">Roles in this set</h2>
        <button type="button" class="btn btn--small" @click=${() => explain(page.actor)}>${icon('circle-help')}What may I do?</button>
        ${page.rights.manage ? html`<button type="button" class="btn btn--small btn--primary" @click=${() => add(members)}>${icon('user-plus')}Add</button>` : null}</div>
        ${given.length ? html`<ul class="list">${given.map(row)}</ul>` : html`<p class="card__body muted">Nobody has a role of their own here. Add people or teams from outside the owning team, or give somebody of the team more.</p>`}</section>`,
      html`<section class="card" aria-label="Members of the owning team"><div class="card__head"><h2 class="grow">From the team ${page.set.team?.name}</h2><a class="btn btn--small" href="/teams">${icon('users')}Teams</a></div>
        ${owning.length ? html`<ul class="list">${owning.map(row)}</ul>` : html`<p class="card__body muted">The team has no members.</p>`}
        <p class="card__foot small muted">Members of the team that owns the set are annotators here, its leads are managers.</p></section>`,
      html`<section class="card" aria-label="What the roles mean"><div class="card__head"><h2>What the roles mean</h2></div><dl class="card__body facts">${ROLES.map(([, label, meaning]) => [html`<dt>${label}</dt>`, html`<dd>${meaning}</dd>`])}<dt>Administrator</dt><dd>of this server: has every right everywhere</dd></dl></section>`,
    ];
  };

  /** @param {any} member */
  const address = (member) => (member.user ? `${path}/members/users/${member.user.id}` : `${path}/members/teams/${member.team.id}`);

  /** @param {any} member */
  const row = (member) => {
    const name = member.user ? personName(member.user) : member.team.name;
    const mayChange = page.rights.manage && member.source === 'set';
    return html`<li class="list__item">
      ${member.user ? avatar(member.user) : html`<span class="avatar">${icon('users')}</span>`}
      <div class="grow"><div class="truncate">${name}${member.user?.id === page.actor.id ? html` <span class="faint">(you)</span>` : null}</div><div class="small faint truncate">${member.user ? member.user.name : 'Team'}${member.user && !member.user.is_active ? ' · deactivated' : ''}</div></div>
      ${mayChange ? html`<select class="select role-select" aria-label="Role of ${name}" @change=${(/** @type {any} */ event) => give(member, event.target.value)}>${ROLES.map(([role, label]) => html`<option value=${role} selected=${role === member.role}>${label}</option>`)}</select>` : html`<span class="badge">${roleName(member.role)}</span>`}
      ${member.user && page.rights.manage ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="What may ${name} do?" data-tip="What may ${name} do?" @click=${() => explain(member.user)}>${icon('circle-help')}</button>` : null}
      ${mayChange || (member.source === 'set' && member.user?.id === page.actor.id) ? html`<button type="button" class="icon-btn icon-btn--small icon-btn--danger" aria-label="Take the role of ${name} away" data-tip="Take the role away" @click=${() => take(member, name)}>${icon('x')}</button>` : null}</li>`;
  };

  /**
   * @param {any} member
   * @param {string} role
   */
  const give = async (member, role) => {
    try {
      await api.put(address(member), { role });
    } catch (error) {
      showError(error);
    }
    await load();
  };

  /**
   * @param {any} member
   * @param {string} name
   */
  const take = async (member, name) => {
    try {
      await api.delete(address(member));
      toast(`${name} has no role of their own here any more.`, { kind: 'success', action: { label: 'Undo', run: () => give(member, member.role) } });
    } catch (error) {
      showError(error);
    }
    await load();
  };

  /** @param {any[]} members */
  const add = async (members) => {
    const given = members.filter((member) => member.source === 'set');
    const person = personField({ label: 'Person or team', teams: true, skip: (holder) => given.some((member) => (holder.kind === 'user' ? member.user?.id : member.team?.id) === holder.id) });
    const added = await openDialog({
      title: 'Give a role in this set', action: 'Add',
      body: [person.element, selectField('role', 'Role', ROLES.map(([role, label, meaning]) => [role, `${label}: ${meaning}`]), 'annotator')],
      submit: (data) => {
        const chosen = person.value();
        if (!chosen) throw new InputError('Choose somebody from the list.');
        return api.put(`${path}/members/${chosen.kind}s/${chosen.id}`, { role: data.get('role') });
      },
    });
    if (added) await load();
  };

  /** @param {any} user */
  const explain = async (user) => {
    try {
      const answer = await api.get(`${path}/rights`, user.id === page.actor.id ? {} : { user: user.id });
      await openDialog({
        title: user.id === page.actor.id ? 'What you may do here' : `What ${personName(user)} may do here`, size: 'wide',
        body: html`<ul class="list">${answer.rights.map((/** @type {any} */ right) => html`<li class="row row--nowrap right-row">${icon(right.allowed ? 'circle-check' : 'circle-x', right.allowed ? 'success-text' : 'faint')}<span class="grow">${RIGHTS[right.right] ?? (right.title || right.right)}<br><span class="small muted">${right.why}</span></span></li>`)}</ul>`,
      });
    } catch (error) {
      showError(error);
    }
  };
  await load();
}

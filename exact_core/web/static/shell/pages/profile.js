// @ts-check
/** One's own account: name, appearance, password, access tokens, sessions. */

import { InputError, api } from '../api.js';
import { checkFields, clearErrors, confirmDialog, markErrors, openDialog, secretDialog } from '../dialog.js';
import { checkField, passwordField, selectField, textField } from '../fields.js';
import { $, html, icon } from '../html.js';
import { chooseTheme, theme } from '../theme.js';
import { ago, date, dateTime } from '../time.js';
import { showError, toast } from '../toast.js';
import { busy, show } from '../view.js';

const target = $('#profile');
const SCOPES = /** @type {[string, string, string][]} */ ([
  ['read', 'Read', 'See what you may see'], ['write', 'Write', 'Change what you may change'], ['admin', 'Administer', 'Use your rights as an administrator'],
  ['work', 'Work', 'Take jobs as a remote worker. Choose nothing else: it opens nothing but those jobs'],
]);

async function load() {
  await show(target, () => Promise.all([api.get('/me'), api.get('/me/tokens'), api.get('/me/sessions')]), ([me, tokens, sessions]) => [
    account(me), appearance(), password(me), tokenCard(tokens, me), sessionCard(sessions),
  ]);
}

/**
 * A card with a form whose button says how it went.
 * @param {string} title
 * @param {any} body
 * @param {string} action
 * @param {(data: FormData) => Promise<unknown>} send
 */
function formCard(title, body, action, send) {
  const message = html`<p class="field__error" role="alert"></p>`;
  const button = html`<button class="btn btn--primary">${action}</button>`;
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    message.textContent = '';
    clearErrors(form);
    if (!checkFields(form)) return;
    button.setAttribute('aria-busy', 'true');
    try {
      await send(new FormData(form));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!markErrors(form, error)) message.textContent = error.message;
    } finally {
      button.removeAttribute('aria-busy');
    }
  };
  return html`
    <form class="card" novalidate @submit=${submit} aria-label=${title}>
      <div class="card__head"><h2>${title}</h2></div>
      <div class="card__body stack">${body}${message}<div class="form-actions form-actions--start">${button}</div></div>
    </form>`;
}

/** @param {any} me */
function account(me) {
  return formCard('Account', [
    html`<dl class="facts"><dt>User name</dt><dd>${me.name}${me.is_admin ? html` <span class="badge badge--accent">${icon('shield')}Administrator</span>` : null}</dd>
      <dt>Teams</dt><dd>${me.teams.length ? me.teams.map((/** @type {any} */ team) => html`<span class="tag">${team.name}${team.is_lead ? ' · lead' : ''}</span> `) : html`<span class="muted">none yet</span>`}</dd></dl>`,
    textField('display_name', 'Name that others see', me.display_name, { optional: true, maxlength: 128, autocomplete: 'name' }),
  ], 'Save', async (data) => {
    await api.patch('/me', { display_name: data.get('display_name') ?? '' });
    toast('Saved.', { kind: 'success' });
  });
}

function appearance() {
  const choose = async (/** @type {any} */ event) => {
    try {
      await chooseTheme(event.target.value, true);
    } catch (error) {
      showError(error, 'The choice is kept in this browser only');
    }
  };
  return html`
    <section class="card" aria-label="Appearance"><div class="card__head"><h2>Appearance</h2></div>
      <fieldset class="card__body chip-set"><legend class="visually-hidden">Theme</legend>
        ${[['system', 'As the system', 'monitor'], ['light', 'Light', 'sun'], ['dark', 'Dark', 'moon']].map(([value, label, symbol]) => html`
          <label class="chip"><input type="radio" name="theme" value=${value} checked=${theme() === value} @change=${choose}>${icon(symbol)}${label}</label>`)}
      </fieldset></section>`;
}

/** @param {any} me */
function password(me) {
  return formCard(me.has_password ? 'Change the password' : 'Set a password', [
    html`<input class="visually-hidden" name="username" autocomplete="username" value=${me.name} tabindex="-1" aria-hidden="true" readonly>`,
    me.password_needs_current ? passwordField('current_password', 'Current password', 'current-password') : null,
    passwordField('new_password', 'New password', 'new-password', 'At least 10 characters. Other browsers are logged out when it changes.'),
  ], 'Save the password', async (data) => {
    await api.put('/me/password', { current_password: String(data.get('current_password') ?? ''), new_password: String(data.get('new_password') ?? '') });
    toast('The password is changed.', { kind: 'success' });
    await load();
  });
}

/**
 * @param {any[]} tokens
 * @param {any} me
 */
function tokenCard(tokens, me) {
  return html`
    <section class="card" aria-label="Access tokens">
      <div class="card__head"><h2 class="grow">Access tokens</h2><button type="button" class="btn btn--small" @click=${() => create(me)}>${icon('plus')}New token</button></div>
      ${tokens.length ? html`<ul class="list">${tokens.map((token) => html`
        <li class="list__item">${icon('key-round')}<div class="grow"><div class="row"><strong class="truncate">${token.name}</strong>${token.scopes.map((/** @type {string} */ scope) => html`<span class="badge">${scope}</span>`)}</div>
          <div class="small muted"><code>exact_${token.prefix}_…</code> · ${token.expires_at ? html`<span title=${dateTime(token.expires_at)}>expires ${date(token.expires_at)}</span>` : 'never expires'} · ${token.last_used_at ? `last used ${ago(token.last_used_at)}` : 'never used'}</div></div>
          <button type="button" class="btn btn--small btn--danger" aria-label="Revoke the token ${token.name}" @click=${() => revoke(token)}>Revoke</button></li>`)}</ul>`
        : html`<p class="card__body muted">Scripts and notebooks log in with a token instead of your password. There is none yet.</p>`}
    </section>`;
}

/** @param {any} me */
async function create(me) {
  const scopes = SCOPES.filter(([scope]) => !['admin', 'work'].includes(scope) || me.is_admin);
  const made = await openDialog({
    title: 'New access token', action: 'Make the token',
    body: [
      textField('name', 'Name', '', { autofocus: true, maxlength: 100, placeholder: 'Notebook on my laptop' }),
      html`<fieldset class="field"><legend class="field__label">It may</legend><div class="stack stack--tight">${scopes.map(([scope, label, hint]) => checkField('scopes', label, scope === 'read', { value: scope, hint }))}</div><p class="field__error" data-error-for="scopes"></p></fieldset>`,
      selectField('days', 'Expires after', [[7, '7 days'], [30, '30 days'], [90, '90 days'], [365, 'a year'], ['', 'never']], 90),
    ],
    submit: (data) => {
      if (!data.getAll('scopes').length) throw new InputError('Choose at least one thing that the token may do.');
      return api.post('/me/tokens', { name: data.get('name'), scopes: data.getAll('scopes'), days: data.get('days') ? Number(data.get('days')) : null });
    },
  });
  if (!made) return;
  await secretDialog({ title: 'Your new token', text: made.token, label: 'Access token', note: html`<p>Copy it now; it is not shown again. Send it as <code>Authorization: Bearer …</code></p>` });
  await load();
}

/** @param {any} token */
async function revoke(token) {
  if (await confirmDialog({ title: `Revoke ${token.name}?`, action: 'Revoke', body: html`<p>What uses this token stops working at once.</p>`, submit: () => api.delete(`/me/tokens/${token.id}`) })) await load();
}

/** @param {any[]} sessions */
function sessionCard(sessions) {
  return html`
    <section class="card" aria-label="Sessions">
      <div class="card__head"><h2 class="grow">Where you are logged in</h2>
        ${sessions.length > 1 ? html`<button type="button" class="btn btn--small" @click=${(/** @type {any} */ event) => busy(event.currentTarget, async () => {
          await api.delete('/me/sessions');
          await load();
        })}>Log out everywhere else</button>` : null}</div>
      <ul class="list">${sessions.map((session) => html`
        <li class="list__item">${icon(/Mobile|Android|iPhone/.test(session.user_agent) ? 'hand' : 'monitor')}
          <div class="grow"><div class="row"><strong>${browser(session.user_agent)}</strong>${session.is_current ? html`<span class="badge badge--success">This browser</span>` : null}</div>
          <div class="small muted">Last seen ${ago(session.last_seen_at)} · since ${date(session.created_at)}</div></div>
          ${session.is_current ? null : html`<button type="button" class="btn btn--small btn--danger" aria-label="Log out ${browser(session.user_agent)}" @click=${(/** @type {any} */ event) => busy(event.currentTarget, async () => {
            await api.delete(`/me/sessions/${session.id}`);
            await load();
          })}>Log out</button>`}</li>`)}</ul>
    </section>`;
}

/** @param {string} agent */
function browser(agent) {
  const name = /Edg\//.exec(agent) ? 'Edge' : /Firefox\//.exec(agent) ? 'Firefox' : /Chrome\//.exec(agent) ? 'Chrome' : /Safari\//.exec(agent) ? 'Safari' : 'A browser';
  const system = /Windows/.exec(agent) ? 'Windows' : /Android/.exec(agent) ? 'Android' : /iPhone|iPad/.exec(agent) ? 'iOS' : /Mac OS/.exec(agent) ? 'macOS' : /Linux/.exec(agent) ? 'Linux' : '';
  return system ? `${name} on ${system}` : name;
}

await load();

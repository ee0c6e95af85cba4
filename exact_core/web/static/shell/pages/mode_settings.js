// @ts-check
/** How people work together in a set: the mode with what follows from it, its settings, and unblinding. */

import { api } from '../api.js';
import { openDialog } from '../dialog.js';
import { areaField, checkField, selectField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { personName } from '../people.js';
import { dateTime } from '../time.js';
import { showError, toast } from '../toast.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

/** @type {[string, string, string, string][]} */
const MODES = [
  ['cooperative', 'users', 'Cooperative', 'Everybody sees everything and corrects each other. One person’s verification is enough.'],
  ['competitive', 'eye-off', 'Blind', 'Everybody sees their own shapes, counts and verdicts only. An image is done when every assigned reader has verified it. You and adjudicators see all; everybody does once you unblind.'],
  ['second_opinion', 'users', 'Second opinion', 'Several readers judge each item without seeing each other. Where they differ, an adjudicator decides and says why.'],
];
const ITEMS = /** @type {[string, string][]} */ ([['image', 'Whole images'], ['region', 'Regions of images'], ['annotation', 'Single shapes']]);
const RULES = /** @type {[string, string][]} */ ([
  ['detection', 'They drew the same objects'], ['class', 'They used the same classes'], ['count', 'They counted the same'], ['always', 'Never: every item is decided'], ['never', 'Always: nothing is compared'],
]);
const REVEALS = /** @type {[string, string][]} */ ([
  ['item_done', 'When the item is closed, by agreement or decision'], ['own_done', 'As soon as they are done themselves'], ['never', 'Not before the set is unblinded'],
]);

/**
 * @param {SetPage} page
 * @param {() => unknown} again draws the tab anew
 */
export async function modeCard(page, again) {
  const path = `/image-sets/${page.id}`;
  const mayManage = page.rights.manage;
  const [mode, people] = await Promise.all([api.get(`${path}/mode`), mayManage ? readersOf(page.id) : []]);
  const body = html`<div class="card__body stack"></div>`;
  let chosen = mode.mode;

  const draw = () => {
    const fields = chosen === 'second_opinion' ? secondOpinion(mode.settings.second_opinion) : chosen === 'cooperative' ? cooperative(mode.settings.cooperative) : null;
    render(body,
      html`<fieldset class="mode-choice" disabled=${!mayManage}><legend class="visually-hidden">Mode</legend>${MODES.map(([name, symbol, title, meaning]) => html`
        <label class="mode-choice__one"><input type="radio" name="mode" value=${name} checked=${name === chosen} @change=${() => { chosen = name; draw(); }}>
          <span class="row row--nowrap"><strong class="row row--nowrap">${icon(symbol)}${title}</strong></span><span class="small muted">${meaning}</span></label>`)}</fieldset>`,
      chosen === mode.mode && mode.is_blind ? null : chosen === mode.mode && mode.unblinded_at ? html`<p class="banner banner--info">${icon('eye')}<span>Unblinded on ${dateTime(mode.unblinded_at)}: everybody sees everything.</span></p>` : null,
      chosen !== mode.mode && mode.is_blind && chosen !== 'competitive' ? html`<p class="banner banner--warning" role="status">${icon('triangle-alert')}<span>This ends blindness: readers will see what they were kept from. You will be asked why, and it is written down.</span></p>` : null,
      chosen !== mode.mode && mode.mode === 'cooperative' ? html`<p class="banner banner--info" role="status">${icon('info')}<span>From then on annotators no longer see what others drew so far.</span></p>` : null,
      html`<fieldset class="stack mode-fields" disabled=${!mayManage}><legend class="visually-hidden">Settings of the mode</legend>${fields}
        ${chosen === 'cooperative' ? null : html`<div class="form-grid">
          ${selectField('order', 'Order of items', [['same', 'The same for all readers'], ['random', 'Each reader their own, drawn at random']], mode.settings.order, mode.settings.seed && mode.settings.order === 'random' ? { hint: `Seed ${mode.settings.seed}: the same seed gives the same orders.` } : {})}
          ${mayManage ? peopleField('adjudicators', 'Adjudicators', people, mode.settings.adjudicators, 'They decide what readers differ in, beside those who manage the set.') : null}</div>`}</fieldset>`,
      html`<p class="field__error" role="alert" id="mode-error"></p>`,
      mayManage ? html`<div class="form-actions form-actions--start"><button class="btn btn--primary" id="save-mode">Save</button></div>` : html`<p class="muted">Only managers of this set can change this.</p>`);
  };

  /** @param {Second} second */
  const secondOpinion = (second) => {
    const rule = second.rule;
    const measures = html`<div class="form-grid">
      ${textField('distance_um', 'Centres at most so far apart (µm)', rule.distance_um === null ? '' : String(rule.distance_um), { type: 'number', optional: true })}
      ${textField('iou', 'Or areas that overlap by at least (IoU, 0–1)', rule.iou === null ? '' : String(rule.iou), { type: 'number', optional: true })}
      ${textField('unmatched', 'Shapes without counterpart that are still agreement', String(rule.unmatched), { type: 'number' })}
      ${checkField('same_class', 'Counterparts must have the same class', rule.same_class)}</div>`;
    const count = html`<div class="form-grid">${textField('count_difference', 'Difference per class that is still agreement', String(rule.count_difference), { type: 'number' })}</div>`;
    const kind = selectField('rule', 'Readers agree when', RULES, rule.kind);
    const show = () => {
      const value = kind.querySelector('select').value;
      measures.hidden = value !== 'detection' && value !== 'count' && value !== 'class' && value !== 'always';
      count.hidden = value !== 'count';
    };
    kind.addEventListener('change', show);
    show();
    return html`
      <div class="form-grid">
        ${selectField('items', 'What is read', ITEMS, second.items, mode.has_assignments ? { hint: 'Cannot change while something is assigned.' } : {})}
        ${textField('readers_per_item', 'Readers per item', String(second.readers_per_item), { type: 'number' })}
        ${textField('quota', 'Most items per reader', second.quota === null ? '' : String(second.quota), { type: 'number', optional: true })}
        ${mayManage ? peopleField('readers', 'Readers', people, second.readers, 'Nobody chosen means: everybody who may annotate.') : null}</div>
      ${kind}${measures}${count}
      <div class="form-grid">
        ${selectField('reveal', 'Readers see each other’s work', REVEALS, second.reveal)}
        <div class="stack stack--tight">${checkField('self_assign', 'Readers may begin items that still lack readers', second.self_assign)}
        ${checkField('show_names', 'Adjudicators, and readers after the reveal, see who is who', second.show_names, { hint: 'Otherwise readers are letters.' })}</div></div>`;
  };

  /** @param {{owner_verifies: boolean}} settings */
  const cooperative = (settings) => checkField('owner_verifies', 'What somebody draws counts as accepted by them at once', settings.owner_verifies, { hint: 'Otherwise every shape waits for somebody to verify it.' });

  /** @param {SubmitEvent} event */
  const save = async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const data = new FormData(form);
    const settings = settingsOf(mode.settings, chosen, data);
    const message = /** @type {HTMLElement} */ (form.querySelector('#mode-error'));
    message.textContent = '';
    const send = (/** @type {string} */ reason) => api.put(`${path}/mode`, { mode: chosen, settings, reason });
    try {
      await send('');
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      if (!detail.startsWith('reason:')) {
        message.textContent = detail;
        return;
      }
      const kept = await openDialog({
        title: 'Why shall readers see more?', action: 'Save', size: 'small',
        body: [html`<p>People will see what they were kept from. This cannot be taken back: what was seen was seen.</p>`, areaField('reason', 'Reason', '', { maxlength: 500 })],
        submit: (given) => send(String(given.get('reason') ?? '')),
      });
      if (kept === null) return;
    }
    toast('Saved.', { kind: 'success' });
    await page.refresh();
    await again();
  };

  const unblind = async () => {
    const done = await openDialog({
      title: 'Unblind this set?', action: 'Unblind', danger: true, size: 'small',
      body: [html`<p>From now on every member sees everybody’s shapes, counts, names and verdicts. <strong>This cannot be taken back</strong>, and it is written down with your name, the time and the reason.</p>`,
        areaField('reason', 'Reason', '', { maxlength: 500 })],
      submit: (data) => api.post(`${path}/unblind`, { reason: data.get('reason') ?? '' }),
    });
    if (done === null) return;
    try {
      await page.refresh();
      await again();
    } catch (error) {
      showError(error);
    }
  };

  draw();
  return [
    html`<form class="card" novalidate @submit=${save} aria-label="How people work together"><div class="card__head"><h2>How people work together</h2></div>${body}</form>`,
    mayManage && mode.is_blind ? html`<section class="card" aria-label="Unblind"><div class="card__head">${icon('eye')}<h2 class="grow">Unblind</h2><button type="button" class="btn btn--danger" id="unblind" @click=${unblind}>Unblind…</button></div>
      <p class="card__body muted">Ends the blind part of the study: everybody sees everything, for good. The reason is kept in the log of the review page.</p></section>` : null,
  ];
}

/** @typedef {{items: string, readers_per_item: number, readers: number[], quota: number | null, self_assign: boolean, rule: Record<string, any>, reveal: string, show_names: boolean}} Second */

/**
 * The settings as the form says them; those of other modes stay.
 * @param {any} before
 * @param {string} mode
 * @param {FormData} data
 */
export function settingsOf(before, mode, data) {
  const number = (/** @type {string} */ name) => (String(data.get(name) ?? '').trim() === '' ? null : Number(data.get(name)));
  const ids = (/** @type {string} */ name) => data.getAll(name).map(Number);
  const general = mode === 'cooperative' ? {} : { order: data.get('order') ?? before.order, adjudicators: ids('adjudicators') };
  if (mode === 'cooperative') return { ...before, cooperative: { owner_verifies: data.has('owner_verifies') } };
  if (mode !== 'second_opinion') return { ...before, ...general };
  const kind = String(data.get('rule'));
  const rule = { ...before.second_opinion.rule, kind, distance_um: number('distance_um'), iou: number('iou'), unmatched: number('unmatched') ?? 0, count_difference: number('count_difference') ?? 0, same_class: data.has('same_class') };
  return {
    ...before, ...general,
    second_opinion: {
      items: data.get('items'), readers_per_item: number('readers_per_item') ?? 2, quota: number('quota'), readers: ids('readers'), self_assign: data.has('self_assign'),
      reveal: data.get('reveal'), show_names: data.has('show_names'), rule,
    },
  };
}

/**
 * People of the set as checkboxes.
 * @param {string} name
 * @param {string} label
 * @param {any[]} people
 * @param {number[]} chosen
 * @param {string} hint
 */
function peopleField(name, label, people, chosen, hint) {
  return html`<fieldset class="field people-choice"><legend class="field__label">${label}</legend>
    <div class="people-choice__list">${people.map((user) => checkField(name, personName(user), chosen.includes(user.id), { value: String(user.id) }))}</div><p class="field__hint">${hint}</p></fieldset>`;
}

/** Everybody who may verify in a set, as far as roles name people. @param {number} id @returns {Promise<any[]>} */
export async function readersOf(id) {
  const members = await api.get(`/image-sets/${id}/members`);
  /** @type {Map<number, any>} */
  const people = new Map();
  for (const { user, role } of members) if (user && user.is_active && role !== 'viewer') people.set(user.id, user);
  return [...people.values()].sort((a, b) => personName(a).localeCompare(personName(b)));
}

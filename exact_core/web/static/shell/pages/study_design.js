// @ts-check
/** The form in which a study is designed. */

import { api } from '../api.js';
import { checkFields, clearErrors, markErrors } from '../dialog.js';
import { areaField, checkField, selectField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { personName } from '../people.js';
import { dateTime, plural } from '../time.js';
import { everything } from '../view.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {{name: string, source: Record<string, any> | null}} Arm */

const QUESTIONS = ['Overall impression of the software', 'Adding, changing and deleting annotations was efficient', 'Overall effectiveness of the work'];
const MOST = 6;

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 * @param {number | null} id the draft; null for a new study
 * @param {number | null} from whose design to begin with
 * @param {() => void} leave
 */
export async function drawDesign(target, page, id, from, leave) {
  const path = `/image-sets/${page.id}`;
  const options = { signal: page.signal };
  const [known, images, members, sources, runs, golds, versions] = await Promise.all([
    id || from ? api.get(`${path}/studies/${id ?? from}`, {}, options) : null,
    everything((cursor) => api.get(`${path}/images`, { cursor, limit: 500, status: 'ready' }, options)),
    api.get(`${path}/members`, {}, options), api.get(`${path}/readers`, {}, options), api.get(`${path}/import-runs`, {}, options), api.get(`${path}/gold`, {}, options),
    api.get(`${path}/versions`, {}, options).then((answer) => (Array.isArray(answer) ? answer : answer.items ?? []), () => []),
  ]);
  const people = new Map(members.filter((/** @type {any} */ member) => member.user && member.role !== 'viewer').map((/** @type {any} */ member) => [member.user.id, personName(member.user)]));
  /** @type {Arm[]} */
  const arms = known?.arms ?? [{ name: 'Without', source: null }, { name: 'With prepared annotations', source: {} }];
  const chosenPeople = new Set((known?.participants ?? []).map((/** @type {any} */ each) => each.user_id));
  const chosenImages = new Set(known?.image_ids ?? images.map((image) => image.id));
  const list = html`<div class="stack stack--tight"></div>`;
  const message = html`<p class="field__error" role="alert"></p>`;

  /** @type {[string, string][]} */
  const choices = [['', 'Nothing: readers begin from scratch'],
    ...sources.map((/** @type {any} */ reader) => /** @type {[string, string]} */ ([JSON.stringify({ reader: reader.key }), `${reader.name} (${plural(reader.annotations, 'annotation')})`])),
    ...versions.map((/** @type {any} */ version) => /** @type {[string, string]} */ ([JSON.stringify({ revision: version.revision }), `Version ${version.name}, everybody’s`])),
    ...runs.map((/** @type {any} */ run) => /** @type {[string, string]} */ ([JSON.stringify({ change_set: run.change_set }), `${run.kind === 'model' ? 'Model run' : 'Import'} of ${dateTime(run.at)}${run.image ? `, ${run.image}` : ''} (${plural(run.annotations, 'annotation')})`]))];
  const key = (/** @type {Arm} */ arm) => {
    if (!arm.source) return '';
    const told = Object.entries(arm.source).filter(([name, value]) => value !== null && !(name === 'revision' && arm.source?.reader));
    return told.length ? JSON.stringify(Object.fromEntries(told)) : choices[1]?.[0] ?? '';
  };

  const drawArms = () => render(list, arms.map((arm, index) => html`<div class="form-grid">
    <div class="field"><label class="field__label" for="arm-name-${index}">Arm ${index + 1}</label><input class="input" id="arm-name-${index}" value=${arm.name} maxlength="200" required @input=${(/** @type {any} */ event) => { arm.name = event.target.value; }}></div>
    <div class="field"><label class="field__label" for="arm-source-${index}">Prepared annotations</label><select class="select" id="arm-source-${index}" @change=${(/** @type {any} */ event) => { arm.source = event.target.value ? JSON.parse(event.target.value) : null; }}>${choices.map(([value, label]) => html`<option value=${value} selected=${value === key(arm)}>${label}</option>`)}</select></div>
    ${arms.length > 1 ? html`<div><button type="button" class="btn btn--small" @click=${() => { arms.splice(index, 1); drawArms(); }}>${icon('x')}Remove</button></div>` : null}</div>`),
  arms.length < MOST ? html`<div><button type="button" class="btn btn--small" @click=${() => { arms.push({ name: `Arm ${arms.length + 1}`, source: null }); drawArms(); }}>${icon('plus')}Add an arm</button></div>` : null);
  arms.forEach((arm) => { arm.source = arm.source && key(arm) ? JSON.parse(key(arm)) : null; });
  drawArms();

  /** @param {SubmitEvent} event */
  const save = async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const data = new FormData(form);
    clearErrors(form);
    message.textContent = '';
    if (!checkFields(form)) return;
    const seed = String(data.get('seed') ?? '').trim();
    const body = {
      title: data.get('title'), description: data.get('description') ?? '', participants: data.getAll('participant').map(Number), ...(seed ? { seed: Number(seed) } : {}),
      design: {
        arms: arms.map(({ name, source }) => ({ name, source })), image_ids: data.getAll('image').map(Number), assignment: data.get('assignment'), order: data.get('order'),
        questions: String(data.get('questions') ?? '').split('\n').map((line) => line.trim()).filter(Boolean).slice(0, MOST), gold_id: Number(data.get('gold_id')) || null,
      },
    };
    try {
      if (id) await api.patch(`${path}/studies/${id}`, body);
      else await api.post(`${path}/studies`, body);
      leave();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!markErrors(form, error)) message.textContent = error.message;
    }
  };

  if (page.signal.aborted) return;
  render(target, html`<form class="card" novalidate aria-label="Design a study" @submit=${save}><div class="card__head"><h2 class="grow">${id ? 'Change the design' : 'Design a study'}</h2></div><div class="card__body stack">
    ${textField('title', 'Title', known && id ? known.title : '', { maxlength: 200, placeholder: 'Does the model help?' })}
    ${areaField('description', 'What participants are told', known?.description ?? '', { optional: true, maxlength: 5000 })}
    <fieldset class="stack stack--tight"><legend class="field__label">Arms</legend>${list}<p class="field__hint">What is prepared is copied into a participant’s own work when they first open the image, with its source as claimed author; nobody else sees it. All get the state in which it is when the study starts.</p></fieldset>
    <div class="form-grid">${selectField('assignment', 'Who reads in which arm', [['within', 'Everybody in every arm, each image once'], ['between', 'Each participant in one arm']], known?.assignment ?? 'within')}
      ${selectField('order', 'Order', [['latin', 'One arm after the other (balanced Latin square)'], ['block', 'Arms mixed (random blocks)']], known?.order ?? 'latin')}
      ${textField('seed', 'Seed of the random order', known && id ? known.seed : '', { optional: true, type: 'number', placeholder: 'by chance' })}
      ${selectField('gold_id', 'Agreement is measured with', [['', 'the majority of the other participants'], ...golds.map((/** @type {any} */ gold) => /** @type {[number, string]} */ ([gold.id, `reference: ${gold.title}`]))], known?.gold_id ?? '')}</div>
    <fieldset><legend class="field__label">Participants</legend><div class="choices stack stack--tight">${people.size ? [...people].map(([userId, name]) => checkField('participant', name, chosenPeople.has(userId), { value: String(userId) })) : html`<p class="muted">Nobody who may annotate; add members to the set first.</p>`}</div></fieldset>
    <fieldset><legend class="field__label">Images</legend><div class="choices stack stack--tight">${images.length ? images.map((image) => checkField('image', image.name, chosenImages.has(image.id), { value: String(image.id) })) : html`<p class="muted">There is no image that can be read.</p>`}</div></fieldset>
    ${areaField('questions', 'Questions at the end, one per line', (known?.questions ?? QUESTIONS).join('\n'), { optional: true, hint: 'Up to six, graded from 1 (very good) to 6 (insufficient).' })}
    ${message}</div><div class="card__foot form-actions"><button type="button" class="btn" @click=${leave}>Cancel</button><button class="btn btn--primary">Save the draft</button></div></form>`);
}

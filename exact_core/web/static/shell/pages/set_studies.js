// @ts-check
/** Reader studies of a set: those one takes part in, and for managers their design, progress and report. */

import { api } from '../api.js';
import { confirmDialog } from '../dialog.js';
import { html, icon, render } from '../html.js';
import { attachMenu } from '../menu.js';
import { dateTime, plural } from '../time.js';
import { showError } from '../toast.js';
import { empty, show } from '../view.js';
import { drawDesign } from './study_design.js';
import { drawReport } from './study_report.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {Record<string, any>} Study */

const STATES = { draft: ['badge', 'Draft'], running: ['badge badge--accent', 'Running'], closed: ['badge badge--success', 'Closed'] };

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawStudies(target, page) {
  const path = `/image-sets/${page.id}/studies`;
  /** @param {Record<string, any>} query what the address shows beside the tab */
  const go = (query) => {
    const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])).toString();
    history.pushState(null, '', location.pathname + (search ? `?${search}` : ''));
    void draw().catch(showError);
  };
  const list = () => show(target, (signal) => api.get(path, {}, { signal }), (found) => [
    found.own.map((/** @type {Study} */ study) => ownStudy(page, study, list)),
    page.rights.manage ? managed(found.managed) : null,
    !found.own.length && !page.rights.manage ? empty('microscope', 'No study for you', 'When somebody who manages this set asks you to read for a study, it is shown here.') : null,
  ]);

  /** @param {Study[]} studies */
  const managed = (studies) => html`<section class="card" aria-label="Studies"><div class="card__head"><h2 class="grow">Studies</h2><button type="button" class="btn btn--small btn--primary" id="new-study" @click=${() => go({ design: 'new' })}>${icon('plus')}Design a study</button></div>
    ${studies.length ? html`<ul class="list">${studies.map(row)}</ul>` : html`<p class="card__body muted">A study measures how readers work: with and without prepared annotations, in a random order, with the seconds they are active on each image, and a few questions at the end.</p>`}</section>`;

  /** @param {Study} study */
  const row = (study) => {
    const [style, label] = STATES[/** @type {'draft'} */ (study.state)];
    const done = study.participants.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.finished, 0);
    const total = study.participants.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.tasks, 0);
    const more = html`<button type="button" class="icon-btn icon-btn--small" aria-label="More for ${study.title}">${icon('ellipsis')}</button>`;
    attachMenu(more, () => [
      study.state === 'draft' && { label: 'Change the design', icon: 'pencil', run: () => go({ design: study.id }) },
      study.state !== 'draft' && { label: 'Use the design again', icon: 'copy', run: () => go({ design: 'new', from: study.id }) },
      study.state === 'running' && { label: 'Close', icon: 'lock', run: () => close(study) },
      study.state !== 'running' && { label: 'Delete', icon: 'trash-2', danger: true, run: () => remove(study) },
    ]);
    return html`<li class="list__item"><div class="grow"><div><button type="button" class="link-btn" @click=${() => go(study.state === 'draft' ? { design: study.id } : { study: study.id })}>${study.title}</button> <span class=${style}>${label}</span></div>
      <div class="small muted">${study.arms.map((/** @type {any} */ arm) => arm.name).join(' / ')} · ${plural(study.image_ids.length, 'image')} · ${plural(study.participants.length, 'participant')}${total ? ` · ${done} of ${total} read` : ''}</div></div>
      ${study.state === 'draft' ? html`<button type="button" class="btn btn--small" @click=${() => start(study)}>${icon('play')}Start</button>` : html`<button type="button" class="btn btn--small" @click=${() => go({ study: study.id })}>${icon('activity')}Report</button>`}${more}</li>`;
  };

  /** @param {Study} study */
  const start = async (study) => {
    const sure = await confirmDialog({
      title: `Start ${study.title}?`, action: 'Start', danger: false,
      body: html`<div class="stack"><p>${plural(study.participants.length, 'participant')} read ${plural(study.image_ids.length, 'image')} each, in a random order of their own (seed ${study.seed}). The design cannot be changed then.</p>${study.warnings.map((/** @type {string} */ warning) => html`<p class="banner banner--warning">${icon('triangle-alert')}${warning}</p>`)}</div>`,
      submit: () => api.post(`${path}/${study.id}/start`),
    });
    if (sure) await list();
  };

  /** @param {Study} study */
  const close = async (study) => {
    if (await confirmDialog({ title: `Close ${study.title}?`, action: 'Close', body: html`<p>Participants cannot go on then. What was read stays and is reported.</p>`, submit: () => api.post(`${path}/${study.id}/close`) })) await draw();
  };

  /** @param {Study} study */
  const remove = async (study) => {
    if (await confirmDialog({ title: `Delete ${study.title}?`, action: 'Delete', body: html`<p>Its times, scores and answers are lost. Annotations stay.</p>`, submit: () => api.delete(`${path}/${study.id}`) })) await list();
  };

  const draw = async () => {
    const query = new URLSearchParams(location.search);
    const [study, design] = [query.get('study'), query.get('design')];
    target.setAttribute('aria-busy', 'true');
    if (design && page.rights.manage) await drawDesign(target, page, design === 'new' ? null : Number(design), Number(query.get('from')) || null, () => go({}));
    else if (study && page.rights.manage) await showStudy(Number(study));
    else await list();
    target.setAttribute('aria-busy', 'false');
  };

  /** @param {number} id */
  const showStudy = async (id) => {
    const [study, report] = await Promise.all([api.get(`${path}/${id}`, {}, { signal: page.signal }), api.get(`${path}/${id}/report`, {}, { signal: page.signal })]);
    const [style, label] = STATES[/** @type {'draft'} */ (study.state)];
    render(target, html`<div class="row"><button type="button" class="btn btn--small" @click=${() => go({})}>${icon('arrow-left')}All studies</button><h2 class="grow">${study.title}</h2><span class=${style}>${label}</span>
      ${study.state === 'running' ? html`<button type="button" class="btn btn--small" @click=${() => close(study)}>${icon('lock')}Close</button>` : null}</div>`,
    study.warnings.map((/** @type {string} */ warning) => html`<p class="banner banner--warning">${icon('triangle-alert')}${warning}</p>`), progress(study), drawReport(report, `${path}/${id}`));
  };

  addEventListener('popstate', () => {
    if (location.pathname.endsWith('/studies')) void draw().catch(showError);
  }, { signal: page.signal });
  await draw();
}

/** @param {Study} study */
function progress(study) {
  return html`<section class="card" aria-label="Progress"><div class="card__head"><h2 class="grow">Progress</h2><span class="small muted">Started ${dateTime(study.started_at)}</span></div>
    <div class="card__body stack stack--tight">${study.participants.map((/** @type {any} */ each) => html`<div class="study-progress"><span class="truncate">${each.name}</span>
      <progress class="progress" max=${Math.max(1, each.tasks)} value=${each.finished} aria-label="Read by ${each.name}"></progress><span class="small num">${each.finished} of ${each.tasks}</span>
      <span class="small muted">${each.has_answered ? 'answered' : ''}</span></div>`)}</div></section>`;
}

/**
 * What a participant sees: how far, the next image, and at the end the questions.
 * @param {SetPage} page
 * @param {Study} study
 * @param {() => unknown} again
 */
function ownStudy(page, study, again) {
  const isDone = study.finished === study.total;
  return html`<section class="card" aria-label=${study.title}><div class="card__head"><h2 class="grow">${study.title}</h2><span class="small num">${study.finished} of ${plural(study.total, 'image')}</span></div>
    <div class="card__body stack">${study.description ? html`<p>${study.description}</p>` : null}
    <progress class="progress" max=${Math.max(1, study.total)} value=${study.finished} aria-label="How far you are"></progress>
    ${study.state === 'closed' ? html`<p class="muted">This study is closed. Thank you for reading.</p>` : isDone ? questions(page, study, again) : html`
      <p class="muted">Read the images one after the other. The time during which you are active on an image is measured; it stops when you look elsewhere. Say “Done” in the viewer when you are.</p>
      <div><a class="btn btn--primary" id="next-image" href="/image-sets/${page.id}/images/${study.next_image.id}">${icon('microscope')}${study.finished ? 'Go on' : 'Begin'}</a></div>`}</div></section>`;
}

/**
 * @param {SetPage} page
 * @param {Study} study
 * @param {() => unknown} again
 */
function questions(page, study, again) {
  if (!study.questions.length) return html`<p>${icon('circle-check')} All images are read. Thank you.</p>`;
  if (study.has_answered) return html`<p>All images are read and your answers are kept. Thank you.</p>`;
  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const grades = study.questions.map((/** @type {string} */ _, /** @type {number} */ index) => Number(data.get(`grade-${index}`)));
    if (grades.some((/** @type {number} */ grade) => !grade)) {
      message.textContent = 'Grade every question, please.';
      return;
    }
    try {
      await api.put(`/image-sets/${page.id}/studies/${study.id}/survey`, { grades });
      again();
    } catch (error) {
      showError(error);
    }
  };
  const message = html`<p class="field__error" role="alert"></p>`;
  return html`<form class="stack" aria-label="Questions at the end" @submit=${send}><p>All images are read. Please grade the work, from 1 (very good) to 6 (insufficient).</p>
    ${study.questions.map((/** @type {string} */ question, /** @type {number} */ index) => html`<fieldset class="stack stack--tight"><legend class="field__label">${question}</legend><div class="survey">${[1, 2, 3, 4, 5, 6].map((grade) => html`
      <label class="chip grade"><input type="radio" name="grade-${index}" value=${grade} aria-label="${question}: ${grade}">${grade}</label>`)}</div></fieldset>`)}
    ${message}<div><button class="btn btn--primary">Send</button></div></form>`;
}

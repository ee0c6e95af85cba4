// @ts-check
/** Merging a branch: what it would do in numbers, each conflict with a picture and a choice, and doing it. */

import { ApiError, InputError, api } from '../api.js';
import { textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { ago, plural } from '../time.js';
import { showError, toast } from '../toast.js';
import { empty } from '../view.js';
import { SIDES, conflictPicture, lineSample } from './merge_picture.js';
import { countsInWords } from './set_branches.js';
import { back } from './version_detail.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {import('./set_versions.js').Go} Go */
/** @typedef {Record<string, any>} Preview */
/** @typedef {Record<string, any>} Conflict */
/** @typedef {'ours' | 'theirs'} Take */

const PAGE = 25;
/** @type {[string, string, string][]} */
const STATS = [['added', '+', 'added'], ['changed', '≠', 'changed'], ['deleted', '−', 'deleted']];
/** @type {Record<string, string>} */
const SIGN = { added: 'added', changed: 'changed', deleted: 'removed' };

/** @param {HTMLElement} target @param {SetPage} page @param {string} direction @param {Go} go */
export async function drawMerge(target, page, direction, go) {
  const path = `/image-sets/${page.id}/merge-preview`;
  const found = await api.get(path, { direction, limit: PAGE }, { signal: page.signal });
  if (page.signal.aborted) return;
  const choices = new Choices(found);
  const again = () => drawMerge(target, page, direction, go).catch(showError);
  const title = direction === 'into_source' ? `Merge ${found.theirs.name} into ${found.ours.name}` : `Update ${found.ours.name} from ${found.theirs.name}`;
  const { counts } = found;
  const isIdle = !STATS.some(([name]) => counts[name]) && !counts.conflicts;
  render(target, back(page, go), html`<h2 id="merge-title">${title}</h2>`,
    isIdle ? html`<section class="card">${empty('circle-check', 'Nothing to merge', `${found.ours.name} has everything that was changed in ${found.theirs.name}.${counts.same ? ` ${plural(counts.same, 'change')} happened on both sides in the same way.` : ''}${leftOut(counts)}`)}</section>` : [
      numbers(found), counts.conflicts ? conflictsCard(page, found, choices, path) : null, actionCard(page, found, choices, go, again)]);
}

/** What was decided: one winner for all, and others for some. */
class Choices {
  /** @param {Preview} found */
  constructor(found) {
    this.total = /** @type {number} */ (found.counts.conflicts);
    /** @type {Take | null} */
    this.fallback = null;
    /** @type {Map<number, Take>} */
    this.chosen = new Map();
    this.events = new EventTarget();
  }

  get open() {
    return this.fallback ? 0 : this.total - this.chosen.size;
  }

  /** @param {number} id @param {Take} take */
  put(id, take) {
    this.chosen.set(id, take);
    this.events.dispatchEvent(new Event('change'));
  }

  /** @param {Take} take */
  putAll(take) {
    this.fallback = take;
    this.chosen.clear();
    this.events.dispatchEvent(new Event('all'));
    this.events.dispatchEvent(new Event('change'));
  }

  /** What stands for a conflict now. @param {Conflict} conflict @returns {Take | null} */
  of(conflict) {
    const take = this.chosen.get(conflict.annotation_id) ?? this.fallback;
    return take === 'theirs' && !conflict.may_take_theirs ? 'ours' : take;
  }
}

/** @param {Preview} found */
function numbers(found) {
  const { counts } = found;
  const stat = (/** @type {string} */ name, /** @type {string} */ sign, /** @type {string} */ word) => html`<div class="stat" data-count=${name}><strong><span class="sign sign--${SIGN[name]}" aria-hidden="true">${sign}</span> ${counts[name].toLocaleString('en')}</strong><span class="small muted">${word} in ${found.ours.name}</span></div>`;
  return html`<div class="stack"><div class="stats">${STATS.map(([name, sign, word]) => stat(name, sign, word))}
      <div class="stat" data-count="conflicts"><strong><span class="sign sign--conflict" aria-hidden="true">!</span> ${counts.conflicts.toLocaleString('en')}</strong><span class="small muted">${counts.conflicts === 1 ? 'conflict' : 'conflicts'} to decide</span></div></div>
    ${counts.same || counts.left_out ? html`<p class="small muted">${counts.same ? `${plural(counts.same, 'change')} happened on both sides in the same way.` : ''}${leftOut(counts)}</p>` : null}</div>`;
}

/** @param {Record<string, number>} counts */
function leftOut(counts) {
  return counts.left_out ? ` ${plural(counts.left_out, 'change')} on images in the bin, of either set, ${counts.left_out === 1 ? 'is' : 'are'} left out.` : '';
}

/** @param {SetPage} page @param {Preview} found @param {Choices} choices @param {string} path */
function conflictsCard(page, found, choices, path) {
  const list = html`<ol class="conflicts" id="conflicts"></ol>`;
  const more = html`<button type="button" class="btn btn--small" @click=${() => load().catch(showError)}>Show more</button>`;
  const foot = html`<div class="card__foot">${more}</div>`;
  let cursor = found.next_cursor;
  const add = (/** @type {Conflict[]} */ items) => {
    list.append(...items.map((item) => conflictRow(found, item, choices, page)));
    foot.hidden = !cursor;
  };
  const load = async () => {
    const answer = await api.get(path, { direction: found.direction, cursor, limit: PAGE }, { signal: page.signal });
    cursor = answer.next_cursor;
    add(answer.conflicts);
  };
  add(found.conflicts);
  const all = (/** @type {Take} */ take) => html`<button type="button" class="btn btn--small" data-all=${take} @click=${() => choices.putAll(take)}>All from ${nameOf(found, take)}</button>`;
  const legend = SIDES.map(([name, title]) => html`<span class="row row--nowrap">${lineSample(name)}${name === 'base' ? title : nameOf(found, /** @type {Take} */ (name))}</span>`);
  return html`<section class="card" aria-label="Conflicts"><div class="card__head">${icon('triangle-alert')}<h2 class="grow">Changed on both sides <span class="count num">${found.counts.conflicts.toLocaleString('en')}</span></h2>${all('ours')}${all('theirs')}</div>
    <p class="card__body row small muted conflict-legend">${legend}</p>${list}${foot}</section>`;
}

/** @param {Preview} found @param {Take} take */
function nameOf(found, take) {
  return take === 'ours' ? found.ours.name : found.theirs.name;
}

/** @param {Preview} found @param {Conflict} conflict @param {Choices} choices @param {SetPage} page */
function conflictRow(found, conflict, choices, page) {
  const name = `take-${conflict.annotation_id}`;
  const [x0, y0, x1, y1] = conflict.box;
  const ours = { set: found.ours.id, image: conflict.image.id, id: conflict.ours ? conflict.ours_id : null };
  const theirs = { set: found.theirs.id, image: conflict.their_image_id, id: conflict.theirs ? conflict.annotation_id : null };
  const shown = ours.id ? ours : theirs;
  const href = `/image-sets/${shown.set}/images/${shown.image}#x=${Math.round((x0 + x1) / 2)}&y=${Math.round((y0 + y1) / 2)}&zoom=1${shown.id ? `&annotation=${shown.id}` : ''}`;
  const type = (conflict.ours ?? conflict.theirs ?? conflict.base).type || 'Annotation';
  const option = (/** @type {Take} */ take) => {
    const isShut = take === 'theirs' && !conflict.may_take_theirs;
    const input = html`<input type="radio" name=${name} value=${take} checked=${choices.of(conflict) === take} disabled=${isShut} @change=${() => choices.put(conflict.annotation_id, take)}>`;
    choices.events.addEventListener('all', () => { input.checked = choices.of(conflict) === take; }, { signal: page.signal });
    return html`<label class="check conflict-choice conflict-choice--${take}">${input}<span class="stack stack--tight"><span>${lineSample(take)} <strong>${nameOf(found, take)}</strong></span>
      ${statementsOf(conflict, take).map((words) => html`<span class="small">${words}</span>`)}<span class="small muted">${byWhom(conflict[`${take}_changed`], conflict[take] === null)}</span></span></label>`;
  };
  const title = `${type} on ${conflict.image.name}`;
  return html`<li class="conflict-row" data-conflict=${conflict.annotation_id}><a class="conflict-row__picture" href=${href} target="_blank" aria-label="Look at it on the slide: ${title}" data-tip="Look at it on the slide">${conflictPicture(conflict, title)}</a>
    <fieldset class="conflict-row__choices"><legend><strong>${type}</strong> <span class="small muted">on ${conflict.image.name}: ${fieldsInWords(conflict)}</span></legend>
      ${conflict.why ? html`<p class="small">${conflict.why}</p>` : null}<div class="conflict-options">${option('ours')}${option('theirs')}</div></fieldset></li>`;
}

/** Which fields both sides changed. @param {Conflict} conflict */
export function fieldsInWords({ fields, ours, theirs, base, why }) {
  if (fields.includes('object')) {
    if (!ours || !theirs) return 'deleted on one side, changed on the other';
    return base || why ? 'what both changed does not fit together' : 'drawn on both sides';
  }
  return `both changed ${fields.map((/** @type {string} */ field) => (field === 'geometry' ? 'the outline' : field === 'type' ? 'the type' : field === 'text' ? 'the text' : field.replace(/^attribute:/, ''))).join(', ')}`;
}

/** What a side says, field by field that matters. @param {Conflict} conflict @param {Take} take @returns {string[]} */
export function statementsOf(conflict, take) {
  const state = conflict[take];
  if (!state) return ['It is deleted'];
  if (conflict.fields.includes('object')) {
    const words = [`It is there: ${state.type}`];
    if (state.text) words.push(`“${state.text}”`);
    const values = Object.entries(state.attributes).map(([name, value]) => `${name}: ${inWords(value)}`);
    return values.length ? [...words, values.join(', ')] : words;
  }
  return conflict.fields.map((/** @type {string} */ field) => {
    if (field === 'geometry') return 'This outline';
    if (field === 'type') return state.type || 'A type that is gone';
    if (field === 'text') return state.text ? `“${state.text}”` : 'No text';
    const name = field.replace(/^attribute:/, '');
    return name in state.attributes ? `${name}: ${inWords(state.attributes[name])}` : `No ${name}`;
  });
}

/** @param {any} value */
function inWords(value) {
  if (Array.isArray(value)) return value.join(', ');
  return value === true ? 'yes' : value === false ? 'no' : String(value);
}

/** @param {{by: string | null, at: string | null}} changed @param {boolean} isGone */
function byWhom({ by, at }, isGone) {
  return [isGone ? 'deleted' : 'changed', by ? `by ${by}` : '', at ? ago(at) : ''].filter(Boolean).join(' ');
}

/** @param {SetPage} page @param {Preview} found @param {Choices} choices @param {Go} go @param {() => unknown} again */
function actionCard(page, found, choices, go, again) {
  const button = html`<button class="btn btn--primary" id="merge-now">${icon('git-merge')}Merge</button>`;
  const said = html`<p class="small muted" role="status"></p>`;
  const message = html`<p class="field__error" role="alert"></p>`;
  const tell = () => {
    said.textContent = choices.open ? `${plural(choices.open, 'conflict')} left to decide` : 'It becomes one change, which can be taken back as one.';
    button.disabled = choices.open > 0;
  };
  choices.events.addEventListener('change', tell, { signal: page.signal });
  tell();
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    message.textContent = '';
    button.setAttribute('aria-busy', 'true');
    try {
      const reason = String(new FormData(form).get('reason') ?? '').trim();
      if (!reason) throw new InputError('Say why it is merged; it is shown in the history.');
      const done = await api.post(`/image-sets/${page.id}/merge`, {
        direction: found.direction, reason, source_revision: found.source_revision, branch_revision: found.branch_revision,
        default: choices.fallback, resolutions: [...choices.chosen].map(([annotation_id, take]) => ({ annotation_id, take })),
      });
      toast(`Merged into ${found.ours.name}.`, { kind: 'success', detail: countsInWords(done.counts) });
      await go({});
    } catch (error) {
      if (error instanceof ApiError && error.code === 'merge-moved') {
        toast(error.message, { kind: 'warning', seconds: 12 });
        again();
      } else {
        message.textContent = error instanceof Error ? error.message : String(error);
      }
    } finally {
      button.removeAttribute('aria-busy');
    }
  };
  return html`<section class="card merge-action" aria-label="Merge"><form class="card__body stack stack--tight" novalidate @submit=${submit}>
    <div class="merge-action__row">${textField('reason', 'Why, for the history', '', { maxlength: 500, placeholder: 'Second look was better' })}${button}</div>${message}${said}</form></section>`;
}

// @ts-check
/** The panel of decisions: who differs in what, what stands, and why. */

import { html, icon, render, setStyle } from '../../shell/html.js';
import { verdictBadge } from '../../shell/review.js';
import { ago } from '../../shell/time.js';
import { READERS } from './adjudication.js';

/** @typedef {import('./adjudication.js').Adjudication} Adjudication */
/** @typedef {import('./adjudication.js').Group} Group */

const MOST_LISTED = 200;

/** Draws into the side of the page. */
export class AdjudicationPanel {
  /** @param {HTMLElement} host @param {Adjudication} model */
  constructor(host, model) {
    this.model = model;
    this.element = html`<section class="side__part adjudication" aria-label="Decision"></section>`;
    host.prepend(this.element);
    this.reason = html`<textarea class="textarea" id="decision-reason" rows="2" maxlength="500" placeholder="Why does this stand? It is kept with the decision." aria-label="Reason"></textarea>`;
    this.reason.addEventListener('input', () => {
      model.reason = this.reason.value;
      this.#button();
    });
    this.reason.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void model.send();
      else if (event.key === 'Escape') this.reason.blur();
      else return;
      event.preventDefault();
    });
  }

  askReason() {
    this.reason.focus();
  }

  draw() {
    const { item, waiting } = this.model;
    render(this.element,
      html`<div class="side__head"><h2>${item.state === 'decided' ? 'Decided' : 'Needs a decision'}</h2>${waiting !== null ? html`<span class="count num">${waiting}</span>` : null}
        <button type="button" class="icon-btn icon-btn--small" aria-label="Next item that needs a decision" data-tip="Next item" data-keys="N" @click=${() => void this.model.next()}>${icon('arrow-right')}</button></div>`,
      html`<div class="adjudication__body">${this.#legend()}${item.decision ? this.#before() : null}${item.annotation ? this.#opinions() : this.#differences()}${this.#decision()}</div>`);
    this.#button();
  }

  /** @param {string} letter */
  #mark(letter) {
    const index = this.model.item.readers.findIndex((/** @type {any} */ one) => one.letter === letter);
    const look = READERS[index % READERS.length];
    const mark = html`<span class="reader-mark ${look.dash ? 'reader-mark--dashed' : ''}">${letter}</span>`;
    setStyle(mark, { '--reader': look.color });
    return mark;
  }

  #legend() {
    const { item } = this.model;
    return html`<ul class="adjudication__readers">${item.readers.map((/** @type {any} */ reader, /** @type {number} */ index) => html`
      <li class="row row--nowrap">${this.#mark(reader.letter)}<span class="truncate">${reader.name ?? `Reader ${reader.letter}`}</span><span class="grow"></span><span class="kbd">${index + 1}</span></li>`)}</ul>`;
  }

  #before() {
    const { decision } = this.model.item;
    return html`<p class="small muted adjudication__before">${icon('gavel')} ${decision.by?.name ?? 'Somebody'}, ${ago(decision.at)}: ${NAMES[decision.decision]}${decision.reader ? ` ${decision.reader}` : ''}. ${decision.reason}</p>`;
  }

  #differences() {
    const { item, disagreements, current, choices } = this.model;
    const agreed = item.group_count - item.disagreement_count;
    return html`
      <p class="small">${item.disagreement_count === 0 ? 'They drew the same.' : html`<strong class="num">${item.disagreement_count}</strong> ${item.disagreement_count === 1 ? 'difference' : 'differences'}`}${agreed > 0 ? html`<span class="muted">, <span class="num">${agreed}</span> the same</span>` : null}</p>
      ${disagreements.length > 0 ? html`<ol class="adjudication__list" aria-label="Differences">${disagreements.slice(0, MOST_LISTED).map((group, index) => this.#group(group, index, index === current, choices.get(index)))}</ol>` : null}
      ${disagreements.length > MOST_LISTED ? html`<p class="small muted">and ${disagreements.length - MOST_LISTED} more; the arrow keys lead to them.</p>` : null}`;
  }

  /** @param {Group} group @param {number} index @param {boolean} isCurrent @param {string | undefined} choice */
  #group(group, index, isCurrent, choice) {
    const { item } = this.model;
    const what = item.readers.map((/** @type {any} */ { letter }) => {
      const shape = group.shapes[letter];
      return html`<span class="adjudication__side">${this.#mark(letter)}<span class="truncate ${shape ? '' : 'faint'}">${shape ? this.model.at.nameOf(shape.type_id) : 'nothing'}</span></span>`;
    });
    const option = (/** @type {string} */ value, /** @type {any} */ label, /** @type {string} */ key) => html`
      <button type="button" class="btn btn--small" data-focus="choice-${index}-${value}" aria-pressed=${String(choice === value)} data-keys=${key} data-tip=${value === 'both' ? 'All stand' : value === 'neither' ? 'None stands' : `Reader ${value} is right`}
        @click=${() => { this.model.show(index); this.model.choose(value); }}>${label}</button>`;
    const measure = group.measures.length > 0 ? `${group.measures[0]} ${item.measure === 'um' ? 'µm apart' : item.measure === 'px' ? 'px apart' : 'IoU'}` : '';
    return html`
      <li class="adjudication__group ${isCurrent ? 'is-current' : ''}" aria-current=${isCurrent ? 'true' : null}>
        <button type="button" class="adjudication__what" data-focus="group-${index}" @click=${() => this.model.show(index)}>${what}${measure ? html`<span class="small faint num">${measure}</span>` : null}${choice ? icon('check') : null}</button>
        ${isCurrent ? html`<div class="btn-group" role="group" aria-label="What stands">${item.readers.map((/** @type {any} */ { letter }, /** @type {number} */ n) => option(letter, letter, String(n + 1)))}${option('both', item.readers.length > 2 ? 'All' : 'Both', 'B')}${option('neither', 'Neither', '0')}</div>` : null}
      </li>`;
  }

  #opinions() {
    const { item, typeId } = this.model;
    const fits = this.model.at.types.filter((type) => type.is_active && type.shapes.includes(item.annotation.geometry.shape));
    return html`
      <ul class="adjudication__list" aria-label="Opinions">${item.opinions.map((/** @type {any} */ one) => html`
        <li class="adjudication__group"><span class="row row--nowrap">${this.#mark(one.letter)}${one.verdict ? verdictBadge(one.verdict) : html`<span class="faint small">took it back</span>`}<span class="truncate">${one.type_name ? `as ${one.type_name}` : one.verdict === 'accepted' ? `as ${this.model.at.nameOf(item.annotation.type_id)}` : ''}</span></span>
          ${one.reason ? html`<p class="small muted">${one.reason}</p>` : null}</li>`)}</ul>
      <label class="field"><span class="field__label">What it is, if you say so yourself</span><select class="select" id="decision-type" @change=${(/** @type {any} */ e) => { this.model.typeId = Number(e.target.value) || null; this.model.decide('edit'); }}>
        <option value="">–</option>${fits.map((type) => html`<option value=${type.id} selected=${type.id === typeId}>${type.name}</option>`)}</select></label>`;
  }

  #decision() {
    const { item, decision, reader } = this.model;
    const radio = (/** @type {string} */ value, /** @type {any} */ label, /** @type {string} */ letter = '') => html`
      <label class="check small"><input type="radio" name="decision" id="decision-${value}${letter}" checked=${decision === value && reader === letter} @change=${() => this.model.decide(/** @type {any} */ (value), letter)}><span>${label}</span></label>`;
    const isShape = Boolean(item.annotation);
    return html`
      <fieldset class="adjudication__decision"><legend class="small"><strong>What stands</strong></legend>
        ${item.readers.map((/** @type {any} */ { letter }) => radio('reader', html`Reader ${letter}`, letter))}
        ${radio('both', isShape ? 'It is right as it is' : 'Everything')}${radio('neither', isShape ? 'It is wrong' : 'Nothing')}
        ${isShape ? null : radio('each', 'As chosen for each difference')}
        ${isShape ? radio('edit', 'What I say it is') : radio('edit', 'What I draw here instead')}</fieldset>
      ${this.reason}
      <div class="row row--nowrap"><span class="small muted grow" id="decision-missing" role="status"></span><button type="button" class="btn btn--primary" id="decide" data-tip="Keep the decision" data-keys="Ctrl+Enter" @click=${() => void this.model.send()}>${icon('gavel')}Decide</button></div>`;
  }

  #button() {
    const place = this.element.querySelector('#decision-missing');
    if (place) place.textContent = this.model.missing;
    this.element.querySelector('#decide')?.setAttribute('aria-disabled', String(this.model.missing !== ''));
  }
}

/** @type {Record<string, string>} */
const NAMES = { reader: 'stands reader', both: 'everything stands', neither: 'nothing stands', each: 'decided one by one', edit: 'decided otherwise' };


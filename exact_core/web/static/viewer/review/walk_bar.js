// @ts-check
/** The bar of the verification walk: how far one is, what the shape is, and the buttons beside the keys. */

import { html, icon, render, setStyle } from '../../shell/html.js';
import { VERDICTS, verdictBadge } from '../../shell/review.js';

/** @typedef {import('./walk.js').VerificationWalk} VerificationWalk */
/** @typedef {import('../../shell/review.js').Verdict} Verdict */
/** @typedef {import('../types.js').AnnotationType} AnnotationType */

/**
 * @typedef {object} BarModel
 * @property {VerificationWalk} walk
 * @property {AnnotationType[]} types
 * @property {Map<number, string>} keys
 * @property {() => {id: number, name: string}[]} authors
 * @property {boolean} asksAuthors
 * @property {(verdict: Verdict) => void} judge
 * @property {(by: 1 | -1) => void} step
 * @property {(change: Record<string, any>) => void} filter
 * @property {() => void} verifyImage
 * @property {() => void} close
 */

const STATES = [['', 'Every state'], ['unverified', 'Not verified'], ['outdated', 'Changed since'], ['accepted', 'Accepted'], ['rejected', 'Rejected'], ['dubious', 'Dubious']];

/** Draws the bar under the picture. */
export class WalkBar {
  /** @param {HTMLElement} host @param {BarModel} model */
  constructor(host, model) {
    this.host = host;
    this.model = model;
    this.element = html`<section class="walk" aria-label="Verify one by one"></section>`;
    this.reasonField = html`<input class="input walk__reason" id="walk-reason" maxlength="500" placeholder="Why (optional)" aria-label="Why" autocomplete="off">`;
    this.reasonField.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Enter' || event.key === 'Escape') this.reasonField.blur();
    });
  }

  open() {
    this.host.append(this.element);
    this.#observer.observe(this.element);
    this.draw();
  }

  close() {
    this.#observer.disconnect();
    this.element.remove();
    setStyle(this.host, { '--dock': null });
  }

  /** What lies in the lower corners moves up by as much as the bar is high. */
  #observer = new ResizeObserver(() => setStyle(this.host, { '--dock': `${this.element.offsetHeight}px` }));

  /** What was typed, once. */
  takeReason() {
    const reason = this.reasonField.value.trim();
    this.reasonField.value = '';
    return reason;
  }

  draw() {
    const { walk } = this.model;
    render(this.element, this.#progress(), walk.current ? this.#shape(walk.current) : this.#end());
  }

  #progress() {
    const { walk, close } = this.model;
    const { total } = walk.counts;
    return html`
      <div class="walk__head">
        <progress class="progress walk__bar" max=${Math.max(total, 1)} value=${walk.judged} aria-label="Verified"></progress>
        <span class="small num muted" id="walk-count">${walk.judged.toLocaleString('en')} of ${total.toLocaleString('en')} verified</span>
        ${this.#filters()}
        <button type="button" class="icon-btn icon-btn--small" data-focus="walk-close" aria-label="End the walk" data-tip="End the walk" data-keys="Escape" @click=${close}>${icon('x')}</button>
      </div>`;
  }

  #filters() {
    const { types, authors, asksAuthors, filter, walk } = this.model;
    const choose = (/** @type {string} */ id, /** @type {string} */ label, /** @type {any[][]} */ choices, /** @type {any} */ value, /** @type {(value: string) => Record<string, any>} */ change) => html`
      <select class="select walk__select" id="walk-${id}" aria-label=${label} @change=${(/** @type {any} */ e) => { e.target.blur(); filter(change(e.target.value)); }}>
        ${choices.map(([key, text]) => html`<option value=${key} selected=${String(key) === String(value ?? '')}>${text}</option>`)}</select>`;
    const one = (/** @type {string} */ value) => (value ? [Number(value)] : undefined);
    return html`<span class="walk__filters">
      ${choose('state', 'State of verification', STATES, walk.filter.verification, (value) => ({ verification: value || undefined }))}
      ${choose('type', 'Type', [['', 'All types'], ...types.map((type) => [type.id, type.name])], walk.filter.type_id?.[0], (value) => ({ type_id: one(value) }))}
      ${asksAuthors ? choose('author', 'Author', [['', 'Everybody'], ...authors().filter(({ id }) => id > 0).map(({ id, name }) => [id, name])], walk.filter.author_id?.[0], (value) => ({ author_id: one(value) })) : null}
      ${choose('order', 'Order', [['place', 'By place'], ['drawing', 'As drawn']], walk.filter.order, (value) => ({ order: value }))}</span>`;
  }

  /** @param {import('./walk.js').WalkItem} item */
  #shape(item) {
    const { types, keys, judge, step } = this.model;
    const type = types.find((one) => one.id === item.type_id);
    const swatch = html`<span class="swatch"></span>`;
    setStyle(swatch, { background: type?.color ?? 'currentColor' });
    const said = item.verification.verdicts.find((one) => one.is_mine && !one.is_outdated) ?? item.verification.verdicts[0];
    const by = said && !said.is_mine && said.reader ? ` by ${said.reader.name}` : '';
    const button = (/** @type {Verdict} */ verdict) => html`
      <button type="button" class="btn walk__verdict walk__verdict--${verdict}" data-focus="walk-${verdict}" aria-pressed=${String(item.verification.state === verdict)}
        @click=${() => judge(verdict)}>${icon(VERDICTS[verdict].symbol)}${VERDICTS[verdict].verb}<span class="kbd">${VERDICTS[verdict].key}</span></button>`;
    return html`
      <div class="walk__shape" data-walk=${item.id}>
        <button type="button" class="icon-btn" data-focus="walk-back" aria-label="Previous shape" data-tip="Previous shape" data-keys="ArrowLeft" @click=${() => step(-1)}>${icon('chevron-left')}</button>
        <div class="walk__what"><span class="row row--nowrap">${swatch}<strong class="truncate">${type?.name ?? 'Unknown type'}</strong>${keys.has(item.type_id) ? html`<span class="kbd">${keys.get(item.type_id)}</span>` : null}</span>
          <span class="row row--nowrap small muted">${verdictBadge(item.verification.state)}<span class="truncate">${item.author ? `drawn by ${item.author.name}` : ''}${by}</span></span></div>
        <div class="walk__verdicts" role="group" aria-label="Verdict">${button('accepted')}${button('rejected')}${button('dubious')}</div>
        ${this.reasonField}
        <button type="button" class="icon-btn" data-focus="walk-next" aria-label="Next shape" data-tip="Next shape" data-keys="ArrowRight" @click=${() => step(1)}>${icon('chevron-right')}</button>
      </div>`;
  }

  #end() {
    const { walk, verifyImage } = this.model;
    const isAll = walk.counts.unverified === 0;
    const text = walk.counts.total === 0 ? 'There is no such shape on this image.' : isAll ? 'Every shape is verified.' : 'No shape fits the filter.';
    return html`
      <div class="walk__shape"><p class="grow" role="status">${icon(isAll ? 'check-check' : 'info')} ${text}</p>
        ${isAll ? html`<button type="button" class="btn btn--primary" data-focus="walk-image" @click=${verifyImage}>${icon('badge-check')}Verify the image</button>` : null}</div>`;
  }
}

// @ts-check
/** How far the readers of a set agree: what is compared, and the answer; for readers their own figures. */

import { api, ApiError, apiUrl } from '../api.js';
import { html, icon, render } from '../html.js';
import { attachMenu } from '../menu.js';
import { plural } from '../time.js';
import { debounce, empty, failure } from '../view.js';
import { drawAnswer } from './agreement_answer.js';
import { drawGold, drawOwnDrift } from './agreement_drift.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {Record<string, any>} Answer */

const POLL_MS = 2500;
const TABLES = [['figures', 'Every figure'], ['items', 'Every thing, with what each reader said'], ['counts', 'Marks per reader and class'], ['confusion', 'Confusion of each two readers']];

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawAgreement(target, page) {
  if (!(page.rights.see_all && page.rights.export)) {
    await drawForReader(target, page);
    return;
  }
  const view = new AgreementView(page);
  render(target, view.options, view.status, view.answer, view.gold);
  await view.start();
  target.setAttribute('aria-busy', 'false');
}

/**
 * Who reads here sees their own figures, once they are released and the set is not blind.
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
async function drawForReader(target, page) {
  try {
    const own = await api.get(`/image-sets/${page.id}/own-drift`, {}, { signal: page.signal });
    render(target, drawOwnDrift(own.references));
  } catch (error) {
    if (page.signal.aborted) return;
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    render(target, empty('eye-off', 'Not for readers of this set', error.detail));
  }
  target.setAttribute('aria-busy', 'false');
}

/** One showing of the tab. */
class AgreementView {
  /** @type {Answer | null} */
  found = null;
  /** @type {{name: string, revision: number}[]} */
  versions = [];
  /** @type {AbortController | null} */
  #asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {SetPage} page */
  constructor(page) {
    this.page = page;
    this.path = `/image-sets/${page.id}`;
    this.options = html`<form class="card" hidden aria-label="What is compared" @submit=${(/** @type {Event} */ event) => event.preventDefault()}></form>`;
    this.status = html`<div role="status"></div>`;
    this.answer = html`<div class="stack" id="agreement-answer"></div>`;
    this.gold = html`<div class="stack"></div>`;
    const query = new URLSearchParams(location.search);
    this.chosen = {
      reader: query.getAll('reader'), type_id: query.getAll('type_id').map(Number).filter(Boolean),
      revision: query.get('revision') ?? '', match: query.get('match') ?? 'auto', distance: query.get('distance') ?? '',
      unit: query.get('unit') ?? 'auto', overlap: query.get('overlap') ?? '0.5', ordered: query.get('ordered') ?? '', model: query.get('model') ?? '',
    };
    page.signal.addEventListener('abort', () => {
      this.#asking?.abort();
      clearTimeout(this.#timer);
    });
  }

  async start() {
    this.versions = await this.#versions();
    await this.ask();
    if (this.page.rights.manage && !this.page.signal.aborted) await drawGold(this.gold, this.page, () => this.found);
  }

  query() {
    const { overlap, match, ...rest } = this.chosen;
    return { ...rest, match: match === 'auto' ? '' : match, overlap: match === 'overlap' ? overlap : '' };
  }

  /** Versions are named states; a server without them has only now. */
  async #versions() {
    try {
      const answer = await api.get(`${this.path}/versions`, {}, { signal: this.page.signal });
      return (Array.isArray(answer) ? answer : answer.items ?? []).filter((/** @type {any} */ each) => Number.isInteger(each.revision) && !each.deleted_at);
    } catch {
      return [];
    }
  }

  async ask() {
    this.#toAddress();
    this.#asking?.abort();
    clearTimeout(this.#timer);
    const asking = this.#asking = new AbortController();
    this.answer.setAttribute('aria-busy', 'true');
    if (!this.found) render(this.status, html`<p class="row muted">${icon('loader-circle', 'icon--spin')}Comparing</p>`);
    try {
      const found = await api.get(`${this.path}/agreement`, this.query(), { signal: asking.signal });
      if (asking.signal.aborted) return;
      if (found.state === 'computing') this.#wait(found, true);
      else this.#show(found);
    } catch (error) {
      if (asking.signal.aborted || this.page.signal.aborted) return;
      if (error instanceof ApiError && error.status === 422) render(this.status, html`<p class="banner banner--warning">${icon('triangle-alert')}${error.detail}</p>`);
      else render(this.status, failure(error, () => this.ask()));
    } finally {
      if (this.#asking === asking) this.answer.setAttribute('aria-busy', 'false');
    }
  }

  /** @param {Answer} found */
  #show(found) {
    this.found = found;
    render(this.status);
    this.#drawOptions();
    drawAnswer(this.answer, found, this.page.id);
    if (!found.is_current) this.#wait(found, false);
  }

  /**
   * @param {Answer} found
   * @param {boolean} isFirst
   */
  #wait(found, isFirst) {
    const job = found.job_id ? html` <a href="/api/v2/jobs/${found.job_id}">Job ${found.job_id}</a>` : null;
    render(this.status, html`<p class="banner">${icon('loader-circle', 'icon--spin')}<span>${isFirst
      ? 'The set is large: the figures are being computed in the background and appear here.'
      : `These figures are of revision ${found.revision}; those of the annotations as they are now are being computed.`}${job}</span></p>`);
    this.#timer = setTimeout(() => {
      if (document.hidden) this.#wait(found, isFirst);
      else void this.ask();
    }, POLL_MS);
  }

  #toAddress() {
    const address = apiUrl('/api/x', this.query()).split('?')[1];
    history.replaceState(null, '', location.pathname + (address ? `?${address}` : ''));
  }

  /** @param {Partial<AgreementView['chosen']>} change */
  choose(change) {
    Object.assign(this.chosen, change);
    this.#drawOptions();
    this.#soon();
  }

  #soon = debounce(() => void this.ask(), 350);

  #drawOptions() {
    const { found, chosen } = this;
    if (!found) return;
    this.options.hidden = false;
    const menu = html`<button type="button" class="btn btn--small" id="agreement-csv">${icon('download')}CSV</button>`;
    const rule = found.rule;
    const unit = rule?.unit === 'um' ? 'µm' : 'px';
    render(this.options,
      html`<div class="card__head"><h2 class="grow">What is compared</h2>${menu}</div>`,
      html`<div class="card__body agreement-options">
        ${this.#select('State', 'revision', [['', 'Now'], ...this.versions.map((version) => /** @type {[string, string]} */ ([String(version.revision), `Version ${version.name}`])),
          ...(chosen.revision && !this.versions.some((version) => String(version.revision) === chosen.revision) ? [/** @type {[string, string]} */ ([chosen.revision, `Revision ${chosen.revision}`])] : [])])}
        ${this.#select('Two marks are one thing', 'match', [['auto', 'as suits most of them'], ['distance', 'by distance of middles'], ['overlap', 'by overlap of outlines']])}
        ${chosen.match === 'overlap' ? this.#number('Least overlap (IoU)', 'overlap', 0.01, 1) : [
          this.#number(`Distance${rule?.kind === 'distance' ? ` (now ${rule.distance} ${unit})` : ''}`, 'distance', 0.1, null),
          this.#select('Unit', 'unit', [['auto', 'µm if known'], ['um', 'µm'], ['px', 'pixels']])]}
        ${this.#select('Classes are', 'ordered', [['', found.ordered ? 'grades (they are numbers)' : 'names'], ['true', 'grades, in their order'], ['false', 'names']])}
        ${found.models?.length ? this.#model(found.models) : null}
        ${this.#choices('Readers', 'reader', found.all_readers.map((/** @type {any} */ reader) => [reader.key, reader.name, '']))}
        ${this.#choices('Classes', 'type_id', found.all_classes.map((/** @type {any} */ each) => [each.id, each.name, each.color]))}</div>`);
    attachMenu(menu, () => TABLES.map(([table, label]) => ({ label, icon: 'download', href: apiUrl(`${this.path}/agreement.csv`, { ...this.query(), table }) })));
  }

  /**
   * @param {string} label
   * @param {'revision' | 'match' | 'unit' | 'ordered'} name
   * @param {[string, string][]} choices
   */
  #select(label, name, choices) {
    return html`<div class="field"><label class="field__label" for="agreement-${name}">${label}</label>
      <select class="select" id="agreement-${name}" @change=${(/** @type {any} */ event) => this.choose({ [name]: event.target.value })}>
      ${choices.map(([value, text]) => html`<option value=${value} selected=${value === this.chosen[name]}>${text}</option>`)}</select></div>`;
  }

  /**
   * @param {string} label
   * @param {'distance' | 'overlap'} name
   * @param {number} min
   * @param {number | null} max
   */
  #number(label, name, min, max) {
    return html`<div class="field"><label class="field__label" for="agreement-${name}">${label}</label>
      <input class="input input--narrow" id="agreement-${name}" type="number" min=${min} max=${max} step="any" value=${this.chosen[name]} placeholder="auto"
        @change=${(/** @type {any} */ event) => this.choose({ [name]: event.target.value })}></div>`;
  }

  /** A model as one more reader, with the score from which what it found counts. @param {{uuid: string, name: string, images: number}[]} models */
  #model(models) {
    const [uuid = '', least = '0.5'] = this.chosen.model.split('@');
    const choose = (/** @type {string} */ id, /** @type {string} */ score) => this.choose({ model: id ? `${id}@${score || '0.5'}` : '' });
    return [html`<div class="field"><label class="field__label" for="agreement-model">Compare with a model</label>
      <select class="select" id="agreement-model" @change=${(/** @type {any} */ event) => choose(event.target.value, least)}><option value="">No model</option>
      ${models.map((each) => html`<option value=${each.uuid} selected=${each.uuid === uuid}>${each.name} (${plural(each.images, 'image')})</option>`)}</select></div>`,
    uuid ? html`<div class="field"><label class="field__label" for="agreement-least">Least score</label>
      <input class="input input--narrow" id="agreement-least" type="number" min="0" max="1" step="0.01" value=${least} @change=${(/** @type {any} */ event) => choose(uuid, event.target.value)}></div>` : null];
  }

  /**
   * Chips; none chosen means all.
   * @param {string} legend
   * @param {'reader' | 'type_id'} name
   * @param {[any, string, string][]} choices
   */
  #choices(legend, name, choices) {
    if (choices.length < 2) return null;
    const chosen = /** @type {any[]} */ (this.chosen[name]);
    const change = (/** @type {any} */ value, /** @type {boolean} */ on) => {
      const before = chosen.length ? chosen : choices.map(([each]) => each);
      const after = choices.map(([each]) => each).filter((each) => (each === value ? on : before.includes(each)));
      this.choose({ [name]: after.length === choices.length ? [] : after });
    };
    return html`<fieldset><legend class="field__label">${legend}</legend><div class="chip-set">${choices.map(([value, label, color]) => html`
      <label class="chip"><input type="checkbox" data-focus="${name}-${value}" checked=${!chosen.length || chosen.includes(value)} @change=${(/** @type {any} */ event) => change(value, event.target.checked)}>
        ${color ? html`<span class="swatch" .style=${{ '--swatch': color }}></span>` : null}${label}</label>`)}</div></fieldset>`;
  }
}

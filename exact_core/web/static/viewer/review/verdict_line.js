// @ts-check
/** What is said of the selected shape, and the buttons to say something oneself; asked when it is selected. */

import { api } from '../../shell/api.js';
import { html, icon, render } from '../../shell/html.js';
import { VERDICTS, verdictBadge } from '../../shell/review.js';
import { ago, dateTime } from '../../shell/time.js';
import { showError } from '../../shell/toast.js';

/** @typedef {import('../items.js').Item} Item */
/** @typedef {import('../../shell/review.js').Verdict} Verdict */

/** One line for the details panel, which draws itself anew when more is known. */
export class VerdictLine {
  /** @param {import('../workplace.js').Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.element = html`<div class="verdicts" id="verdicts" aria-label="Verification" role="group"></div>`;
  }

  /** @type {{key: string, said: {state: string, verdicts: any[]}} | null} */
  #known = null;

  /** @param {Item} item @returns {HTMLElement | null} null for a shape that the server does not know yet */
  show(item) {
    if (item.id === null) return null;
    const key = `${item.id} ${item.revision}`;
    if (this.#known?.key !== key) void this.#ask(item, key);
    this.#draw(item);
    return this.element;
  }

  /** Something was said: ask again. */
  forget() {
    this.#known = null;
    const { single } = this.at.selection;
    if (single?.id) void this.#ask(single, `${single.id} ${single.revision}`);
  }

  /** @param {Item} item @param {string} key */
  async #ask(item, key) {
    const said = await api.get(`/annotations/${item.id}/verifications`, this.at.asOf).catch(() => null);
    if (!said || this.at.selection.single?.id !== item.id) return;
    this.#known = { key, said };
    this.#draw(item);
  }

  /** @param {Item} item */
  #draw(item) {
    const said = this.#known && this.#known.key.startsWith(`${item.id} `) ? this.#known.said : null;
    const mine = said?.verdicts.find((one) => one.is_mine && !one.is_outdated)?.verdict;
    render(this.element,
      html`<div class="row row--nowrap">${said ? verdictBadge(said.state) : html`<span class="badge">…</span>`}<span class="grow"></span>${this.at.data.rights.verify
        ? /** @type {Verdict[]} */ (['accepted', 'rejected', 'dubious']).map((verdict) => html`
          <button type="button" class="icon-btn icon-btn--small" data-focus="say-${verdict}" aria-pressed=${String(mine === verdict)} aria-label=${VERDICTS[verdict].verb} data-tip=${VERDICTS[verdict].verb}
            @click=${() => void this.#say(item, mine === verdict ? null : verdict)}>${icon(VERDICTS[verdict].symbol)}</button>`) : null}</div>`,
      said && said.verdicts.length > 0 ? html`<ul class="verdicts__list small muted">${said.verdicts.map((one) => this.#entry(one))}</ul>` : null);
  }

  /** @param {any} one */
  #entry(one) {
    const who = one.is_mine ? 'You' : (one.reader?.name ?? 'Another reader');
    const type = one.type_id ? this.at.type(one.type_id) : null;
    return html`<li><span class="truncate">${who}: ${VERDICTS[one.verdict].label.toLowerCase()}${type ? ` as ${type.name}` : ''}${one.is_outdated ? ', before it was changed' : ''}${one.reason ? ` – ${one.reason}` : ''}</span>
      <time datetime=${one.at} data-tip=${dateTime(one.at)}>${ago(one.at)}</time></li>`;
  }

  /** @param {Item} item @param {Verdict | null} verdict */
  async #say(item, verdict) {
    try {
      await this.at.journal.drained();
      const latest = this.at.selection.single ?? item;
      await api.post(`/images/${this.at.image.id}/verifications`, { verdicts: [{ id: item.id, verdict, base_revision: latest.revision || null }] });
    } catch (error) {
      showError(error, 'The verdict was not kept');
    }
    this.at.review.judgedOne();
  }
}

// @ts-check
/** Says which version is on the page, that it cannot be changed, and leads to others and to the present. */

import { api } from '../../shell/api.js';
import { html, icon, render } from '../../shell/html.js';
import { dateTime } from '../../shell/time.js';

/** @typedef {import('../workplace.js').Workplace} Workplace */

/** The bar above the picture. */
export class VersionBar {
  /** @param {Workplace} workplace @param {HTMLElement} below @param {(from: number) => void} compare */
  constructor(workplace, below, compare) {
    this.at = workplace;
    this.compare = compare;
    this.element = html`<div class="study-bar version-bar" role="region" aria-label="Version"></div>`;
    below.before(this.element);
    this.#draw([]);
    void this.#load();
  }

  async #load() {
    const answer = await api.get(`/image-sets/${this.at.data.imageSet.id}/versions`, { limit: 200 }).catch(() => null);
    if (answer) this.#draw(answer.items);
  }

  /** @param {any[]} versions */
  #draw(versions) {
    const version = /** @type {NonNullable<import('../types.js').Bootstrap['version']>} */ (this.at.data.version);
    const here = `${this.at.data.imageSet.url}/images/${this.at.image.id}`;
    const isInBin = this.at.image.is_in_bin;
    const others = versions.filter(({ id }) => id !== version.id);
    const choose = (/** @type {any} */ event) => {
      const wanted = event.target.value;
      event.target.value = '';
      event.target.blur();
      if (wanted === 'now') location.assign(`${here}?diff=${version.id}${location.hash}`);
      else if (wanted) this.compare(Number(wanted));
    };
    render(this.element,
      html`<span class="study-bar__title truncate">${icon('lock')} Version <strong>${version.name}</strong>, read only
        <span class="small muted">${dateTime(version.created_at)}${version.creator ? `, by ${version.creator}` : ''}</span></span>`,
      html`<select class="select version-bar__select" id="version-compare" aria-label="Compare with" @change=${choose}>
        <option value="">Compare with …</option>${isInBin ? null : html`<option value="now">the present</option>`}${others.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</select>`,
      isInBin ? html`<span class="badge" data-tip="Restored, the image has a present again">${icon('trash-2')}Image in the bin now</span>` : html`<a class="btn btn--small" id="to-present" href=${here} @click=${(/** @type {MouseEvent} */ event) => {
        /** @type {HTMLAnchorElement} */ (event.currentTarget).href = here + location.hash;
      }}>${icon('arrow-right')}To the present</a>`);
  }
}

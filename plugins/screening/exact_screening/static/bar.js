// @ts-check
/** The few buttons that a thumb needs, at the lower edge of a narrow window, where the panel would cover the field. */

import { html, icon } from 'exact/sdk';

/** @typedef {import('./workbench.js').Workbench} Workbench */

export class Bar {
  /** @param {Workbench} at */
  constructor(at) {
    this.at = at;
    this.text = html`<span class="small num grow"></span>`;
    this.element = html`<div class="screening-bar" data-plugin="screening" role="group" aria-label="Screening" hidden>
      <button type="button" class="icon-btn" aria-label="Field before" @click=${() => at.go('previous')}>${icon('chevron-left')}</button>
      ${this.text}
      <button type="button" class="btn btn--primary" aria-label="Seen, next field" @click=${() => at.markAndNext()}>${icon('check')}Seen</button>
      <button type="button" class="icon-btn" aria-label="Next field" @click=${() => at.go('next')}>${icon('chevron-right')}</button>
    </div>`;
    document.body.append(this.element);
  }

  show() {
    const { session, isOn } = this.at;
    this.element.hidden = !isOn || !session;
    if (session) this.text.textContent = `${session.fieldNumber.toLocaleString('en')} / ${session.total.toLocaleString('en')}${session.seen[session.position] ? ' ✓' : ''}`;
  }
}

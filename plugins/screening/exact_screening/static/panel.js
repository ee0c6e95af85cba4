// @ts-check
/** The panel beside the image: where somebody is, how far, how long it will take, and what can be done. */

import { ago, confirmDialog, duration, html, icon, plural, render, showError } from 'exact/sdk';

import { Extras } from './extras.js';
import { passForm } from './form.js';

/** @typedef {import('./workbench.js').Workbench} Workbench */

export class Panel {
  /** @param {Workbench} at @param {HTMLElement} element */
  constructor(at, element) {
    this.at = at;
    this.body = html`<div class="screening-body"></div>`;
    this.extras = new Extras(at);
    render(element, html`<section class="screening stack stack--tight" data-plugin="screening" data-testid="screening">${this.body}${this.extras.element}</section>`);
    // A button that was clicked would keep Space for itself.
    this.body.addEventListener('click', (/** @type {MouseEvent} */ event) => {
      if (event.detail > 0 && this.at.isOn && document.activeElement instanceof HTMLElement) document.activeElement.blur();
    });
  }

  /** Whether the form for another pass is open. */
  isStarting = false;
  #shown = '';

  showBusy() {
    render(this.body, html`<p class="muted small row">${icon('loader-circle', 'icon--spin')}Looking for your place…</p>`);
  }

  /** @param {unknown} error */
  showFailure(error) {
    const words = error instanceof Error ? error.message : String(error);
    render(this.body, html`<div class="stack stack--tight"><p class="small screening-warning">${words}</p>
      <div><button type="button" class="btn btn--small" @click=${() => void this.at.open()}>${icon('refresh-cw')}Try again</button></div></div>`);
  }

  focusStart() {
    const button = /** @type {HTMLElement | null} */ (this.body.querySelector('.btn--primary'));
    button?.scrollIntoView({ block: 'nearest' });
    button?.focus();
  }

  show() {
    const { session, isOn } = this.at;
    const which = this.isStarting || !session ? 'form' : isOn ? 'on' : session.finishedAt ? 'finished' : 'paused';
    if (which !== this.#shown || which === 'finished' || which === 'paused') this.#draw(which);
    if (which === 'on') this.#refresh();
    this.extras.show();
  }

  /** @param {string} which */
  #draw(which) {
    // An open form is not drawn again under somebody's hands.
    if (which === 'form' && this.#shown === 'form') return;
    this.#shown = which;
    const { state, session, mayScreen } = this.at;
    if (!state) return;
    const notes = state.notes.map((note) => html`<p class="small muted">${note}</p>`);
    if (!mayScreen && !session) return render(this.body, html`<p class="small muted">You may look at this image, but not screen it.</p>`);
    if (which === 'form') {
      const defaults = session ? { ...state.defaults, ...session.wishes } : state.defaults;
      return render(this.body, notes, passForm(this.at.ctx, defaults, Boolean(session), (wishes) => this.at.begin(wishes), session ? () => this.#another(false) : null));
    }
    if (which === 'on') return render(this.body, this.#running());
    return render(this.body, which === 'finished' ? this.#finished() : this.#paused(), this.#earlier());
  }

  /** What stays while somebody screens; figures are filled in by `#refresh`. */
  #running() {
    const { at } = this;
    const button = (/** @type {string} */ picture, /** @type {string} */ label, /** @type {string} */ key, /** @type {() => unknown} */ run) => html`
      <button type="button" class="icon-btn icon-btn--small" aria-label=${label} data-tip=${label} data-keys=${key} @click=${run}>${icon(picture)}</button>`;
    return html`<div class="stack stack--tight">
      <div class="row row--between row--nowrap">
        <p class="screening-field num" role="status" data-testid="screening-field"></p>
        <span class="badge" data-part="seen"></span>
      </div>
      <progress class="progress" max="1" value="0" aria-label="Fields seen"></progress>
      <p class="small muted num" data-testid="screening-progress"></p>
      <button type="button" class="btn btn--primary btn--block" data-testid="screening-mark" data-keys="Space" data-tip="Mark the field as seen and go on" @click=${() => at.markAndNext()}>${icon('check')}Seen, next field</button>
      <div class="row row--between row--nowrap" role="group" aria-label="Fields">
        <div class="row row--nowrap screening-pad">
          ${button('arrow-left', 'Field on the left', 'A', () => at.go('left'))}${button('arrow-up', 'Field above', 'W', () => at.go('up'))}
          ${button('arrow-down', 'Field below', 'S', () => at.go('down'))}${button('arrow-right', 'Field on the right', 'D', () => at.go('right'))}
        </div>
        <div class="row row--nowrap screening-pad">
          ${button('target', 'Back to the field', 'G', () => at.goThere())}${button('map-pin', 'To the field in the middle of the window', '', () => at.goHere())}
          <button type="button" class="icon-btn icon-btn--small" data-part="undo" aria-label="Take the last mark back" data-tip="Take the last mark back" data-keys="U" @click=${() => at.undo()}>${icon('undo-2')}</button>
        </div>
      </div>
      <p class="small faint screening-keys"><span><span class="kbd">␣</span> seen</span><span><span class="kbd">W</span><span class="kbd">A</span><span class="kbd">S</span><span class="kbd">D</span> move</span><span><span class="kbd">C</span> continue</span><span><span class="kbd">U</span> undo</span></p>
      <p class="small screening-warning" role="status" data-part="trouble" hidden></p>
      <div class="row">
        <button type="button" class="btn btn--small grow" data-testid="screening-pause" @click=${() => at.pause()}>${icon('pause')}Pause</button>
        <button type="button" class="btn btn--small grow" data-testid="screening-finish" @click=${() => this.#finish()}>${icon('flag')}Finish</button>
      </div>
    </div>`;
  }

  #refresh() {
    const { session } = this.at;
    if (!session) return;
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (this.body.querySelector(selector));
    part('[data-testid="screening-field"]').textContent = `Field ${n(session.fieldNumber)} of ${n(session.total)}`;
    const isSeen = Boolean(session.seen[session.position]);
    part('[data-part="seen"]').textContent = isSeen ? 'seen' : 'not seen yet';
    part('[data-part="seen"]').classList.toggle('badge--success', isSeen);
    /** @type {HTMLProgressElement} */ (part('progress')).value = session.done / session.total;
    part('[data-testid="screening-progress"]').textContent = progressWords(session);
    /** @type {HTMLButtonElement} */ (part('[data-part="undo"]')).disabled = !session.canUndo;
    const trouble = part('[data-part="trouble"]');
    const words = session.trouble ? `Not saved yet: ${session.trouble} It is tried again.` : session.isElsewhere ? 'You also screen this image in another window; marks of both add up.' : '';
    trouble.hidden = !words;
    trouble.textContent = words;
  }

  #paused() {
    const session = /** @type {import('./session.js').Session} */ (this.at.session);
    return html`<div class="stack stack--tight">
      ${session.ended ? html`<p class="small screening-warning" role="alert">${session.ended}</p>` : null}
      <progress class="progress" max="1" value=${String(session.done / session.total)} aria-label="Fields seen"></progress>
      <p class="small muted num" data-testid="screening-progress">${progressWords(session)}</p>
      ${session.ended
        ? html`<button type="button" class="btn btn--block" @click=${() => this.at.reload().catch(showError)}>${icon('refresh-cw')}Load again</button>`
        : html`<button type="button" class="btn btn--primary btn--block" data-testid="screening-continue" disabled=${!this.at.mayScreen} @click=${() => this.at.resume()}>${icon('play')}Continue at field ${n(session.fieldNumber)} of ${n(session.total)}</button>`}
      ${session.ended || !this.at.mayScreen ? null : html`<div class="row">
        <button type="button" class="btn btn--small grow" data-testid="screening-again" @click=${() => this.#another(true)}>${icon('rotate-ccw')}New pass…</button>
        <button type="button" class="btn btn--small grow" @click=${() => this.#finish()}>${icon('flag')}Finish</button>
      </div>`}
    </div>`;
  }

  #finished() {
    const session = /** @type {import('./session.js').Session} */ (this.at.session);
    return html`<div class="stack stack--tight">
      <p class="row row--nowrap">${icon('circle-check')}<strong>Screened</strong><span class="small muted">${ago(session.finishedAt)}</span></p>
      <p class="small muted num">${n(session.done)} of ${plural(session.total, 'field')} seen${session.seconds >= 1 ? `, in ${duration(session.seconds)}` : ''}.</p>
      ${this.at.mayScreen ? html`<div class="row">
        <button type="button" class="btn btn--small grow" @click=${() => this.at.finish(false).catch(showError)}>${icon('lock-open')}Reopen</button>
        <button type="button" class="btn btn--small grow" data-testid="screening-again" @click=${() => this.#another(true)}>${icon('rotate-ccw')}New pass…</button>
      </div>` : null}
    </div>`;
  }

  #earlier() {
    const earlier = this.at.state?.earlier ?? [];
    if (!earlier.length) return null;
    return html`<details class="screening-more"><summary>${icon('history')}${plural(earlier.length, 'earlier pass', 'earlier passes')}</summary>
      <ul class="screening-list small num">${earlier.map((/** @type {any} */ pass) => html`<li><span>Pass ${pass.number}</span><span class="muted">${n(pass.done)} of ${n(pass.total)}, ${ago(pass.updated_at)}</span></li>`)}</ul></details>`;
  }

  /** @param {boolean} isStarting */
  #another(isStarting) {
    this.isStarting = isStarting;
    this.show();
  }

  async #finish() {
    const session = /** @type {import('./session.js').Session} */ (this.at.session);
    const left = session.total - session.done;
    const sure = left === 0 || await confirmDialog({ title: 'Finish this pass?', body: `${plural(left, 'field has', 'fields have')} not been seen. You can reopen the pass later.`, action: 'Finish', danger: false });
    if (sure) await this.at.finish(true).catch(showError);
  }
}

/** @param {number} value */
function n(value) {
  return value.toLocaleString('en');
}

/** @param {{done: number, total: number, secondsLeft: number | null}} session */
export function progressWords({ done, total, secondsLeft }) {
  const share = total ? Math.floor((100 * done) / total) : 0;
  const time = done < total && secondsLeft !== null ? `, about ${duration(secondsLeft)} left` : '';
  return `${n(done)} seen, ${n(total - done)} to go (${share} %)${time}`;
}

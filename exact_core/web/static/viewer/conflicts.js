// @ts-check
/**
 * When two people change one shape: a card over the picture that shows both states, on the slide and in words, and
 * lets the person decide. Until then nothing is lost: the page shows what the server has, and the own change waits.
 */

import { api } from '../shell/api.js';
import { html, icon, render } from '../shell/html.js';
import { toast } from '../shell/toast.js';
import { itemFromJson } from './items.js';
import { conflictsOf, isSameShape } from './journal.js';

/**
 * @typedef {import('./workplace.js').Workplace} Workplace
 * @typedef {import('./journal.js').Problem} Problem
 * @typedef {import('./types.js').Operation} Operation
 * @typedef {import('./types.js').Annotation} Annotation
 * @typedef {import('./overlay.js').Ghost} Ghost
 */

const OWNER = 'conflict';
const MINE = '#0b6b66';
const THEIRS = '#b3261e';
const MOST_WORDS = 4;

/** What somebody else did, as a heading. @param {Annotation} current */
export function titleOf(current) {
  const who = current.changed_by?.name || 'Somebody else';
  return `${who.charAt(0).toUpperCase()}${who.slice(1)} ${current.deleted ? 'deleted' : 'changed'} this shape before you`;
}

/** What of the history happened after what the person has seen. @param {any[]} items newest first @param {number | undefined} base */
export function wordsSince(items, base) {
  const since = base === undefined ? items.slice(0, 1) : items.filter((item) => item.revision > base);
  return since.reverse().flatMap((item) => item.what).slice(-MOST_WORDS);
}

/** Shows one conflict after the other. */
export class Conflicts {
  /** @param {HTMLElement} host @param {Workplace} workplace */
  constructor(host, workplace) {
    this.host = host;
    this.at = workplace;
  }

  /** @type {Problem | null} */
  #shown = null;
  #isPutOff = false;

  get #waiting() {
    return this.at.journal.problems.filter((problem) => problem.kind === 'conflict');
  }

  /** Show the first conflict that waits, if there is one. @param {{takeFocus?: boolean}} [how] */
  show({ takeFocus = false } = {}) {
    const [problem] = this.#waiting;
    if (!problem) {
      this.#hide();
      return;
    }
    this.#isPutOff = false;
    if (problem !== this.#shown) this.#draw(problem);
    else this.#drawGhosts(problem);
    this.host.hidden = false;
    if (takeFocus) this.host.querySelector('button')?.focus();
  }

  get isShown() {
    return !this.host.hidden;
  }

  /** The state of the journal is another one: say how many wait. */
  changed() {
    if (this.#shown && !this.#waiting.includes(this.#shown)) this.#hide();
    if (!this.#shown && this.#waiting.length > 0 && !this.#isPutOff) this.show();
    const count = this.host.querySelector('[data-count]');
    if (count) count.textContent = this.#countWords();
  }

  #hide() {
    this.#shown = null;
    this.host.hidden = true;
    this.host.replaceChildren();
    this.at.overlay.setGhosts(OWNER, []);
  }

  #countWords() {
    const { length } = this.#waiting;
    return length > 1 ? `1 of ${length}` : '';
  }

  /** @param {Problem} problem */
  #draw(problem) {
    this.#shown = problem;
    const [current] = conflictsOf(problem);
    const operation = operationOn(problem, current);
    const theirs = html`<ul class="conflict__words small"><li class="muted">${icon('loader-circle', 'icon--spin')} Asking what was done</li></ul>`;
    const mine = [problem.label, ...(problem.operations.length > 1 ? [`with ${problem.operations.length - 1} more`] : [])];
    const all = html`<label class="check small" hidden><input type="checkbox"><span>Decide all like this</span></label>`;
    const decide = (/** @type {boolean} */ keepMine) => void this.#decide(problem, keepMine, all.querySelector('input').checked);
    render(this.host, html`
      <section class="conflict" aria-labelledby="conflict-title">
        <div class="conflict__head">${icon('triangle-alert')}<h2 id="conflict-title" class="grow">${titleOf(current)}</h2>
          <span class="small muted num" data-count></span>
          <button type="button" class="icon-btn icon-btn--small" aria-label="Decide later" data-tip="Decide later: it waits at the light in the bar" @click=${() => this.#later()}>${icon('x')}</button></div>
        <div class="conflict__sides">
          <div class="conflict__side conflict__side--mine"><h3>Yours</h3><ul class="conflict__words small">${mine.map((one) => html`<li>${one}</li>`)}</ul></div>
          <div class="conflict__side conflict__side--theirs"><h3>Theirs</h3>${theirs}</div>
        </div>
        <p class="small muted">${this.#outcome(operation, current)}</p>
        <div class="conflict__foot">
          ${all}<span class="grow"></span>
          <button type="button" class="btn btn--small btn--ghost" @click=${() => this.#goThere(problem)}>${icon('scan')}Show</button>
          <button type="button" class="btn btn--small" data-take="theirs" @click=${() => decide(false)}>Take theirs</button>
          <button type="button" class="btn btn--small btn--primary" data-take="mine" @click=${() => decide(true)}>Keep mine</button>
        </div>
      </section>`);
    all.hidden = this.#waiting.length < 2;
    this.changed();
    this.#drawGhosts(problem);
    void this.#tell(theirs, current, operation);
  }

  /** What keeping one's own would give. @param {Operation | undefined} operation @param {Annotation} current */
  #outcome(operation, current) {
    if (operation?.op === 'delete') return 'Keeping yours deletes it, with what they changed.';
    if (current.deleted) return 'Keeping yours brings it back with your change.';
    return 'Keeping yours does your change on top of theirs: what you did not touch stays as they left it.';
  }

  /** @param {HTMLElement} place @param {Annotation} current @param {Operation | undefined} operation */
  async #tell(place, current, operation) {
    try {
      const { items } = await api.get(`/annotations/${current.id}/history`, { limit: 20 });
      const words = wordsSince(items, operation?.base_revision);
      render(place, words.length > 0 ? words.map((one) => html`<li>${one}</li>`) : html`<li>${current.deleted ? 'Deleted it' : 'Changed it'}</li>`);
    } catch {
      render(place, html`<li>${current.deleted ? 'Deleted it' : 'Changed it'}</li>`);
    }
  }

  /** @param {Problem} problem */
  #drawGhosts(problem) {
    this.at.overlay.setGhosts(OWNER, this.#ghosts(problem));
  }

  /** Both states on the slide; a deleted one has no outline. @param {Problem} problem @returns {Ghost[]} */
  #ghosts(problem) {
    /** @type {Ghost[]} */
    const ghosts = [];
    for (const current of conflictsOf(problem).slice(0, 50)) {
      const operation = operationOn(problem, current);
      const mine = operation ? this.at.edits.wouldBe(operation, current) : null;
      if (!current.deleted) ghosts.push({ geometry: itemFromJson(current).geometry, color: THEIRS, kind: 'after', label: 'theirs' });
      if (mine) ghosts.push({ geometry: mine.geometry, color: MINE, kind: 'before', label: 'yours' });
    }
    return ghosts;
  }

  /** @param {Problem} problem */
  #goThere(problem) {
    const items = this.#ghosts(problem).map(({ geometry }) => /** @type {any} */ ({ geometry }));
    this.at.commands.goTo(items);
  }

  #later() {
    this.#isPutOff = true;
    this.#hide();
    this.at.flash('It waits at the light in the bar.');
  }

  /** @param {Problem} problem @param {boolean} keepMine @param {boolean} all */
  async #decide(problem, keepMine, all) {
    const problems = all ? this.#waiting : [problem];
    this.#hide();
    for (const one of problems) {
      if (keepMine) await this.at.edits.retry(one);
      else await this.at.journal.dismiss(one);
    }
    this.at.chip.show();
    if (!keepMine) {
      const words = problems.length > 1 ? 'Theirs are kept.' : 'Theirs is kept.';
      toast(words, { action: { label: 'Use mine after all', run: () => Promise.all(problems.map((one) => this.at.edits.retry(one))) } });
    }
    this.show({ takeFocus: true });
  }
}

/** @param {Problem} problem @param {Annotation} current */
function operationOn(problem, current) {
  return problem.operations.find((operation) => isSameShape(operation, current));
}

// @ts-check
/** The light that says whether everything is saved, and what to do when it is not. */

import { html, icon, render } from '../shell/html.js';
import { openDialog } from '../shell/dialog.js';
import { plural } from '../shell/time.js';

/**
 * @typedef {import('./journal.js').Journal} Journal
 * @typedef {import('./journal.js').Problem} Problem
 */

/** @param {Journal} journal @returns {{kind: string, icon: string, text: string, tip: string}} */
export function describe(journal) {
  const { state, waiting, problems, reason } = journal;
  if (problems.length > 0) {
    return { kind: 'problem', icon: 'triangle-alert', text: plural(problems.length, 'problem'), tip: 'Some changes were not accepted. Press to see which.' };
  }
  if (state === 'offline') {
    return { kind: 'offline', icon: 'cloud-off', text: `Offline · ${waiting} waiting`, tip: `${reason || 'The server cannot be reached.'} Your work is kept on this computer. Press to try now.` };
  }
  if (state === 'stopped') {
    return { kind: 'problem', icon: 'log-in', text: `Log in · ${waiting} waiting`, tip: 'You are not logged in any more. Your work is kept on this computer.' };
  }
  if (state === 'saving') return { kind: 'saving', icon: 'loader-circle', text: 'Saving', tip: plural(waiting, 'change') + ' on the way' };
  return { kind: 'saved', icon: 'cloud-check', text: 'Saved', tip: 'Everything is saved' };
}

/** Shows the journal's state and its problems. */
export class SaveChip {
  /**
   * @param {HTMLElement} host @param {Journal} journal @param {(problem: Problem) => Promise<void>} retry
   * @param {() => void} showConflicts
   */
  constructor(host, journal, retry, showConflicts) {
    this.journal = journal;
    this.retry = retry;
    this.showConflicts = showConflicts;
    this.button = html`<button type="button" class="save-chip" id="save-state" @click=${() => this.#press()}></button>`;
    this.words = html`<span class="visually-hidden" role="status"></span>`;
    host.append(this.button, this.words);
    this.show();
  }

  #kind = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #delay;

  /** Saving that takes a moment is not worth a flicker. */
  show() {
    const { kind } = describe(this.journal);
    this.button.dataset.waiting = String(this.journal.waiting);
    clearTimeout(this.#delay);
    if (kind === 'saving' && this.#kind === 'saved') this.#delay = setTimeout(() => this.#draw(), 150);
    else this.#draw();
  }

  #draw() {
    const { kind, icon: name, text, tip } = describe(this.journal);
    this.button.dataset.state = kind;
    this.button.dataset.tip = tip;
    this.button.setAttribute('aria-label', `${text}. ${tip}`);
    render(this.button, icon(name, kind === 'saving' ? 'icon--spin' : ''), html`<span class="save-chip__text num">${text}</span>`);
    if (kind !== this.#kind && kind !== 'saving') this.words.textContent = text;
    this.#kind = kind;
  }

  #press() {
    if (this.journal.problems.some((problem) => problem.kind === 'conflict')) {
      this.showConflicts();
    } else if (this.journal.problems.length > 0) {
      void this.showProblems();
    } else if (this.journal.state === 'stopped') {
      location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
    } else {
      void this.journal.retryNow();
    }
  }

  showProblems() {
    const list = html`<ul class="list problems"></ul>`;
    const draw = () => {
      const refused = this.journal.problems.filter((problem) => problem.kind !== 'conflict');
      render(list, ...refused.map((problem) => this.#problem(problem, draw)));
      if (refused.length === 0) list.closest('dialog')?.close();
    };
    draw();
    return openDialog({
      title: 'Changes that were not accepted',
      body: html`<div class="stack"><p class="muted small">The page shows what the server has. Nothing is lost: decide for each change.</p>${list}</div>`,
    });
  }

  /** @param {Problem} problem @param {() => void} draw */
  #problem(problem, draw) {
    const again = async () => {
      await this.retry(problem);
      draw();
    };
    const dismiss = async () => {
      await this.journal.dismiss(problem);
      draw();
    };
    return html`
      <li class="list__item problems__item">
        <div class="grow"><strong>${problem.label}</strong><p class="small muted">The server refused this. ${problem.message}</p></div>
        <button type="button" class="btn btn--small" @click=${again}>Try again</button>
        <button type="button" class="btn btn--small btn--ghost" @click=${dismiss}>Discard</button>
      </li>`;
  }
}

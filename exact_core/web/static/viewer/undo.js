// @ts-check
/**
 * Undo and redo of one's own acts on this image.
 *
 * The server's change log is the stack, so it survives a reload. An act that never left this computer is taken back
 * here; nothing that may have reached the server is guessed at.
 */

import { afterRest } from '../sdk/timing.js';

/**
 * @typedef {{can_undo: boolean, can_redo: boolean, undo_label: string, redo_label: string}} UndoState
 * @typedef {import('./journal.js').Answer} Answer
 * @typedef {import('./journal.js').Entry} Entry
 *
 * @typedef {object} UndoPorts
 * @property {import('./journal.js').Journal} journal
 * @property {import('./edits.js').Edits} edits
 * @property {() => Promise<UndoState>} ask
 * @property {(which: 'undo'|'redo', revision?: number) => Promise<Answer & {skipped?: {id: number, reason: string}[]}>} send
 * @property {(state: UndoState) => void} show
 * @property {(message: string, kind: 'info'|'warning', answer?: Answer) => void} tell
 */

/** The undo stack of one image. */
export class UndoStack {
  /** @param {UndoPorts} ports */
  constructor(ports) {
    this.ports = ports;
    this.refreshSoon = afterRest(() => void this.refresh(), 250);
  }

  /** @type {UndoState} */
  state = { can_undo: false, can_redo: false, undo_label: '', redo_label: '' };
  /** @type {Entry[]} Acts taken back before they were sent. */
  #takenBack = [];
  #queue = Promise.resolve();

  async refresh() {
    const state = await this.ports.ask().catch(() => null);
    if (state) this.#set(state);
  }

  /** A new act empties the list of what could be redone. @param {string} label */
  noteEdit(label) {
    this.#takenBack = [];
    this.#set({ can_undo: true, undo_label: label, can_redo: false, redo_label: '' });
  }

  undo() {
    return this.#next(async () => {
      const entry = await this.ports.journal.takeBack();
      if (!entry) return this.#ask('undo');
      this.#takenBack.push(entry);
      this.ports.edits.revert(entry);
      this.#set({ ...this.state, can_redo: true, redo_label: entry.label });
      this.ports.tell(`Undone: ${entry.label}`, 'info');
      return undefined;
    });
  }

  /** Take back one change of one's own that the server made, while it is the last one. @param {number} revision */
  undoRevision(revision) {
    return this.#next(() => this.#ask('undo', revision));
  }

  redo() {
    return this.#next(async () => {
      const entry = this.#takenBack.pop();
      if (!entry) return this.#ask('redo');
      this.ports.edits.redo({ ...entry, seq: undefined });
      this.ports.tell(`Done again: ${entry.label}`, 'info');
      return undefined;
    });
  }

  /** @param {'undo'|'redo'} which @param {number} [revision] */
  async #ask(which, revision) {
    if (!(await this.ports.journal.drained())) {
      this.ports.tell(`To ${which}, the server must be reached first. Your work is kept on this computer.`, 'warning');
      return;
    }
    try {
      const answer = await this.ports.send(which, revision);
      this.ports.edits.confirm(answer, { bySelf: true });
      const label = which === 'undo' ? this.state.undo_label : this.state.redo_label;
      const skipped = answer.skipped?.length ?? 0;
      const rest = skipped > 0 ? ` ${answer.skipped?.[0].reason}` : '';
      this.ports.tell(`${which === 'undo' ? 'Undone' : 'Done again'}${label ? `: ${label}` : ''}.${rest}`, skipped > 0 ? 'warning' : 'info', answer);
    } catch (error) {
      this.ports.tell(error instanceof Error ? error.message : String(error), 'warning');
    }
    await this.refresh();
  }

  /** Quick presses wait for each other. @param {() => Promise<void>} run */
  #next(run) {
    this.#queue = this.#queue.then(run, run);
    return this.#queue;
  }

  /** @param {UndoState} state */
  #set(state) {
    this.state = this.#takenBack.length > 0 ? { ...state, can_redo: true } : state;
    this.ports.show(this.state);
  }
}

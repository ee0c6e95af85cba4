// @ts-check
/** What goes to the server and comes back: the journal of changes, undo and redo, and what people are told about them. */

import { api } from '../shell/api.js';
import { $ } from '../shell/html.js';
import { toast } from '../shell/toast.js';
import { sent } from './edits.js';
import { itemFromJson } from './items.js';
import { LABELS } from './geometry.js';
import { Journal, isSameShape } from './journal.js';
import { pageOf } from './jump.js';
import { Labels } from './labels.js';
import { UndoStack } from './undo.js';

/** @typedef {import('./workplace.js').Workplace} Workplace */

/** @param {Workplace} at @param {import('./journal.js').JournalStorage} storage */
export function createJournal(at, storage) {
  const path = `/images/${at.image.id}/annotation-changes`;
  const lock = `exact-journal-${at.data.actor.id}-${at.image.id}`;
  return new Journal({
    storage,
    send: async (operations, idempotencyKey) => {
      try {
        return await api.post(path, { operations: operations.map(sent) }, { idempotencyKey });
      } catch (error) {
        const { status, code, detail, body } = /** @type {any} */ (error);
        throw { status: status ?? 0, code: code ?? '', detail: detail ?? String(error), current: body?.current ?? null, conflicts: body?.conflicts, retryAfter: body?.retry_after };
      }
    },
    exclusive: navigator.locks ? (run) => navigator.locks.request(lock, run) : undefined,
    onState: () => {
      at.chip?.show();
      at.conflicts?.changed();
      at.counts?.changed();
    },
    onSaved: (entry, answer) => {
      at.edits.confirm(answer);
      at.undo.refreshSoon();
      at.counts.noteSaved(entry);
      at.review?.saved();
      at.announce(answer.annotations.map((annotation) => annotation.id));
    },
    onProblem: (problem) => {
      at.edits.refuse(problem);
      at.counts.askSoon();
      at.undo.refreshSoon();
      if (problem.kind === 'conflict') {
        at.conflicts.show();
        return;
      }
      toast('The server did not accept a change.', {
        kind: 'warning', detail: `${problem.label}: ${problem.message}`, seconds: 0,
        action: { label: 'Look', run: () => at.chip.showProblems() },
      });
    },
  });
}

/** Undo and redo with their buttons. @param {Workplace} at */
export function createUndo(at) {
  const path = `/images/${at.image.id}`;
  const buttons = { undo: /** @type {HTMLButtonElement} */ ($('#undo')), redo: /** @type {HTMLButtonElement} */ ($('#redo')) };
  const stack = new UndoStack({
    journal: at.journal,
    edits: at.edits,
    ask: () => api.get(`${path}/undo-state`),
    send: (which, revision) => api.post(`${path}/${which}`, {}, { query: { revision } }),
    show: (state) => {
      buttons.undo.disabled = !state.can_undo;
      buttons.redo.disabled = !state.can_redo;
      buttons.undo.dataset.tip = state.undo_label ? `Undo: ${state.undo_label}` : 'Undo';
      buttons.redo.dataset.tip = state.redo_label ? `Redo: ${state.redo_label}` : 'Redo';
    },
    tell: (message, kind, answer) => tellUndo(at, message, kind, answer),
  });
  buttons.undo.addEventListener('click', () => at.commands.undo());
  buttons.redo.addEventListener('click', () => at.commands.redo());
  return stack;
}

/** @param {Workplace} at @param {string} message @param {'info'|'warning'} kind @param {import('./journal.js').Answer} [answer] */
function tellUndo(at, message, kind, answer) {
  const items = (answer?.annotations ?? []).filter((one) => !one.deleted).map(itemFromJson);
  const unseen = items.length > 0 && !at.commands.isInView(items);
  if (unseen || kind === 'warning') {
    const action = unseen ? { action: { label: 'Show', run: () => at.commands.goTo(items) } } : {};
    toast(message, { kind, seconds: 5, ...action });
  } else {
    at.flash(message);
  }
  if (answer?.complete === false) at.layer.refresh(); // too many to name them
  at.counts.askSoon();
  at.announce((answer?.annotations ?? []).map((one) => one.id));
}

/** Labels of the whole image, of the server and of what waits for it. @param {Workplace} at */
export function createLabels(at) {
  const waiting = () => at.journal.entries.flatMap((entry) => entry.operations);
  return new Labels({
    image: at.image,
    frame: () => at.frame,
    ask: async ({ z, t }) => {
      const query = { shape: ['image', 'absent'], z, t, limit: 1000, ...at.asOf };
      return pageOf(await api.get(`/images/${at.image.id}/annotations`, query)).items.map(itemFromJson);
    },
    waiting: () => at.edits.drafts.filter((item) => LABELS.has(item.geometry.shape)),
    isGone: (item) => waiting().some((operation) => operation.op === 'delete' && isSameShape(operation, item)),
    mayEdit: (item) => at.mayEdit(item),
    set: (type, shape, frame) => at.commands.setLabel(type, shape, frame),
    takeOff: (items, type) => at.commands.takeLabelOff(items, type),
    tell: (text) => at.flash(text),
    drawn: (typeId) => at.counts.ofType(typeId),
    changed: () => at.typesPanel?.renderKeepingFolds(),
  });
}

// @ts-check
/**
 * Autosave: every finished act is an entry of a journal, kept on this computer until the server has it.
 *
 * Entries go out one by one, in order, each with its own idempotency key, so that a repeat after a lost answer does
 * nothing twice. What the server refuses becomes a *problem*: it leaves the queue with everything that built on it,
 * and stays on this computer until the person has decided.
 */

import { randomUuid } from './uuid.js';

/**
 * @typedef {import('./types.js').Operation} Operation
 * @typedef {import('./types.js').Annotation} Annotation
 *
 * @typedef {{uuid?: string | null, id?: number | null}} ShapeName
 *
 * @typedef {object} Entry
 * @property {number} [seq]  Given by the storage; the order of sending.
 * @property {string} key  Idempotency key.
 * @property {string} label  What was done, in words: "Add Mitosis".
 * @property {Operation[]} operations
 * @property {boolean} attempted  Whether it may have reached the server already.
 *
 * @typedef {object} Problem
 * @property {number} [seq]
 * @property {string} label
 * @property {'conflict'|'refused'} kind
 * @property {string} message
 * @property {string} code
 * @property {Operation[]} operations  What was to be done, for another try.
 * @property {Annotation | null} current  The server's state, when it told.
 * @property {Annotation[]} [conflicts]  All shapes of it that somebody else has changed, as they are now.
 *
 * @typedef {object} JournalStorage
 * @property {() => Promise<{entries: Entry[], problems: Problem[]}>} load
 * @property {(entry: Entry) => Promise<number>} put  Answers the entry's place.
 * @property {(change: {remove?: number[], put?: Entry[], addProblem?: Problem, removeProblem?: number}) => Promise<number>} change
 *   All or nothing; answers the place of the added problem.
 *
 * @typedef {{annotations: Annotation[], revision: number, complete?: boolean}} Answer
 * @typedef {{status: number, code: string, detail: string, current?: Annotation | null, conflicts?: Annotation[], retryAfter?: number}} Failure
 *   ``status`` 0 means that no answer came.
 *
 * @typedef {'saved'|'saving'|'offline'|'stopped'} JournalState
 *
 * @typedef {object} Ports
 * @property {JournalStorage} storage
 * @property {(operations: Operation[], key: string) => Promise<Answer>} send  Rejects with a ``Failure``.
 * @property {(run: () => Promise<void>) => Promise<void>} [exclusive]  Keeps other tabs from sending at the same time.
 * @property {(run: () => void, ms: number) => unknown} [later]
 * @property {(timer: any) => void} [cancel]
 * @property {() => string} [newKey]
 * @property {(journal: Journal) => void} [onState]
 * @property {(entry: Entry, answer: Answer) => void} [onSaved]
 * @property {(problem: Problem) => void} [onProblem]
 */

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;

/** The queue of one image and one user. */
export class Journal {
  /** @param {Ports} ports */
  constructor(ports) {
    this.ports = ports;
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {Problem[]} */
    this.problems = [];
    /** @type {JournalState} */
    this.state = 'saved';
    /** Why sending stopped or waits, in the server's words. */
    this.reason = '';
    this.pause = 0;
    this.#later = ports.later ?? ((run, ms) => setTimeout(run, ms));
    this.#cancel = ports.cancel ?? ((timer) => clearTimeout(timer));
    this.#newKey = ports.newKey ?? randomUuid;
  }

  #later;
  #cancel;
  #newKey;
  /** @type {unknown} */
  #timer = null;
  /** @type {Promise<void> | null} */
  #sending = null;
  /** @type {Promise<unknown>} Writes to the storage, one after the other. */
  #stored = Promise.resolve();

  /** Take up what an earlier page left behind. @returns {Promise<Entry[]>} */
  async open() {
    const kept = await this.ports.storage.load();
    this.entries = [...kept.entries, ...this.entries];
    this.problems = [...kept.problems, ...this.problems];
    this.#tell(this.entries.length > 0 ? 'saving' : 'saved');
    void this.flush();
    return kept.entries;
  }

  /** @param {Operation[]} operations @param {string} label @returns {Promise<void>} once it is safe on this computer */
  async add(operations, label) {
    /** @type {Entry} */
    const entry = { key: this.#newKey(), label, operations, attempted: false };
    this.entries.push(entry);
    if (this.state === 'saved') this.#tell('saving');
    else this.#tell(this.state);
    await this.#write(async () => {
      entry.seq = await this.ports.storage.put(plain(entry));
    });
    void this.flush();
  }

  /** How many acts the server does not have yet. */
  get waiting() {
    return this.entries.length;
  }

  /** Whether an operation on this shape waits. @param {ShapeName} shape */
  isPending(shape) {
    return this.entries.some((entry) => entry.operations.some((operation) => isSameShape(operation, shape)));
  }

  /** Take back the newest act if it surely never left this computer. @returns {Promise<Entry | null>} */
  async takeBack() {
    await this.#stored;
    const last = this.entries.at(-1);
    if (!last || last.attempted || last.seq === undefined) return null;
    this.entries.pop();
    await this.#write(() => this.ports.storage.change({ remove: [/** @type {number} */ (last.seq)] }));
    if (this.entries.length === 0) this.#tell('saved');
    else this.#tell(this.state);
    return last;
  }

  /** Send now, whatever pause was planned. */
  retryNow() {
    this.pause = 0;
    this.#stopTimer();
    return this.flush();
  }

  /** Send what waits; resolves when nothing more can be sent now. @returns {Promise<void>} */
  flush() {
    if (this.#sending) return this.#sending;
    if (this.#timer !== null || this.entries.length === 0) return Promise.resolve();
    const exclusive = this.ports.exclusive ?? ((run) => run());
    this.#sending = exclusive(() => this.#sendAll()).finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  /** Resolves once the queue is empty, or false when it cannot be emptied now. @returns {Promise<boolean>} */
  async drained() {
    await this.flush();
    await this.#sending;
    return this.entries.length === 0;
  }

  /** @param {Problem} problem */
  async dismiss(problem) {
    this.problems = this.problems.filter((other) => other !== problem);
    if (problem.seq !== undefined) {
      await this.#write(() => this.ports.storage.change({ removeProblem: problem.seq }));
    }
    this.#tell(this.state);
  }

  async #sendAll() {
    while (this.entries.length > 0) {
      const entry = this.entries[0];
      await this.#stored;
      if (this.entries[0] !== entry) continue;
      if (!entry.attempted) {
        entry.attempted = true;
        await this.#write(() => this.ports.storage.change({ put: [plain(entry)] }));
      }
      this.#tell('saving');
      try {
        const answer = await this.ports.send(entry.operations, entry.key);
        this.pause = 0;
        await this.#settle(entry, answer);
      } catch (error) {
        const failure = asFailure(error);
        if (!(await this.#cope(entry, failure))) return;
      }
    }
    this.#tell('saved');
  }

  /** @param {Entry} entry @param {Answer} answer */
  async #settle(entry, answer) {
    this.entries.shift();
    const changed = follow(this.entries, answer.annotations);
    const written = this.#write(() =>
      this.ports.storage.change({ remove: seqOf([entry]), put: changed.map(plain) }),
    );
    // Before the storage is done: what people change from now on no longer finds the entry, it builds on its answer.
    this.ports.onSaved?.(entry, answer);
    await written;
  }

  /** @param {Entry} entry @param {Failure} failure @returns {Promise<boolean>} whether to go on */
  async #cope(entry, failure) {
    this.reason = failure.detail;
    if (failure.status === 401 || (failure.status === 403 && failure.code.includes('csrf'))) {
      this.#tell('stopped');
      return false;
    }
    if (failure.status === 0 || failure.status === 408 || failure.status === 429 || failure.status >= 500) {
      this.#wait(failure.retryAfter);
      return false;
    }
    await this.#refuse(entry, failure);
    return true;
  }

  /** @param {Entry} entry @param {Failure} failure */
  async #refuse(entry, failure) {
    const conflicts = failure.status === 409 ? failure.conflicts ?? (failure.current ? [failure.current] : []) : [];
    const unharmed = entry.operations.filter((one) => !conflicts.some((other) => isSameShape(one, other)));
    // Work on several shapes goes on without those in conflict; what makes new ones of old ones stays one act.
    if (conflicts.length > 0 && unharmed.length > 0 && entry.operations.every((one) => one.op !== 'create')) {
      const refused = entry.operations.filter((one) => !unharmed.includes(one));
      this.entries[0] = { key: this.#newKey(), label: entry.label, operations: unharmed, attempted: false, seq: entry.seq };
      await this.#makeProblems(entry.label, failure, refused, conflicts, []);
      return;
    }
    this.entries.shift();
    await this.#makeProblems(entry.label, failure, entry.operations, conflicts, [entry]);
  }

  /**
   * Make problems of operations, with all that waits and builds on them: one for each shape in conflict where they can
   * be decided one by one.
   *
   * @param {string} label @param {Failure} failure @param {Operation[]} operations @param {Annotation[]} conflicts
   * @param {Entry[]} ended
   */
  async #makeProblems(label, failure, operations, conflicts, ended) {
    const { kept, dropped, folded } = withoutShapes(this.entries, operations);
    this.entries = kept;
    const all = fold([...operations, ...folded]);
    const parts = conflicts.length > 1 && operations.every((one) => conflicts.some((other) => isSameShape(one, other)))
      ? conflicts.map((one) => ({ conflicts: [one], operations: all.filter((operation) => isSameShape(operation, one)) }))
      : [{ conflicts, operations: all }];
    /** @type {Problem[]} */
    const problems = parts.filter((part) => part.operations.length > 0).map((part) => ({
      label,
      kind: conflicts.length > 0 ? 'conflict' : 'refused',
      message: failure.detail,
      code: failure.code,
      operations: part.operations,
      current: part.conflicts[0] ?? failure.current ?? null,
      conflicts: part.conflicts,
    }));
    this.problems = [...this.problems, ...problems];
    await this.#write(async () => {
      let rest = { remove: seqOf([...ended, ...dropped]), put: kept.filter((one) => one.seq !== undefined).map(plain) };
      for (const problem of problems) {
        problem.seq = await this.ports.storage.change({ ...rest, addProblem: structuredClone(problem) });
        rest = { remove: [], put: [] };
      }
      if (problems.length === 0) await this.ports.storage.change(rest);
    });
    problems.forEach((problem) => this.ports.onProblem?.(problem));
  }

  /** @param {number} [asked] seconds that the server asked for */
  #wait(asked) {
    this.pause = asked ? asked * 1000 : Math.min(LONGEST_PAUSE, this.pause === 0 ? FIRST_PAUSE : this.pause * 2);
    this.#tell('offline');
    this.#stopTimer();
    this.#timer = this.#later(() => {
      this.#timer = null;
      void this.flush();
    }, this.pause);
  }

  #stopTimer() {
    if (this.#timer !== null) this.#cancel(this.#timer);
    this.#timer = null;
  }

  /** @param {() => Promise<unknown>} write */
  #write(write) {
    const written = this.#stored.then(write);
    this.#stored = written.catch(() => undefined);
    return written;
  }

  /** @param {JournalState} state */
  #tell(state) {
    this.state = state;
    this.ports.onState?.(this);
  }
}

/** The shapes of a problem that somebody else has changed. @param {Problem} problem @returns {Annotation[]} */
export function conflictsOf(problem) {
  return problem.conflicts ?? (problem.current ? [problem.current] : []);
}

/** @param {ShapeName} a @param {ShapeName} b */
export function isSameShape(a, b) {
  return (a.uuid ? a.uuid === b.uuid : false) || (a.id ? a.id === b.id : false);
}

/** Looks shapes up by uuid or id. @template {ShapeName} T */
class ByShape {
  /** @type {Map<string | number, T>} */
  #values = new Map();

  /** @param {ShapeName} shape */
  get(shape) {
    return (shape.uuid ? this.#values.get(shape.uuid) : undefined) ?? (shape.id ? this.#values.get(shape.id) : undefined);
  }

  /** @param {ShapeName} shape @param {T} value */
  set(shape, value) {
    if (shape.uuid) this.#values.set(shape.uuid, value);
    if (shape.id) this.#values.set(shape.id, value);
  }

  /** @param {ShapeName} shape */
  delete(shape) {
    if (shape.uuid) this.#values.delete(shape.uuid);
    if (shape.id) this.#values.delete(shape.id);
  }

  distinct() {
    return [...new Set(this.#values.values())];
  }
}

/**
 * Give the operations that waited behind an answer the revision that it made.
 *
 * @param {Entry[]} entries @param {Annotation[]} annotations @returns {Entry[]} those that changed
 */
export function follow(entries, annotations) {
  /** @type {ByShape<Annotation>} */
  const answered = new ByShape();
  annotations.forEach((annotation) => answered.set(annotation, annotation));
  return entries.filter((entry) => {
    let changed = false;
    for (const operation of entry.operations) {
      const annotation = answered.get(operation);
      if (!annotation || operation.op === 'create') continue;
      operation.base_revision = annotation.revision;
      changed = true;
    }
    return changed && entry.seq !== undefined;
  });
}

/**
 * Take the operations on some shapes out of the queue.
 *
 * @param {Entry[]} entries @param {ShapeName[]} shapes
 */
export function withoutShapes(entries, shapes) {
  /** @type {ByShape<ShapeName>} */
  const unwanted = new ByShape();
  shapes.forEach((shape) => unwanted.set(shape, shape));
  /** @type {Entry[]} */
  const kept = [];
  /** @type {Entry[]} */
  const dropped = [];
  /** @type {Operation[]} */
  const folded = [];
  for (const entry of entries) {
    folded.push(...entry.operations.filter((operation) => unwanted.get(operation)));
    entry.operations = entry.operations.filter((operation) => !unwanted.get(operation));
    (entry.operations.length > 0 ? kept : dropped).push(entry);
  }
  return { kept, dropped, folded };
}

/**
 * One operation per shape that says the same as the whole row.
 *
 * @param {Operation[]} operations @returns {Operation[]}
 */
export function fold(operations) {
  /** @type {ByShape<Operation>} */
  const latest = new ByShape();
  for (const operation of operations) {
    const before = latest.get(operation);
    if (!before) latest.set(operation, operation);
    else if (operation.op === 'delete' && before.op === 'create') latest.delete({ ...before, ...operation });
    else latest.set({ ...before, ...operation }, merged(before, operation));
  }
  return latest.distinct();
}

/** @param {Operation} before @param {Operation} after @returns {Operation} */
function merged(before, after) {
  if (after.op === 'delete') return { ...after, base_revision: before.base_revision };
  return { ...before, ...after, op: before.op, base_revision: before.base_revision };
}

/** @param {Entry} entry @returns {Entry} */
function plain(entry) {
  return structuredClone(entry);
}

/** @param {Entry[]} entries */
function seqOf(entries) {
  return /** @type {number[]} */ (entries.map((entry) => entry.seq).filter((seq) => seq !== undefined));
}

/** @param {unknown} error @returns {Failure} */
function asFailure(error) {
  if (error && typeof error === 'object' && 'status' in error && typeof error.status === 'number') {
    return /** @type {Failure} */ (error);
  }
  return { status: 0, code: 'network', detail: error instanceof Error ? error.message : String(error) };
}

// @ts-check
/** Where the journal lives on this computer: IndexedDB, or memory in browsers that refuse it. */

/**
 * @typedef {import('./journal.js').Entry} Entry
 * @typedef {import('./journal.js').Problem} Problem
 * @typedef {import('./journal.js').JournalStorage} JournalStorage
 */

const DATABASE = 'exact-journal';

/**
 * @param {string} scope one queue per user and image
 * @returns {Promise<JournalStorage & {survivesReload: boolean}>}
 */
export async function openJournalStorage(scope) {
  try {
    const database = await openDatabase();
    return { ...storageIn(database, scope), survivesReload: true };
  } catch {
    return { ...memoryStorage(), survivesReload: false };
  }
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      for (const name of ['entries', 'problems']) {
        const store = request.result.createObjectStore(name, { keyPath: 'seq', autoIncrement: true });
        store.createIndex('scope', 'scope');
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('Another tab holds the journal.'));
  });
}

/** @param {IDBDatabase} database @param {string} scope @returns {JournalStorage} */
function storageIn(database, scope) {
  return {
    async load() {
      const transaction = database.transaction(['entries', 'problems']);
      const read = (/** @type {string} */ name) =>
        asked(transaction.objectStore(name).index('scope').getAll(IDBKeyRange.only(scope)));
      const [entries, problems] = await Promise.all([read('entries'), read('problems')]);
      return { entries, problems };
    },
    async put(entry) {
      const transaction = database.transaction('entries', 'readwrite', { durability: 'strict' });
      const seq = await asked(transaction.objectStore('entries').put({ ...entry, scope }));
      await finished(transaction);
      return Number(seq);
    },
    async change({ remove = [], put = [], addProblem, removeProblem }) {
      const transaction = database.transaction(['entries', 'problems'], 'readwrite', { durability: 'strict' });
      const [entries, problems] = [transaction.objectStore('entries'), transaction.objectStore('problems')];
      remove.forEach((seq) => entries.delete(seq));
      put.forEach((entry) => entries.put({ ...entry, scope }));
      if (removeProblem !== undefined) problems.delete(removeProblem);
      const added = addProblem ? asked(problems.put({ ...addProblem, scope })) : Promise.resolve(0);
      await finished(transaction);
      return Number(await added);
    },
  };
}

/** @returns {JournalStorage} */
export function memoryStorage() {
  /** @type {Map<number, Entry>} */
  const entries = new Map();
  /** @type {Map<number, Problem>} */
  const problems = new Map();
  let next = 1;
  return {
    load: async () => ({ entries: [...entries.values()], problems: [...problems.values()] }),
    async put(entry) {
      const seq = entry.seq ?? next++;
      entries.set(seq, { ...entry, seq });
      return seq;
    },
    async change({ remove = [], put = [], addProblem, removeProblem }) {
      remove.forEach((seq) => entries.delete(seq));
      put.forEach((entry) => entries.set(/** @type {number} */ (entry.seq), entry));
      if (removeProblem !== undefined) problems.delete(removeProblem);
      if (!addProblem) return 0;
      const seq = next++;
      problems.set(seq, { ...addProblem, seq });
      return seq;
    },
  };
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error ?? new Error('The journal could not be written.'));
  });
}

// @ts-check
/**
 * Verdicts on their way to the server, in the order in which they were given. They are written down on this computer
 * until the server has them, so that a page that is closed, or a network that is away, loses none.
 */

/** @typedef {import('./walk.js').Judgement} Judgement */
/** @typedef {{key: number, judgement: Judgement}} Entry */

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
/** So many fit into what a browser still sends when a page goes. */
const MOST_AT_ONCE = 300;

/** One queue per person and image. */
export class VerdictQueue {
  /**
   * @param {object} ports
   * @param {string} ports.name under which the queue is written down
   * @param {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null} ports.storage
   * @param {(judgements: Judgement[]) => Promise<unknown>} ports.send throws what has `status` 0 when the server is away
   * @param {(judgements: Judgement[]) => void} ports.sendAndGo of a page that goes: nobody waits for the answer
   * @param {(judgement: Judgement, error: any) => void} ports.refused of a verdict of an earlier page
   * @param {(milliseconds: number) => Promise<void>} [ports.wait]
   */
  constructor({ name, storage, send, sendAndGo, refused, wait = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); }) }) {
    this.name = name;
    this.storage = storage;
    this.send = send;
    this.sendAndGo = sendAndGo;
    this.refused = refused;
    this.wait = wait;
    const left = this.#read();
    this.#entries = left.map((entry) => ({ ...entry, done: () => undefined, failed: (/** @type {any} */ error) => this.#refusedLater(entry.judgement, error) }));
    this.#next = Math.max(Date.now(), ...left.map(({ key }) => key));
  }

  /** @type {(Entry & {done: (value?: unknown) => void, failed: (error: unknown) => void})[]} */
  #entries = [];
  #isSending = false;
  #next = 0;

  /** How many the server does not have yet. */
  get waiting() {
    return this.#entries.length;
  }

  /** @param {Judgement} judgement @returns {Promise<unknown>} settled when the server has answered */
  add(judgement) {
    return new Promise((done, failed) => {
      this.#next += 1;
      this.#entries.push({ key: this.#next, judgement, done, failed });
      this.#write();
      void this.#run();
    });
  }

  /** Go on with what an earlier page left. */
  restore() {
    void this.#run();
  }

  /** When the server has everything. @returns {Promise<void>} */
  idle() {
    if (this.#entries.length === 0) return Promise.resolve();
    return new Promise((resolve) => { this.#idle.push(resolve); });
  }

  /** @type {(() => void)[]} */
  #idle = [];

  /** The page goes: what waits behind the one on its way is sent in one piece; it stays written down until a later page has seen it arrive. */
  leave() {
    const rest = this.#entries.slice(this.#isSending ? 1 : 0).slice(0, MOST_AT_ONCE).map(({ judgement }) => judgement);
    if (rest.length > 0) this.sendAndGo(rest);
  }

  async #run() {
    if (this.#isSending) return;
    this.#isSending = true;
    let wait = FIRST_WAIT_MS;
    while (this.#entries.length > 0) {
      const [entry] = this.#entries;
      try {
        await this.send([entry.judgement]);
        this.#drop(entry);
        entry.done();
        wait = FIRST_WAIT_MS;
      } catch (error) {
        if (isAway(error)) {
          await this.wait(wait);
          wait = Math.min(wait * 2, LONGEST_WAIT_MS);
        } else {
          this.#drop(entry);
          entry.failed(error);
        }
      }
    }
    this.#isSending = false;
    this.#idle.splice(0).forEach((resolve) => resolve());
  }

  /** @param {Judgement} judgement @param {any} error */
  #refusedLater(judgement, error) {
    const current = error?.body?.current;
    const isDone = judgement.type_id !== undefined && current?.type_id === judgement.type_id; // it had arrived before the page went
    if (!isDone) this.refused(judgement, error);
  }

  /** @param {Entry} entry */
  #drop({ key }) {
    this.#entries = this.#entries.filter((other) => other.key !== key);
    this.#write();
  }

  #write() {
    try {
      if (this.#entries.length === 0) this.storage?.removeItem(this.name);
      else this.storage?.setItem(this.name, JSON.stringify(this.#entries.map(({ key, judgement }) => ({ key, judgement }))));
    } catch {
      // Without room on this computer a verdict lives as long as the page.
    }
  }

  /** @returns {Entry[]} */
  #read() {
    try {
      const known = JSON.parse(this.storage?.getItem(this.name) ?? '[]');
      return Array.isArray(known) ? known.filter((entry) => Number.isSafeInteger(entry?.key) && Number.isSafeInteger(entry?.judgement?.id)) : [];
    } catch {
      return [];
    }
  }
}

/** Whether the verdict can still arrive: the server is away or busy, or one has to log in again first. @param {any} error */
function isAway(error) {
  return [0, 401, 408, 429, 502, 503, 504].includes(error?.status);
}

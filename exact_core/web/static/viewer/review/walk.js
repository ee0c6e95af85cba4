// @ts-check
/**
 * From one shape to the next, saying of each whether it is right. Pages come from the server as they are needed, so
 * that the number of shapes does not matter; a verdict shows at once and is sent in the order in which it was given.
 */

/** @typedef {import('../../shell/review.js').Verdict} Verdict */
/** @typedef {{total: number, unverified: number, outdated: number, accepted: number, rejected: number, dubious: number}} Counts */
/** @typedef {{type_id?: number[], author_id?: number[], verification?: string, order?: string, assigned?: boolean}} Filter */
/** @typedef {{state: string, verdicts: any[]}} Verification */
/** @typedef {Record<string, any> & {id: number, revision: number, verification: Verification}} WalkItem */
/** @typedef {{items: WalkItem[], next_cursor: string | null}} WalkPage */
/** @typedef {{id: number, verdict: Verdict | null, type_id?: number, base_revision: number, reason: string}} Judgement */

const PAGE = 50;
const AHEAD = 12;

/** The shapes of one walk, as far as they are loaded, and where one stands. */
export class VerificationWalk {
  /**
   * @param {object} server
   * @param {(query: Record<string, any>) => Promise<WalkPage>} server.page
   * @param {(filter: Filter) => Promise<Counts>} server.count
   * @param {(judgement: Judgement) => Promise<unknown>} server.judge  Keeps the order in which it was called.
   * @param {(item: WalkItem, error: unknown) => void} server.refused  A verdict was not kept.
   */
  constructor({ page, count, judge, refused }) {
    this.page = page;
    this.count = count;
    this.send = judge;
    this.refused = refused;
  }

  /** @type {WalkItem[]} */
  #items = [];
  #at = -1;
  /** @type {string | null} */
  #next = null;
  #isAtStart = true;
  /** @type {Promise<unknown> | null} */
  #loading = null;
  /** @type {Promise<unknown>} */
  #sending = Promise.resolve();
  /** @type {Filter} */
  filter = {};
  /** @type {Counts} */
  counts = { total: 0, unverified: 0, outdated: 0, accepted: 0, rejected: 0, dubious: 0 };

  /** @returns {WalkItem | null} */
  get current() {
    return this.#items[this.#at] ?? null;
  }

  get judged() {
    return this.counts.total - this.counts.unverified;
  }

  /**
   * @param {Filter} filter
   * @param {number | null} [start] the shape to begin with; what comes after it when it does not fit the filter
   * @returns {Promise<WalkItem | null>}
   */
  async begin(filter, start = null) {
    this.filter = filter;
    const [page, counts] = await Promise.all([
      this.page({ ...filter, limit: PAGE, start: start ?? undefined }),
      this.count({ ...filter, verification: undefined }),
    ]);
    if (page.items.length === 0 && start !== null) return this.begin(filter);
    this.#items = page.items;
    this.#next = page.next_cursor;
    this.#isAtStart = start === null;
    this.#at = page.items.length > 0 ? 0 : -1;
    this.counts = counts;
    return this.current;
  }

  /** @param {1 | -1} by @returns {Promise<WalkItem | null>} null at either end, where one stays */
  async step(by) {
    if (this.#at + by >= this.#items.length && this.#next) await this.#more();
    if (this.#at + by < 0 && !this.#isAtStart) await this.#earlier();
    const to = this.#at + by;
    if (to < 0 || to >= this.#items.length) return null;
    this.#at = to;
    if (this.#items.length - to < AHEAD && this.#next) void this.#more().catch(() => undefined);
    return this.current;
  }

  /** @param {number} id @returns {WalkItem | null} stands there again, if it is loaded */
  goTo(id) {
    const at = this.#items.findIndex((item) => item.id === id);
    if (at >= 0) this.#at = at;
    return at >= 0 ? this.current : null;
  }

  /** Say what the current shape is. @param {Verdict | null} verdict @param {{typeId?: number, reason?: string}} [more] */
  judge(verdict, { typeId, reason = '' } = {}) {
    const item = this.current;
    if (!item) return Promise.resolve();
    const before = item.verification;
    this.#show(item, { state: verdict ?? 'unverified', verdicts: before.verdicts });
    const relabelled = typeId !== undefined && typeId !== item.type_id ? { type_id: typeId } : {};
    const sent = this.send({ id: item.id, verdict, base_revision: item.revision, reason, ...relabelled }).then(() => undefined, (error) => {
      this.#show(item, before);
      this.refused(item, error);
    });
    this.#sending = Promise.all([this.#sending, sent]);
    return sent;
  }

  /** A newer state of a shape became known. @param {WalkItem} item */
  replace(item) {
    const at = this.#items.findIndex((other) => other.id === item.id);
    if (at >= 0) this.#items[at] = item;
  }

  /** Everything that was said is with the server. */
  settled() {
    return this.#sending;
  }

  /** @param {WalkItem} item @param {Verification} verification */
  #show(item, verification) {
    const name = (/** @type {string} */ state) => /** @type {keyof Counts} */ (state === 'outdated' ? 'unverified' : state);
    const [from, to] = [name(item.verification.state), name(verification.state)];
    this.counts = { ...this.counts, [from]: this.counts[from] - (from === to ? 0 : 1), [to]: this.counts[to] + (from === to ? 0 : 1) };
    item.verification = verification;
  }

  #more() {
    this.#loading ??= this.page({ ...this.filter, limit: PAGE, cursor: this.#next ?? undefined }).then((page) => {
      this.#items.push(...page.items);
      this.#next = page.next_cursor;
    }).finally(() => { this.#loading = null; });
    return this.#loading;
  }

  async #earlier() {
    const page = await this.page({ ...this.filter, limit: PAGE, start: this.#items[0]?.id, backwards: true });
    this.#items.unshift(...page.items);
    this.#at += page.items.length;
    this.#isAtStart = page.next_cursor === null;
  }
}

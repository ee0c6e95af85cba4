// @ts-check
/**
 * The queue of files on their way to the server: a few at a time, each of which can be cancelled, tried again, and goes
 * on where it was after a broken connection or a closed page.
 */

/** @typedef {import('./upload_plan.js').Chosen} Chosen */
/** @typedef {'waiting' | 'sending' | 'finishing' | 'done' | 'duplicate' | 'failed' | 'cancelled'} UploadStatus */
/**
 * @typedef {object} Item one file
 * @property {number} id
 * @property {Chosen} chosen
 * @property {string} group key of the files that are finished together; '' for a file alone
 * @property {UploadStatus} status
 * @property {number} sent bytes
 * @property {string} reason why it failed
 * @property {boolean} canRetry
 * @property {(() => Promise<void>) | null} stop
 */
/**
 * @typedef {object} Sending what a sender is told
 * @property {(bytes: number) => void} progress
 */
/**
 * @typedef {object} Sender how files travel; the real one is tus_sender.js
 * @property {(item: Item, sending: Sending) => {done: Promise<string>, stop: () => Promise<void>}} send `done` gives the upload's key
 * @property {(key: string) => Promise<{is_duplicate: boolean, name?: string}>} finish one file becomes an image
 * @property {(group: string) => Promise<{images: number, ignored: number}>} finishGroup the files of a group become images
 */

/** A failure that trying again cannot help. */
export class Refusal extends Error {}

/** Emits 'change' whenever something moved, and 'image' whenever the server has new images. */
export class UploadQueue extends EventTarget {
  /** @type {Item[]} */
  items = [];
  #sender;
  #parallel;
  #count = 0;
  #running = 0;
  #speed = new Speed();

  /**
   * @param {Sender} sender
   * @param {number} [parallel]
   */
  constructor(sender, parallel = 3) {
    super();
    this.#sender = sender;
    this.#parallel = parallel;
  }

  /**
   * @param {import('./upload_plan.js').Plan} plan
   * @param {(group: {folder: string, files: Chosen[]}) => string} keyOf the same files must get the same key again
   */
  add(plan, keyOf) {
    for (const chosen of plan.single) this.#append(chosen, '');
    for (const group of plan.groups) {
      const key = keyOf(group);
      for (const chosen of group.files) this.#append(chosen, key);
    }
    this.#changed();
    this.#pump();
  }

  /**
   * @param {Chosen} chosen
   * @param {string} group
   */
  #append(chosen, group) {
    this.items.push({ id: ++this.#count, chosen, group, status: 'waiting', sent: 0, reason: '', canRetry: false, stop: null });
  }

  #pump() {
    for (const item of this.items) {
      if (this.#running >= this.#parallel) return;
      if (item.status === 'waiting') void this.#run(item);
    }
  }

  /** @param {Item} item */
  async #run(item) {
    this.#running += 1;
    item.status = 'sending';
    item.reason = '';
    this.#changed();
    try {
      const sending = this.#sender.send(item, {
        progress: (bytes) => {
          if (item.status !== 'sending') return;
          this.#speed.add(bytes - item.sent);
          item.sent = bytes;
          this.#changed();
        },
      });
      item.stop = sending.stop;
      const key = await sending.done;
      if (this.#isCancelled(item)) return;
      item.sent = item.chosen.file.size;
      item.status = 'finishing';
      this.#changed();
      if (item.group) await this.#finishGroup(item.group);
      else this.#end(item, (await this.#sender.finish(key)).is_duplicate ? 'duplicate' : 'done');
    } catch (error) {
      if (!this.#isCancelled(item)) this.#fail(item, error);
    } finally {
      item.stop = null;
      this.#running -= 1;
      this.#changed();
      this.#pump();
    }
  }

  /** @param {Item} item */
  #isCancelled(item) {
    return item.status === 'cancelled';
  }

  /**
   * A group is finished by the file that arrives last.
   * @param {string} group
   */
  async #finishGroup(group) {
    const members = this.items.filter((each) => each.group === group && each.status !== 'cancelled');
    if (members.some((each) => each.status !== 'finishing')) return;
    try {
      await this.#sender.finishGroup(group);
      for (const member of members) this.#end(member, 'done');
    } catch (error) {
      for (const member of members) this.#fail(member, error);
    }
  }

  /**
   * @param {Item} item
   * @param {'done' | 'duplicate'} status
   */
  #end(item, status) {
    item.status = status;
    this.dispatchEvent(new CustomEvent('image', { detail: item }));
  }

  /**
   * @param {Item} item
   * @param {unknown} error
   */
  #fail(item, error) {
    item.status = 'failed';
    item.reason = error instanceof Error ? error.message : String(error);
    item.canRetry = !(error instanceof Refusal);
  }

  /** @param {Item} item */
  async cancel(item) {
    if (item.status === 'done' || item.status === 'duplicate' || item.status === 'finishing') return;
    item.status = 'cancelled';
    this.#changed();
    await item.stop?.();
    const rest = this.items.find((each) => each.group && each.group === item.group && each.status === 'finishing');
    if (rest) await this.#finishGroup(rest.group);
    this.#changed();
    this.#pump();
  }

  /** Cancel whatever has not arrived. */
  async cancelAll() {
    // First all states, so that no freed place is taken by the next file.
    const open = this.items.filter((item) => item.status === 'waiting' || item.status === 'sending' || item.status === 'failed');
    for (const item of open) item.status = 'cancelled';
    this.#changed();
    await Promise.allSettled(open.map((item) => item.stop?.()));
  }

  /** @param {Item} item */
  retry(item) {
    if (item.status !== 'failed' && item.status !== 'cancelled') return;
    // The server keeps what arrived of the others of a group, so sending them again only asks how far they are.
    const members = item.group ? this.items.filter((each) => each.group === item.group && each.status === 'failed') : [item];
    for (const each of members) Object.assign(each, { status: 'waiting', reason: '' });
    this.#changed();
    this.#pump();
  }

  /** Try everything again that a broken connection stopped. */
  retryAll() {
    for (const item of this.items.filter((each) => each.status === 'failed' && each.canRetry)) this.retry(item);
  }

  /** Forget what has ended well or was cancelled. */
  clear() {
    this.items = this.items.filter((item) => !['done', 'duplicate', 'cancelled'].includes(item.status));
    this.#changed();
  }

  /** Counts and bytes over all files. */
  get totals() {
    const totals = { files: 0, open: 0, done: 0, duplicates: 0, failed: 0, bytes: 0, sent: 0, secondsLeft: NaN };
    for (const item of this.items) {
      if (item.status === 'cancelled') continue;
      totals.files += 1;
      totals.bytes += item.chosen.file.size;
      totals.sent += item.sent;
      if (item.status === 'done') totals.done += 1;
      else if (item.status === 'duplicate') totals.duplicates += 1;
      else if (item.status === 'failed') totals.failed += 1;
      else totals.open += 1;
    }
    totals.secondsLeft = (totals.bytes - totals.sent) / this.#speed.perSecond;
    return totals;
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** Bytes per second over the last seconds. */
class Speed {
  /** @type {[number, number][]} */
  #samples = [];

  /** @param {number} bytes */
  add(bytes) {
    const now = performance.now();
    if (bytes > 0) this.#samples.push([now, bytes]);
    while (this.#samples.length && this.#samples[0][0] < now - 8000) this.#samples.shift();
  }

  get perSecond() {
    if (this.#samples.length < 2) return NaN;
    const seconds = (performance.now() - this.#samples[0][0]) / 1000;
    return this.#samples.reduce((sum, [, bytes]) => sum + bytes, 0) / Math.max(seconds, 0.5);
  }
}

// @ts-check
/** Uploads into an image set: choosing and dropping files, and the list of what is on its way. */

import { html, icon, render } from './html.js';
import { duration, plural, size } from './time.js';
import { toast } from './toast.js';
import { groupKey, tusSender } from './tus_sender.js';
import { chosenFiles, droppedFiles, planUploads } from './upload_plan.js';
import { UploadQueue } from './upload_queue.js';

const MOST_ROWS = 150;
const ORDER = { failed: 0, sending: 1, finishing: 2, waiting: 3, duplicate: 4, done: 5, cancelled: 6 };
const WORDS = { waiting: 'Waiting', finishing: 'Finishing', done: 'Uploaded', duplicate: 'Already in this set', cancelled: 'Cancelled' };

/** Drawn into its place as long as there are uploads; lives on while the tabs of the page change. */
export class UploadPanel {
  #isScheduled = false;
  #isOpen = true;

  /**
   * @param {number} imageSetId
   * @param {HTMLElement} place
   * @param {() => unknown} onImage something new is in the set
   */
  constructor(imageSetId, place, onImage) {
    this.place = place;
    this.queue = new UploadQueue(tusSender(imageSetId));
    this.queue.addEventListener('change', () => this.#schedule());
    this.queue.addEventListener('image', onImage);
    addEventListener('online', () => this.queue.retryAll());
    addEventListener('beforeunload', (event) => {
      if (this.queue.totals.open) event.preventDefault();
    });
  }

  /** @param {import('./upload_plan.js').Chosen[]} chosen */
  add(chosen) {
    const plan = planUploads(chosen);
    if (!plan.single.length && !plan.groups.length) {
      toast('There is no file in what you chose.', { kind: 'warning' });
      return;
    }
    this.#isOpen = true;
    this.queue.add(plan, groupKey);
  }

  /**
   * Let people choose files, or one folder.
   * @param {boolean} folder
   */
  choose(folder) {
    const input = html`<input type="file" multiple webkitdirectory=${folder} hidden aria-hidden="true" tabindex="-1">`;
    input.addEventListener('change', () => {
      this.add(chosenFiles(input.files));
      input.remove();
    });
    input.addEventListener('cancel', () => input.remove());
    document.body.append(input);
    input.click();
  }

  /** Take files that are dropped anywhere on the page. */
  acceptDrops() {
    /** @type {HTMLElement | null} */
    let veil = null;
    let depth = 0;
    const isFiles = (/** @type {DragEvent} */ event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    const hide = () => {
      depth = 0;
      veil?.remove();
      veil = null;
    };
    document.addEventListener('dragenter', (event) => {
      if (!isFiles(event) || document.querySelector('dialog[open]')) return;
      depth += 1;
      if (veil) return;
      veil = html`<div class="drop-veil"><div>${icon('upload', 'icon--xl')}Drop files or folders to add them</div></div>`;
      document.body.append(/** @type {Node} */ (/** @type {unknown} */ (veil)));
    });
    document.addEventListener('dragleave', (event) => {
      if (isFiles(event) && --depth <= 0) hide();
    });
    document.addEventListener('dragover', (event) => {
      if (isFiles(event)) event.preventDefault();
    });
    document.addEventListener('drop', async (event) => {
      if (!isFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      hide();
      if (!document.querySelector('dialog[open]')) this.add(await droppedFiles(event.dataTransfer));
    });
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#draw();
    }, 150);
  }

  #draw() {
    const { items, totals } = this.queue;
    if (!items.length) {
      this.place.replaceChildren();
      return;
    }
    const rows = [...items].sort((a, b) => ORDER[a.status] - ORDER[b.status] || a.id - b.id).slice(0, MOST_ROWS);
    render(this.place, html`
      <section class="card uploads" aria-label="Uploads">
        <div class="card__head">
          ${icon(totals.open ? 'upload' : totals.failed ? 'circle-alert' : 'circle-check')}
          <div class="grow"><strong>${headline(totals)}</strong><div class="small muted num" role="status">${details(totals)}</div></div>
          ${totals.failed > 1 ? html`<button type="button" class="btn btn--small" data-focus="upload-retry" @click=${() => this.queue.retryAll()}>${icon('rotate-cw')}Try all again</button>` : null}
          ${totals.open ? html`<button type="button" class="btn btn--small" data-focus="upload-cancel" @click=${() => this.queue.cancelAll()}>Cancel all</button>`
            : html`<button type="button" class="btn btn--small" data-focus="upload-clear" @click=${() => this.queue.clear()}>Clear</button>`}
          <button type="button" class="icon-btn icon-btn--small" data-focus="upload-fold" aria-expanded=${String(this.#isOpen)} aria-label="Show the files" @click=${() => this.#fold()}>${icon(this.#isOpen ? 'chevron-up' : 'chevron-down')}</button>
        </div>
        <progress class="progress" max=${Math.max(totals.bytes, 1)} value=${totals.sent} aria-label="All uploads"></progress>
        ${this.#isOpen ? html`<ul class="list uploads__list" tabindex="0" aria-label="Files">${rows.map((item) => this.#row(item))}
          ${items.length > MOST_ROWS ? html`<li class="upload-row muted small"><span></span>and ${plural(items.length - MOST_ROWS, 'more file')}</li>` : null}</ul>` : null}
      </section>`);
  }

  #fold() {
    this.#isOpen = !this.#isOpen;
    this.#draw();
  }

  /** @param {import('./upload_queue.js').Item} item */
  #row(item) {
    const total = item.chosen.file.size;
    const name = item.chosen.path;
    const text = item.status === 'sending' ? `${size(item.sent)} of ${size(total)}` : item.status === 'failed' ? item.reason : `${/** @type {any} */ (WORDS)[item.status]} · ${size(total)}`;
    return html`
      <li class="upload-row">
        ${icon(symbol(item.status), item.status === 'sending' || item.status === 'finishing' ? 'icon--spin' : '')}
        <span class="truncate" title=${name}>${name}</span>
        ${item.status === 'sending' ? html`<progress class="progress" max=${Math.max(total, 1)} value=${item.sent} aria-label="Upload of ${name}"></progress>` : null}
        <small class=${item.status === 'failed' ? 'danger-text' : 'muted'}>${text}</small>
        <span class="upload-row__actions">
          ${(item.status === 'failed' && item.canRetry) || item.status === 'cancelled' ? html`<button type="button" class="icon-btn icon-btn--small" data-focus="retry-${item.id}" aria-label="Try ${name} again" data-tip="Try again" @click=${() => this.queue.retry(item)}>${icon('rotate-cw')}</button>` : null}
          ${['waiting', 'sending', 'failed'].includes(item.status) ? html`<button type="button" class="icon-btn icon-btn--small" data-focus="cancel-${item.id}" aria-label="Cancel ${name}" data-tip="Cancel" @click=${() => this.queue.cancel(item)}>${icon('x')}</button>` : null}
        </span>
      </li>`;
  }
}

/** @param {string} status */
function symbol(status) {
  if (status === 'failed') return 'circle-alert';
  if (status === 'done') return 'circle-check';
  if (status === 'duplicate') return 'copy';
  if (status === 'cancelled') return 'ban';
  return status === 'waiting' ? 'clock' : 'loader-circle';
}

/** @param {UploadQueue['totals']} totals */
function headline(totals) {
  if (totals.open) return `Uploading ${plural(totals.open, 'file')}`;
  if (totals.failed) return `${plural(totals.failed, 'file')} could not be uploaded`;
  return `${plural(totals.done + totals.duplicates, 'file')} uploaded`;
}

/** @param {UploadQueue['totals']} totals */
function details(totals) {
  const parts = [`${size(totals.sent)} of ${size(totals.bytes)}`];
  if (totals.open && totals.secondsLeft > 0) parts.push(`about ${duration(totals.secondsLeft)} left`);
  if (totals.duplicates) parts.push(`${totals.duplicates} already in this set`);
  if (totals.open && totals.failed) parts.push(`${totals.failed} failed`);
  return parts.join(' · ');
}



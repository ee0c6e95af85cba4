// @ts-check
/** Turns bytes into pages of cells, in a worker where the browser gives one. */

import { decodeView, readHeader } from '../wire.js';
import { buildCells, transferables } from './cells.js';

/** @typedef {import('../store.js').Page} Page */
/** @typedef {import('./cells.js').CellGrid} CellGrid */

const SMALLEST_CELL = 1024;
/** Float32 offsets from the corner of a cell up to this size are exact to 1/256 px. */
const LARGEST_CELL = 1 << 16;
/** Cells smaller than this on the screen cost more draw calls than their culling saves. */
const LEAST_CELL_PX = 256;

/**
 * The edge of cells for a scale: 1024 image px while that is a good part of the screen, and larger from afar.
 * @param {number} scale screen px per image px
 */
export function cellSizeFor(scale) {
  let size = SMALLEST_CELL;
  while (size * scale < LEAST_CELL_PX && size < LARGEST_CELL) size *= 2;
  return size;
}

/**
 * @param {ArrayBuffer} buffer
 * @param {CellGrid} grid
 * @returns {Page}
 */
export function buildPage(buffer, grid) {
  const view = decodeView(buffer);
  const { header } = view;
  const cells = view.kind === 'summary' ? [] : buildCells(view, grid);
  if (view.kind !== 'shapes' && view.large) cells.push(...buildCells(view.large, grid));
  return { header, cellSize: grid.size, cells, summary: view.kind === 'summary' ? { ...view, large: null } : null };
}

/** @param {Page} page @returns {Transferable[]} */
export function pageTransferables(page) {
  return transferables(page.cells);
}

/** Decodes one view after the other. */
export class ViewDecoder {
  /** @type {Worker | null} */
  #worker = null;

  #jobs = 0;

  /** @type {Map<number, {resolve: (page: Page) => void, reject: (error: Error) => void, inline: () => Page}>} */
  #waiting = new Map();

  /**
   * @param {import('./palette.js').Palette} palette
   * @param {{width: number, height: number}} imageSize
   */
  constructor(palette, imageSize) {
    this.palette = palette;
    this.imageSize = imageSize;
    this.#start();
  }

  #start() {
    try {
      const address = new URL('../store_worker.js', import.meta.url);
      this.#worker = new Worker(address, { type: 'module', name: 'annotations' });
    } catch {
      return; // No worker here: decoding holds the page up for a moment, which is better than no annotations.
    }
    this.#worker.addEventListener('message', (event) => {
      const { job, page, error } = event.data;
      const waiting = this.#waiting.get(job);
      this.#waiting.delete(job);
      if (error === undefined) waiting?.resolve(page);
      else waiting?.reject(new Error(error));
    });
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.#worker?.terminate();
      this.#worker = null;
      const lost = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { resolve, reject, inline } of lost) settle(inline, resolve, reject);
    });
  }

  /** Whether the page is spared the work. */
  get hasWorker() {
    return this.#worker !== null;
  }

  /**
   * @param {ArrayBuffer} buffer
   * @param {number} scale
   * @returns {Promise<Page>}
   */
  decode(buffer, scale) {
    return new Promise((resolve, reject) => {
      const { header } = readHeader(buffer);
      /** @type {CellGrid} */
      const grid = {
        size: cellSizeFor(scale), imageWidth: this.imageSize.width, imageHeight: this.imageSize.height,
        typeSlots: Uint16Array.from(header.types, (id) => this.palette.typeSlot(id)),
        authorSlots: Uint16Array.from(header.authors, (id) => this.palette.authorSlot(id)),
      };
      const inline = () => buildPage(buffer, grid);
      if (!this.#worker) {
        settle(inline, resolve, reject);
        return;
      }
      this.#jobs += 1;
      this.#waiting.set(this.#jobs, { resolve, reject, inline });
      // Copied and not handed over: if the worker dies, the page decodes the bytes itself.
      this.#worker.postMessage({ job: this.#jobs, buffer, grid });
    });
  }

  destroy() {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(new DOMException('The layer is gone.', 'AbortError'));
    this.#waiting.clear();
  }
}

/**
 * @template T
 * @param {() => T} work
 * @param {(value: T) => void} resolve
 * @param {(error: Error) => void} reject
 */
function settle(work, resolve, reject) {
  try {
    resolve(work());
  } catch (error) {
    reject(error instanceof Error ? error : new Error(String(error)));
  }
}

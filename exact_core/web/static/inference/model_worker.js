// @ts-check
/** The page's end of the worker in which a model runs. */

/**
 * @typedef {import('./messages.js').ToWorker} ToWorker
 * @typedef {import('./messages.js').FromWorker} FromWorker
 * @typedef {import('./messages.js').Look} Look
 */

const RUNTIME = new URL('../vendor/onnxruntime-web/', import.meta.url).href;

/** One model that is open, or being opened. Views are numbered; an answer to an old one comes all the same. */
export class ModelWorker {
  /**
   * @param {string} address of the model's folder of files for browsers
   * @param {(message: FromWorker) => void} heard
   * @param {{backend?: 'auto' | 'webgpu' | 'wasm', worker?: Worker}} [how]
   */
  constructor(address, heard, { backend = 'auto', worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'exact-model' }) } = {}) {
    this.#worker = worker;
    worker.addEventListener('message', (event) => heard(event.data));
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      const message = event.message || 'The browser could not start a worker for the model.';
      heard({ kind: 'failed', number: null, reason: /memory|allocation/i.test(message) ? 'memory' : 'other', message });
    });
    this.#tell({ kind: 'open', folder: RUNTIME, address, backend });
  }

  #worker;
  #number = 0;

  /** @param {Omit<Look, 'kind' | 'number'>} view @returns {number} */
  look(view) {
    this.#number += 1;
    this.#tell({ kind: 'look', number: this.#number, ...view });
    return this.#number;
  }

  /** Stop computing the view. */
  stop() {
    this.#tell({ kind: 'stop' });
  }

  /** Give the model's memory back. */
  close() {
    this.#worker.terminate();
  }

  /** @param {ToWorker} message */
  #tell(message) {
    this.#worker.postMessage(message);
  }
}

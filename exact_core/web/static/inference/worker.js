// @ts-check
/** The worker in which a model lives: it opens one, runs it on the newest view that it is told, and says how it goes. */

import { readContract } from './contract.js';
import { Answers, FieldRunner, TooLargeError, boxOf } from './field.js';
import { loadModelFile } from './model_file.js';
import { SlidePixels } from './pixels.js';
import { resolutionFor } from './resolution.js';
import { isOutOfMemory, messageOf, openNetwork } from './runtime.js';

/**
 * @typedef {import('./messages.js').ToWorker} ToWorker
 * @typedef {import('./messages.js').FromWorker} FromWorker
 * @typedef {import('./messages.js').Look} Look
 * @typedef {import('./contract.js').Contract} Contract
 * @typedef {import('./runtime.js').Network} Network
 */

const SHOWN_EVERY_MS = 400;
const LARGEST_WARM_UP = 256;

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (globalThis));

/** @param {FromWorker} message @param {Transferable[]} [transfer] */
const tell = (message, transfer = []) => scope.postMessage(message, transfer);

const answers = new Answers();
/** @type {{contract: Contract, network: Network} | null} */
let opened = null;
/** @type {SlidePixels | null} */
let pixels = null;
/** @type {Look | null} The newest view, when it has not begun yet. */
let wanted = null;
/** @type {AbortController | null} Of the view that is computed. */
let running = null;

scope.addEventListener('message', (event) => {
  const message = /** @type {ToWorker} */ (event.data);
  if (message.kind === 'open') void open(message);
  else if (message.kind === 'look') look(message);
  else running?.abort();
});

/** @param {Extract<ToWorker, {kind: 'open'}>} message */
async function open({ folder, address, backend }) {
  try {
    const began = performance.now();
    const response = await fetch(`${address}/preprocess.json`, { cache: 'no-cache' });
    if (!response.ok) throw new Error(response.status === 404 ? 'The model is gone, or has no network for browsers.' : `The model could not be loaded (status ${response.status}).`);
    const contract = readContract(await response.json());
    if (!contract.model) throw new Error('The model’s preprocess.json names no network. Export the model again.');
    const file = await loadModelFile(`${address}/${contract.model.file}`, contract.model, (loaded, total) => tell({ kind: 'loading', loaded, total }));
    tell({ kind: 'preparing' });
    const network = await openNetwork(folder, file.bytes, contract, backend);
    const warmUpMs = await warmUp(network, contract);
    opened = { contract, network };
    const { backend: used, threads, note } = network;
    tell({ kind: 'opened', contract, backend: used, threads, note, isFromCache: file.isFromCache, warmUpMs, openMs: performance.now() - began });
    void next();
  } catch (error) {
    fail(error, null);
  }
}

/** The first run of a network is slow: buffers are made, shaders built. @param {Network} network @param {Contract} contract */
async function warmUp(network, { task, tile, multiple, bands }) {
  const began = performance.now();
  const side = task === 'classification' ? tile : Math.min(tile, Math.ceil(LARGEST_WARM_UP / multiple) * multiple);
  await network.run(new Float32Array(bands.length * side * side), [1, bands.length, side, side]);
  return performance.now() - began;
}

/** @param {Look} view */
function look(view) {
  wanted = view;
  if (running) running.abort();
  else if (opened) void next();
}

async function next() {
  while (wanted && opened && !running) {
    const view = wanted;
    wanted = null;
    running = new AbortController();
    try {
      await compute(view, opened, running.signal);
    } catch (error) {
      if (running.signal.aborted) tell({ kind: 'stopped', number: view.number });
      else fail(error, view.number);
    } finally {
      running = null;
    }
  }
}

/** @param {Look} view @param {{contract: Contract, network: Network}} model @param {AbortSignal} signal */
async function compute({ number, image, frame, bounds }, { contract, network }, signal) {
  if (pixels?.image.id !== image.id || pixels.image.content_version !== image.content_version || pixels.frame !== frame) {
    pixels = new SlidePixels(image, frame);
    answers.clear();
  }
  const source = pixels;
  const resolution = resolutionFor(image, contract.mpp);
  const box = boxOf(resolution, bounds);
  if (!box) {
    tell({ kind: 'outside', number });
    return;
  }
  const began = performance.now();
  let shown = began;
  const isDue = () => performance.now() - shown > SHOWN_EVERY_MS;
  const runner = new FieldRunner(contract, network, answers, (place) => source.read(resolution, place));
  for await (const step of runner.run(resolution, box, frame, signal, isDue)) {
    shown = performance.now();
    tell({ kind: 'field', number, note: resolution.note, ...step, wholeMs: shown - began }, [step.field.values.buffer]);
  }
}

/** @param {unknown} error @param {number | null} number of the view; null when the model could not be opened */
function fail(error, number) {
  if (error instanceof TooLargeError) {
    tell({ kind: 'failed', number, reason: 'too-large', message: error.message, zoomBy: error.zoomBy });
  } else if (isOutOfMemory(error)) {
    tell({ kind: 'failed', number, reason: 'memory', message: 'The browser’s memory is not enough for this model. Close other pages, or run the model on the server.' });
  } else {
    tell({ kind: 'failed', number, reason: 'other', message: messageOf(error) });
  }
}

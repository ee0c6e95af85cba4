// @ts-check
/** onnxruntime-web: the graphics processor where the browser lets us at it, WebAssembly with threads or without else. */

/**
 * @typedef {import('./contract.js').Contract} Contract
 * @typedef {'webgpu' | 'wasm'} Backend
 *
 * @typedef {object} Network
 * @property {Backend} backend
 * @property {number} threads  Of WebAssembly; 1 where the page is not isolated from others.
 * @property {string} note  Why it is not the quickest way; empty when it is.
 * @property {(values: Float32Array, shape: [number, number, number, number]) => Promise<{values: Float32Array, shape: readonly number[]}>} run
 * @property {() => Promise<void>} close
 */

const MOST_THREADS = 8;
const FILES = { webgpu: 'ort.jspi.min.mjs', wasm: 'ort.wasm.min.mjs' };

/** How many threads: one processor is left for the page where there are more than two. */
function threadsOfMachine() {
  if (!globalThis.crossOriginIsolated) return 1;
  const processors = navigator.hardwareConcurrency || 1;
  return Math.min(MOST_THREADS, Math.max(Math.min(processors, 2), processors - 1));
}

/** Whether networks can run on the graphics processor: WebGPU with an adapter, and WebAssembly that can wait for it. */
async function hasGraphics() {
  if (!('Suspending' in WebAssembly)) return false;
  const { gpu } = /** @type {any} */ (navigator);
  return Boolean(await gpu?.requestAdapter().catch(() => null));
}

/**
 * Make a network that runs out of the bytes of its file.
 *
 * @param {string} folder address of the vendored files, with a slash at its end
 * @param {Uint8Array} bytes
 * @param {Contract} contract
 * @param {Backend | 'auto'} wanted
 * @returns {Promise<Network>}
 */
export async function openNetwork(folder, bytes, contract, wanted) {
  if (typeof WebAssembly === 'undefined') throw new Error('This browser has no WebAssembly.');
  const useGraphics = wanted === 'webgpu' || (wanted === 'auto' && (await hasGraphics()));
  if (!useGraphics) return open('wasm', folder, bytes, contract, '');
  try {
    return await open('webgpu', folder, bytes, contract, '');
  } catch (error) {
    if (wanted === 'webgpu' || isOutOfMemory(error)) throw error;
    return open('wasm', folder, bytes, contract, `The graphics processor does not take this model (${messageOf(error)}).`);
  }
}

/** @param {Backend} backend @param {string} folder @param {Uint8Array} bytes @param {Contract} contract @param {string} note @returns {Promise<Network>} */
async function open(backend, folder, bytes, contract, note) {
  const runtime = await import(folder + FILES[backend]);
  const threads = backend === 'wasm' ? threadsOfMachine() : 1;
  runtime.env.wasm.wasmPaths = folder;
  runtime.env.wasm.numThreads = threads;
  runtime.env.logLevel = 'error';
  const session = await runtime.InferenceSession.create(bytes, { executionProviders: [backend], graphOptimizationLevel: 'all' });
  const { input, output } = contract;
  if (!session.inputNames.includes(input) || !session.outputNames.includes(output)) {
    await session.release();
    throw new Error(`The network has no ${session.inputNames.includes(input) ? `output “${output}”` : `input “${input}”`}, which its preprocess.json names.`);
  }
  return {
    backend, threads, note,
    async run(values, shape) {
      const answer = await session.run({ [input]: new runtime.Tensor('float32', values, shape) }, [output]);
      const tensor = answer[output];
      if (tensor.type !== 'float32') throw new Error(`The network answers with ${tensor.type}; only float32 can be shown.`);
      const found = { values: /** @type {Float32Array} */ (tensor.data), shape: tensor.dims };
      return found;
    },
    close: () => session.release(),
  };
}

/** Whether something failed for want of memory: each part of a browser says it in its own way. @param {unknown} error */
export function isOutOfMemory(error) {
  return error instanceof RangeError || /out of memory|bad_alloc|allocation failed|failed to allocate|OOM|could not allocate/i.test(messageOf(error));
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

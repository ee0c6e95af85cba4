// @ts-check
/** What imports and exports ask of the server: sending a file, and waiting for a job. */

import { api } from '../api.js';
import { send } from '../sending.js';

const ASK_AGAIN_MS = 500;
const ASK_AGAIN_LATER_MS = 2000;

/** States in which the server is at work. */
export const BUSY = ['reading', 'storing', 'undoing', 'writing'];

/**
 * @typedef {Record<string, any>} Import as the API shows it
 * @typedef {Record<string, any>} Export as the API shows it
 */

/**
 * Send a file of annotations.
 * @param {number} imageSetId
 * @param {File} file
 * @param {{imageId?: number | null, signal: AbortSignal, progress: (part: number) => void}} options
 * @returns {Promise<Import>}
 */
export function sendFile(imageSetId, file, { imageId = null, signal, progress }) {
  return send(`/image-sets/${imageSetId}/annotation-imports`, { name: file.name, image_id: imageId }, file, { signal, progress });
}

/**
 * Ask until a job is no longer at work.
 * @param {string} path of an import or an export
 * @param {{signal: AbortSignal, told?: (state: Record<string, any>) => void}} options
 * @returns {Promise<Record<string, any>>}
 */
export async function waited(path, { signal, told = () => {} }) {
  for (let asked = 0; ; asked += 1) {
    const state = await api.get(path, {}, { signal });
    told(state);
    if (!BUSY.includes(state.state)) return state;
    await pause(asked < 20 ? ASK_AGAIN_MS : ASK_AGAIN_LATER_MS, signal);
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new DOMException('Aborted', 'AbortError'));
    }, { once: true });
  });
}

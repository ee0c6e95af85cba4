// @ts-check
/** Files travel by the tus protocol: they go on where the server says they stopped. */

import { api, apiUrl, csrfToken, words } from './api.js';
import { Refusal } from './upload_queue.js';
import tus from './tus.js';

const DELAYS = [500, 1500, 3000, 6000, 12000, 20000, 30000];

/**
 * @param {number} imageSetId
 * @returns {import('./upload_queue.js').Sender}
 */
export function tusSender(imageSetId) {
  return {
    send(item, { progress }) {
      const { file, path } = item.chosen;
      /** @type {Record<string, string>} */
      const metadata = { image_set_id: String(imageSetId), filename: file.name };
      if (item.group) Object.assign(metadata, { group_key: item.group, relative_path: path });
      /** @type {import('tus-js-client').Upload} */
      let upload;
      const done = new Promise((resolve, reject) => {
        upload = new tus.Upload(file, {
          endpoint: apiUrl('/uploads'),
          metadata,
          headers: { 'X-CSRF-Token': csrfToken() },
          retryDelays: DELAYS,
          removeFingerprintOnSuccess: true,
          // Files of a group carry its key on the server, so only files that stand alone can be found again by name.
          storeFingerprintForResuming: !item.group,
          fingerprint: async () => item.group ? null : ['exact', imageSetId, path, file.size, file.lastModified].join(':'),
          onShouldRetry: (error) => {
            const status = statusOf(error);
            return !status || status >= 500 && status !== 507 || status === 409 || status === 423 || status === 429;
          },
          onProgress: (sent) => progress(sent),
          onSuccess: () => resolve(keyOf(upload.url ?? '')),
          onError: (error) => reject(inWords(error)),
        });
        void begin(upload, item, imageSetId);
      });
      return { done: /** @type {Promise<string>} */ (done), stop: () => upload.abort(true).catch(() => undefined) };
    },
    finish: (key) => api.post(`/uploads/${key}/finish`),
    async finishGroup(group) {
      const answer = await api.post(`/upload-groups/${group}/finish`);
      return { images: answer.images.length, ignored: answer.ignored };
    },
  };
}

/**
 * @param {import('tus-js-client').Upload} upload
 * @param {import('./upload_queue.js').Item} item
 * @param {number} imageSetId
 */
async function begin(upload, item, imageSetId) {
  try {
    const [previous] = item.group ? [] : await upload.findPreviousUploads();
    if (previous && previous.metadata.image_set_id === String(imageSetId)) upload.resumeFromPreviousUpload(previous);
  } catch {
    // A browser that forbids storage only cannot go on after the page was closed.
  }
  upload.start();
}

/** @param {unknown} error */
function statusOf(error) {
  return /** @type {any} */ (error)?.originalResponse?.getStatus?.() ?? 0;
}

/** @param {unknown} error */
function inWords(error) {
  const response = /** @type {any} */ (error)?.originalResponse;
  const status = statusOf(error);
  let detail = words(status);
  try {
    detail = JSON.parse(response.getBody()).detail ?? detail;
  } catch {
    // The server's words were not JSON.
  }
  return status >= 400 && status < 500 && ![409, 423, 429].includes(status) ? new Refusal(detail) : new Error(detail);
}

/** @param {string} url */
function keyOf(url) {
  return url.split('/').pop() ?? '';
}

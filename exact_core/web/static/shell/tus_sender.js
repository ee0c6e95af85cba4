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
      const metadata = { image_set: String(imageSetId), name: file.name };
      if (item.group) Object.assign(metadata, { group: item.group, relative_path: path });
      /** @type {import('tus-js-client').Upload} */
      let upload;
      const done = new Promise((resolve, reject) => {
        upload = new tus.Upload(file, {
          endpoint: apiUrl('/uploads'),
          metadata,
          headers: { 'X-CSRF-Token': csrfToken() },
          retryDelays: DELAYS,
          removeFingerprintOnSuccess: true,
          fingerprint: async () => ['exact', imageSetId, item.group, path, file.size, file.lastModified].join(':'),
          onShouldRetry: (error) => {
            const status = statusOf(error);
            return !status || status >= 500 && status !== 507 || status === 409 || status === 423 || status === 429;
          },
          onProgress: (sent) => progress(sent),
          onSuccess: () => resolve(keyOf(upload.url ?? '')),
          onError: (error) => reject(inWords(error)),
        });
        void begin(upload, item, imageSetId).catch((error) => reject(error));
      });
      return { done: /** @type {Promise<string>} */ (done), stop: () => upload.abort(true).catch(() => undefined) };
    },
    async finish(key) {
      // The last bytes made the image already; asking again is harmless and says whether the set had it before.
      const image = await api.post(`/uploads/${key}/finish`);
      return { is_duplicate: image.status === 'duplicate', name: image.name };
    },
    async finishGroup(group) {
      const answer = await api.post(`/uploads/groups/${group}/finish`);
      return { images: answer.images.length, ignored: answer.ignored_files };
    },
  };
}

/**
 * The key of a group depends on its files only: after a closed page the same choice goes on where it stopped.
 * @param {{folder: string, files: import('./upload_queue.js').Chosen[]}} group
 */
export function groupKey(group) {
  const lines = group.files.map(({ path, file }) => `${path}\n${file.size}\n${file.lastModified}`).sort();
  return [1, 2, 3, 4].map((seed) => mixed(lines.join('\n'), seed)).join('');
}

/**
 * 53 well-mixed bits of a text as hex. Not for secrets: only the uploader's own groups must differ.
 * @param {string} text
 * @param {number} seed
 */
function mixed(text, seed) {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(16).padStart(14, '0');
}

/**
 * @param {import('tus-js-client').Upload} upload
 * @param {import('./upload_queue.js').Item} item
 * @param {number} imageSetId
 */
async function begin(upload, item, imageSetId) {
  const [previous] = await upload.findPreviousUploads();
  if (previous) upload.resumeFromPreviousUpload(previous);
  else if (item.group) upload.url = await knownInGroup(item, imageSetId);
  upload.start();
}

/**
 * A file of a group that the server has begun to receive, when this browser has forgotten its address.
 * @param {import('./upload_queue.js').Item} item
 * @param {number} imageSetId
 */
async function knownInGroup(item, imageSetId) {
  const { path, file } = item.chosen;
  const list = (unfinished.get(item.group) ?? api.get('/uploads', { image_set_id: imageSetId }));
  unfinished.set(item.group, list);
  setTimeout(() => unfinished.delete(item.group), 10000);
  const found = (await list).find((/** @type {any} */ each) => each.group_key === item.group && each.relative_path === path && each.size_bytes === file.size);
  return found ? apiUrl(`/uploads/${found.key}`) : null;
}

/** @type {Map<string, Promise<any>>} answers shared by the files of a group, for a few seconds */
const unfinished = new Map();

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

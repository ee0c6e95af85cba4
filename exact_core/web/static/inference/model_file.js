// @ts-check
/** Getting a model's file: shown while it comes, checked against its checksum, and kept by it for the next time. */

/**
 * @typedef {import('./contract.js').NetworkFile} NetworkFile
 * @typedef {(loaded: number, total: number) => void} Told  Bytes.
 */

const CACHE = 'exact-models-1';
const LIST = '/exact-models/list';
export const MOST_KEPT_BYTES = 300e6;

/** A file that is not what its checksum says. */
export class DamagedModelError extends Error {}

/**
 * @param {string} url
 * @param {NetworkFile} file
 * @param {Told} told
 * @param {{caches?: CacheStorage, fetch?: typeof fetch, subtle?: SubtleCrypto}} [browser] what pages without TLS do not have
 * @returns {Promise<{bytes: Uint8Array, isFromCache: boolean}>}
 * @throws {DamagedModelError}
 */
export async function loadModelFile(url, file, told, browser = globalThis.isSecureContext ? { caches: globalThis.caches, subtle: crypto.subtle } : {}) {
  const cache = await browser.caches?.open(CACHE).catch(() => undefined);
  const kept = cache && (await readKept(cache, file));
  if (kept && (await isWhole(kept, file, browser.subtle))) {
    told(file.bytes, file.bytes);
    await note(cache, file);
    return { bytes: kept, isFromCache: true };
  }
  const bytes = await download(url, file, told, browser);
  if (!(await isWhole(bytes, file, browser.subtle))) {
    throw new DamagedModelError('The model’s file is not the one that its checksum names. Ask whoever uploaded the model to upload it again.');
  }
  if (cache) await keep(cache, file, bytes);
  return { bytes, isFromCache: false };
}

/** @param {string} url @param {NetworkFile} file @param {Told} told @param {{fetch?: typeof fetch, subtle?: SubtleCrypto}} browser */
async function download(url, file, told, { fetch: ask = fetch, subtle }) {
  // Without `subtle` the browser checks the whole answer itself, before it gives any of it.
  const response = await ask(url, subtle ? {} : { integrity: file.integrity });
  if (!response.ok || !response.body) throw new Error(`The model’s file could not be loaded (status ${response.status}).`);
  const bytes = new Uint8Array(file.bytes);
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (loaded + part.value.length > bytes.length) {
      await reader.cancel();
      throw new DamagedModelError('The model’s file is longer than its description says. Export the model again.');
    }
    bytes.set(part.value, loaded);
    loaded += part.value.length;
    told(loaded, file.bytes);
  }
  return bytes.subarray(0, loaded);
}

/** @param {Uint8Array} bytes @param {NetworkFile} file @param {SubtleCrypto | undefined} subtle */
async function isWhole(bytes, file, subtle) {
  if (bytes.length !== file.bytes) return false;
  if (!subtle) return true;
  const digest = new Uint8Array(await subtle.digest('SHA-256', /** @type {Uint8Array<ArrayBuffer>} */ (bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('') === file.sha256;
}

/** @param {Cache} cache @param {NetworkFile} file */
async function readKept(cache, file) {
  const answer = await cache.match(addressOf(file.sha256));
  return answer ? new Uint8Array(await answer.arrayBuffer()) : null;
}

/** @param {string} sha256 */
function addressOf(sha256) {
  return `/exact-models/${sha256}`;
}

/** @typedef {Record<string, {bytes: number, used: number}>} Kept  By checksum; `used` is a time in ms. */

/** @param {Cache} cache @param {NetworkFile} file @param {Uint8Array} bytes */
async function keep(cache, file, bytes) {
  if (file.bytes > MOST_KEPT_BYTES) return;
  try {
    await note(cache, file);
    await cache.put(addressOf(file.sha256), new Response(/** @type {Uint8Array<ArrayBuffer>} */ (bytes)));
  } catch (error) {
    // A full disk: the model runs all the same, and is loaded again the next time.
    if (!(error instanceof DOMException)) throw error;
  }
}

/** Write down that a file is used now, and let go of those that were not used for the longest. @param {Cache} cache @param {NetworkFile} file */
async function note(cache, { sha256, bytes }) {
  const answer = await cache.match(LIST);
  /** @type {Kept} */
  const kept = { ...(answer ? await answer.json() : {}), [sha256]: { bytes, used: Date.now() } };
  for (const old of namesToDrop(kept, MOST_KEPT_BYTES, sha256)) {
    delete kept[old];
    await cache.delete(addressOf(old));
  }
  await cache.put(LIST, Response.json(kept));
}

/**
 * Which files go so that the others fit.
 *
 * @param {Kept} kept @param {number} most bytes @param {string} spared the file in use
 */
export function namesToDrop(kept, most, spared) {
  let total = Object.values(kept).reduce((sum, { bytes }) => sum + bytes, 0);
  const dropped = [];
  for (const [name, { bytes }] of Object.entries(kept).sort(([, a], [, b]) => a.used - b.used)) {
    if (total <= most) break;
    if (name === spared) continue;
    dropped.push(name);
    total -= bytes;
  }
  return dropped;
}

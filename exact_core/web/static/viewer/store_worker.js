// @ts-check
/** Decodes views away from the page's thread. */

import { buildPage, pageTransferables } from './layer/decoder.js';

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (globalThis));

scope.addEventListener('message', (event) => {
  const { job, buffer, grid } = event.data;
  try {
    const page = buildPage(buffer, grid);
    scope.postMessage({ job, page }, pageTransferables(page));
  } catch (error) {
    scope.postMessage({ job, error: error instanceof Error ? error.message : String(error) });
  }
});

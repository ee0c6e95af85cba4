// @ts-check
/** The resumable-upload client as a module: its own file is a classic script that leaves a global behind. */

import '../vendor/tus-js-client/tus.min.js';

/** @type {typeof import('tus-js-client')} */
const tus = /** @type {any} */ (globalThis).tus;

export default tus;

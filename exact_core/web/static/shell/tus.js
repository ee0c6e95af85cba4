// @ts-check
/** The resumable-upload client as a module: its own file is a classic script that leaves a global behind. */

// Not a literal in import(), so that the type checker reads the package's types and not the minified file.
const file = '../vendor/tus-js-client/tus.min.js';
await import(file);

/** @type {typeof import('tus-js-client')} */
const tus = /** @type {any} */ (globalThis).tus;

export default tus;

// @ts-check
/** OpenSeadragon as a module: its own file is a classic script that leaves a global behind. */

// The address is computed, so that the type checker does not read a minified library.
await import(new URL('../vendor/openseadragon/openseadragon.min.js', import.meta.url).href);

/** @type {typeof import('openseadragon')} */
const OpenSeadragon = /** @type {any} */ (globalThis).OpenSeadragon;

export default OpenSeadragon;

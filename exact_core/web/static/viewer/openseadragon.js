// @ts-check
/** OpenSeadragon as a module: its own file is a classic script that leaves a global behind. */

import '../vendor/openseadragon/openseadragon.min.js';

/** @type {typeof import('openseadragon')} */
const OpenSeadragon = /** @type {any} */ (globalThis).OpenSeadragon;

export default OpenSeadragon;

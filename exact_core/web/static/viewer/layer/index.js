// @ts-check
/**
 * The annotation layer: draws the shapes of an image over OpenSeadragon, and finds them under the mouse.
 *
 * `createAnnotationLayer(options)` is the whole of it; `api.js` holds the types of options and layer.
 */

/**
 * Lays annotations over an OpenSeadragon viewer.
 * @param {import('./api.js').LayerOptions} options
 * @returns {import('./api.js').AnnotationLayer}
 */
export function createAnnotationLayer(options) {
  throw new Error(`The annotation layer of a ${options.imageSize.width} px image is not drawn yet.`);
}

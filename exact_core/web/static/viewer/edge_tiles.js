// @ts-check
/**
 * Tiles at the right and lower edge: files fill them up to their full size, often with black, and a browser that scales
 * them would mix the filling into the last column and row.
 */

/**
 * @typedef {object} Job  What OpenSeadragon calls an ImageJob.
 * @property {{level: number, x: number, y: number}} tile
 * @property {(data: any, request: any, type: string) => void} finish
 */

/** The same job, but it ends with what of the tile shows the image. @param {Job} job @param {number} width @param {number} height */
export function withoutPadding(job, width, height) {
  /** @type {Job} */
  const other = Object.create(job);
  other.finish = (picture, request, type) => {
    if (type !== 'image' || (picture.naturalWidth <= width && picture.naturalHeight <= height)) {
      job.finish(picture, request, type);
      return;
    }
    const canvas = document.createElement('canvas');
    canvas.width = Math.min(width, picture.naturalWidth);
    canvas.height = Math.min(height, picture.naturalHeight);
    const context = canvas.getContext('2d');
    context?.drawImage(picture, 0, 0);
    job.finish(context ?? picture, request, context ? 'context2d' : type);
  };
  return other;
}

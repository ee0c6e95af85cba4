// @ts-check
/** Where image pixels are on the screen: one affine matrix in doubles, read from OpenSeadragon's viewport. */

/** @typedef {import('./api.js').Box} Box */

/**
 * Image to screen, in CSS px of the viewer: `x' = a x + c y + e`, `y' = b x + d y + f`.
 * @typedef {object} ViewTransform
 * @property {number} a
 * @property {number} b
 * @property {number} c
 * @property {number} d
 * @property {number} e
 * @property {number} f
 * @property {number} scale screen px per image px
 * @property {number} width of the screen
 * @property {number} height
 */

/**
 * Reads the matrix of the moment, or null while no image is open.
 * @param {import('openseadragon').Viewer} viewer
 * @param {{width: number, height: number}} imageSize
 * @returns {ViewTransform | null}
 */
export function readTransform(viewer, imageSize) {
  const item = viewer.world?.getItemAt(0);
  const { viewport } = viewer;
  if (!item || !viewport) return null;
  const container = viewport.getContainerSize();
  if (!(container.x > 0 && container.y > 0)) return null;
  // The tile source may count another size than level 0 has; shapes are in level-0 pixels.
  const content = item.getContentSize();
  const mirrored = viewport.getFlip();
  const toScreen = (/** @type {number} */ x, /** @type {number} */ y) => {
    const point = viewport.pixelFromPoint(item.imageToViewportCoordinates(x, y, true), true);
    return { x: mirrored ? container.x - point.x : point.x, y: point.y };
  };
  const origin = toScreen(0, 0);
  const right = toScreen(content.x, 0);
  const down = toScreen(0, content.y);
  const a = (right.x - origin.x) / imageSize.width;
  const b = (right.y - origin.y) / imageSize.width;
  return {
    a, b, c: (down.x - origin.x) / imageSize.height, d: (down.y - origin.y) / imageSize.height,
    e: origin.x, f: origin.y, scale: Math.hypot(a, b), width: container.x, height: container.y,
  };
}

/** @param {ViewTransform | null} one @param {ViewTransform | null} other */
export function isSameTransform(one, other) {
  if (!one || !other) return one === other;
  return one.a === other.a && one.b === other.b && one.c === other.c && one.d === other.d && one.e === other.e
    && one.f === other.f && one.width === other.width && one.height === other.height;
}

/**
 * The upright rectangle of image pixels that covers the screen, turned or not.
 * @param {ViewTransform} t
 * @param {number} [margin] in screen px
 * @returns {Box}
 */
export function visibleBox(t, margin = 0) {
  const determinant = t.a * t.d - t.b * t.c;
  /** @type {Box} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const px of [-margin, t.width + margin]) {
    for (const py of [-margin, t.height + margin]) {
      const x = (t.d * (px - t.e) - t.c * (py - t.f)) / determinant;
      const y = (t.a * (py - t.f) - t.b * (px - t.e)) / determinant;
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
  }
  return box;
}

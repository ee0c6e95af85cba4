// @ts-check
/**
 * The picture as OpenSeadragon sees it: exactly the levels that the file has, with each level's own tile size.
 *
 * OpenSeadragon counts levels from the smallest; ours count from full size.
 */

/**
 * @typedef {import('./types.js').ImageInfo} ImageInfo
 * @typedef {import('./types.js').Level} Level
 */

/** @param {{z: number, t: number, c: number | 'rgb'}} frame */
export function frameName({ z, t, c }) {
  return `${z}.${t}.${c}`;
}

/**
 * @param {ImageInfo} image
 * @param {string} frame ``z.t.c``
 * @param {new (x: number, y: number) => {x: number, y: number}} Point of OpenSeadragon
 * @returns {Record<string, any>} options of ``new OpenSeadragon.TileSource``
 */
export function tileSourceOptions(image, frame, Point) {
  const levels = [...image.levels].sort((a, b) => b.downsample - a.downsample);
  const at = (/** @type {number} */ level) => /** @type {Level} */ (levels[level] ?? levels.at(-1));
  const version = image.content_version ? `?v=${encodeURIComponent(image.content_version)}` : '';
  return {
    width: image.width,
    height: image.height,
    tileOverlap: 0,
    minLevel: 0,
    maxLevel: levels.length - 1,
    getLevelScale: (/** @type {number} */ level) => 1 / at(level).downsample,
    getTileWidth: (/** @type {number} */ level) => at(level).tile_width,
    getTileHeight: (/** @type {number} */ level) => at(level).tile_height,
    getNumTiles: (/** @type {number} */ level) => new Point(at(level).columns, at(level).rows),
    getTileAtPoint(/** @type {number} */ level, /** @type {{x: number, y: number}} */ point) {
      const { downsample, tile_width: width, tile_height: height, columns, rows } = at(level);
      const pixels = image.width / downsample;
      return new Point(tileOf(point.x * pixels, width, columns), tileOf(point.y * pixels, height, rows));
    },
    getTileUrl: (/** @type {number} */ level, /** @type {number} */ x, /** @type {number} */ y) =>
      `/api/v2/images/${image.id}/tiles/${frame}/${at(level).index}/${x}_${y}${version}`,
  };
}

/** @param {number} position @param {number} size @param {number} count */
function tileOf(position, size, count) {
  return Math.min(Math.max(Math.floor(position / size), 0), count - 1);
}

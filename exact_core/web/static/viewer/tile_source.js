// @ts-check
/**
 * The picture as OpenSeadragon sees it: exactly the levels that the file has, with each level's own tile size.
 *
 * OpenSeadragon counts levels from the smallest; ours count from full size.
 */

import { withoutPadding } from './edge_tiles.js';

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
 * @param {{Point: new (x: number, y: number) => {x: number, y: number}, TileSource: {prototype: any}}} library OpenSeadragon
 * @returns {Record<string, any>} options of ``new OpenSeadragon.TileSource``
 */
export function tileSourceOptions(image, frame, { Point, TileSource }) {
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
    downloadTileStart(/** @type {import('./edge_tiles.js').Job} */ job) {
      const { downsample, tile_width: width, tile_height: height } = at(job.tile.level);
      const right = shownOf(image.width / downsample, job.tile.x, width);
      const bottom = shownOf(image.height / downsample, job.tile.y, height);
      const isWhole = right === width && bottom === height;
      TileSource.prototype.downloadTileStart.call(this, isWhole ? job : withoutPadding(job, right, bottom));
    },
  };
}

/** How many px of a tile show the image. @param {number} whole @param {number} number @param {number} size */
function shownOf(whole, number, size) {
  return Math.min(size, Math.max(1, Math.ceil(whole - number * size - 1e-6)));
}

/** @param {number} position @param {number} size @param {number} count */
function tileOf(position, size, count) {
  return Math.min(Math.max(Math.floor(position / size), 0), count - 1);
}

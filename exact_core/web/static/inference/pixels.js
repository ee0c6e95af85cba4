// @ts-check
/** The pixels of a slide for a model: its tiles, decoded as they are stored, cut and shrunk to the model's resolution. */

import { shrink } from './resolution.js';

/**
 * @typedef {import('./resolution.js').Resolution} Resolution
 * @typedef {import('./placing.js').Place} Place
 * @typedef {import('./preprocess.js').Picture} Picture
 * @typedef {(url: string) => Promise<Picture>} Decode
 */

const KEPT_TILES = 96;

/** Reads rectangles of one image, keeping the last tiles. */
export class SlidePixels {
  /**
   * @param {{id: number, content_version: string}} image @param {string} frame ``z.t.c``
   * @param {Decode} [decode]
   */
  constructor(image, frame, decode = decodeTile) {
    this.image = image;
    this.frame = frame;
    this.decode = decode;
  }

  /** The last tiles, the newest at the end. @type {Map<string, Promise<Picture>>} */
  #tiles = new Map();

  /**
   * @param {Resolution} resolution
   * @param {Place} place in pixels of the model
   * @returns {Promise<Picture>} RGBA, as large as the place
   */
  async read(resolution, place) {
    const { level, factor } = resolution;
    if (factor === 1) return { samples: await this.#copy(level, place), width: place.width, height: place.height, channels: 4 };
    const [x0, y0] = [Math.floor(place.x * factor), Math.floor(place.y * factor)];
    const x1 = Math.min(level.width, Math.ceil((place.x + place.width) * factor));
    const y1 = Math.min(level.height, Math.ceil((place.y + place.height) * factor));
    const source = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    const samples = shrink(
      await this.#copy(level, source), source.width, source.height,
      place.x * factor - x0, place.y * factor - y0, factor, place.width, place.height,
    );
    return { samples, width: place.width, height: place.height, channels: 4 };
  }

  /** @param {import('../viewer/types.js').Level} level @param {Place} area in pixels of the level */
  async #copy(level, { x, y, width, height }) {
    const { tile_width: across, tile_height: down } = level;
    const found = new Uint8ClampedArray(width * height * 4).fill(255);
    const wanted = [];
    for (let row = Math.floor(y / down); row * down < y + height; row += 1) {
      for (let column = Math.floor(x / across); column * across < x + width; column += 1) wanted.push([column, row]);
    }
    await Promise.all(wanted.map(async ([column, row]) => {
      const tile = await this.#tile(level, column, row);
      const [left, top] = [column * across, row * down];
      const [x0, x1] = [Math.max(x, left), Math.min(x + width, left + tile.width)];
      for (let at = Math.max(y, top); at < Math.min(y + height, top + tile.height); at += 1) {
        const from = ((at - top) * tile.width + x0 - left) * 4;
        if (x1 > x0) found.set(tile.samples.subarray(from, from + (x1 - x0) * 4), ((at - y) * width + x0 - x) * 4);
      }
    }));
    return found;
  }

  /** @param {import('../viewer/types.js').Level} level @param {number} column @param {number} row */
  #tile(level, column, row) {
    const version = this.image.content_version ? `?v=${encodeURIComponent(this.image.content_version)}` : '';
    const url = `/api/v2/images/${this.image.id}/tiles/${this.frame}/${level.index}/${column}_${row}${version}`;
    const tile = this.#tiles.get(url) ?? this.decode(url);
    this.#tiles.delete(url);
    this.#tiles.set(url, tile);
    // What failed is asked for again the next time.
    tile.catch(() => this.#tiles.get(url) === tile && this.#tiles.delete(url));
    for (const oldest of this.#tiles.keys()) {
      if (this.#tiles.size <= KEPT_TILES) break;
      this.#tiles.delete(oldest);
    }
    return tile;
  }
}

/** @type {Decode} */
async function decodeTile(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`A tile of the image could not be loaded (status ${response.status}).`);
  // A profile in the file would change the samples; Python reads them as they are stored.
  const bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: true });
  if (!context) throw new Error('This browser cannot read the pixels of pictures.');
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { samples: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
}

// @ts-check
/** The map of a run over the slide: tiles of values, coloured here, and the line at the threshold. */

import { api } from '../../shell/api.js';
import { contourSegments } from './contours.js';

/**
 * @typedef {{id: number, name: string, label: number | null, width: number, height: number, downsample: number, x: number, y: number, levels: [number, number][]}} MapInfo
 * @typedef {{canvas: HTMLCanvasElement, values: Uint8Array, width: number, height: number, line: Float32Array | null, lineAt: string}} Tile
 */

const TILE = 256;
const MOST_KEPT = 160;
const PROBABILITY = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const ENTROPY = [[8, 8, 30], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

/** Loads and draws the tiles of one map. */
export class MapTiles {
  /** @param {string} path address of the run @param {MapInfo} info @param {() => void} changed */
  constructor(path, info, changed) {
    this.path = `${path}/maps/${info.id}/tiles`;
    this.info = info;
    this.changed = changed;
    this.colours = ramp(info.name === 'entropy' ? ENTROPY : PROBABILITY);
  }

  /** @type {Map<string, Tile | null>} null while it comes */
  #tiles = new Map();

  /**
   * @param {CanvasRenderingContext2D} context in image px @param {readonly number[]} bounds what is seen of the image
   * @param {number} zoom screen px per image px @param {{opacity: number, threshold: number, showMap: boolean, showLine: boolean}} how
   */
  draw(context, [x0, y0, x1, y1], zoom, how) {
    const { info } = this;
    const wanted = Math.log2(Math.max(1, 1 / (zoom * info.downsample)));
    const level = Math.min(info.levels.length - 1, Math.max(0, Math.floor(wanted + 0.25)));
    const scale = info.downsample * 2 ** level;
    const [width, height] = info.levels[level];
    const range = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ size) => [Math.max(0, Math.floor(low / scale / TILE)), Math.min(Math.ceil(size / TILE) - 1, Math.floor(high / scale / TILE))];
    const [left, right] = range(x0 - info.x, x1 - info.x, width);
    const [top, bottom] = range(y0 - info.y, y1 - info.y, height);
    for (let row = top; row <= bottom; row += 1) {
      for (let column = left; column <= right; column += 1) {
        const tile = this.#tile(level, column, row, Math.min(TILE, width - column * TILE), Math.min(TILE, height - row * TILE));
        if (!tile) continue;
        if (how.showLine) this.#trace(level, column, row, tile, how.threshold * 255);
        this.#drawTile(context, tile, info.x + column * TILE * scale, info.y + row * TILE * scale, scale, zoom, how);
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {Tile} tile @param {number} x @param {number} y @param {number} scale @param {number} zoom @param {{opacity: number, threshold: number, showMap: boolean, showLine: boolean}} how */
  #drawTile(context, tile, x, y, scale, zoom, how) {
    if (how.showMap) {
      context.globalAlpha = 0.6 * how.opacity; // the slide shows through
      context.imageSmoothingEnabled = true;
      context.drawImage(tile.canvas, x, y, tile.width * scale, tile.height * scale);
      context.globalAlpha = 1;
    }
    if (!how.showLine || !tile.line) return;
    context.beginPath();
    for (let i = 0; i < tile.line.length; i += 4) {
      context.moveTo(x + tile.line[i] * scale, y + tile.line[i + 1] * scale);
      context.lineTo(x + tile.line[i + 2] * scale, y + tile.line[i + 3] * scale);
    }
    for (const [width, colour] of /** @type {[number, string][]} */ ([[4, '#ffffffd0'], [2, '#5b2ca8']])) {
      context.lineWidth = width / zoom;
      context.strokeStyle = colour;
      context.stroke();
    }
  }

  /** The line of a tile, up to the first values of the tiles beside and below it, so that it goes on there. @param {number} level @param {number} column @param {number} row @param {Tile} tile @param {number} threshold */
  #trace(level, column, row, tile, threshold) {
    const next = (/** @type {number} */ dx, /** @type {number} */ dy) => this.#tiles.get(`${level}/${column + dx}_${row + dy}`) ?? null;
    const [right, below, corner] = [next(1, 0), next(0, 1), next(1, 1)];
    const at = `${threshold} ${Boolean(right)} ${Boolean(below)} ${Boolean(corner)}`;
    if (tile.line && tile.lineAt === at) return;
    const [width, height] = [tile.width + (right ? 1 : 0), tile.height + (below ? 1 : 0)];
    const values = new Uint8Array(width * height);
    for (let y = 0; y < tile.height; y += 1) {
      values.set(tile.values.subarray(y * tile.width, (y + 1) * tile.width), y * width);
      if (right) values[y * width + tile.width] = right.values[y * right.width];
    }
    if (below) values.set(below.values.subarray(0, tile.width), tile.height * width);
    if (right && below) values[values.length - 1] = corner ? corner.values[0] : below.values[tile.width - 1];
    tile.line = contourSegments(values, width, height, Math.max(threshold, 0.5));
    tile.lineAt = at;
  }

  /** @param {number} level @param {number} column @param {number} row @param {number} width @param {number} height */
  #tile(level, column, row, width, height) {
    const key = `${level}/${column}_${row}`;
    const known = this.#tiles.get(key);
    if (known !== undefined) return known;
    if (this.#tiles.size > MOST_KEPT) this.#tiles.delete(/** @type {string} */ (this.#tiles.keys().next().value));
    this.#tiles.set(key, null);
    this.#load(key, width, height).then((tile) => {
      this.#tiles.set(key, tile);
      this.changed();
    }, () => this.#tiles.delete(key));
    return null;
  }

  /** @param {string} key @param {number} width @param {number} height @returns {Promise<Tile>} */
  async #load(key, width, height) {
    /** @type {Response} */
    const answer = await api.get(`${this.path}/${key}`, {}, { as: 'response' });
    const values = answer.status === 204 ? new Uint8Array(width * height) : await greyOf(await answer.blob(), width, height);
    return { canvas: coloured(values, width, height, this.colours), values, width, height, line: null, lineAt: '' };
  }
}

/** @param {Blob} blob @param {number} width @param {number} height */
async function greyOf(blob, width, height) {
  const picture = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const context = contextOf(width, height);
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]);
}

/** @param {Uint8Array} values @param {number} width @param {number} height @param {Uint8Array} colours */
function coloured(values, width, height, colours) {
  const context = contextOf(width, height);
  const picture = context.createImageData(width, height);
  values.forEach((value, i) => {
    picture.data.set(colours.subarray(3 * value, 3 * value + 3), 4 * i);
    picture.data[4 * i + 3] = Math.min(255, value * 2);
  });
  context.putImageData(picture, 0, 0);
  return context.canvas;
}

/** @param {number} width @param {number} height */
function contextOf(width, height) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
}

/** 256 colours between a few. @param {number[][]} stops */
function ramp(stops) {
  const colours = new Uint8Array(3 * 256);
  for (let value = 0; value < 256; value += 1) {
    const at = (value / 255) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    for (let band = 0; band < 3; band += 1) colours[3 * value + band] = stops[low][band] + (stops[low + 1][band] - stops[low][band]) * (at - low);
  }
  return colours;
}

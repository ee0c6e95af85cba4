// @ts-check
/** Frames around the regions of the image that one was given to read. */

import { $ } from '../../shell/html.js';
import { Overlay } from '../overlay.js';

/** Draws the frames over the picture. */
export class RegionFrames {
  /** @param {import('../workplace.js').Workplace} workplace */
  constructor(workplace) {
    this.overlay = new Overlay(workplace.stage, $('#stage-overlays'));
  }

  /** @param {{kind: string, state: string, region: {x0: number, y0: number, x1: number, y1: number} | null, item_id: number}[]} items */
  show(items) {
    this.overlay.setShapes(items.flatMap(({ kind, state, region, item_id: id }) => (kind === 'region' && region ? [{
      key: `region-${id}`, color: state === 'done' ? '#5cbf78' : '#0b6b66', editable: false, dash: '10 6', isHollow: true,
      geometry: { shape: /** @type {const} */ ('box'), rings: [[/** @type {[number, number]} */ ([region.x0, region.y0]), /** @type {[number, number]} */ ([region.x1, region.y1])]] },
    }] : [])));
  }
}

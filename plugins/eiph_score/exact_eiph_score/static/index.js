// @ts-check
/**
 * The panels of the EIPH score: in the viewer the score of what it shows, live while panning; on the page of an image
 * set the scores of its images.
 *
 * `activate` is called once per page; what it sets up through `ctx` ends with the plugin.
 */

import { afterRest, render } from 'exact/sdk';

import { createPanel } from './panel.js';
import { showStudy } from './study.js';

/** While the view moves a request is sent at most this often; the last position always gets one. */
const LIVE_MS = 150;

/** @param {import('exact/sdk').PluginContext} ctx */
export default function activate(ctx) {
  if (!ctx.viewer || !ctx.image || !ctx.annotations) {
    ctx.panels.mount('eiph_score.study', (element) => showStudy(element, ctx));
    return;
  }
  const { viewer, image, annotations } = ctx;

  ctx.panels.mount('eiph_score.score', (element) => {
    const panel = createPanel(ctx.settings);
    render(element, panel.element);

    let asked = 0;
    let shown = 0;
    const ask = async () => {
      const turn = ++asked;
      const { bounds, frame } = viewer.view();
      try {
        const score = await ctx.api.get(`images/${image.id}/score`, { ...rounded(bounds), z: frame.z, t: frame.t });
        // Answers may overtake each other: an older one never replaces a newer one.
        if (turn > shown) {
          shown = turn;
          panel.show(score);
        }
      } catch (error) {
        if (!ctx.signal.aborted && turn > shown) panel.fail(error);
      }
    };

    const soon = atMostEvery(LIVE_MS, () => void ask());
    viewer.on('view-changed', soon);
    viewer.on('view-settled', () => void ask());
    const afterEdits = afterRest(() => {
      void ask();
      for (const overlay of ctx.overlays.list()) ctx.overlays.set(overlay.id, { refresh: true });
    }, 400);
    annotations.on('changed', afterEdits);
    void ask();
  });
}

/** @param {{x0: number, y0: number, x1: number, y1: number}} box */
export function rounded(box) {
  return { x0: Math.floor(box.x0), y0: Math.floor(box.y0), x1: Math.ceil(box.x1), y1: Math.ceil(box.y1) };
}

/**
 * Call now, and at most once per pause; the last call is never lost.
 * @param {number} ms @param {() => void} run
 */
export function atMostEvery(ms, run) {
  let last = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    const wait = last + ms - performance.now();
    const now = () => {
      last = performance.now();
      run();
    };
    if (wait <= 0) now();
    else timer = setTimeout(now, wait);
  };
}

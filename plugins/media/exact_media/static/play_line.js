// @ts-check
/** A line that runs over a box on the slide while its sound plays: over a spectrogram it is where one listens. */

import { html, setStyle } from 'exact/sdk';

const SCREEN_PX = 2;

/**
 * Let a line follow the sound of a shape, until the signal ends it. Shapes other than boxes have none.
 * @param {import('exact/sdk').PluginContext} ctx @param {number} shape @param {HTMLMediaElement} media @param {AbortSignal} signal
 */
export async function followOnSlide(ctx, shape, media, signal) {
  const { geometry } = await ctx.api.core.get(`/annotations/${shape}`, {}, { signal });
  const box = boxOf(geometry);
  if (!box || !ctx.viewer || signal.aborted) return;
  const { viewer } = ctx;
  const { element, remove } = ctx.overlays.layer('viewer');
  const line = html`<div class="media-line" data-plugin="media" hidden></div>`;
  element.append(line);

  const place = () => {
    const part = media.duration > 0 ? Math.min(media.currentTime / media.duration, 1) : 0;
    line.hidden = media.paused && (part === 0 || part === 1);
    const width = SCREEN_PX / viewer.view().zoom; // the layer is as large as the image, and shown as the slide is
    setStyle(line, {
      left: `${box.x0 + (box.x1 - box.x0) * part - width / 2}px`,
      top: `${box.y0}px`,
      width: `${width}px`,
      height: `${box.y1 - box.y0}px`,
      boxShadow: `0 0 0 ${width / 2}px #000a`, // it is seen on bright slides too
    });
  };
  let frame = 0;
  const run = () => {
    place();
    if (!media.paused) frame = requestAnimationFrame(run);
  };
  for (const name of ['play', 'pause', 'seeked', 'ended']) media.addEventListener(name, run, { signal });
  const stop = viewer.on('view-changed', place);
  signal.addEventListener('abort', () => {
    cancelAnimationFrame(frame);
    stop();
    remove();
  });
  run();
}

/**
 * The box of a shape, if it is one.
 * @param {{shape: string, rings?: [number, number][][]} | undefined} geometry
 */
export function boxOf(geometry) {
  const ring = geometry?.rings?.[0];
  if (geometry?.shape !== 'box' || ring?.length !== 2) return null;
  const [[ax, ay], [bx, by]] = ring;
  return { x0: Math.min(ax, bx), y0: Math.min(ay, by), x1: Math.max(ax, bx), y1: Math.max(ay, by) };
}

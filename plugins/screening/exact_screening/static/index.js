// @ts-check
/** Guided screening: the panel beside the image, its keys while it is on, and the progress tab of the image set. */

import { showProgress } from './progress.js';
import { Workbench } from './workbench.js';

/** @param {import('exact/sdk').PluginContext} ctx */
export default function activate(ctx) {
  if (!ctx.viewer || !ctx.image) {
    ctx.panels.mount('screening.progress', (element) => showProgress(ctx, element));
    return;
  }
  ctx.panels.mount('screening.main', async (element) => {
    const workbench = new Workbench(ctx, element);
    await workbench.open();
    return () => workbench.close();
  });
}

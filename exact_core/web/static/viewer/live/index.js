// @ts-check
/** The live model of the page, connected with the workplace. */

import { $ } from '../../shell/html.js';
import { preferences, remember } from '../layout.js';
import { LiveModel } from './live_model.js';
import { LivePanel } from './live_panel.js';

/** @typedef {import('../workplace.js').Workplace} Workplace */

/**
 * Nothing for blind readers: what a model says is an opinion that they must not see before they gave theirs.
 *
 * @param {Workplace} at
 * @returns {LiveModel | null}
 */
export function addLiveModel(at) {
  const { data, image, stage } = at;
  if (data.imageSet.is_blind && !data.rights.see_all) return null;
  const live = new LiveModel(stage, image, at.types, () => $('.annotation-canvas'));
  const whyNot = image.frames?.is_color === false ? 'Models in the browser read colours. The channels of this image are read by the server.' : '';
  new LivePanel($('#live-model'), live, {
    whyNot,
    mayRunOnServer: at.mayAnnotate && !data.version,
    isOpen: Boolean(preferences().liveModel),
    rememberOpen: (open) => remember({ liveModel: open }),
    bounds: () => {
      const [x0, y0, x1, y1] = stage.visibleBounds;
      return [Math.max(0, Math.floor(x0)), Math.max(0, Math.floor(y0)), Math.min(image.width, Math.ceil(x1)), Math.min(image.height, Math.ceil(y1))];
    },
  });
  at.frameListeners.add(() => live.frameChanged());
  return live;
}

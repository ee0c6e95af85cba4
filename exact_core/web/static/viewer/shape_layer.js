// @ts-check
/** The layer of shapes over the slide, fed by the server. */

import { api } from '../shell/api.js';
import { $ } from '../shell/html.js';
import { toast } from '../shell/toast.js';
import { createAnnotationLayer } from './layer/index.js';

/** @param {import('./workplace.js').Workplace} at */
export function createShapeLayer(at) {
  /** @type {(() => void) | null} Takes the message away. */
  let problem = null;
  const types = new Map(at.types.map(({ id, name, color }) => [id, { id, name, color, visible: true }]));
  const layer = createAnnotationLayer({
    viewer: at.stage.viewer,
    imageSize: at.image,
    types,
    frame: at.frame,
    fetchView: (params, signal) => api.get(`/images/${at.image.id}/annotation-view`, { ...params, ...at.asOf }, { signal, as: 'binary' }),
    onError: (error) => {
      problem ??= toast('Shapes could not be loaded; trying again.', { kind: 'warning', detail: error.message, seconds: 0 });
    },
    onLoaded: ({ revision }) => {
      at.history?.noticed(revision);
      at.predictions?.shapesLoaded();
      problem?.();
      problem = null;
      $('#stage').dataset.shapes = String(layer.statistics().shapes);
    },
  });
  layer.setFill(at.visibility.display.fill);
  layer.setOpacity(at.visibility.display.opacity);
  layer.setLineWidth(at.visibility.display.width);
  return layer;
}

// @ts-check
/** Drawing a region on the slide: drag a rectangle, or click the corners of a polygon. */

/**
 * @typedef {import('exact/sdk').PluginContext} PluginContext
 * @typedef {{kind: 'rectangle' | 'polygon', points: [number, number][]}} Region  Level-0 pixels.
 */

const SVG = 'http://www.w3.org/2000/svg';
const DRAG_PX = 6;

/** Gives up the drawing that is going on. */
let giveUpCurrent = () => {};

/** End a drawing that somebody left for something else. */
export function stopDrawing() {
  giveUpCurrent();
}

/**
 * @param {PluginContext} ctx
 * @returns {Promise<Region | null>} null when it was given up
 */
export function drawRegion(ctx) {
  stopDrawing();
  // A control that has the focus would keep Enter for itself.
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  const { width, height } = /** @type {NonNullable<PluginContext['image']>} */ (ctx.image);
  const { element, remove } = ctx.overlays.layer('viewer', 'screening-draw');
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const ground = document.createElementNS(SVG, 'rect');
  for (const [name, value] of Object.entries({ width, height, class: 'screening-draw__ground' })) ground.setAttribute(name, String(value));
  const shape = document.createElementNS(SVG, 'polygon');
  shape.setAttribute('class', 'screening-draw__shape');
  drawing.append(ground, shape);
  element.append(drawing);
  const zoom = ctx.viewer?.view().zoom ?? 1;
  drawing.style.setProperty('--screen-px', String(1 / zoom));

  return new Promise((resolve) => {
    /** @type {[number, number][]} */
    let corners = [];
    /** @type {{at: [number, number], x: number, y: number} | null} */
    let pressed = null;
    const end = (/** @type {Region | null} */ region) => {
      giveUpCurrent = () => {};
      takeBack();
      remove();
      ctx.signal.removeEventListener('abort', giveUp);
      resolve(region);
    };
    const giveUp = () => end(null);
    giveUpCurrent = giveUp;
    const finish = () => end(corners.length > 2 ? { kind: 'polygon', points: corners } : null);
    const takeBack = ctx.shortcuts.push([
      { keys: 'Escape', title: 'Give the region up', run: giveUp },
      { keys: 'Enter', title: 'End the region', run: finish },
    ]);
    ctx.signal.addEventListener('abort', giveUp);
    const show = (/** @type {[number, number][]} */ points) => shape.setAttribute('points', points.map((point) => point.join(',')).join(' '));
    const place = (/** @type {PointerEvent} */ event) => imagePlace(element, event);
    ground.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      ground.setPointerCapture(event.pointerId);
      pressed = { at: place(event), x: event.clientX, y: event.clientY };
    });
    ground.addEventListener('pointermove', (event) => {
      const here = place(event);
      if (pressed && corners.length === 0 && isDrag(pressed, event)) show(rectangle(pressed.at, here));
      else if (corners.length > 0) show([...corners, here]);
    });
    ground.addEventListener('pointerup', (event) => {
      if (!pressed) return;
      const [from, here] = [pressed.at, place(event)];
      const dragged = isDrag(pressed, event);
      pressed = null;
      if (dragged && corners.length === 0) end({ kind: 'rectangle', points: [from, here] });
      else corners = [...corners, here];
    });
    ground.addEventListener('dblclick', () => {
      corners = corners.slice(0, -1); // the second click of two is no corner
      finish();
    });
  });
}

/** @param {{x: number, y: number}} from @param {PointerEvent} to */
function isDrag(from, to) {
  return Math.hypot(to.clientX - from.x, to.clientY - from.y) > DRAG_PX;
}

/** @param {[number, number]} a @param {[number, number]} b @returns {[number, number][]} */
function rectangle(a, b) {
  return [a, [b[0], a[1]], b, [a[0], b[1]]];
}

/** The spot of the image under the pointer, turned and mirrored pictures included. @param {HTMLElement} element @param {PointerEvent} event @returns {[number, number]} */
function imagePlace(element, event) {
  const host = /** @type {HTMLElement} */ (element.parentElement).getBoundingClientRect();
  const point = new DOMPoint(event.clientX - host.x, event.clientY - host.y);
  const { x, y } = point.matrixTransform(new DOMMatrix(getComputedStyle(element).transform).inverse());
  return [Math.round(x), Math.round(y)];
}

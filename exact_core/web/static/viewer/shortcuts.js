// @ts-check
/** The keys of the viewer. None of them fires while somebody types, which the registry sees to. */

import { isTyping, keys } from '../shell/keys.js';
import { toast } from '../shell/toast.js';
import { openPalette } from './palette.js';
import { zoomFor, nativeMagnification } from './scale.js';
import { SHAPES, drawnShapes } from './shapes.js';
import { DrawTool } from './tools/draw_tool.js';
import { turnBy } from './view_controls.js';

/** @typedef {import('./workplace.js').Workplace} Workplace */

const PAN = 90;

/** @param {Workplace} at */
export function addShortcuts(at) {
  /** @param {string} group @param {[string, string, () => unknown, boolean?][]} list */
  const add = (group, list) => list.forEach(([combo, title, run, repeat]) => {
    if (!keys.owner(combo)) keys.add({ keys: combo, title, run, repeat: repeat ?? false, group });
  });
  const { stage, commands, rack } = at;

  add('Tools', [
    ['M', 'Select and move', () => rack.choose('select')],
    ...rack.shapes.map((shape) => /** @type {[string, string, () => unknown]} */ ([SHAPES[shape].key, `Draw: ${SHAPES[shape].name}`, () => rack.choose(shape)])),
  ]);
  add('Annotation types', at.types.filter((type) => at.keys.has(type.id)).map((type) => [
    at.keys.get(type.id) ?? '', type.name, () => (drawnShapes(type).length > 0 ? commands.chooseType(type) : at.mayAnnotate ? at.labels.toggle(type, type.shapes[0]) : at.flash(at.whyNot)),
  ]));
  add('Editing', [
    ['Ctrl+Z', 'Undo', () => commands.undo(), true],
    ['Ctrl+Shift+Z', 'Redo', () => commands.redo(), true],
    ['Ctrl+Y', 'Redo', () => commands.redo(), true],
    ['Delete', 'Delete the selected shapes', () => commands.remove()],
    ['Backspace', 'Take the last point back, or the vertex under the pointer', () => backspace(at), true],
    ['Enter', 'End the shape', () => rack.tool instanceof DrawTool && rack.tool.finish()],
    ['Escape', 'Stop drawing, deselect', () => escape(at)],
    ['Ctrl+D', 'Duplicate', () => commands.duplicate()],
    ['Ctrl+A', 'Select all in view', () => commands.selectAll()],
    [']', 'Next shape of the chosen type', () => rack.activeType && commands.jump(at.selection.single?.typeId ?? rack.activeType.id, 1)],
    ['H', 'History of the image, and its trash', () => ofNow(at) && document.getElementById('toggle-history')?.click()],
    ['Shift+H', 'History of the selected shape', () => ofNow(at) && at.selection.single && at.shapeHistory.toggle()],
    ['[', 'Previous shape of the chosen type', () => rack.activeType && commands.jump(at.selection.single?.typeId ?? rack.activeType.id, -1)],
  ]);
  add('Review', at.review.keys());
  add('View', [
    ['+', 'Zoom in', () => stage.zoomBy(1.5), true],
    ['=', 'Zoom in', () => stage.zoomBy(1.5), true],
    ['-', 'Zoom out', () => stage.zoomBy(1 / 1.5), true],
    ['0', 'Whole image', () => stage.fit()],
    ['Z', 'Go to the selected shapes', () => commands.goTo(at.selection.items)],
    ['A', 'Show or hide all shapes', () => at.visibility.set({ visible: !at.visibility.display.visible })],
    ['F', 'Fill shapes', () => at.visibility.set({ fill: !at.visibility.display.fill })],
    ['X', 'Flip', () => stage.setFlip(!stage.flip)],
    ['<', 'Turn left', () => turnBy(stage, -90)],
    ['>', 'Turn right', () => turnBy(stage, 90)],
    ['Ctrl+K', 'All commands', () => openPalette()],
    ['Ctrl+F', 'Search annotations', () => ofNow(at) && at.search.open()],
    ['/', 'Search annotations', () => ofNow(at) && at.search.open()],
    ['Shift+P', 'Predictions of models', () => ofNow(at) && at.predictions.toggle()],
    ['F3', 'Next hit of the search', () => at.search.step(1), true],
    ['Shift+F3', 'Previous hit of the search', () => at.search.step(-1), true],
  ]);
  addArrows(at);
  addMagnifications(at);
  add('Images', [
    ['Q', 'Previous image', () => go(at, at.data.strip.previous, 'first')],
    ['E', 'Next image', () => go(at, at.data.strip.next, 'last')],
    ['Shift+Q', 'Previous focus plane', () => at.frames.step(at.image.size_z > 1 ? 'z' : 't', -1), true],
    ['Shift+E', 'Next focus plane', () => at.frames.step(at.image.size_z > 1 ? 'z' : 't', 1), true],
  ]);
  at.addKey = (combo, title, run) => {
    try {
      keys.add({ keys: combo, title, run, group: 'Plugins' });
    } catch (error) {
      toast(`The key ${combo} of "${title}" is not available.`, { kind: 'info', detail: error instanceof Error ? error.message : '' });
    }
  };
  holdSpaceToPan(at);
}

/** Search and history are of the present; a version has neither. @param {Workplace} at */
function ofNow(at) {
  if (at.data.version) at.flash(at.whyNot);
  return !at.data.version;
}

/** @param {Workplace} at */
function addArrows(at) {
  const { stage } = at;
  const ways = /** @type {[string, number, number, string][]} */ ([['ArrowLeft', -1, 0, 'left'], ['ArrowRight', 1, 0, 'right'], ['ArrowUp', 0, -1, 'up'], ['ArrowDown', 0, 1, 'down']]);
  for (const [name, dx, dy, word] of ways) {
    const run = (/** @type {boolean} */ far) => {
      const canMove = at.rack.shape === null && at.selection.items.some((item) => at.mayEdit(item));
      if (canMove) {
        const [ix, iy] = turned(at, dx, dy);
        const step = far ? 10 : 1;
        at.commands.nudge(ix * step, iy * step);
        return;
      }
      const [width, height] = stage.size;
      stage.panBy(-dx * (far ? width / 2 : PAN), -dy * (far ? height / 2 : PAN), false);
    };
    keys.add({ keys: name, title: `Pan ${word}, or move the selected shapes`, group: 'View', repeat: true, run: () => run(false) });
    keys.add({ keys: `Shift+${name}`, title: `Pan or move ${word} further`, group: 'View', repeat: true, run: () => run(true) });
  }
}

/** The image direction that looks like this one on a turned or mirrored screen. @param {Workplace} at @param {number} dx @param {number} dy */
function turned(at, dx, dy) {
  const quarter = Math.round(at.stage.rotation / 90) % 4;
  let [x, y] = [at.stage.flip ? -dx : dx, dy];
  for (let i = 0; i < quarter; i += 1) [x, y] = [y, -x];
  return [x, y];
}

/** @param {Workplace} at */
function addMagnifications(at) {
  const native = nativeMagnification(at.image);
  // The digit row with Shift gives other characters on every layout; the event's code says which key it was.
  window.addEventListener('keydown', (event) => {
    const digit = /^Digit([1-7])$/.exec(event.code);
    if (!digit || !event.shiftKey || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target) || document.querySelector('dialog[open]')) return;
    const wanted = [...at.magnifications, null][Number(digit[1]) - 1];
    if (wanted === undefined) return;
    event.preventDefault();
    at.stage.zoomTo(wanted === null ? 1 : zoomFor(wanted, native));
  });
}

/** @param {Workplace} at */
function backspace(at) {
  const { tool } = at.rack;
  if (tool instanceof DrawTool) return tool.undoStep();
  const position = at.gestures.position;
  return position ? at.rack.select.removeVertexAt(at.stage.toScreen(position)) : false;
}

/** @param {Workplace} at */
function escape(at) {
  const { tool } = at.rack;
  if (tool instanceof DrawTool) {
    if (!tool.cancel()) at.rack.choose('select');
    return;
  }
  at.hint('');
  at.selection.clear();
}

/** @param {Workplace} at @param {number | null} id @param {string} end */
function go(at, id, end) {
  if (id === null) at.flash(`This is the ${end} image of the set.`);
  else location.assign(at.addressOf(id));
}

/** @param {Workplace} at */
function holdSpaceToPan(at) {
  window.addEventListener('keydown', (event) => {
    if (event.code !== 'Space' || event.defaultPrevented || event.ctrlKey || event.metaKey || isTyping(event.target) || document.querySelector('dialog[open]')) return;
    if (event.target instanceof HTMLElement && event.target.closest('button, a, input, summary, [role="menuitem"]')) return;
    event.preventDefault();
    if (!event.repeat) at.gestures.setPanKey(true);
  });
  window.addEventListener('keyup', (event) => event.code === 'Space' && at.gestures.setPanKey(false));
  window.addEventListener('blur', () => at.gestures.setPanKey(false));
}

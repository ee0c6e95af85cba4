// @ts-check
/**
 * Mouse, pen and fingers on the stage: who gets them.
 *
 * Events are looked at before OpenSeadragon sees them. A tool may claim a press; then OpenSeadragon never hears of
 * it. Space, the middle button and a second finger always move the picture, also in the middle of a drawing.
 */

/**
 * @typedef {import('./types.js').XY} XY
 * @typedef {import('./stage.js').Stage} Stage
 *
 * @typedef {object} Pointer
 * @property {XY} at image px
 * @property {XY} screen px of the stage
 * @property {number} reach image px that count as "on it" for this kind of pointer
 * @property {boolean} shift
 * @property {boolean} alt
 * @property {boolean} command Ctrl or ⌘
 * @property {boolean} isTouch
 *
 * @typedef {object} Tool
 * @property {string} cursor
 * @property {(pointer: Pointer) => boolean} press Whether the tool wants this press.
 * @property {(pointer: Pointer) => void} drag
 * @property {(pointer: Pointer, moved: boolean) => void} release
 * @property {() => void} abort The press turned into something else.
 * @property {(pointer: Pointer) => void} click A press that it did not want, and that did not move.
 * @property {(pointer: Pointer) => void} doubleClick
 * @property {(pointer: Pointer | null) => void} hover Null when the pointer has left.
 * @property {(pointer: Pointer) => boolean} contextMenu Whether it showed a menu.
 *
 * @typedef {'idle'|'watch'|'tool'|'pan'|'pinch'} Mode
 */

const STILL = 4;
const DOUBLE_MS = 400;
const EDGE = 28;
const EDGE_SPEED = 14;

/** Routes pointer events between the current tool and the picture. */
export class Gestures {
  /** @param {Stage} stage @param {() => Tool} tool */
  constructor(stage, tool) {
    this.stage = stage;
    this.tool = tool;
    this.isPanKeyDown = false;
    const { element } = stage;
    const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ handler) =>
      element.addEventListener(name, handler, { capture: true });
    on('pointerdown', (event) => this.#down(event));
    on('pointermove', (event) => this.#move(event));
    on('pointerup', (event) => this.#up(event));
    on('pointercancel', (event) => this.#cancelled(event));
    on('pointerleave', (event) => event.target === element && this.#left());
    on('contextmenu', (event) => this.#contextMenu(event));
    on('mousedown', (event) => event.button === 1 && event.preventDefault());
    stage.on('change', () => this.#viewChanged());
  }

  /** @type {Mode} */
  #mode = 'idle';
  /** @type {Map<number, XY>} Pointers on the stage, by id. */
  #pressed = new Map();
  /** @type {{screen: XY, time: number, moved: boolean} | null} */
  #start = null;
  /** @type {{screen: XY, time: number} | null} */
  #lastClick = null;
  /** @type {Pointer | null} */
  #last = null;
  #scrolling = 0;

  /** Set by the keyboard: while held, a drag moves the picture. @param {boolean} down */
  setPanKey(down) {
    this.isPanKeyDown = down;
    this.refreshCursor();
  }

  refreshCursor() {
    const panning = this.#mode === 'pan' || this.#mode === 'pinch';
    this.stage.element.style.cursor = panning ? 'grabbing' : this.isPanKeyDown ? 'grab' : this.tool().cursor;
  }

  get isBusy() {
    return this.#mode === 'tool';
  }

  /** Where the pointer was last, in image px. */
  get position() {
    return this.#last ? this.stage.toImage(this.#last.screen) : null;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (!this.stage.isOpen || /** @type {Element} */ (event.target).closest('[data-no-gesture]')) return;
    const pointer = this.#pointer(event);
    if (this.#mode === 'tool' || this.#mode === 'pinch' || this.#mode === 'pan') {
      this.#claim(event);
      if (event.pointerType === 'touch') this.#startPinch(event);
      return;
    }
    this.#pressed.set(event.pointerId, pointer.screen);
    if (this.#pressed.size > 1) {
      this.#mode = 'idle';
      return;
    }
    this.#start = { screen: pointer.screen, time: event.timeStamp, moved: false };
    if (event.button === 1 || (event.button === 0 && this.isPanKeyDown)) {
      this.#mode = 'pan';
      this.#claim(event);
    } else if (event.button === 0) {
      this.#mode = this.tool().press(pointer) ? 'tool' : 'watch';
      if (this.#mode === 'tool') this.#claim(event);
    }
    this.#last = pointer;
    this.refreshCursor();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (!this.stage.isOpen) return;
    const pointer = this.#pointer(event);
    const before = this.#pressed.get(event.pointerId);
    if (before) this.#pressed.set(event.pointerId, pointer.screen);
    if (this.#mode === 'pinch' && before) {
      event.stopPropagation();
      this.#pinch(event.pointerId, before);
      return;
    }
    if (this.#start && distance(pointer.screen, this.#start.screen) > (pointer.isTouch ? 8 : STILL)) this.#start.moved = true;
    this.#last = pointer;
    if (this.#mode === 'pan' && before) {
      event.stopPropagation();
      this.stage.panBy(pointer.screen[0] - before[0], pointer.screen[1] - before[1]);
    } else if (this.#mode === 'tool') {
      event.stopPropagation();
      if (this.#start?.moved) this.tool().drag(pointer);
      this.#scrollAtEdge();
    } else if (this.#mode === 'idle' && event.pointerType !== 'touch') {
      this.tool().hover(pointer);
      this.refreshCursor();
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const known = this.#pressed.delete(event.pointerId);
    if (!known) return;
    const pointer = this.#pointer(event);
    const [mode, start] = [this.#mode, this.#start];
    if (mode === 'pinch') {
      event.stopPropagation();
      if (this.#pressed.size === 0) this.#rest();
      return;
    }
    this.#rest();
    if (mode === 'tool') {
      event.stopPropagation();
      const moved = start?.moved ?? false;
      const double = !moved && this.#isDouble(pointer.screen, event.timeStamp);
      this.tool().release(pointer, moved);
      if (double) this.tool().doubleClick(pointer);
    } else if (mode === 'watch' && start && !start.moved) {
      if (this.#isDouble(pointer.screen, event.timeStamp)) this.tool().doubleClick(pointer);
      else this.tool().click(pointer);
    }
    this.refreshCursor();
  }

  /** @param {PointerEvent} event */
  #cancelled(event) {
    this.#pressed.delete(event.pointerId);
    if (this.#mode === 'tool') this.tool().abort();
    if (this.#pressed.size === 0) this.#rest();
  }

  #rest() {
    this.#mode = 'idle';
    this.#start = null;
    cancelAnimationFrame(this.#scrolling);
    this.#scrolling = 0;
  }

  #left() {
    if (this.#mode !== 'idle') return;
    this.#last = null;
    this.tool().hover(null);
  }

  /** @param {MouseEvent} event */
  #contextMenu(event) {
    if (!this.stage.isOpen) return;
    event.preventDefault();
    this.tool().contextMenu(this.#pointer(event));
  }

  /** @param {PointerEvent} event */
  #startPinch(event) {
    if (this.#mode === 'tool') this.tool().abort();
    this.#pressed.set(event.pointerId, this.#pointer(event).screen);
    this.#mode = 'pinch';
    this.#start = null;
  }

  /** @param {number} id of the finger that moved @param {XY} before where it was */
  #pinch(id, before) {
    const [other] = [...this.#pressed].filter(([key]) => key !== id).map(([, at]) => at);
    const now = /** @type {XY} */ (this.#pressed.get(id));
    if (!other) {
      this.stage.panBy(now[0] - before[0], now[1] - before[1]);
      return;
    }
    const middle = /** @type {XY} */ ([(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    this.stage.panBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    const factor = distance(now, other) / Math.max(distance(before, other), 1);
    if (factor > 0 && Number.isFinite(factor)) this.stage.zoomBy(factor, middle, true);
  }

  /** The picture moved under the pointer: a running act continues at the same place of the screen. */
  #viewChanged() {
    if (!this.#last) return;
    this.#last = { ...this.#last, ...this.#place(this.#last.screen, this.#last.isTouch) };
    if (this.#mode === 'tool' && this.#start?.moved) this.tool().drag(this.#last);
    else if (this.#mode === 'idle' && !this.#last.isTouch) this.tool().hover(this.#last);
  }

  #scrollAtEdge() {
    if (this.#scrolling) return;
    const step = () => {
      const [dx, dy] = this.#mode === 'tool' && this.#last && this.#start?.moved ? this.#edgePush(this.#last.screen) : [0, 0];
      this.#scrolling = dx || dy ? requestAnimationFrame(step) : 0;
      if (this.#scrolling) this.stage.panBy(dx, dy);
    };
    step();
  }

  /** @param {XY} screen @returns {XY} */
  #edgePush([x, y]) {
    const [width, height] = this.stage.size;
    const push = (/** @type {number} */ at, /** @type {number} */ size) =>
      at < EDGE ? EDGE_SPEED : at > size - EDGE ? -EDGE_SPEED : 0;
    return [push(x, width), push(y, height)];
  }

  /** @param {Event} event */
  #claim(event) {
    event.stopPropagation();
    if (!(event instanceof PointerEvent)) return;
    this.#pressed.set(event.pointerId, this.#pointer(event).screen);
    this.stage.element.setPointerCapture(event.pointerId);
    if (document.activeElement instanceof HTMLElement && document.activeElement !== document.body) {
      document.activeElement.blur();
    }
  }

  /** @param {XY} screen @param {number} time */
  #isDouble(screen, time) {
    const last = this.#lastClick;
    const double = last !== null && time - last.time < DOUBLE_MS && distance(last.screen, screen) < 8;
    this.#lastClick = double ? null : { screen, time };
    return double;
  }

  /** @param {MouseEvent} event @returns {Pointer} */
  #pointer(event) {
    const box = this.stage.element.getBoundingClientRect();
    const screen = /** @type {XY} */ ([event.clientX - box.left, event.clientY - box.top]);
    const isTouch = event instanceof PointerEvent && event.pointerType === 'touch';
    return {
      ...this.#place(screen, isTouch),
      screen,
      shift: event.shiftKey,
      alt: event.altKey,
      command: event.ctrlKey || event.metaKey,
      isTouch,
    };
  }

  /** @param {XY} screen @param {boolean} isTouch */
  #place(screen, isTouch) {
    return { at: this.stage.toImage(screen), reach: (isTouch ? 20 : 7) / this.stage.zoom };
  }
}

/** @param {XY} a @param {XY} b */
function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

// @ts-check
/** The tools, which of them is in the hand, and the type that it draws. */

import { html, icon, render } from '../shell/html.js';
import { isHit, stepAt } from './geometry.js';
import { keyOf } from './items.js';
import { COMMON_TOOLS, SHAPES, drawnShapes } from './shapes.js';
import { DrawTool } from './tools/draw_tool.js';
import { SelectTool } from './tools/select_tool.js';

/**
 * @typedef {import('./types.js').AnnotationType} AnnotationType
 * @typedef {import('./types.js').Shape} Shape
 * @typedef {import('./workplace.js').Workplace} Workplace
 */

/** The column of tool buttons. */
export class ToolRack {
  /** @param {HTMLElement} host @param {Workplace} workplace */
  constructor(host, workplace) {
    this.host = host;
    this.workplace = workplace;
    this.activeType = workplace.types.find((type) => type.is_active && drawnShapes(type).length > 0) ?? null;
    this.select = this.#createSelect();
    /** @type {SelectTool | DrawTool} */
    this.tool = this.select;
    const wanted = workplace.types.filter((type) => type.is_active).flatMap((type) => type.shapes);
    const extra = /** @type {Shape[]} */ (['rotated_box']).filter((shape) => wanted.includes(shape));
    this.shapes = [...COMMON_TOOLS, ...extra];
    this.render();
  }

  /** @type {Shape | null} The shape that is being drawn; null for selecting. */
  shape = null;

  get isDrawing() {
    return this.tool instanceof DrawTool && this.tool.isDrawing;
  }

  /** @param {Shape | 'select'} wanted */
  choose(wanted) {
    const { workplace } = this;
    if (wanted !== 'select' && !workplace.mayAnnotate) {
      workplace.flash(workplace.whyNot);
      return;
    }
    if (this.tool instanceof DrawTool) this.tool.cancel();
    workplace.hint('');
    if (wanted === 'select') {
      this.shape = null;
      this.tool = this.select;
    } else {
      const type = this.#typeFor(wanted);
      if (!type) {
        workplace.flash(`No annotation type of this image set is drawn as ${SHAPES[wanted].name.toLowerCase()}.`);
        return;
      }
      this.activeType = type;
      this.shape = wanted;
      this.tool = this.#createDraw(wanted);
      workplace.selection.clear();
    }
    this.#show();
  }

  /** Draw this type from now on. @param {AnnotationType} type */
  chooseType(type) {
    this.activeType = type;
    const keeps = this.shape !== null && type.shapes.includes(this.shape);
    const [first] = drawnShapes(type);
    if (this.workplace.mayAnnotate && first) this.choose(keeps && this.shape ? this.shape : first);
    else this.#show();
  }

  /** The chosen type if it is drawn like this, else the first that is. @param {Shape} shape */
  #typeFor(shape) {
    if (this.activeType?.shapes.includes(shape)) return this.activeType;
    return this.workplace.types.find((type) => type.is_active && type.shapes.includes(shape)) ?? null;
  }

  #show() {
    this.render();
    this.workplace.typesPanel?.renderKeepingFolds();
    this.workplace.gestures?.refreshCursor();
    this.workplace.stage.element.dataset.tool = this.shape ?? 'select';
  }

  render() {
    const { mayAnnotate, types } = this.workplace;
    const drawable = new Set(types.filter((type) => type.is_active).flatMap((type) => type.shapes));
    const button = (/** @type {Shape | 'select'} */ name, /** @type {string} */ symbol, /** @type {string} */ label, /** @type {string} */ key) => {
      const usable = name === 'select' || (mayAnnotate && drawable.has(name));
      const tip = usable ? label : !mayAnnotate ? `${label}: ${this.workplace.whyNot}` : `${label}: no type of this image set is drawn like this`;
      return html`<button type="button" class="icon-btn tool" data-focus="tool-${name}" data-tool=${name} aria-label=${label} data-tip=${tip} data-keys=${usable ? key : null}
        aria-pressed=${String((this.shape ?? 'select') === name)} aria-disabled=${usable ? null : 'true'} @click=${() => this.choose(name)}>${icon(symbol, 'icon--lg')}</button>`;
    };
    render(
      this.host,
      button('select', 'mouse-pointer-2', 'Select and move', 'M'),
      html`<span class="tools__gap" role="separator"></span>`,
      this.shapes.map((shape) => button(shape, SHAPES[shape].icon, SHAPES[shape].name, SHAPES[shape].key)),
    );
  }

  /** @param {Shape} shape */
  #createDraw(shape) {
    const { workplace } = this;
    return new DrawTool(shape, {
      color: () => this.activeType?.color ?? '#888888',
      size: () => (this.activeType ? workplace.placedSize(this.activeType) : [10, 10]),
      zoom: () => workplace.stage.zoom,
      rotation: () => (workplace.stage.rotation * Math.PI) / 180,
      show: (draft, vertices) => workplace.overlay.setDraft(draft, vertices),
      done: (geometry) => workplace.commands.add(geometry),
      hint: (text) => (text.startsWith('Nothing') ? workplace.flash(text) : workplace.hint(text)),
      contextMenu: () => false,
    });
  }

  #createSelect() {
    const { workplace } = this;
    return new SelectTool({
      get overlay() {
        return workplace.overlay;
      },
      selection: workplace.selection,
      image: workplace.image,
      pick: (pointer) => workplace.selected.pick(pointer),
      pickBox: (bounds) => workplace.selected.pickBox(bounds),
      toImage: (screen) => workplace.stage.toImage(screen),
      step: () => stepAt(workplace.stage.zoom),
      mayEdit: (item) => workplace.mayEdit(item),
      preview: (geometries) => workplace.selected.draw(geometries),
      change: (geometries, verb) => workplace.commands.reshape(geometries, verb),
      menu: (pointer, item) => workplace.commands.menu(pointer, item),
      open: (item) => workplace.commands.goTo([item]),
      highlight: (key) => workplace.commands.highlight(key),
      tell: (text) => workplace.flash(text),
    });
  }
}

/** @param {import('./items.js').Item} item @param {import('./gestures.js').Pointer} pointer */
export function isUnder(item, pointer) {
  return isHit(item.geometry, pointer.at, pointer.reach) && keyOf(item) !== '';
}

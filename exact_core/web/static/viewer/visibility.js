// @ts-check
/** Which shapes are on the screen, and how they are drawn. */

import { preferences, remember } from './layout.js';

/** What the annotator hides, fills or fades; how shapes are drawn is remembered on this computer. */
export class Visibility {
  /** @param {import('./workplace.js').Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.display = { fill: false, opacity: 1, width: 2, ...preferences().display, visible: true };
  }

  /** @type {Set<number>} */
  hiddenTypes = new Set();
  /** @type {Set<number>} */
  hiddenAuthors = new Set();

  /** @param {Partial<{visible: boolean, fill: boolean, opacity: number, width: number}>} change */
  set(change) {
    Object.assign(this.display, change);
    const { visible, fill, opacity, width } = this.display;
    this.at.layer.setVisible(visible);
    this.at.layer.setFill(fill);
    this.at.layer.setOpacity(opacity);
    this.at.layer.setLineWidth(width);
    remember({ display: { fill, opacity, width } });
    this.at.selected.draw();
    // A slider tells its figure itself: drawn anew it would slip from the hand that drags it.
    if (change.visible !== undefined || change.fill !== undefined) this.at.typesPanel.renderKeepingFolds();
  }

  /** @param {number} typeId @param {boolean} visible */
  showType(typeId, visible) {
    if (visible) this.hiddenTypes.delete(typeId);
    else this.hiddenTypes.add(typeId);
    this.at.layer.setTypeVisible(typeId, visible);
    if (!visible) this.at.selection.set(this.at.selection.items.filter((item) => item.typeId !== typeId));
    this.at.typesPanel.renderKeepingFolds();
  }

  /** Show one type alone; the same again shows all. @param {number} typeId */
  soloType(typeId) {
    const others = this.at.types.filter((type) => type.id !== typeId);
    const isSolo = others.every((type) => this.hiddenTypes.has(type.id)) && !this.hiddenTypes.has(typeId);
    this.showType(typeId, true);
    others.forEach((type) => this.showType(type.id, isSolo));
  }

  /** @param {number} authorId @param {boolean} visible */
  showAuthor(authorId, visible) {
    if (visible) this.hiddenAuthors.delete(authorId);
    else this.hiddenAuthors.add(authorId);
    this.at.layer.setAuthorVisible(authorId, visible);
    this.at.typesPanel.renderKeepingFolds();
  }
}

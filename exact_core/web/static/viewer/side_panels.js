// @ts-check
/** The panels beside the picture, connected with the workplace. */

import { $ } from '../shell/html.js';
import { preferences, remember } from './layout.js';
import { DetailsPanel } from './panels/details_panel.js';
import { LayersPanel } from './panels/layers_panel.js';
import { TypesPanel } from './panels/types_panel.js';

/** @typedef {import('./workplace.js').Workplace} Workplace */

/** The list of types. @param {Workplace} at */
export function createTypesPanel(at) {
  const { data, commands, visibility } = at;
  return new TypesPanel($('#types'), {
    types: at.types.filter((type) => type.is_active || at.counts.ofType(type.id) > 0),
    keys: at.keys,
    counts: at.counts,
    active: () => at.rack.activeType?.id ?? null,
    tool: () => at.rack.shape,
    hiddenTypes: visibility.hiddenTypes,
    hiddenAuthors: visibility.hiddenAuthors,
    display: () => visibility.display,
    mayAnnotate: at.mayAnnotate,
    hasScale: Boolean(at.image.mpp_x),
    setUrl: data.imageSet.url,
    actorId: data.actor.id,
    imageLabels: at.imageLabels,
    choose: (type) => commands.chooseType(type),
    chooseShape: (shape) => at.rack.choose(shape),
    show: (typeId, visible) => visibility.showType(typeId, visible),
    solo: (typeId) => visibility.soloType(typeId),
    showAuthor: (authorId, visible) => visibility.showAuthor(authorId, visible),
    jump: (typeId, step) => void commands.jump(typeId, step),
    toggleImageLabel: (type) => void commands.toggleImageLabel(type),
    setDisplay: (change) => visibility.set(change),
  });
}

/** The details of what is selected. @param {Workplace} at */
export function createDetailsPanel(at) {
  const { data, commands } = at;
  return new DetailsPanel($('#details'), {
    selection: at.selection,
    types: at.types,
    image: at.image,
    actorId: data.actor.id,
    verification: (item) => at.review.line.show(item),
    mayEdit: (item) => at.mayEdit(item),
    whyNot: at.mayAnnotate ? 'Somebody else drew this; only reviewers may change it.' : at.whyNot,
    relabel: (typeId) => commands.relabel(typeId),
    change: (item, patch, label) => void at.edits.update([item], () => patch, `${label} ${at.nameOf(item.typeId)}`),
    goTo: () => commands.goTo(at.selection.items),
    duplicate: () => commands.duplicate(),
    remove: () => commands.remove(),
    close: () => at.selection.clear(),
  });
}

/** The switches of plugins' layers, as this computer remembers them. @param {Workplace} at */
export function createLayersPanel(at) {
  return new LayersPanel($('#layers'), at.pluginOverlays, preferences().layers ?? {}, (layers) => remember({ layers }));
}

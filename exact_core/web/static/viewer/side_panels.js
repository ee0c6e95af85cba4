// @ts-check
/** The panels beside the picture, connected with the workplace. */

import { $ } from '../shell/html.js';
import { preferences, remember } from './layout.js';
import { DetailsPanel } from './panels/details_panel.js';
import { LayersPanel } from './panels/layers_panel.js';
import { SearchPanel } from './panels/search_panel.js';
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
    labels: at.labels,
    select: (item) => at.selection.set([item]),
    choose: (type) => commands.chooseType(type),
    chooseShape: (shape) => at.rack.choose(shape),
    show: (typeId, visible) => visibility.showType(typeId, visible),
    solo: (typeId) => visibility.soloType(typeId),
    showAuthor: (authorId, visible) => visibility.showAuthor(authorId, visible),
    jump: (typeId, step) => void commands.jump(typeId, step),
    setDisplay: (change) => visibility.set(change),
    folded: new Set(preferences().foldedTypes ?? []),
    rememberFolded: (folded) => remember({ foldedTypes: [...folded] }),
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
    history: () => at.shapeHistory.toggle(),
    isHistoryOpen: () => at.shapeHistory?.isOpen ?? false,
  });
}

/** The switches of plugins' layers, as this computer remembers them. @param {Workplace} at */
export function createLayersPanel(at) {
  return new LayersPanel($('#layers'), at.pluginOverlays, preferences().layers ?? {}, (layers) => remember({ layers }));
}

/** Searching, opened with its button or key. @param {Workplace} at */
export function createSearchPanel(at) {
  const { data } = at;
  const button = $('#toggle-search');
  const panel = new SearchPanel($('#search'), {
    imageSetId: data.imageSet.id,
    imageId: at.image.id,
    types: at.types,
    mayChange: at.mayAnnotate,
    mayShare: Boolean(data.rights.see_all),
    goTo: (hit) => at.goToHit(hit),
    leaveFor: (hit, query) => location.assign(`${data.imageSet.url}/images/${hit.image_id}#${new URLSearchParams({ annotation: String(hit.id), search: query })}`),
    highlight: (ids) => at.highlights.set('hits', ids),
    changed: () => at.changedElsewhere(),
    shown: (open) => {
      button.setAttribute('aria-expanded', String(open));
      const side = $('#toggle-side');
      if (open && side.getAttribute('aria-expanded') !== 'true') side.click();
    },
    note: () => at.noteView(),
  });
  button.addEventListener('click', () => (panel.isOpen ? panel.close() : panel.open()));
  return panel;
}

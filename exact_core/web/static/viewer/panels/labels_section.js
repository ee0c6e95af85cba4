// @ts-check
/** The part of the types panel where whole images and frames are labelled: what they show, and what is not in them. */

import { html, icon, setStyle } from '../../shell/html.js';
import { SHAPES, drawnShapes, labelsOf } from '../shapes.js';

/**
 * @typedef {import('../types.js').AnnotationType} AnnotationType
 * @typedef {import('../types.js').Shape} Shape
 * @typedef {import('../labels.js').Labels} Labels
 *
 * @typedef {object} LabelsModel
 * @property {AnnotationType[]} types
 * @property {Map<number, string>} keys
 * @property {Labels} labels
 * @property {boolean} mayAnnotate
 * @property {number} actorId
 * @property {(item: import('../items.js').Item) => void} select
 */

/** @param {LabelsModel} model @returns {any} nothing where no type can be said of a whole image */
export function labelsSection(model) {
  const types = model.types.filter((type) => labelsOf(type).length > 0);
  if (types.length === 0) return null;
  const { labels } = model;
  const choice = (/** @type {import('../labels.js').Scope} */ scope, /** @type {string} */ name) => html`
    <button type="button" class="btn btn--small" data-focus="labels-${scope}" aria-pressed=${String(labels.scope === scope)}
      @click=${() => labels.choose(scope)}>${name}</button>`;
  return html`
    <section class="types labels" aria-label="Whole image">
      <div class="labels__head">
        <h3 class="types__product truncate">Whole image</h3>
        ${labels.hasFrames ? html`<div class="btn-group" role="group" aria-label="What labels are said of">${choice('image', 'Image')}${choice('frame', 'This frame')}</div>` : null}
      </div>
      <ul class="types__list">${types.flatMap((type) => labelsOf(type).map((shape) => row(model, type, shape)))}</ul>
    </section>`;
}

/** @param {LabelsModel} model @param {AnnotationType} type @param {Shape} shape */
function row(model, type, shape) {
  const { labels } = model;
  const set = labels.of(type.id, shape);
  const name = shape === 'absent' ? `No ${type.name}` : type.name;
  const symbol = html`<span class="types__shape">${icon(SHAPES[shape].icon)}</span>`;
  setStyle(symbol, { '--shape': type.color });
  const isMainKey = drawnShapes(type).length === 0 && labelsOf(type)[0] === shape;
  return html`
    <li class="types__row">
      <span class="kbd types__key" aria-hidden="true">${(isMainKey && model.keys.get(type.id)) || ''}</span>
      <button type="button" class="types__main" data-focus="label-${type.id}-${shape}" role="switch" aria-checked=${String(set.length > 0)}
        disabled=${!model.mayAnnotate || (!type.is_active && set.length === 0)} @click=${() => labels.toggle(type, shape)}>${symbol}<span class="truncate">${name}</span>
        <span class="types__count small">${stateOf(model, set)}</span></button>
      ${set.length > 0 ? html`<button type="button" class="icon-btn types__tool" data-focus="label-details-${type.id}-${shape}"
        aria-label="Details: ${name}" data-tip="Details" @click=${() => model.select(set[0])}>${icon('chevron-right')}</button>` : null}
    </li>`;
}

/** @param {LabelsModel} model @param {import('../items.js').Item[]} set */
function stateOf(model, set) {
  if (set.length === 0) return 'not set';
  if (set.some((item) => item.author?.id === model.actorId)) return set.length === 1 ? 'set' : `set by ${set.length}`;
  return set.length === 1 ? `by ${set[0].author?.name || 'an import'}` : `by ${set.length}`;
}

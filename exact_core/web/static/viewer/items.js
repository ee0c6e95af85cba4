// @ts-check
/** One annotation as the page works with it, made from what the layer or the server knows. */

import { fromJson, toJson } from './geometry_json.js';

/**
 * @typedef {import('./types.js').Annotation} Annotation
 * @typedef {import('./types.js').Geometry} Geometry
 * @typedef {import('./types.js').Frame} Frame
 *
 * @typedef {object} Item
 * @property {number | null} id  Null until the server has named it.
 * @property {string | null} uuid  Null until its details have been read.
 * @property {number} typeId
 * @property {Geometry} geometry
 * @property {Frame} frame
 * @property {number} revision  0 while a change of it waits.
 * @property {{id: number, name: string} | null} author
 * @property {string} text
 * @property {Record<string, unknown>} attributes
 * @property {string} createdAt
 * @property {string} editedAt
 * @property {boolean} isComplete  Whether author, text, attributes and times have been read.
 */

/** What a shape is called on this page. @param {{id: number | null, uuid: string | null}} item */
export function keyOf(item) {
  return item.id ?? item.uuid ?? '';
}

/** @param {any} json an annotation of the server @returns {Item} */
export function itemFromJson(json) {
  return {
    id: json.id ?? null,
    uuid: json.uuid ?? null,
    typeId: json.type_id ?? 0,
    geometry: json.geometry ? fromJson(json.geometry) : { shape: 'image', rings: [] },
    frame: json.frame ?? { z: 0, t: 0, c: -1 },
    revision: json.revision ?? 0,
    author: json.author ?? (json.claimed_author ? { id: 0, name: json.claimed_author } : null),
    text: json.text ?? '',
    attributes: json.attributes ?? {},
    createdAt: json.created_at ?? '',
    editedAt: json.edited_at ?? '',
    isComplete: true,
  };
}

/**
 * @param {import('./layer/api.js').LayerShape} shape @param {Frame} frame
 * @returns {Item | null} null for a shape of which only the place is loaded
 */
export function itemFromLayer(shape, frame) {
  if (!shape.geometry) return null;
  return {
    id: shape.id,
    uuid: shape.uuid,
    typeId: shape.typeId,
    geometry: fromJson(/** @type {any} */ (shape.geometry)),
    frame,
    revision: shape.revision,
    author: shape.authorId ? { id: shape.authorId, name: '' } : null,
    text: '',
    attributes: {},
    createdAt: '',
    editedAt: '',
    isComplete: false,
  };
}

/** What the layer draws of it; without a revision it stays on top of what is fetched. @param {Item} item */
export function layerJson(item) {
  return {
    ...(item.uuid ? { uuid: item.uuid } : {}),
    id: item.id,
    type_id: item.typeId,
    geometry: /** @type {any} */ (toJson(item.geometry)),
    frame: item.frame,
    author: item.author,
    revision: item.revision || null,
  };
}

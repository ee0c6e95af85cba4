// @ts-check
/** Which models a person can choose from, and running one on the server instead. */

import { api, idempotencyKey } from '../../shell/api.js';

/**
 * @typedef {object} ListedModel
 * @property {string} uuid
 * @property {string} name
 * @property {string} kind
 * @property {boolean} [has_network]  Whether browsers can run it; unknown when left out.
 * @property {boolean} [may_open]
 * @property {boolean} [is_built_in]
 * @property {string} [unavailable_reason]  Why the server cannot run it.
 */

const MOST = 200;

/** Models that may be opened, those that browsers can run first. @returns {Promise<ListedModel[]>} */
export async function listModels() {
  const { items } = await api.get('/models', { limit: MOST });
  const open = /** @type {ListedModel[]} */ (items).filter((model) => model.may_open !== false && !model.is_built_in);
  return open.sort((a, b) => Number(b.has_network ?? true) - Number(a.has_network ?? true));
}

/** The address of what browsers need of a model. @param {string} uuid */
export function networkAddress(uuid) {
  return `/api/v2/models/${encodeURIComponent(uuid)}/files/onnx`;
}

/**
 * Ask the server to run a model on a rectangle; its predictions stay.
 *
 * @param {number} imageId @param {ListedModel} model @param {[number, number, number, number]} bounds level-0 pixels
 * @returns {Promise<void>}
 */
export async function runOnServer(imageId, model, [x0, y0, x1, y1]) {
  const asked = { kind: model.kind, model: model.uuid, area: { x0, y0, x1, y1 } };
  const answer = await api.post(`/images/${imageId}/predictions`, asked, { idempotencyKey: idempotencyKey() });
  dispatchEvent(new CustomEvent('exact:prediction-started', { detail: { jobIds: answer.job_ids } }));
}

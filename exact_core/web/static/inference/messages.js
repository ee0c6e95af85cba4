// @ts-check
/**
 * What the page and the worker of a model say to each other. This module has types only.
 *
 * @typedef {import('./contract.js').Contract} Contract
 * @typedef {import('./field.js').Step} Step
 * @typedef {import('../viewer/types.js').ImageInfo} ImageInfo
 *
 * @typedef {object} Look  A view that is wanted; it replaces the one before.
 * @property {'look'} kind
 * @property {number} number  Rises; answers name it.
 * @property {Pick<ImageInfo, 'id' | 'content_version' | 'levels' | 'mpp_x'>} image
 * @property {string} frame  ``z.t.c``.
 * @property {[number, number, number, number]} bounds  Level-0 pixels.
 *
 * @typedef {{kind: 'open', folder: string, address: string, backend: 'auto' | 'webgpu' | 'wasm'}
 *   | Look
 *   | {kind: 'stop'}} ToWorker  ``folder`` holds onnxruntime-web, ``address`` the model's files.
 *
 * @typedef {object} Opened
 * @property {'opened'} kind
 * @property {Contract} contract
 * @property {'webgpu' | 'wasm'} backend
 * @property {number} threads
 * @property {string} note
 * @property {boolean} isFromCache
 * @property {number} warmUpMs
 * @property {number} openMs
 *
 * @typedef {Step & {kind: 'field', number: number, note: string, wholeMs: number}} Seen  ``wholeMs`` since the view was begun.
 *
 * @typedef {object} Failed
 * @property {'failed'} kind
 * @property {number | null} number  Of the view; null when the model could not be opened.
 * @property {'too-large' | 'memory' | 'other'} reason
 * @property {string} message
 * @property {number} [zoomBy]  How much closer the view must be.
 *
 * @typedef {{kind: 'loading', loaded: number, total: number}
 *   | {kind: 'preparing'}
 *   | Opened
 *   | Seen
 *   | {kind: 'outside', number: number}
 *   | {kind: 'stopped', number: number}
 *   | Failed} FromWorker
 */

export {};

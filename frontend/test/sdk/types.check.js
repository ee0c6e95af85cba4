// @ts-check
/**
 * The types that authors of plugins get are those of the real interface: each can stand for the other. Nothing of this
 * runs; `tsc` reads it.
 *
 * @typedef {import('exact/sdk').PluginContext} Told
 * @typedef {import('../../../exact_core/web/static/sdk/types.js').PluginContext} Real
 * @typedef {typeof import('exact/sdk')} ToldModule
 * @typedef {typeof import('../../../exact_core/web/static/sdk/index.js')} RealModule
 */

/** @param {Told} told @returns {Real} */
export const toldIsReal = (told) => told;

/** @param {Real} real @returns {Told} */
export const realIsTold = (real) => real;

/** @param {ToldModule} told @returns {RealModule} */
export const toldModuleIsReal = (told) => told;

/** @param {RealModule} real @returns {ToldModule} */
export const realModuleIsTold = (real) => real;

/**
 * Members that may be left out are members too.
 * @template T
 * @typedef {{[K in keyof T]-?: T[K]}} Whole
 */

/** @param {Whole<import('exact/sdk').RequestOptions>} told @returns {Whole<import('../../../exact_core/web/static/shell/api.js').RequestOptions>} */
export const toldOptionsAreReal = (told) => told;

/** @param {Whole<import('../../../exact_core/web/static/shell/api.js').RequestOptions>} real @returns {Whole<import('exact/sdk').RequestOptions>} */
export const realOptionsAreTold = (real) => real;

// @ts-check
/**
 * `exact/sdk`: what the module of a plugin may import from EXACT. Everything here is part of the plugin interface.
 *
 * A plugin's entry is `export default function activate(ctx) { … }`; it may return a function that cleans up.
 * `ctx` is a {@link import('./types.js').PluginContext}.
 */

/** @typedef {import('./types.js').PluginContext} PluginContext */

export { html, render, setStyle, icon } from '../shell/html.js';
export { toast, showError } from '../shell/toast.js';
export { openDialog, confirmDialog } from '../shell/dialog.js';
export { ApiError, idempotencyKey } from '../shell/api.js';
export { ago, dateTime, plural, duration } from '../shell/time.js';
export { attachMenu } from '../shell/menu.js';
export { formatMicrometres, formatSquareMicrometres, formatPixels, rounded } from '../viewer/measure.js';
export { afterRest, perFrame } from './timing.js';
export { API_VERSION } from './version.js';

/** @typedef {import('./types.js').View} View */

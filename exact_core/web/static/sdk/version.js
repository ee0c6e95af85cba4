// @ts-check
/** The version of the plugin interface in the browser; its major number changes when a plugin could break. */

export const API_VERSION = '1.0';

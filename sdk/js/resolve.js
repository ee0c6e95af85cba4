// @ts-check
/** Where bare names lead in tests, and that every module of a plugin is an ES module. */

const NAMES = new Map([
  ['exact/sdk', new URL('./fake_sdk.js', import.meta.url).href],
  ['exact/testing', new URL('./testing.js', import.meta.url).href],
]);

/** @param {string} specifier @param {any} context @param {(specifier: string, context: any) => any} next */
export async function resolve(specifier, context, next) {
  const url = NAMES.get(specifier);
  return url ? { url, format: 'module', shortCircuit: true } : next(specifier, context);
}

/** @param {string} url @param {any} context @param {(url: string, context: any) => any} next */
export async function load(url, context, next) {
  const isScript = url.startsWith('file:') && url.endsWith('.js') && !url.includes('/node_modules/');
  return next(url, isScript ? { ...context, format: 'module' } : context);
}

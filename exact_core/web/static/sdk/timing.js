// @ts-check
/** Calling things less often than they happen. */

/**
 * At most once per drawn frame, with the latest arguments.
 *
 * @template {any[]} A
 * @param {(...args: A) => void} run
 * @returns {(...args: A) => void}
 */
export function perFrame(run) {
  let frame = 0;
  /** @type {A} */
  let latest;
  return (...args) => {
    latest = args;
    if (frame) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      run(...latest);
    });
  };
}

/**
 * Once things have been quiet for a while, with the latest arguments.
 *
 * @template {any[]} A
 * @param {(...args: A) => void} run
 * @param {number} ms
 * @returns {((...args: A) => void) & {cancel: () => void}}
 */
export function afterRest(run, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const later = (/** @type {A} */ ...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...args), ms);
  };
  return Object.assign(later, { cancel: () => clearTimeout(timer) });
}

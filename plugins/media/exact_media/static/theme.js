// @ts-check
/** Colours of the page's theme, for what is drawn on a canvas and cannot name them. */

export const ACCENT = '#0b6b66';

/**
 * What a colour of the design language is in the present theme.
 * @param {HTMLElement} near @param {string} name @param {string} fallback
 */
export function colorOf(near, name, fallback) {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  near.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color || fallback;
}

/**
 * Call when the theme changes, by the person or by the system.
 * @param {() => void} run @returns {() => void}
 */
export function onTheme(run) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const watch = new MutationObserver(run);
  watch.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  dark.addEventListener('change', run);
  return () => {
    watch.disconnect();
    dark.removeEventListener('change', run);
  };
}

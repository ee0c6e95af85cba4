// @ts-check
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = readFileSync(new URL('../../../exact_core/web/static/shell/tokens.css', import.meta.url), 'utf8');

/** @param {'light' | 'dark'} mode */
function tokens(mode) {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const [, name, light, dark] of css.matchAll(/--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)/g)) {
    found.set(name, mode === 'light' ? light : dark);
  }
  return found;
}

/** @param {string} hex */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/**
 * @param {string} one
 * @param {string} other
 */
function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

const SURFACES = ['bg', 'surface', 'surface-2', 'surface-3', 'surface-raised'];
/** @type {[string, string[]][]} */
const TEXT = [
  ['text', SURFACES],
  ['text-2', SURFACES],
  ['text-3', ['bg', 'surface', 'surface-2', 'surface-raised']],
  ['accent-text', [...SURFACES, 'accent-soft']],
  ['danger-text', ['bg', 'surface', 'surface-2', 'surface-raised', 'danger-soft']],
  ['warning-text', ['bg', 'surface', 'surface-2', 'surface-raised', 'warning-soft']],
  ['success-text', ['bg', 'surface', 'surface-2', 'surface-raised', 'success-soft']],
  ['on-accent', ['accent', 'accent-hover', 'accent-active']],
  ['on-danger', ['danger', 'danger-hover']],
  ['text', ['accent-soft', 'danger-soft', 'warning-soft', 'success-soft', 'selection']],
  ['text-2', ['accent-soft', 'danger-soft', 'warning-soft']],
];
/** @type {[string, string[]][]} */
const CONTROLS = [
  ['border-strong', ['bg', 'surface', 'surface-2', 'surface-raised']],
  ['focus', SURFACES],
  ['accent', ['bg', 'surface', 'surface-2', 'surface-raised']],
  ['danger', ['surface']],
  ['success', ['surface']],
  ['warning', ['surface']],
];

for (const mode of /** @type {const} */ (['light', 'dark'])) {
  const values = tokens(mode);
  test(`text reads well on every surface it is put on, ${mode}`, () => {
    assert.ok(values.size > 25, 'the tokens were not found');
    for (const [name, grounds] of TEXT) {
      for (const ground of grounds) {
        const ratio = contrast(values.get(name) ?? '', values.get(ground) ?? '');
        assert.ok(ratio >= 4.5, `--${name} on --${ground}: ${ratio.toFixed(2)} in ${mode}`);
      }
    }
  });
  test(`outlines of controls and the focus can be seen, ${mode}`, () => {
    for (const [name, grounds] of CONTROLS) {
      for (const ground of grounds) {
        const ratio = contrast(values.get(name) ?? '', values.get(ground) ?? '');
        assert.ok(ratio >= 3, `--${name} on --${ground}: ${ratio.toFixed(2)} in ${mode}`);
      }
    }
  });
}

test('components use tokens and no colours of their own', () => {
  for (const file of ['components.css', 'layout.css']) {
    const text = readFileSync(new URL(`../../../exact_core/web/static/shell/${file}`, import.meta.url), 'utf8');
    const own = text.split('\n').filter((line) => /#[0-9a-f]{6}\b/i.test(line) && !/box-shadow|\.tooltip/.test(line));
    assert.deepEqual(own, []);
  }
});

// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ago, duration, plural, size } from '../../../exact_core/web/static/shell/time.js';

const now = Date.parse('2026-05-01T12:00:00Z');

test('times are told from now', () => {
  assert.equal(ago('2026-05-01T11:59:40Z', now), 'just now');
  assert.equal(ago('2026-05-01T09:00:00Z', now), '3 hours ago');
  assert.equal(ago('2026-04-30T11:00:00Z', now), 'yesterday');
  assert.equal(ago('2026-05-15T12:00:00Z', now), 'in 2 weeks');
  assert.equal(ago(null, now), 'never');
});

test('sizes are told in the unit that fits', () => {
  assert.deepEqual([0, 999, 1000, 1536, 999_999, 2_500_000_000].map(size), ['0 B', '999 B', '1.0 kB', '1.5 kB', '1.0 MB', '2.5 GB']);
  assert.equal(size(null), '');
});

test('one thing is one, many are counted with separators', () => {
  assert.equal(plural(1, 'image'), '1 image');
  assert.equal(plural(12045, 'image'), '12,045 images');
  assert.equal(plural(2, 'entry', 'entries'), '2 entries');
});

test('durations are short', () => assert.deepEqual([0.2, 59, 130, 7800].map(duration), ['1 s', '59 s', '2 min', '2 h 10 min']));

// @ts-check
/** The form of modes: what it says becomes settings, and what it does not ask about stays. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsOf } from '../../../exact_core/web/static/shell/pages/mode_settings.js';

const before = {
  cooperative: { owner_verifies: true }, order: 'random', seed: 7, adjudicators: [3],
  second_opinion: { items: 'image', readers_per_item: 2, readers: [1], quota: 5, self_assign: true, reveal: 'never', show_names: false,
    rule: { kind: 'detection', distance_um: 10, iou: null, same_class: true, unmatched: 0, count_difference: 0 } },
};

/** @param {Record<string, string | string[]>} values */
function form(values) {
  const data = new FormData();
  for (const [name, value] of Object.entries(values)) for (const one of [value].flat()) data.append(name, one);
  return data;
}

test('a mode asks for its own settings only', () => {
  assert.deepEqual(settingsOf(before, 'cooperative', form({})), { ...before, cooperative: { owner_verifies: false } });
  const blind = settingsOf(before, 'competitive', form({ order: 'same', adjudicators: ['4', '5'] }));
  assert.deepEqual(blind, { ...before, order: 'same', adjudicators: [4, 5] });
});

test('an empty number is none, not zero', () => {
  const given = settingsOf(before, 'second_opinion', form({
    order: 'random', items: 'region', readers_per_item: '3', quota: '', readers: ['1', '2'], reveal: 'item_done', rule: 'detection', distance_um: '', iou: '0.5', unmatched: '2', count_difference: '0', show_names: 'on',
  }));
  assert.deepEqual(given.second_opinion, {
    items: 'region', readers_per_item: 3, readers: [1, 2], quota: null, self_assign: false, reveal: 'item_done', show_names: true,
    rule: { kind: 'detection', distance_um: null, iou: 0.5, same_class: false, unmatched: 2, count_difference: 0 },
  });
  assert.deepEqual([given.seed, given.adjudicators], [7, []]);
});

// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { interval, number, words } from '../../../exact_core/web/static/shell/pages/model_parts.js';
import { destinations } from '../../../exact_core/web/static/shell/pages/model_upload.js';

test('figures have four places at most', () => {
  assert.deepEqual([0.812345, 0.00012345, 12.3456, 1234.5, 0, -0.5].map(number), ['0.8123', '0.0001', '12.35', '1,235', '0', '-0.5']);
});

test('an interval needs both of its ends', () => {
  assert.equal(interval({ name: 'f1', value: 0.8, low: 0.77, high: 0.85 }), '0.77 – 0.85');
  assert.equal(interval({ name: 'f1', value: 0.8, low: null, high: 0.85 }), '');
});

test('names of programs become words', () => {
  assert.equal(words('test_macro_f1'), 'test macro f1');
});

test('models go to sets that one manages and to teams that one leads', () => {
  const sets = [{ id: 1, name: 'A', team: { name: 'Lab' }, rights: ['view', 'manage'] }, { id: 2, name: 'B', team: { name: 'Lab' }, rights: ['view'] }];
  const teams = [{ id: 7, name: 'Lab', is_lead: false }, { id: 8, name: 'Path', is_lead: true }];
  assert.deepEqual(destinations(sets, teams, false).map((each) => each.query), [{ image_set_id: 1 }, { team_id: 8 }]);
  assert.deepEqual(destinations(sets, teams, true).map((each) => each.key), ['set-1', 'team-7', 'team-8']);
  assert.deepEqual(destinations([], [teams[0]], false), []);
});

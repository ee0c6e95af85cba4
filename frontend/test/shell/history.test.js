// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { grouped, numbersOf, queryOf, span, targetOf } from '../../../exact_core/web/static/shell/history.js';

const ANN = { id: 1, name: 'Ann' };
const BEN = { id: 2, name: 'Ben' };

/** @param {number} revision @param {Partial<import('../../../exact_core/web/static/shell/history.js').Entry>} more @returns {any} */
const entry = (revision, more) => ({ revision, image: null, at: '2026-03-01T09:00:00Z', kind: 'edit', reason: '', run: '', actor: ANN, what: ['Drew Cell'], n_changes: 1, box: null, annotation_ids: [], session: null, is_taken_back: false, ...more });
/** @param {number} first @param {number} last @param {any} actor */
const session = (first, last, actor) => ({ first_revision: first, last_revision: last, actor, began_at: '2026-03-01T09:00:00Z', ended_at: '2026-03-01T09:20:00Z', n_change_sets: 2 });

test('changes are grouped by session and by run, also when people take turns', () => {
  const entries = [entry(6, { session: 1 }), entry(5, { session: 2, actor: BEN }), entry(4, { run: 'Detector 3', kind: 'model' }), entry(3, { run: 'Detector 3', kind: 'model' }), entry(2, { session: 2, actor: BEN }), entry(1, { session: 1 })];
  const groups = grouped(entries, [session(1, 6, ANN), session(2, 5, BEN)]);
  assert.deepEqual(groups.map((group) => [group.kind, group.entries.map((one) => one.revision)]), [['session', [6, 1]], ['session', [5, 2]], ['run', [4, 3]]]);
  assert.equal(groups[0].session?.last_revision, 6);
  assert.deepEqual(groups.map(targetOf), [{ what: 'session', revision: 6 }, { what: 'session', revision: 5 }, { what: 'run', run: 'Detector 3' }]);
});

test('two sessions of one person, and what belongs to none, stay apart', () => {
  const groups = grouped([entry(3, { session: 3 }), entry(2, { session: 1 }), entry(1, { actor: null })], [session(3, 3, ANN), session(1, 2, ANN)]);
  assert.deepEqual(groups.map((group) => [group.kind, group.session?.first_revision]), [['session', 3], ['session', 1], ['single', undefined]]);
  assert.deepEqual(targetOf(groups[2]), { what: 'change_set', revision: 1 });
});

test('a report says what was done, or what would be', () => {
  const report = /** @type {any} */ ({ restored: 1, deleted: 1200, changed: 3 });
  assert.equal(numbersOf(report, false), '1 shape will come back, 1,200 will be deleted, 3 will get an earlier state');
  assert.equal(numbersOf(/** @type {any} */ ({ restored: 0, deleted: 2, changed: 0 }), true), '2 shapes deleted');
  assert.equal(numbersOf(/** @type {any} */ ({ restored: 0, deleted: 0, changed: 0 }), true), '');
});

test('choices become a query, and the time a moment in the past', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  assert.deepEqual(queryOf({ actor_id: '2', kind: '', since: '24' }, now), { actor_id: '2', kind: '', since: '2026-02-28T12:00:00.000Z' });
  assert.deepEqual(queryOf({}, now), { since: '' });
});

test('a session within one minute is one moment', () => {
  assert.equal(span('2026-03-01T09:00:00Z', '2026-03-01T09:00:20Z').includes('–'), false);
  assert.match(span('2026-03-01T09:00:00Z', '2026-03-01T09:40:00Z'), /–/);
});

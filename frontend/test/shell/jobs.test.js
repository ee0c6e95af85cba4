// @ts-check
/** What is said about jobs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { canRetry, effortWords, isOpen, stateWords } from '../../../exact_core/web/static/shell/jobs/words.js';

/** @param {object} values */
const job = (values) => /** @type {any} */ ({ state: 'queued', attempts: 0, worker: '', seconds: null, wait_until: null, cancel_requested: false, ...values });

test('a job that was asked to end is stopping, and one that failed for now is tried again', () => {
  assert.equal(stateWords(job({ state: 'running' })), 'Running');
  assert.equal(stateWords(job({ state: 'running', cancel_requested: true })), 'Stopping');
  assert.equal(stateWords(job({ state: 'cancelled', cancel_requested: true })), 'Cancelled');
  const later = '2026-12-01T10:00:05Z';
  assert.equal(stateWords(job({ wait_until: later }), Date.parse('2026-12-01T10:00:00Z')), 'Tried again soon');
  assert.equal(stateWords(job({ wait_until: later }), Date.parse('2026-12-01T10:00:06Z')), 'Waiting');
});

test('how long, where and how often is said as far as it is known', () => {
  assert.equal(effortWords(job({})), '');
  assert.equal(effortWords(job({ seconds: 12.4, worker: 'node-3/811', attempts: 1 })), '12 s on node-3/811');
  assert.equal(effortWords(job({ seconds: 12.4, worker: 'node-3/811', attempts: 2 })), '12 s on node-3/811, 2 tries');
});

test('what waits or runs can be cancelled, what failed or was cancelled can be started again', () => {
  const states = ['queued', 'running', 'done', 'failed', 'cancelled'];
  assert.deepEqual(states.filter((state) => isOpen(job({ state }))), ['queued', 'running']);
  assert.deepEqual(states.filter((state) => canRetry(job({ state }))), ['failed', 'cancelled']);
});

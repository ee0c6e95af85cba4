// @ts-check
/** What people read about a job's state: pure, so that it can be tested without a page. */

import { duration } from '../time.js';

/**
 * @typedef {object} Job as `/api/v2/jobs` gives it
 * @property {number} id
 * @property {string} type
 * @property {string} title
 * @property {'queued' | 'running' | 'done' | 'failed' | 'cancelled'} state
 * @property {number} progress
 * @property {string} message
 * @property {string | null} owner
 * @property {number | null} image_set_id
 * @property {string | null} image_set
 * @property {number | null} image_id
 * @property {boolean} gpu
 * @property {number} attempts
 * @property {boolean} cancel_requested
 * @property {string} worker
 * @property {string} created_at
 * @property {string | null} wait_until
 * @property {string | null} started_at
 * @property {string | null} finished_at
 * @property {number | null} seconds
 */

/** @type {Record<Job['state'], {label: string, kind: string, symbol: string}>} */
export const STATES = {
  queued: { label: 'Waiting', kind: '', symbol: 'clock' },
  running: { label: 'Running', kind: 'accent', symbol: 'loader-circle' },
  done: { label: 'Done', kind: 'success', symbol: 'circle-check' },
  failed: { label: 'Failed', kind: 'danger', symbol: 'circle-alert' },
  cancelled: { label: 'Cancelled', kind: '', symbol: 'ban' },
};

/** @param {Job} job */
export const isOpen = (job) => job.state === 'queued' || job.state === 'running';

/** @param {Job} job */
export const canRetry = (job) => job.state === 'failed' || job.state === 'cancelled';

/**
 * @param {Job} job
 * @param {number} [now]
 */
export function stateWords(job, now = Date.now()) {
  if (job.state === 'running' && job.cancel_requested) return 'Stopping';
  if (job.state === 'queued' && job.wait_until && Date.parse(job.wait_until) > now) return 'Tried again soon';
  return STATES[job.state].label;
}

/**
 * How long, where, and how often: "4 s", "12 s on node-3/811, 2nd try"
 * @param {Job} job
 */
export function effortWords(job) {
  const time = job.seconds === null ? '' : duration(job.seconds);
  const place = job.worker ? `on ${job.worker}` : '';
  const tries = job.attempts > 1 ? `${job.attempts} tries` : '';
  return [[time, place].filter(Boolean).join(' '), tries].filter(Boolean).join(', ');
}

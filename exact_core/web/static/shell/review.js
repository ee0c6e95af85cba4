// @ts-check
/** What states of images and verdicts on shapes are called, and how they look. */

import { html, icon } from './html.js';

/** @typedef {'to_do' | 'in_work' | 'done' | 'reviewed' | 'dubious'} ImageState */
/** @typedef {'accepted' | 'rejected' | 'dubious'} Verdict */

/** @type {Record<string, {label: string, kind: string, symbol: string}>} */
export const IMAGE_STATES = {
  to_do: { label: 'To do', kind: '', symbol: 'circle-dashed' },
  in_work: { label: 'In work', kind: 'accent', symbol: 'pencil' },
  done: { label: 'Done', kind: 'success', symbol: 'check' },
  reviewed: { label: 'Reviewed', kind: 'success', symbol: 'check-check' },
  dubious: { label: 'Dubious', kind: 'warning', symbol: 'flag' },
};

/** @type {Record<string, {label: string, kind: string, symbol: string, verb: string, key: string}>} */
export const VERDICTS = {
  accepted: { label: 'Accepted', kind: 'success', symbol: 'check', verb: 'Accept', key: 'A' },
  rejected: { label: 'Rejected', kind: 'danger', symbol: 'x', verb: 'Reject', key: 'R' },
  dubious: { label: 'Dubious', kind: 'warning', symbol: 'flag', verb: 'Dubious', key: 'D' },
  outdated: { label: 'Changed since', kind: '', symbol: 'history', verb: '', key: '' },
  unverified: { label: 'Not verified', kind: '', symbol: 'circle-dashed', verb: '', key: '' },
};

/** @param {string} state */
export function stateBadge(state) {
  const known = IMAGE_STATES[state] ?? { label: state, kind: '', symbol: 'info' };
  return html`<span class="badge ${known.kind ? `badge--${known.kind}` : ''}" data-state=${state}>${icon(known.symbol)}${known.label}</span>`;
}

/** @param {string} verdict */
export function verdictBadge(verdict) {
  const known = VERDICTS[verdict] ?? { label: verdict, kind: '', symbol: 'info' };
  return html`<span class="badge ${known.kind ? `badge--${known.kind}` : ''}" data-verdict=${verdict}>${icon(known.symbol)}${known.label}</span>`;
}

// @ts-check
/** What the panel shows: the figure, a scale from 0 to 400, and how many cells of each grade there are. */

import { html, render } from 'exact/sdk';

/** Colours of grade 0 to 4, the same as in the heat map. */
export const COLORS = ['#440154', '#3b528b', '#21918c', '#5ec962', '#fde725'];

/**
 * @typedef {object} Score  What the server answers.
 * @property {number | null} value
 * @property {number} maximum
 * @property {number[]} counts
 * @property {number} total
 * @property {number} minimum
 * @property {boolean} is_certain
 * @property {string} warning
 */

/**
 * The number as people read it: no digits that the count of cells cannot carry.
 * @param {number | null} value
 */
export function readable(value) {
  return value === null ? '–' : String(Math.round(value));
}

/** @param {readonly number[]} counts */
export function shares(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (total ? count / total : 0));
}

/** @param {Readonly<Record<string, any>>} settings */
export function createPanel(settings) {
  const body = document.createElement('div');
  body.className = 'eiph-body';
  const element = html`<section class="eiph" data-plugin="eiph_score" aria-label="EIPH score of the view">
    <div role="status" aria-live="polite">${body}</div>
  </section>`;
  render(body, html`<p class="eiph-note">Counting …</p>`);
  return {
    element,
    /** @param {Score} score */
    show: (score) => render(body, scoreView(score, settings)),
    /** @param {unknown} error */
    fail: (error) => {
      const reason = error instanceof Error ? error.message : String(error);
      render(body, html`<p class="eiph-note eiph-note--warning">The score could not be read: ${reason}</p>`);
    },
  };
}

/** @param {Score} score @param {Readonly<Record<string, any>>} settings */
function scoreView(score, settings) {
  const part = score.value === null ? 0 : score.value / score.maximum;
  return html`<div>
    <p class="eiph-figure">
      <span class="eiph-value" data-testid="eiph-value">${readable(score.value)}</span>
      <span class="eiph-of">of ${score.maximum}</span>
      <span class="eiph-total" data-testid="eiph-total">${score.total.toLocaleString('en')} ${score.total === 1 ? 'cell' : 'cells'} in view</span>
    </p>
    <div class="eiph-scale" role="img" aria-label=${`Score ${readable(score.value)} of ${score.maximum}`}>
      <div class="eiph-mark" hidden=${score.value === null} .style=${{ left: `${100 * part}%` }}></div>
    </div>
    ${score.warning ? html`<p class="eiph-note eiph-note--warning" data-testid="eiph-warning">${score.warning}</p>` : null}
    ${gradeTable(score.counts, settings)}
  </div>`;
}

/** @param {readonly number[]} counts @param {Readonly<Record<string, any>>} settings */
function gradeTable(counts, settings) {
  const parts = shares(counts);
  return html`<table class="eiph-grades">
    <thead class="visually-hidden"><tr><th>Grade</th><th>Share</th><th>Cells</th></tr></thead>
    <tbody>
      ${counts.map(
        (count, grade) => html`<tr title=${`Annotation types: ${settings[`grade_${grade}`] ?? grade}`}>
          <th scope="row">${grade}</th>
          <td class="eiph-bar">
            <div .style=${{ width: `${100 * parts[grade]}%`, 'background-color': COLORS[grade] }}></div>
          </td>
          <td class="eiph-count">${count.toLocaleString('en')}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

// @ts-check
/** One's own background work, and that of the image sets that one manages. */

import { $, html, render } from '../html.js';
import { jobList } from '../jobs/list.js';

const target = $('#jobs');
const list = html`<div class="stack"></div>`;
render(target, list);
target.setAttribute('aria-busy', 'false');
await jobList(list);

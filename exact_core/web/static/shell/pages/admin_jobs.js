// @ts-check
/** Background work of the whole instance, and the workers that do it. */

import { $, html, render } from '../html.js';
import { jobList } from '../jobs/list.js';
import { workerList } from '../jobs/workers.js';

const target = $('#admin');
const [workers, jobs] = [html`<div></div>`, html`<div class="stack"></div>`];
render(target, workers, jobs);
target.setAttribute('aria-busy', 'false');
await Promise.all([workerList(workers), jobList(jobs)]);

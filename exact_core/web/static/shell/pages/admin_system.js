// @ts-check
/** Version, database and disk. */

import { api } from '../api.js';
import { $, html, icon } from '../html.js';
import { ago, dateTime, size } from '../time.js';
import { show } from '../view.js';

const NAMES = /** @type {[string, string][]} */ ([['users', 'active users'], ['image_sets', 'image sets'], ['images', 'images'], ['annotations', 'annotations'], ['open_jobs', 'open jobs']]);

await show($('#admin'), () => api.get('/system'), (system) => {
  const { disk, database } = system;
  const used = disk.total_bytes - disk.free_bytes;
  const isFull = disk.free_bytes < disk.total_bytes * 0.05;
  return [
    html`<section class="stats" aria-label="Counts">${NAMES.map(([name, label]) => html`<div class="stat"><strong>${(system.counts[name] ?? 0).toLocaleString('en')}</strong><span class="muted small">${label}</span></div>`)}</section>`,
    html`<section class="card"><div class="card__head">${icon('hard-drive')}<h2>Disk</h2></div><div class="card__body stack stack--tight">
      ${isFull ? html`<div class="banner banner--warning">${icon('triangle-alert')}<p>The disk is almost full. Uploads stop when it is; what was received so far is kept.</p></div>` : null}
      <progress class="progress ${isFull ? 'progress--danger' : ''}" max=${disk.total_bytes} value=${used} aria-label="Used part of the disk"></progress>
      <p class="num">${size(disk.free_bytes)} free of ${size(disk.total_bytes)}; images take ${size(system.image_bytes)}</p><p class="small muted">Data folder: <code>${disk.path}</code></p></div></section>`,
    html`<section class="card"><div class="card__head">${icon('database')}<h2>Database</h2></div><dl class="card__body facts">
      <dt>Engine</dt><dd>${database.engine === 'sqlite' ? 'SQLite' : 'PostgreSQL'} ${database.version}</dd><dt>Size</dt><dd class="num">${size(database.size_bytes)}</dd><dt>Migration</dt><dd><code>${database.revision}</code></dd></dl></section>`,
    html`<section class="card"><div class="card__head">${icon('server')}<h2>Server</h2></div><dl class="card__body facts">
      <dt>EXACT</dt><dd>${system.version}</dd><dt>Python</dt><dd>${system.python}</dd><dt>Machine</dt><dd>${system.platform}, ${system.cpus} processors</dd><dt>Running</dt><dd title=${dateTime(system.started_at)}>started ${ago(system.started_at)}</dd></dl></section>`,
  ];
});

// @ts-check
/** Splits of a version: train, validation and test, with patients or centres kept whole, and the check for leaks. */

import { api } from '../api.js';
import { confirmDialog, openDialog } from '../dialog.js';
import { selectField, textField } from '../fields.js';
import { html, icon, render } from '../html.js';
import { dateTime, plural } from '../time.js';
import { showError, toast } from '../toast.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */
/** @typedef {Record<string, any>} Split */

/** @type {[string, number][]} */
const PARTS = [['train', 70], ['validation', 15], ['test', 15]];

/** @param {HTMLElement} target @param {SetPage} page @param {Record<string, any>} version @param {Record<number, string>} names of images */
export async function splitsCard(target, page, version, names) {
  const path = `/versions/${version.id}/splits`;
  const found = await api.get(path, {}, { signal: page.signal });
  const again = () => splitsCard(target, page, version, names).catch(showError);
  render(target, html`<section class="card" aria-label="Splits"><div class="card__head">${icon('shuffle')}<h2 class="grow">Splits <span class="count num">${found.items.length}</span></h2>
    ${page.rights.manage ? html`<button type="button" class="btn" id="make-split" @click=${() => create(path, found.groupings, again)}>${icon('plus')}Split the images</button>` : null}</div>
    ${found.items.length ? html`<ul class="list" id="splits">${found.items.map((/** @type {Split} */ split) => row(page, version, path, split, names, again))}</ul>`
      : html`<p class="card__body muted">A split deals the images out to train, validation and test once and for all. Images of one patient or centre stay together when they share a tag such as <code>patient:12</code>.</p>`}</section>`);
}

/** @param {SetPage} page @param {Record<string, any>} version @param {string} path @param {Split} split @param {Record<number, string>} names @param {() => unknown} again */
function row(page, version, path, split, names, again) {
  const mayRemove = page.actor.is_admin || split.creator.id === page.actor.id || version.creator.id === page.actor.id;
  const remove = async () => {
    if (await confirmDialog({ title: `Remove the split ${split.name}?`, action: 'Remove it', body: html`<p>What was trained with it can then not be traced to it any more.</p>`, submit: () => api.delete(`${path}/${split.id}`) })) again();
  };
  const how = split.seed ? (split.group_by ? `grouped by ${split.group_by}` : 'dealt image by image') : 'given by hand';
  const download = () => {
    const lines = ['image,part', ...split.parts.flatMap((/** @type {any} */ part) => part.image_ids.map((/** @type {number} */ id) => `${quoted(names[id] ?? String(id))},${quoted(part.name)}`))];
    const link = html`<a href=${URL.createObjectURL(new Blob([`${lines.join('\r\n')}\r\n`], { type: 'text/csv' }))} download="${split.name}.csv"></a>`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  return html`<li><div class="list__item split-row"><div class="grow stack stack--tight"><div class="row"><strong>${split.name}</strong> ${leakBadge(split)}</div>
    <div class="row split-row__parts">${split.parts.map((/** @type {any} */ part) => html`<span class="badge">${part.name} <span class="num">${part.image_ids.length.toLocaleString('en')}</span></span>`)}${split.left_out ? html`<span class="small muted">${plural(split.left_out, 'image')} in no part</span>` : null}</div>
    <div class="small muted">${how}${split.ungrouped ? `, ${plural(split.ungrouped, 'image')} without such a tag` : ''} · by ${split.creator.name}, ${dateTime(split.created_at)} · <span class="mono" data-tip="Hash of the version and the parts: ${split.digest}">${split.digest.slice(0, 10)}</span></div>
    ${split.leaks.length ? leaks(split, names) : null}${others(split)}
    <details class="small"><summary>Images of each part</summary><dl class="facts">${split.parts.map((/** @type {any} */ part) => [html`<dt>${part.name}</dt>`, html`<dd>${part.image_ids.map((/** @type {number} */ id) => names[id] ?? `image ${id}`).join(', ')}</dd>`])}</dl></details></div>
    <button type="button" class="icon-btn icon-btn--small" aria-label="Download ${split.name} as a table" data-tip="Download as CSV" @click=${download}>${icon('download')}</button>
    ${mayRemove ? html`<button type="button" class="icon-btn icon-btn--small icon-btn--danger" aria-label="Remove the split ${split.name}" data-tip="Remove" @click=${() => remove().catch(showError)}>${icon('trash-2')}</button>` : null}</div></li>`;
}

/** @param {string} text one cell of a table, which no program takes for a formula */
function quoted(text) {
  return `"${(/^[=+\-@\t]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

/** @param {Split} split */
function leakBadge(split) {
  if (split.leaks.length) return html`<span class="badge badge--danger" data-leaks=${split.leaks.length}>${icon('triangle-alert')}${plural(split.leaks.length, 'leak')}</span>`;
  return html`<span class="badge badge--success" data-leaks="0">${icon('shield')}Nothing leaks</span>`;
}

/** @param {Split} split @param {Record<number, string>} names */
function leaks(split, names) {
  const what = (/** @type {any} */ leak) => (leak.kind === 'file' ? 'The same file' : `${leak.kind} ${leak.value}`);
  return html`<ul class="split-row__leaks small danger-text">${split.leaks.slice(0, 20).map((/** @type {any} */ leak) => html`<li>${what(leak)} is in ${leak.parts.join(' and ')}: ${leak.image_ids.slice(0, 8).map((/** @type {number} */ id) => names[id] ?? `image ${id}`).join(', ')}</li>`)}
    ${split.leaks.length > 20 ? html`<li>and ${(split.leaks.length - 20).toLocaleString('en')} more</li>` : null}</ul>`;
}

/** Other kinds of tags that parts share: no leak by what was asked for, but worth knowing. @param {Split} split */
function others(split) {
  const shared = split.kinds.filter((/** @type {any} */ each) => each.kind !== split.group_by && each.shared > 0);
  if (!shared.length) return null;
  return html`<div class="small muted">${icon('info')} In more than one part: ${shared.map((/** @type {any} */ each) => `${each.shared.toLocaleString('en')} of ${plural(each.groups, `${each.kind}`, `${each.kind}s`)}`).join(', ')}.</div>`;
}

/** @param {string} path @param {{kind: string, groups: number}[]} groupings @param {() => unknown} again */
async function create(path, groupings, again) {
  const made = await openDialog({
    title: 'Split the images', action: 'Split',
    body: [
      textField('name', 'Name', '', { maxlength: 200, autofocus: true, placeholder: 'Split 1' }),
      selectField('group_by', 'Keep together', [['', 'Nothing: image by image'], ...groupings.map(({ kind, groups }) => /** @type {[string, string]} */ ([kind, `Images of one ${kind} (${groups.toLocaleString('en')})`]))], groupings.find(({ kind }) => kind === 'patient')?.kind ?? '',
        { hint: 'Kinds come from tags of images such as patient:12. Copies of one file stay together always.' }),
      html`<fieldset class="field"><legend class="field__label">Shares in per cent</legend><div class="row split-shares">${PARTS.map(([part, share]) => html`<label class="small">${part}<input class="input input--narrow" type="number" name="share-${part}" min="0" max="100" step="any" value=${share} aria-label="Share of ${part}"></label>`)}</div></fieldset>`,
      textField('seed', 'Seed', '', { optional: true, maxlength: 64, hint: 'The same seed deals the same images the same way; the name is taken when it is empty.' }),
    ],
    submit: (data) => {
      const shares = Object.fromEntries(PARTS.map(([part]) => [part, Number(data.get(`share-${part}`))]).filter(([, share]) => Number(share) > 0));
      if (Object.keys(shares).length < 2) throw new Error('Give a share to two parts at least.');
      return api.post(path, { name: data.get('name'), group_by: data.get('group_by'), shares, seed: data.get('seed') });
    },
  });
  if (!made) return;
  toast(`The split ${made.name} is made.`, { kind: 'success' });
  again();
}

// @ts-check
/** The dialog that merges one annotation type into another: what it does is shown before it is done. */

import { api } from './api.js';
import { titleOf } from './attribute_fields.js';
import { openDialog } from './dialog.js';
import { checkField, textField } from './fields.js';
import { html, icon, render } from './html.js';
import { plural } from './time.js';
import { toast } from './toast.js';
import { debounce } from './view.js';

/**
 * @param {Record<string, any>} source
 * @param {Record<string, any>[]} siblings the types of its product
 * @param {() => unknown} done
 */
export async function mergeDialog(source, siblings, done) {
  const targets = siblings.filter((type) => type.is_active && type.id !== source.id);
  if (!targets.length) {
    toast('There is no other type to merge it into.', { kind: 'info' });
    return;
  }
  const path = `/annotation-types/${source.id}/merge`;
  const mapping = html`<div class="stack stack--tight"></div>`;
  const effect = html`<div class="bulk__effect" role="status" aria-live="polite"></div>`;
  const choice = html`<select class="select" id="merge-target" aria-label="Into which type" autofocus @change=${() => drawMapping()}>${targets.map((type) => html`<option value=${type.id}>${type.name}</option>`)}</select>`;
  const keep = checkField('keep_attributes', 'Give it the attributes that it lacks');
  keep.addEventListener('change', () => ask());
  /** @type {any} */
  let told = null;
  const target = () => /** @type {any} */ (targets.find((type) => type.id === Number(choice.value)));

  function drawMapping() {
    const own = target().attributes;
    render(mapping, source.attributes.length && own.length ? html`<p class="field__label">Its attributes become</p>` : null, source.attributes.length && own.length ? source.attributes.map((/** @type {any} */ one) => {
      const same = own.some((/** @type {any} */ other) => other.name === one.name);
      return html`<label class="merge-row"><span class="truncate">${titleOf(one)}</span>${icon('chevron-right')}<select class="select" data-from=${one.name} @change=${() => ask()}>
        <option value="">${same ? titleOf(one) : 'nothing of it'}</option>${own.filter((/** @type {any} */ other) => other.name !== one.name).map((/** @type {any} */ other) => html`<option value=${other.name}>${titleOf(other)}</option>`)}</select></label>`;
    }) : null);
    keep.hidden = !source.attributes.length;
    ask();
  }

  function body() {
    const chosen = [.../** @type {NodeListOf<HTMLSelectElement>} */ (mapping.querySelectorAll('select'))].filter((select) => select.value).map((select) => [select.dataset.from ?? '', select.value]);
    return { into_id: Number(choice.value), attributes: Object.fromEntries(chosen), keep_attributes: keep.querySelector('input').checked };
  }

  let asked = 0;
  const ask = debounce(async () => {
    const mine = ++asked;
    told = null;
    effect.setAttribute('aria-busy', 'true');
    try {
      const answer = await api.post(`${path}?preview=true`, body());
      if (mine !== asked) return;
      told = answer;
      render(effect, drawEffect(answer, target().name));
    } catch (error) {
      if (mine === asked) render(effect, html`<p class="field__error">${error instanceof Error ? error.message : String(error)}</p>`);
    } finally {
      effect.removeAttribute('aria-busy');
    }
  }, 200);

  drawMapping();
  const merged = await openDialog({
    title: `Merge ${source.name}`, action: 'Merge',
    body: [html`<label class="field"><span class="field__label">Into</span>${choice}</label>`, mapping, keep, textField('reason', 'Reason', '', { optional: true, maxlength: 500 }), effect],
    submit: (data) => {
      if (!told) throw new Error('Wait until it is shown what will change.');
      if (told.problems.length) throw new Error(told.problems[0]);
      return api.post(path, { ...body(), reason: data.get('reason') ?? '' });
    },
  });
  if (!merged) return;
  await done();
  toast(`${source.name} was merged into ${target().name}.`, {
    kind: 'success', seconds: 15, detail: `${plural(merged.annotations, 'annotation')} relabelled.`,
    action: {
      label: 'Undo', run: async () => {
        for (const one of merged.image_sets) await api.post(`/image-sets/${one.image_set_id}/annotation-bulk-edits/${one.revision}/undo`, {});
        await api.patch(`/annotation-types/${source.id}`, { is_active: true });
        await done();
      },
    },
  });
}

/** @param {any} answer @param {string} name */
function drawEffect(answer, name) {
  const dropped = Object.entries(answer.dropped);
  return html`<div class="stack stack--tight">
    <p><strong class="num">${plural(answer.annotations, 'annotation')}</strong> become ${name}${answer.image_sets.length > 1 ? ` in ${answer.image_sets.length} image sets` : ''}; the type is retired, and its name still finds them.</p>
    ${answer.children ? html`<p class="small">${plural(answer.children, 'type')} below it move below ${name}.</p>` : null}
    ${dropped.length ? html`<p class="small">Values that cannot be kept: ${dropped.map(([attribute, n]) => `${Number(n).toLocaleString('en')} × ${attribute}`).join(', ')}.</p>` : null}
    ${answer.problems.map((/** @type {string} */ problem) => html`<div class="banner banner--warning">${icon('triangle-alert')}<p>${problem}</p></div>`)}</div>`;
}

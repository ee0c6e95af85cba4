// @ts-check
/** Plugins of an image set: switches, settings forms, and what suits its products. */

import { api, ApiError } from '../api.js';
import { openDialog } from '../dialog.js';
import { html, icon } from '../html.js';
import { schemaForm } from '../schema_form.js';
import { ago } from '../time.js';
import { showError, toast } from '../toast.js';
import { empty, show } from '../view.js';

/** @typedef {import('./image_set.js').SetPage} SetPage */

/**
 * @param {HTMLElement} target
 * @param {SetPage} page
 */
export async function drawPlugins(target, page) {
  const path = `/image-sets/${page.id}/plugins`;
  const load = () => show(target, () => api.get(path), (switches) => (switches.length ? draw(switches)
    : html`<section class="card">${empty('puzzle', 'No plugins are installed', 'Plugins add panels, tools and models to an image set. An administrator installs them on the server.')}</section>`));

  /** @param {any[]} switches */
  const draw = (switches) => {
    const sorted = [...switches].sort((a, b) => Number(b.enabled) - Number(a.enabled) || Number(b.is_suggested) - Number(a.is_suggested) || a.title.localeCompare(b.title));
    return [html`<p class="muted">What is switched on here works in this image set only. Switching off keeps everything that the plugin stored.</p>`, sorted.map(card)];
  };

  /** @param {any} plugin */
  const card = (plugin) => {
    const mayChange = page.rights.manage;
    const canRun = plugin.state === 'loaded' || plugin.enabled;
    const toggle = html`<input type="checkbox" role="switch" aria-label="${plugin.title} on or off" data-focus="switch-${plugin.name}" checked=${plugin.enabled} disabled=${!mayChange || !canRun}>`;
    toggle.addEventListener('change', () => put(plugin, { enabled: toggle.checked }));
    const details = [plugin.requires.length ? `Needs ${plugin.requires.join(', ')}` : '', plugin.required_by.length ? `needed by ${plugin.required_by.join(', ')}` : '', plugin.updated_by ? `switched ${ago(plugin.updated_at)} by ${plugin.updated_by}` : ''].filter(Boolean).join(' · ');
    return html`
      <section class="card" aria-label=${plugin.title}>
        <div class="card__head"><div class="grow"><h2>${plugin.title}</h2>${plugin.summary ? html`<p class="small muted">${plugin.summary}</p>` : null}</div>
          ${plugin.is_suggested && !plugin.enabled ? html`<span class="badge badge--accent">Suits this set</span>` : null}
          ${plugin.enabled && !plugin.is_running ? html`<span class="badge badge--danger">${icon('circle-alert')}Does not work</span>` : null}
          <label class="switch">${toggle}<span class="visually-hidden">On</span></label></div>
        ${plugin.problem ? html`<div class="card__body"><div class="banner ${plugin.enabled ? 'banner--danger' : ''}">${icon('circle-alert')}<p>${plugin.problem}</p></div></div>` : null}
        ${plugin.enabled ? html`<div class="card__body row row--between">
          ${page.actor.is_admin ? required(plugin) : plugin.required ? html`<span class="badge badge--warning">Required: changes are refused while it fails</span>` : html`<span></span>`}
          ${plugin.settings_schema && Object.keys(plugin.settings_schema.properties ?? {}).length ? html`<button type="button" class="btn" @click=${() => settings(plugin)}>${icon('sliders-horizontal')}Settings</button>` : null}</div>` : null}
        ${details ? html`<p class="card__foot small muted">${details}</p>` : null}
      </section>`;
  };

  /** @param {any} plugin */
  const required = (plugin) => {
    const box = html`<input type="checkbox" data-focus="required-${plugin.name}" checked=${plugin.required}>`;
    box.addEventListener('change', () => put(plugin, { required: box.checked }));
    return html`<label class="check">${box}<span>Required<br><span class="field__hint">Refuse changes while this plugin fails, instead of saving without its check.</span></span></label>`;
  };

  /**
   * @param {any} plugin
   * @param {Record<string, any>} change
   */
  const put = async (plugin, change) => {
    try {
      await api.put(`${path}/${plugin.name}`, change);
      if ('enabled' in change) {
        toast(`${plugin.title} is ${change.enabled ? 'on' : 'off'} in this set.`, { kind: 'success', action: { label: 'Undo', run: () => put(plugin, { enabled: !change.enabled }) } });
      }
    } catch (error) {
      showError(error, `${plugin.title} could not be changed`);
    }
    await load();
  };

  /** @param {any} plugin */
  const settings = async (plugin) => {
    const form = schemaForm(plugin.settings_schema, plugin.settings, !page.rights.manage);
    const saved = await openDialog({
      title: `Settings of ${plugin.title}`, action: page.rights.manage ? 'Save' : undefined, body: form.element,
      submit: async () => {
        try {
          const answer = await api.put(`${path}/${plugin.name}`, { settings: form.read() });
          plugin.settings = answer.settings; // the list is read again in a moment; who opens the form before sees these
          return answer;
        } catch (error) {
          if (error instanceof ApiError) form.showErrors(error.fields);
          throw error;
        }
      },
    });
    if (saved) {
      toast('The settings are saved.', { kind: 'success' });
      await load();
    }
  };
  await load();
}

// @ts-check
/** What is asked for less often, folded away: counts and hotspot, proof of coverage, the team, locked regions. */

import { afterRest, ago, duration, formatSquareMicrometres, html, icon, openDialog, plural, render, showError, toast } from 'exact/sdk';

import { drawRegion } from './drawing.js';
import { TEAM } from './overlay.js';
import { percent, personRow } from './people.js';

/** @typedef {import('./workbench.js').Workbench} Workbench */

const FOLLOW_MS = 400;

export class Extras {
  /** @param {Workbench} at */
  constructor(at) {
    this.at = at;
    this.counted = html`<div class="stack stack--tight"></div>`;
    this.covered = html`<div class="stack stack--tight"></div>`;
    this.people = html`<div class="stack stack--tight"></div>`;
    this.locked = html`<div class="stack stack--tight"></div>`;
    const { rights } = at.ctx;
    this.folds = {
      count: this.#fold('target', 'Count in an area', this.counted, () => this.count()),
      coverage: this.#fold('eye', 'What I have really seen', this.covered, () => this.#coverage()),
      team: rights['screening.team'] ? this.#fold('users', 'Team', this.people, () => this.#team()) : null,
      locks: this.#fold('lock', 'Locked regions', this.locked, () => this.#locks()),
    };
    this.element = html`<div class="screening-extras">${Object.values(this.folds)}</div>`;
    const follow = afterRest(() => void this.count(), FOLLOW_MS);
    at.viewer.on('view-settled', () => follow());
    at.ctx.annotations?.on('changed', () => follow());
  }

  /** Follow what the workbench knows. */
  show() {
    const { state } = this.at;
    this.element.hidden = !state;
    if (!state) return;
    this.folds.locks.hidden = !state.locks.length && !this.at.ctx.rights['screening.lock'];
    this.folds.count.hidden = !state.has_scale;
    if (this.folds.locks.open) this.#locks();
  }

  /** @param {string} picture @param {string} title @param {HTMLElement} body @param {() => unknown} open */
  #fold(picture, title, body, open) {
    const fold = html`<details class="screening-more"><summary>${icon(picture)}${title}</summary>${body}</details>`;
    fold.addEventListener('toggle', () => {
      if (fold.open) void open();
      else if (body === this.counted) this.at.slide.showArea(null);
      else if (body === this.people) this.at.overview.showTeam(null);
    });
    return fold;
  }

  /** What lies around the middle of the window, in the area of the image set. */
  async count() {
    if (!this.folds.count.open || this.folds.count.hidden) return;
    const { viewer, ctx, path } = this.at;
    const { center, frame } = viewer.view();
    await this.#into(this.counted, async () => {
      const answer = await ctx.api.get(`${path}/count`, { x: center.x, y: center.y, z: frame.z, t: frame.t });
      this.at.slide.showArea([answer.x0, answer.y0, answer.x1, answer.y1]);
      const types = Object.entries(answer.types);
      return [
        html`<p class="row row--between num"><span><strong data-testid="screening-count">${answer.total.toLocaleString('en')}</strong> here</span><span class="small muted">in ${formatSquareMicrometres(answer.area_mm2 * 1e6)}</span></p>`,
        types.length ? html`<ul class="screening-list small num">${types.map(([name, count]) => html`<li><span class="truncate">${name}</span><span>${String(count)}</span></li>`)}</ul>` : null,
        html`<button type="button" class="btn btn--small" @click=${() => this.#hotspot()}>${icon('crosshair')}Go to the hotspot</button>`,
      ];
    });
  }

  async #hotspot() {
    const { viewer, ctx, path } = this.at;
    const { z, t } = viewer.view().frame;
    try {
      const found = await ctx.api.get(`${path}/hotspot`, { z, t });
      if (!found) toast('Nothing has been marked yet that could be counted.', { kind: 'info' });
      else viewer.goTo({ bounds: [found.x0, found.y0, found.x1, found.y1], margin: 0.9, largest: 16 });
    } catch (error) {
      showError(error);
    }
  }

  async #coverage() {
    const { ctx, path } = this.at;
    await this.at.tellViews();
    await this.#into(this.covered, async () => {
      const { steps, seconds } = await ctx.api.get(`${path}/coverage`);
      if (!steps.length) return [html`<p class="small muted">Nothing yet: it is recorded while you screen.</p>`];
      return [
        html`<ul class="screening-list small num">${steps.map((/** @type {any} */ step) => html`<li><span>${step.magnification ? `${Number(step.magnification.toPrecision(2))}× or more` : `${Math.round(step.zoom * 100)} % or more`}</span>
          <span>${step.area_mm2 === null ? '' : `${formatSquareMicrometres(step.area_mm2 * 1e6)}, `}${percent(step.share)}</span></li>`)}</ul>`,
        html`<p class="small muted">From what your screen showed, ${duration(seconds)} in all. Versions keep it.</p>`,
      ];
    });
  }

  async #team() {
    const { ctx, path } = this.at;
    this.at.overview.showTeam(null);
    await this.#into(this.people, async () => {
      const team = await ctx.api.get(`${path}/team`);
      const { people } = team;
      if (!people.length) return [html`<p class="small muted">Nobody has begun to screen this image.</p>`];
      const finished = people.filter((/** @type {any} */ person) => person.finished_at);
      const compare = finished.length > 1 && ctx.rights.see_all !== false;
      return [
        html`<ul class="screening-people">${people.map(personRow)}</ul>`,
        team.seen_by === null ? null : this.#mapSwitch(team),
        compare ? html`<button type="button" class="btn btn--small" @click=${() => this.#compare(finished)}>${icon('git-merge')}Compare two people…</button>` : null,
      ];
    });
  }

  /** @param {any} team */
  #mapSwitch(team) {
    const box = html`<input type="checkbox" role="switch" @change=${() => {
      this.at.overview.showTeam(box.checked ? team : null);
      legend.hidden = !box.checked;
    }}>`;
    const words = ['one', 'two', 'three or more'];
    const legend = html`<span class="row small muted" hidden>Seen by${TEAM.map((color, index) => html`<span class="row row--nowrap screening-key"><span class="swatch" .style=${{ '--swatch': `rgb(${color.join(' ')})` }}></span>${words[index]}</span>`)}</span>`;
    return html`<div class="stack stack--tight"><label class="switch small">${box}Who saw what, in the overview</label>${legend}</div>`;
  }

  /** @param {any[]} people */
  async #compare(people) {
    const choose = (/** @type {string} */ name, /** @type {number} */ chosen) => html`<select class="select" name=${name}>${people.map((person, index) => html`<option value=${person.user_id} selected=${index === chosen}>${person.name}</option>`)}</select>`;
    await openDialog({
      title: 'Compare two people',
      body: html`<div class="stack"><label class="field"><span class="field__label">First</span>${choose('first', 0)}</label><label class="field"><span class="field__label">Second</span>${choose('second', 1)}</label></div>`,
      action: 'Compare',
      submit: async (form) => {
        const { ctx, path } = this.at;
        const found = await ctx.api.get(`${path}/disagreements`, { first: form.get('first'), second: form.get('second') });
        queueMicrotask(() => this.#disagreements(found));
      },
    });
  }

  /** @param {any} found */
  #disagreements(found) {
    this.at.overview.showTeam(null);
    const words = { only_first: `only ${found.first}`, only_second: `only ${found.second}`, type: 'other type' };
    const total = found.only_first + found.only_second + found.other_type;
    render(this.people, html`<div class="stack stack--tight">
      <p class="small"><strong>${found.first}</strong> and <strong>${found.second}</strong> agree on ${plural(found.agreed, 'object')} within ${String(found.farthest)} ${found.unit}.</p>
      ${total ? html`<ol class="screening-list screening-list--pick small" data-testid="screening-disagreements">${found.items.map((/** @type {any} */ item) => html`<li><button type="button" class="btn btn--ghost btn--small" @click=${() => this.at.viewer.goTo({ x: item.x, y: item.y, zoom: 1 })}>
        <span class="truncate">${[item.first_type, item.second_type].filter(Boolean).join(' / ')}</span><span class="muted">${words[/** @type {'type'} */ (item.kind)]}</span></button></li>`)}</ol>` : html`<p class="small muted">They disagree on nothing.</p>`}
      ${total > found.items.length ? html`<p class="small muted">The first ${String(found.items.length)} of ${total.toLocaleString('en')}.</p>` : null}
      <button type="button" class="btn btn--small" @click=${() => void this.#team()}>${icon('arrow-left')}Back to the team</button></div>`);
  }

  #locks() {
    const { state, ctx } = this.at;
    const locks = state?.locks ?? [];
    render(this.locked,
      locks.length
        ? html`<ul class="screening-people small">${locks.map((/** @type {any} */ lock) => html`<li class="row row--nowrap row--between"><span class="grow"><strong>${lock.reason}</strong><br><span class="muted">${lock.by}, ${ago(lock.created_at)}</span></span>
          ${lock.may_unlock ? html`<button type="button" class="icon-btn icon-btn--small" aria-label="Unlock" data-tip="Unlock" @click=${() => this.#unlock(lock)}>${icon('lock-open')}</button>` : null}</li>`)}</ul>`
        : html`<p class="small muted">Annotations in a locked region cannot be changed by anybody.</p>`,
      ctx.rights['screening.lock'] ? html`<button type="button" class="btn btn--small" data-testid="screening-lock" @click=${() => this.#lock()}>${icon('lock')}Lock a region…</button>` : null);
  }

  async #lock() {
    const close = toast('Draw the region to lock.', { kind: 'info', detail: 'Drag a rectangle, or click corners and press Enter. Esc gives up.', seconds: 0 });
    const region = await drawRegion(this.at.ctx);
    close();
    if (!region) return;
    await openDialog({
      title: 'Lock this region',
      size: 'small',
      body: html`<label class="field"><span class="field__label">Why</span><input class="input" name="reason" maxlength="500" required placeholder="Agreed on 30 November"></label>`,
      action: 'Lock',
      submit: async (form) => {
        const { ctx, path, state } = this.at;
        const lock = await ctx.api.post(`${path}/locks`, { points: region.points, reason: String(form.get('reason')) });
        state?.locks.push(lock);
        this.at.slide.showLocks(state?.locks ?? []);
        this.#locks();
      },
    });
  }

  /** @param {any} lock */
  async #unlock(lock) {
    const { ctx, path, state } = this.at;
    try {
      await ctx.api.delete(`${path}/locks/${lock.id}`);
    } catch (error) {
      showError(error);
      return;
    }
    if (state) state.locks = state.locks.filter((/** @type {any} */ other) => other.id !== lock.id);
    this.at.slide.showLocks(state?.locks ?? []);
    this.show();
    if (!this.folds.locks.hidden) this.#locks();
  }

  /** @param {HTMLElement} body @param {() => Promise<any[]>} ask */
  async #into(body, ask) {
    if (!body.hasChildNodes()) render(body, html`<p class="small muted row">${icon('loader-circle', 'icon--spin')}Looking…</p>`);
    try {
      render(body, ...(await ask()));
    } catch (error) {
      if (!this.at.ctx.signal.aborted) render(body, html`<p class="small screening-warning">${error instanceof Error ? error.message : String(error)}</p>`);
    }
  }
}

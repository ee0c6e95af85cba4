// @ts-check
/** How far the image is: its state, what of it is given to oneself, verifying it, and the way to the next one. */

import { api } from '../../shell/api.js';
import { openDialog } from '../../shell/dialog.js';
import { areaField } from '../../shell/fields.js';
import { $, html, icon, render } from '../../shell/html.js';
import { attachMenu } from '../../shell/menu.js';
import { IMAGE_STATES } from '../../shell/review.js';
import { showError, toast } from '../../shell/toast.js';

/** @typedef {import('../workplace.js').Workplace} Workplace */

/** Draws into `#review` of the bar. */
export class StateBar {
  /** @param {Workplace} workplace @param {{walk: () => void, marks: import('./marks.js').Marks}} verbs */
  constructor(workplace, verbs) {
    this.at = workplace;
    this.verbs = verbs;
    this.host = $('#review');
    this.path = `/images/${workplace.image.id}`;
    this.mayVerify = Boolean(workplace.data.rights.verify);
  }

  /** @type {any} */
  review = null;
  #isBusy = false;

  async load() {
    this.review = await api.get(`${this.path}/review`, this.at.asOf).catch(() => null);
    this.draw();
  }

  /** The state that counts for the person: in blind sets it is their own. */
  get state() {
    return this.review?.state ?? 'to_do';
  }

  draw() {
    if (!this.review?.state) return; // an old version did not keep it
    const known = IMAGE_STATES[this.state];
    const open = this.review.items.filter((/** @type {any} */ item) => item.state !== 'done');
    const isDone = this.review.own_state === 'done' || (this.state !== 'to_do' && this.state !== 'in_work' && open.length === 0);
    const isDeciding = Boolean(this.at.review?.adjudication.item);
    const title = this.at.data.version ? 'State of the image in this version' : 'State of the image';
    const chip = html`
      <button type="button" class="state-chip" id="review-state" data-state=${this.state} aria-label="${title}: ${known.label}"
        data-tip=${this.review.is_changed_since ? `${known.label}; changed since` : title}>${icon(known.symbol)}<span class="state-chip__text">${known.label}</span></button>`;
    render(this.host, chip,
      this.mayVerify && !isDone && !isDeciding ? html`<button type="button" class="btn btn--small btn--primary" id="verify-image" data-tip="Verify the image: everything on it is right" data-keys="Ctrl+Enter" @click=${() => void this.verify()}>${icon('badge-check')}<span class="state-chip__text">Verify image</span></button>` : null,
      this.mayVerify && isDone && !isDeciding ? html`<button type="button" class="btn btn--small" id="next-item" data-tip="Next image of your queue" data-keys="N" @click=${() => void this.next()}>${icon('arrow-right')}<span class="state-chip__text">Next</span></button>` : null);
    attachMenu(chip, () => this.#menu());
  }

  #menu() {
    const regions = this.review.items.filter((/** @type {any} */ item) => item.kind === 'region');
    const mayReview = Boolean(this.at.data.rights.edit_any);
    return [
      this.mayVerify && { label: 'Verify one by one', icon: 'list-checks', run: () => this.verbs.walk() },
      this.mayVerify && { label: 'Next image of your queue', icon: 'arrow-right', run: () => void this.next() },
      ...regions.flatMap((/** @type {any} */ item, /** @type {number} */ index) => [
        { label: `Region ${index + 1}: go there`, icon: 'scan', run: () => this.#goTo(item.region) },
        item.state !== 'done' && { label: `Region ${index + 1}: finish`, icon: 'check', run: () => void this.#finish(item) },
      ]),
      { label: 'Show verdicts on the slide', icon: 'eye', checked: this.verbs.marks.isOn, run: () => this.verbs.marks.show(!this.verbs.marks.isOn) },
      this.mayVerify && { separator: true },
      ...(this.mayVerify ? Object.entries(IMAGE_STATES).filter(([state]) => state !== 'reviewed' || mayReview).map(([state, { label, symbol }]) => ({
        label, icon: symbol, checked: state === this.review.own_state, run: () => void this.set(state),
      })) : []),
    ];
  }

  /** @param {{x0: number, y0: number, x1: number, y1: number}} region */
  #goTo({ x0, y0, x1, y1 }) {
    this.at.stage.fitBounds([x0, y0, x1, y1], { margin: 0.92 });
  }

  /** Everything on the image is right, also when there is nothing on it. */
  async verify() {
    await this.#do(async () => {
      const answer = await api.post(`${this.path}/verify`, { accept: true });
      const shapes = answer.accepted > 0 ? `${answer.accepted.toLocaleString('en')} ${answer.accepted === 1 ? 'shape' : 'shapes'} accepted with it.` : '';
      toast('The image is verified.', { kind: 'success', detail: shapes, action: { label: 'Next image', run: () => void this.next() }, seconds: 6 });
    });
  }

  /** @param {string} state */
  async set(state) {
    if (state === 'done') return this.verify();
    if (state !== 'dubious') return this.#do(() => api.put(`${this.path}/review-state`, { state }));
    await openDialog({
      title: 'What is dubious?', action: 'Mark as dubious', size: 'small', body: areaField('reason', 'Why', '', { maxlength: 500, hint: 'Others see this when they look at the image.' }),
      submit: (data) => api.put(`${this.path}/review-state`, { state, reason: data.get('reason') ?? '' }),
    });
    return this.load();
  }

  /** @param {any} item */
  async #finish(item) {
    await this.#do(() => api.post(`${this.path}/items/${item.item_id}/finish`, {}));
  }

  /** @param {() => Promise<unknown>} act */
  async #do(act) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      if (await this.at.journal.drained() === false) {
        this.at.flash('Your changes are not with the server yet; try again in a moment.');
        return;
      }
      await act();
    } catch (error) {
      showError(error);
    } finally {
      this.#isBusy = false;
    }
    await this.load();
    this.at.layer.refresh();
    this.at.review.judged();
  }

  /** To the next image of one's queue. */
  async next() {
    try {
      await this.at.journal.drained();
      const { id } = this.at.data.imageSet;
      const next = await api.get(`/image-sets/${id}/queue/next`, { after: this.at.image.id });
      if (next.image_id === null) {
        toast('Your queue is empty: nothing is left to do.', { kind: 'success', action: { label: 'To the image set', run: () => location.assign(`/image-sets/${id}`) } });
      } else if (next.image_id === this.at.image.id) {
        this.at.flash('This is the last image of your queue.');
      } else {
        location.assign(`/image-sets/${id}/images/${next.image_id}`);
      }
    } catch (error) {
      showError(error);
    }
  }
}

// @ts-check
/** The image as a task of a study: begun before anything is shown, measured while it is read, and finished by hand. */

import { api, apiUrl, csrfToken } from '../shell/api.js';
import { html, icon, render } from '../shell/html.js';
import { showError } from '../shell/toast.js';
import { measureActivity } from './activity.js';

/**
 * @typedef {object} StudyPlace
 * @property {number} id
 * @property {string} title
 * @property {number} position from 1
 * @property {number} total
 * @property {boolean} is_open
 * @property {boolean} is_finished
 * @property {boolean} is_next
 */

export class StudyTask {
  /**
   * @param {StudyPlace} place
   * @param {number} imageSetId
   * @param {number} imageId
   */
  constructor(place, imageSetId, imageId) {
    this.place = place;
    this.back = `/image-sets/${imageSetId}/studies`;
    this.path = `/image-sets/${imageSetId}/studies/${place.id}`;
    this.setAddress = `/image-sets/${imageSetId}/images`;
    this.imageId = imageId;
    this.bar = html`<div class="study-bar" role="region" aria-label="Study"></div>`;
  }

  /** Whether this image is read now: not one that comes later, nor one that is done. */
  get isRead() {
    return this.place.is_next && !this.place.is_finished;
  }

  /** Begin, so that what is prepared lies on the image before its shapes are asked for. */
  async open() {
    if (this.isRead) await api.post(`${this.path}/images/${this.imageId}/open`);
  }

  /**
   * Show the bar, and measure.
   * @param {HTMLElement} workplace the bar comes above it
   * @param {() => number} waiting changes that the server does not have yet
   */
  start(workplace, waiting) {
    this.waiting = waiting;
    workplace.before(this.bar);
    this.#draw();
    if (this.isRead) this.stop = measureActivity((seconds, isLast) => this.#send(seconds, isLast));
  }

  /** @type {() => void} */
  stop = () => undefined;

  /** @type {() => number} */
  waiting = () => 0;

  /** @param {number} seconds @param {boolean} isLast the page may be gone before an answer comes */
  #send(seconds, isLast) {
    // Lost reports only make the measured time shorter; nobody is disturbed by them.
    return fetch(apiUrl(`/images/${this.imageId}/activity`), {
      method: 'POST', credentials: 'same-origin', keepalive: isLast,
      headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrfToken() }, body: JSON.stringify({ seconds }),
    }).catch(() => undefined);
  }

  #draw() {
    const { place } = this;
    const what = place.is_finished ? 'You are done with this image; its time is not measured any more.'
      : place.is_next ? null : 'This image comes later in your study.';
    render(this.bar, html`<span class="study-bar__title truncate"><strong>${place.title}</strong> <span class="num">image ${place.position} of ${place.total}</span></span>
      ${what ? html`<span class="small">${what}</span>` : null}
      ${this.isRead ? html`<button type="button" class="btn btn--small btn--primary" id="study-done" @click=${() => this.finish().catch(showError)}>${icon('check')}Done</button>`
        : html`<a class="btn btn--small" href=${this.back}>${icon('arrow-right')}To your next image</a>`}`);
  }

  async finish() {
    if (this.waiting() > 0) throw new Error('Your last changes are not saved yet. Wait a moment, then say “Done” again.');
    this.stop();
    this.stop = () => undefined;
    const own = await api.post(`${this.path}/images/${this.imageId}/finish`);
    location.assign(own.next_image ? `${this.setAddress}/${own.next_image.id}` : this.back);
  }
}

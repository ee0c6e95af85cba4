// @ts-check
/** The player: one per page, shown below the file that it plays. Space, arrows and clicks; errors in its own place. */

import { html, icon, render } from 'exact/sdk';

import { clock, facts, isDecodedHere, like } from './media.js';

/** @typedef {import('./media.js').Item} Item */

const STEP_SECONDS = 5;

export class Player {
  /** @param {import('./media.js').MediaApi} api @param {import('exact/sdk').PluginContext} ctx @param {{volume: number}} likings @param {() => boolean} canConvert */
  constructor(api, ctx, likings, canConvert) {
    this.api = api;
    this.ctx = ctx;
    this.likings = likings;
    this.canConvert = canConvert;
    this.toggleButton = html`<button type="button" class="icon-btn icon-btn--small" aria-label="Play" @click=${() => this.toggle()}>${icon('play')}</button>`;
    this.time = html`<span class="media-player__time small"></span>`;
    this.volume = html`<input type="range" min="0" max="1" step="0.05" aria-label="Volume">`;
    this.volume.value = String(likings.volume);
    this.volume.addEventListener('input', () => this.#setVolume(Number(this.volume.value)));
    this.stage = html`<div class="media-player__stage"></div>`;
    this.bar = html`<div class="media-player__bar">${this.toggleButton}${this.time}<label class="media-player__volume small muted">Volume${this.volume}</label></div>`;
    this.message = html`<div class="media-player__message small" role="alert" hidden></div>`;
    this.element = html`<div class="media-player" role="group" tabindex="0" aria-label="Player" @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event)}>${this.stage}${this.bar}${this.message}</div>`;
    ctx.signal.addEventListener('abort', () => this.stop());
  }

  /** @type {Item | null} */
  item = null;
  /** @type {HTMLMediaElement | null} */
  media = null;
  /** Called when something was played to its end. @type {(item: Item) => void} */
  onEnded = () => undefined;
  /** Called with each sound that is opened, and what ends it. @type {(item: Item, media: HTMLMediaElement, signal: AbortSignal) => void} */
  onSound = () => undefined;
  #end = new AbortController();

  /** Show something, below what it is listed as. @param {Item} item @param {HTMLElement} host @param {{play?: boolean}} how */
  open(item, host, { play = true } = {}) {
    this.stop();
    this.item = item;
    this.#end = new AbortController();
    this.element.setAttribute('aria-label', `Player of ${item.name}`);
    host.append(this.element);
    this.bar.hidden = item.kind !== 'sound' || item.conversion === 'needed';
    if (item.conversion === 'needed') this.#offerConversion(item);
    else if (item.kind === 'picture') this.#showPicture(item);
    else this.#showMedia(item, play);
    // The list may lie below the fold of its column; the rest of that stays where it is when the player is in view.
    this.element.scrollIntoView({ block: 'nearest' });
  }

  /** Whether this is shown now. @param {Item} item */
  shows(item) {
    return this.item?.id === item.id && this.element.isConnected;
  }

  stop() {
    this.#end.abort();
    if (this.media) {
      this.media.pause();
      this.media.removeAttribute('src');
      this.media.load(); // ends the transfer
    }
    this.media = null;
    this.item = null;
    render(this.stage);
    this.#say();
    this.element.remove();
  }

  toggle() {
    if (!this.media) return;
    if (this.media.paused) void this.#play(this.media);
    else this.media.pause();
  }

  /** @param {Item} item */
  #showPicture(item) {
    const picture = html`<img class="media-player__picture" src=${this.api.url(item)} alt=${item.name}>`;
    picture.addEventListener('error', () => void this.#failed(item));
    render(this.stage, picture);
  }

  /** @param {Item} item @param {boolean} play */
  #showMedia(item, play) {
    const { signal } = this.#end;
    const media = /** @type {HTMLMediaElement} */ (document.createElement(item.kind === 'film' ? 'video' : 'audio'));
    this.media = media;
    media.preload = 'metadata';
    media.volume = this.likings.volume;
    const listen = (/** @type {string} */ name, /** @type {() => void} */ run) => media.addEventListener(name, run, { signal });
    listen('play', () => this.#showState());
    listen('pause', () => this.#showState());
    listen('timeupdate', () => this.#showState());
    listen('durationchange', () => this.#showState());
    listen('volumechange', () => this.#setVolume(media.volume));
    listen('error', () => void this.#failed(item));
    listen('ended', () => this.onEnded(item));
    media.src = this.api.url(item);
    if (media instanceof HTMLVideoElement) {
      media.controls = true;
      media.playsInline = true;
      media.className = 'media-player__film';
      render(this.stage, media);
    } else {
      const drawing = html`<div class="media-player__drawing"><p class="small muted row">${icon('loader-circle', 'icon--spin')}Drawing the sound…</p></div>`;
      drawing.classList.toggle('is-whole', isDecodedHere(item));
      render(this.stage, media, drawing);
      void this.#draw(media, drawing, item, signal);
      this.onSound(item, media, signal);
    }
    this.#showState();
    if (play) void this.#play(media);
  }

  /** @param {HTMLMediaElement} audio @param {HTMLElement} drawing @param {Item} item @param {AbortSignal} signal */
  async #draw(audio, drawing, item, signal) {
    const place = html`<div class="media-player__wave"></div>`;
    try {
      const { drawSound } = await import('./sound_view.js');
      if (signal.aborted) return;
      drawing.append(place);
      await drawSound(place, /** @type {HTMLAudioElement} */ (audio), item, this.api.url(item), (one, until) => this.api.outline(one, until), signal);
      if (!signal.aborted) drawing.firstElementChild?.remove();
    } catch (error) {
      if (signal.aborted) return;
      this.ctx.log.info('no drawing', error);
      render(drawing, html`<p class="small muted">It cannot be drawn in this browser; it may play all the same.</p>`);
    }
  }

  /** @param {HTMLMediaElement} media */
  async #play(media) {
    try {
      await media.play();
    } catch (error) {
      // Before the first click on a page browsers start nothing; what cannot be played at all comes as an error event.
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#say(html`<span>Press play: the browser waits for that.</span>`);
    }
  }

  /** Why something does not play, or does not go on. @param {Item} item */
  async #failed(item) {
    if (this.item?.id !== item.id || this.#end.signal.aborted) return;
    let reason = `This browser cannot play this ${item.title}, or the file is damaged.`;
    let mayHelp = item.kind !== 'picture' && item.conversion === 'none' && this.canConvert();
    try {
      await this.api.one(item.id);
    } catch (error) {
      reason = error instanceof Error ? error.message : reason;
      mayHelp = false;
    }
    if (this.item?.id !== item.id) return;
    this.media?.pause();
    this.#say(icon('circle-alert'), html`<span>${reason}</span>`, mayHelp && this.#convertButton(item));
    this.message.classList.add('is-error');
  }

  /** @param {Item} item */
  #offerConversion(item) {
    const why = html`<span>Browsers do not play ${item.title}s.</span>`;
    if (!this.canConvert()) {
      this.#say(icon('info'), html`<span>Browsers do not play ${item.title}s, and the server has no ffmpeg to convert it. It can be downloaded.</span>`);
      return;
    }
    this.#say(why, this.#convertButton(item));
  }

  /** @param {Item} item */
  #convertButton(item) {
    const button = html`<button type="button" class="btn btn--small">${icon('refresh-cw')}Convert</button>`;
    button.addEventListener('click', async () => {
      button.setAttribute('aria-busy', 'true');
      try {
        const { job_id: job } = await this.api.convert(item);
        this.ctx.jobs.watch(job, (state) => void this.#converted(item, state, button));
      } catch (error) {
        button.removeAttribute('aria-busy');
        this.#say(icon('circle-alert'), html`<span>${error instanceof Error ? error.message : String(error)}</span>`);
      }
    });
    return button;
  }

  /** @param {Item} item @param {any} job @param {HTMLElement} button */
  async #converted(item, job, button) {
    if (this.item?.id !== item.id) return;
    if (job.state === 'done') {
      const host = this.element.parentElement;
      const fresh = await this.api.one(item.id);
      if (host && this.item?.id === item.id) this.open(fresh, host);
    } else if (job.state === 'failed' || job.state === 'cancelled') {
      button.removeAttribute('aria-busy');
      this.#say(icon('circle-alert'), html`<span>${job.message || 'It could not be converted.'}</span>`, button);
    }
  }

  #showState() {
    const { media, item } = this;
    if (!media || !item) return;
    const paused = media.paused;
    render(this.toggleButton, icon(paused ? 'play' : 'pause'));
    this.toggleButton.setAttribute('aria-label', paused ? 'Play' : 'Pause');
    const length = Number.isFinite(media.duration) ? media.duration : (item.duration ?? Number.NaN);
    render(this.time, `${clock(media.currentTime)} / ${clock(length)}`);
    this.time.title = facts(item);
    if (!paused) this.#say();
  }

  /** @param {number} volume */
  #setVolume(volume) {
    this.likings.volume = volume;
    this.volume.value = String(volume);
    if (this.media && this.media.volume !== volume) this.media.volume = volume;
    like({ volume });
  }

  /** @param {...any} content nothing takes the message away */
  #say(...content) {
    this.message.hidden = content.length === 0;
    this.message.classList.remove('is-error');
    render(this.message, ...content);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { media } = this;
    if (!media || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
    const step = Math.min(STEP_SECONDS, (media.duration || 0) / 10);
    const go = { ArrowLeft: -step, ArrowRight: step }[event.key];
    if (event.key === ' ' && event.target === this.element) this.toggle();
    else if (go !== undefined) media.currentTime = Math.min(Math.max(media.currentTime + go, 0), media.duration || 0);
    else if (event.key === 'Home') media.currentTime = 0;
    else return;
    event.preventDefault();
    event.stopPropagation(); // the slide has its own meaning for these keys
  }
}

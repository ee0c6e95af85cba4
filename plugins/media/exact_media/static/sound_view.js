// @ts-check
/** Waveform and spectrogram of a sound: both follow the play position, and a click in either goes there. */

import { html } from 'exact/sdk';

import { isDecodedHere } from './media.js';
import { ACCENT, colorOf, onTheme } from './theme.js';

const WAVE_HEIGHT = 56;
const SPECTROGRAM_HEIGHT = 128;

/** @typedef {import('./media.js').Item} Item */

/**
 * Points of the transform: a few milliseconds, whatever the rate, so that calls of whales and bats both show.
 * @param {number} rate in Hz
 */
export function windowOf(rate) {
  return Math.min(2048, Math.max(256, 2 ** Math.round(Math.log2(rate * 0.0116))));
}

/**
 * Draw a sound that plays in an audio element.
 *
 * @param {HTMLElement} container
 * @param {HTMLAudioElement} audio
 * @param {Item} item
 * @param {string} url of the bytes
 * @param {(item: Item, signal: AbortSignal) => Promise<number[]>} outline asked for long sounds
 * @param {AbortSignal} signal ends everything
 */
export async function drawSound(container, audio, item, url, outline, signal) {
  const isDecoded = isDecodedHere(item);
  const sound = isDecoded ? await decoded(url, item, signal) : { peaks: [await outline(item, signal)], duration: item.duration ?? 0, rate: 0 };
  const [WaveSurfer, Spectrogram] = await Promise.all([vendored('wavesurfer.esm.js'), vendored('spectrogram.esm.js')]);
  if (signal.aborted) return;
  const plugins = isDecoded ? [Spectrogram.create(spectrogram(sound.rate))] : [];
  const wave = WaveSurfer.create({
    container,
    media: audio,
    peaks: sound.peaks,
    duration: sound.duration,
    height: WAVE_HEIGHT,
    normalize: true,
    dragToSeek: true,
    hideScrollbar: true,
    cursorWidth: 2,
    cspNonce: nonce(),
    plugins,
    ...colors(container),
  });
  if (isDecoded) container.append(html`<span class="media-player__hertz" title="The highest frequency shown">${Math.round(sound.rate / 200) / 10} kHz</span>`);
  const stop = onTheme(() => wave.setOptions(colors(container)));
  signal.addEventListener('abort', () => {
    stop();
    wave.destroy();
  });
}

/** How a spectrogram is drawn. @param {number} rate in Hz */
function spectrogram(rate) {
  return {
    height: SPECTROGRAM_HEIGHT,
    fftSamples: windowOf(rate),
    scale: 'linear',
    frequencyMax: rate / 2,
    autoGain: true,
    rangeDB: 70,
    colorMap: 'roseus',
  };
}

/** A module of the library, which has no types of its own here. @param {string} name @returns {Promise<any>} */
async function vendored(name) {
  return (await import(new URL(`./vendor/wavesurfer/${name}`, import.meta.url).href)).default;
}

/** @param {HTMLElement} near */
function colors(near) {
  return {
    waveColor: colorOf(near, '--text-3', '#8a8a90'),
    progressColor: colorOf(near, '--accent', ACCENT),
    cursorColor: colorOf(near, '--accent-text', ACCENT),
  };
}

/**
 * All samples of a sound, at its own rate: high frequencies are what a spectrogram is looked at for.
 * @param {string} url @param {Item} item @param {AbortSignal} signal
 */
async function decoded(url, item, signal) {
  const response = await fetch(url, { signal, credentials: 'same-origin' });
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  const bytes = await response.arrayBuffer();
  const rate = Math.min(Math.max(item.sample_rate ?? 44_100, 8_000), 384_000);
  const buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
  const peaks = Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel));
  return { peaks, duration: buffer.duration, rate };
}

/** Of this page, without which its content security policy refuses the style of the drawing. */
function nonce() {
  const script = document.querySelector('script[nonce]');
  return script instanceof HTMLElement ? script.nonce : undefined;
}

// @ts-check
/** What the server knows of attached files, and how a person likes them played. */

/**
 * @typedef {object} Item  Something attached.
 * @property {number} id
 * @property {number} image_id
 * @property {number | null} annotation_id
 * @property {'sound' | 'film' | 'picture'} kind
 * @property {string} title
 * @property {string} media_type
 * @property {string} name
 * @property {number} size_bytes
 * @property {number | null} duration seconds
 * @property {number | null} sample_rate Hz
 * @property {number | null} channels
 * @property {number | null} width pixels
 * @property {number | null} height pixels
 * @property {string} created_at
 * @property {boolean} is_own
 * @property {boolean} can_remove
 * @property {'none' | 'needed' | 'ready'} conversion
 * @property {string} remark
 *
 * @typedef {object} Listing  What the viewer needs to know of an image.
 * @property {Item[]} items
 * @property {number[]} annotations
 * @property {boolean} can_attach
 * @property {boolean} can_attach_to_annotations
 * @property {boolean} can_convert
 * @property {number} max_bytes
 *
 * @typedef {{playOnClick: boolean, autoplayNext: boolean, volume: number}} Likings
 */

const KEY = 'exact.media';

/** Sounds of more samples than this are not decoded in the browser: the server sends an outline of them. */
export const MOST_SAMPLES = 30_000_000;
const MOST_BYTES = 48_000_000;

/** Requests about media of one image. */
export class MediaApi {
  /** @param {import('exact/sdk').PluginContext} ctx @param {number} imageId */
  constructor(ctx, imageId) {
    this.ctx = ctx;
    this.imageId = imageId;
  }

  /** @returns {Promise<Listing>} */
  listing() {
    return this.ctx.api.get(`images/${this.imageId}/media`);
  }

  /** @param {number} annotation @returns {Promise<Item[]>} */
  ofAnnotation(annotation) {
    return this.ctx.api.get(`images/${this.imageId}/annotations/${annotation}/media`);
  }

  /** @param {number} id @returns {Promise<Item>} */
  one(id) {
    return this.ctx.api.get(`media/${id}`);
  }

  /** @param {Item} item @param {AbortSignal} signal @returns {Promise<number[]>} */
  async outline(item, signal) {
    return (await this.ctx.api.get(`media/${item.id}/outline`, {}, { signal })).peaks;
  }

  /** @param {Item} item */
  remove(item) {
    return this.ctx.api.delete(`media/${item.id}`);
  }

  /** @param {Item} item @returns {Promise<{job_id: number}>} */
  convert(item) {
    return this.ctx.api.post(`media/${item.id}/conversion`);
  }

  /** The address of the bytes that are played. @param {Item} item */
  url(item) {
    const path = this.ctx.api.url(`media/${item.id}/content${item.conversion === 'ready' ? '?playable=true' : ''}`);
    return new URL(path, location.href).href;
  }

  /** Where a new file goes. @param {string} name @param {number | null} annotation */
  target(name, annotation) {
    const query = new URLSearchParams({ name });
    if (annotation !== null) query.set('annotation_id', String(annotation));
    return this.ctx.api.url(`images/${this.imageId}/media?${query}`);
  }
}

/**
 * "1:04.2", "12:05"; tenths while they matter.
 * @param {number} seconds
 */
export function clock(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  const tenths = Math.max(0, Math.round(seconds * 10));
  const [minutes, rest] = [Math.floor(tenths / 600), tenths % 600];
  const whole = String(Math.floor(rest / 10)).padStart(2, '0');
  if (minutes >= 10) return minutes >= 60 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${whole}` : `${minutes}:${whole}`;
  return `${minutes}:${whole}.${rest % 10}`;
}

/**
 * What is said of a file in its row: "0:02.1 · 44.1 kHz · stereo", without the size where there is enough to say.
 * @param {Item} item
 */
export function brief(item) {
  return facts(item).split(' · ').slice(0, 3).join(' · ');
}

/**
 * "0:02.1 · 44.1 kHz · stereo · 380 kB"
 * @param {Item} item
 */
export function facts(item) {
  const told = [];
  if (item.duration !== null) told.push(clock(item.duration));
  if (item.sample_rate) told.push(`${Number((item.sample_rate / 1000).toFixed(2))} kHz`);
  if (item.channels) told.push(item.channels === 1 ? 'mono' : item.channels === 2 ? 'stereo' : `${item.channels} channels`);
  if (item.width && item.height) told.push(`${item.width} × ${item.height}`);
  told.push(bytes(item.size_bytes));
  return told.join(' · ');
}

/** @param {number} count */
export function bytes(count) {
  const names = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(names.length - 1, count >= 1 ? Math.floor(Math.log10(count) / 3) : 0);
  const value = count / 1000 ** step;
  return `${step && value < 10 ? value.toFixed(1) : Math.round(value)} ${names[step]}`;
}

/**
 * What comes after an annotation in the order of drawing.
 * @param {readonly number[]} ids in rising order @param {number} current
 */
export function nextOf(ids, current) {
  return ids.find((id) => id > current) ?? null;
}

/**
 * How this person likes it, on this computer; what the image set says where they never chose.
 * @param {Readonly<Record<string, any>>} settings @returns {Likings}
 */
export function likings(settings) {
  const usual = { playOnClick: settings.play_on_click !== false, autoplayNext: settings.autoplay_next === true, volume: 1 };
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    const volume = Number(kept.volume ?? 1);
    return { ...usual, ...kept, volume: volume >= 0 && volume <= 1 ? volume : 1 };
  } catch {
    return usual; // storage is off, or holds something else
  }
}

/** @param {Partial<Likings>} change */
export function like(change) {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    localStorage.setItem(KEY, JSON.stringify({ ...kept, ...change }));
  } catch {
    // Storage is off: it holds until the page is left.
  }
}

/**
 * Whether the browser itself looks into the whole of a sound.
 * @param {Pick<Item, 'size_bytes' | 'duration' | 'sample_rate' | 'channels'>} item
 */
export function isDecodedHere(item) {
  const samples = (item.duration ?? 0) * (item.sample_rate ?? 48_000) * (item.channels ?? 2);
  return item.size_bytes <= MOST_BYTES && samples <= MOST_SAMPLES;
}

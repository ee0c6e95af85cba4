// @ts-check
/** The viewer page: reads the start data and puts the parts together, or says why there is no picture. */

import { api, bootstrap } from '../shell/api.js';
import { $, html, icon, render } from '../shell/html.js';
import { showError } from '../shell/toast.js';
import { loadPlugins } from '../shell/plugins.js';
import { ImageStrip } from './image_strip.js';
import { rememberLayout } from './layout.js';
import { StudyTask } from './study.js';
import { Workplace } from './workplace.js';

/** @typedef {import('./types.js').Bootstrap} Bootstrap */

const ASK_AGAIN_MS = 2500;

const data = /** @type {Bootstrap} */ (bootstrap());

void start();

async function start() {
  rememberLayout();
  addStrip();
  if (data.image.status !== 'ready') {
    showState();
    return;
  }
  try {
    const study = data.study ? new StudyTask(data.study, data.imageSet.id, data.image.id) : null;
    await study?.open();
    const facts = await api.get(`/images/${data.image.id}/slide-information`);
    const image = { ...data.image, ...facts };
    const workplace = await Workplace.open({ ...data, image });
    $('#stage-state').hidden = true;
    study?.start($('.viewer__body'), () => workplace.journal.waiting);
    void loadPlugins(data.plugins, workplace.pluginPage());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    showNotice('image-off', 'The image cannot be shown', message, true);
    if (!(error instanceof Error) || error.name !== 'ApiError') console.error(error);
  }
}

function addStrip() {
  const { imageSet, image, version } = data;
  const strip = new ImageStrip($('#strip'), (id) => `/image-sets/${imageSet.id}/images/${id}${version ? `?version=${version.id}` : ''}`, image.id, (anchor, side) =>
    api.get(`/image-sets/${imageSet.id}/images/${anchor}/strip`.replace(/^/, '/api/v2'), { side, version: version?.id }));
  const load = () => {
    if (!$('#strip').hidden) void strip.load();
  };
  addEventListener('exact:strip-shown', load);
  load();
  return strip;
}

/** Say what is being waited for, and go on by itself when it is done. */
function showState() {
  const { image } = data;
  if (image.status === 'unreadable') {
    showNotice('image-off', 'This image cannot be read', image.status_reason || 'Its file is damaged or of an unknown kind.', false);
    return;
  }
  const isConverting = image.status === 'converting';
  const title = isConverting ? 'This image is being prepared' : 'This image is being examined';
  const why = isConverting ? 'Big pictures are converted once, so that they can be shown at every magnification.' : 'The file is checked before anything is shown of it.';
  showNotice('loader-circle', title, why, false);
  const place = $('#stage-state');
  const bar = html`<progress class="progress state__progress" aria-label="Progress"></progress>`;
  $('.state', place).append(bar);
  const look = async () => {
    try {
      const now = await api.get(`/images/${image.id}`);
      const { progress } = now;
      const part = typeof progress === 'number' ? progress : progress?.fraction;
      if (typeof part === 'number') bar.value = part > 1 ? part / 100 : part;
      if (now.status !== image.status) location.reload();
    } catch (error) {
      if (error instanceof Error && /** @type {any} */ (error).status === 404) {
        showError(error);
        return;
      }
    }
    setTimeout(look, ASK_AGAIN_MS);
  };
  setTimeout(look, ASK_AGAIN_MS);
}

/** @param {string} symbol @param {string} title @param {string} text @param {boolean} again */
function showNotice(symbol, title, text, again) {
  const place = $('#stage-state');
  place.hidden = false;
  place.removeAttribute('aria-busy');
  render(place, html`
    <div class="state empty" role="status">
      ${icon(symbol, `icon--xl ${symbol === 'loader-circle' ? 'icon--spin' : ''}`)}
      <h2>${title}</h2><p>${text}</p>
      <div class="row">
        ${again ? html`<button type="button" class="btn" @click=${() => location.reload()}>${icon('refresh-cw')}Try again</button>` : null}
        <a class="btn" href=${data.imageSet.url}>Back to ${data.imageSet.name}</a>
      </div>
    </div>`);
}

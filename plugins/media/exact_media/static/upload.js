// @ts-check
/** Attaching files: by a button, or by dropping them; each with its progress, and its error in place. */

import { html, icon, render, toast } from 'exact/sdk';

import { bytes } from './media.js';

/**
 * @typedef {object} UploadPlace
 * @property {(name: string) => string} target the address for a file
 * @property {() => number} most bytes of one file
 * @property {(item: import('./media.js').Item) => void} done
 * @property {string} words what the button says
 */

/**
 * A button and a place to drop files; the area that takes the drop is given, so that it can be the whole panel.
 * What is on its way goes on when the panel is drawn anew; it ends with the plugin.
 * @param {HTMLElement} area @param {UploadPlace} place @param {AbortSignal} drawn @param {AbortSignal} signal of the plugin
 */
export function createUpload(area, place, drawn, signal) {
  const rows = html`<ul class="media-uploads" aria-live="polite"></ul>`;
  const input = html`<input type="file" multiple hidden accept="audio/*,video/*,image/png,image/jpeg,image/gif,image/webp" aria-label=${place.words}>`;
  const button = html`<button type="button" class="btn btn--small" @click=${() => input.click()}>${icon('upload')}${place.words}</button>`;
  const element = html`<div class="media-upload">${rows}<div class="row">${button}<span class="media-upload__hint small muted">or drop files</span></div>${input}</div>`;

  let last = Promise.resolve();
  /** @param {Iterable<File>} files */
  const take = (files) => {
    for (const file of files) {
      const row = createRow(file.name, () => row.element.remove());
      rows.append(row.element);
      // One after the other: each is whole before the next begins, and their order is kept.
      last = last.then(() => send(file, place, row, signal));
    }
  };
  input.addEventListener('change', () => {
    take([...(input.files ?? [])]);
    input.value = '';
  });
  takeDrops(area, take, drawn);
  return element;
}

/** @param {HTMLElement} area @param {(files: File[]) => void} take @param {AbortSignal} signal */
function takeDrops(area, take, signal) {
  let depth = 0;
  const hasFiles = (/** @type {DragEvent} */ event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  const mark = (/** @type {number} */ change) => {
    depth = Math.max(0, change === 0 ? 0 : depth + change);
    area.classList.toggle('is-over', depth > 0);
  };
  area.addEventListener('dragenter', (event) => hasFiles(event) && mark(1), { signal });
  area.addEventListener('dragleave', (event) => hasFiles(event) && mark(-1), { signal });
  area.addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault(), { signal });
  area.addEventListener(
    'drop',
    (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      event.stopPropagation();
      mark(0);
      take([...(event.dataTransfer?.files ?? [])]);
    },
    { signal },
  );
}

/** @param {string} name @param {() => void} dismiss */
function createRow(name, dismiss) {
  const bar = html`<progress class="progress" max="1" value="0" aria-label=${`Uploading ${name}`}></progress>`;
  const words = html`<div class="media-uploads__words small"></div>`;
  const stop = html`<button type="button" class="icon-btn icon-btn--small" aria-label=${`Cancel ${name}`}>${icon('x')}</button>`;
  const element = html`<li class="media-uploads__row"><div class="media-uploads__text"><span class="media-uploads__name small">${name}</span>${words}${bar}</div>${stop}</li>`;
  const state = { isCancelled: false };
  stop.onclick = () => {
    state.isCancelled = true; // before its turn
    dismiss();
  };
  return {
    element,
    stop,
    state,
    /** @param {number} part */
    progress(part) {
      if (part >= 1) bar.removeAttribute('value'); // the server looks into the file now
      else bar.value = part;
    },
    /** @param {string} reason */
    fail(reason) {
      if (!element.isConnected) toast(`${name} was not attached.`, { kind: 'warning', detail: reason });
      bar.remove();
      element.classList.add('is-failed');
      render(words, icon('circle-alert'), html`<span>${reason}</span>`);
      stop.setAttribute('aria-label', `Dismiss the message about ${name}`);
      stop.onclick = dismiss;
    },
    /** @param {string} remark */
    remark(remark) {
      bar.remove();
      render(words, icon('info'), html`<span>${remark}</span>`);
      stop.setAttribute('aria-label', `Dismiss the message about ${name}`);
      stop.onclick = dismiss;
    },
  };
}

/**
 * Send one file; never throws. The browser's fetch cannot tell how far an upload is, so this is the older way.
 * @param {File} file @param {UploadPlace} place @param {ReturnType<typeof createRow>} row @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function send(file, place, row, signal) {
  const most = place.most();
  if (signal.aborted || row.state.isCancelled) return Promise.resolve();
  if (file.size > most) {
    row.fail(`The file has ${bytes(file.size)}; at most ${bytes(most)} are taken here.`);
    return Promise.resolve();
  }
  if (file.size === 0) {
    row.fail('The file is empty.');
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open('POST', place.target(file.name));
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.setRequestHeader('X-CSRF-Token', document.querySelector('meta[name="csrf-token"]')?.getAttribute('content') ?? '');
    request.upload.onprogress = ({ loaded, total }) => row.progress(total ? loaded / total : 0);
    const cancel = () => request.abort();
    signal.addEventListener('abort', cancel);
    row.stop.onclick = () => {
      cancel();
      row.element.remove();
    };
    request.onloadend = () => {
      signal.removeEventListener('abort', cancel);
      answer(request, place, row);
      resolve();
    };
    request.send(file);
  });
}

/** @param {XMLHttpRequest} request @param {UploadPlace} place @param {ReturnType<typeof createRow>} row */
function answer(request, place, row) {
  const body = parsed(request.responseText);
  if (request.status === 201 && body) {
    if (body.remark) row.remark(body.remark);
    else row.element.remove();
    place.done(body);
  } else if (request.status === 0) {
    row.fail('The connection was lost, or the upload was cancelled. Nothing was attached; try again.');
  } else {
    row.fail(body?.detail ?? `The server could not take the file (status ${request.status}).`);
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// @ts-check
/** Sending a file as the body of a request; unlike fetch, the browser says how far it is. */

import { ApiError, apiUrl, csrfToken, words } from './api.js';

/**
 * @param {string} path
 * @param {Record<string, any>} query
 * @param {Blob} file
 * @param {{type?: string, signal?: AbortSignal, progress?: (part: number) => void}} [options]
 * @returns {Promise<any>} what the server answered
 */
export function send(path, query, file, { type = 'application/octet-stream', signal, progress = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', apiUrl(path, query));
    request.setRequestHeader('X-CSRF-Token', csrfToken());
    request.setRequestHeader('Content-Type', type);
    request.setRequestHeader('Accept', 'application/json');
    request.upload.addEventListener('progress', (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener('load', () => {
      const body = parsed(request.responseText);
      if (request.status < 300) resolve(body);
      else reject(new ApiError(request.status, body?.code ?? 'error', body?.errors?.[0]?.message ?? body?.detail ?? words(request.status), body));
    });
    request.addEventListener('error', () => reject(new ApiError(0, 'unreachable', words(0))));
    request.addEventListener('abort', () => reject(new DOMException('Aborted', 'AbortError')));
    signal?.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

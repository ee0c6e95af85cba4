// @ts-check
/** Requests to the server: JSON in and out, the CSRF token added, problem details turned into `ApiError`. */

const ROOT = '/api/v2';

/**
 * What went wrong with a request, in words that can be shown.
 * `status` is 0 when the server could not be reached at all.
 */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail
   * @param {any} [body] the problem details as the server sent them
   */
  constructor(status, code, detail, body = null) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.body = body;
  }

  /** Messages per field of a form, from a validation problem: `{name: "is too long"}`. */
  get fields() {
    /** @type {Record<string, string>} */
    const fields = {};
    for (const error of this.body?.errors ?? []) {
      const path = String(error.location ?? '').split('.').filter((part) => part && part !== 'body');
      fields[path.join('.')] ??= error.message;
    }
    return fields;
  }
}

/**
 * @typedef {object} RequestOptions
 * @property {string} [idempotencyKey] makes a repeat of a create harmless
 * @property {AbortSignal} [signal]
 * @property {Record<string, any>} [query] added to the path
 * @property {Record<string, string>} [headers]
 * @property {boolean} [keepalive] goes on when the page is left; for small bodies
 * @property {'json' | 'binary' | 'response'} [as] what to return; 'json' unless told
 */

/**
 * The address of an API path: `/images/1` means `/api/v2/images/1`; `/api/…` and `/plugins/…` stay.
 * @param {string} path
 * @param {Record<string, any>} [query] undefined, null and '' are left out, arrays repeat the key
 */
export function apiUrl(path, query = {}) {
  const base = path.startsWith('/api/') || path.startsWith('/plugins/') ? path : ROOT + path;
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null && item !== '') search.append(key, String(item));
    }
  }
  const text = search.toString();
  return text ? `${base}${base.includes('?') ? '&' : '?'}${text}` : base;
}

/** The token that state-changing requests must carry, from the page. */
export function csrfToken() {
  return globalThis.document?.querySelector('meta[name="csrf-token"]')?.getAttribute('content') ?? '';
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function problem(response) {
  const text = await response.text().catch(() => '');
  /** @type {any} */
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy or a crash answered with something else; its status still says what it can.
  }
  const first = body?.errors?.[0];
  const detail = first?.message ? `${place(first.location)}${first.message}` : body?.detail;
  const told = typeof detail === 'string' && detail ? detail : words(response.status);
  return new ApiError(response.status, body?.code ?? 'error', told, body);
}

/** @param {string | undefined} location */
function place(location) {
  const name = String(location ?? '').split('.').filter((part) => part && part !== 'body' && part !== 'query').join(' ');
  return name ? `${name.replaceAll('_', ' ')}: ` : '';
}

/**
 * A sentence for a status whose answer carried none.
 * @param {number} status
 */
export function words(status) {
  if (status === 0) return 'The server cannot be reached. Check the connection and try again.';
  if (status === 401) return 'You are not logged in any more.';
  if (status === 403) return 'You may not do this.';
  if (status === 404) return 'This does not exist, or you may not see it.';
  if (status === 413) return 'This is larger than the server accepts.';
  if (status === 429) return 'Too many tries. Wait a moment and try again.';
  if (status === 502 || status === 503 || status === 504) return 'The server is busy or restarting. Try again in a moment.';
  return `The server could not do this (status ${status}).`;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {any} body FormData, Blob and buffers go as they are, everything else as JSON
 * @param {RequestOptions} options
 * @returns {Promise<any>}
 */
async function request(method, path, body, options) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json', ...options.headers };
  /** @type {BodyInit | undefined} */
  let payload;
  if (method !== 'GET') {
    headers['X-CSRF-Token'] = csrfToken();
    if (options.idempotencyKey) headers['Idempotency-Key'] = options.idempotencyKey;
    if (body instanceof FormData || body instanceof Blob || body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
      payload = /** @type {BodyInit} */ (body);
    } else if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
      payload = JSON.stringify(body);
    }
  }
  /** @type {Response} */
  let response;
  try {
    response = await fetch(apiUrl(path, options.query), {
      method, headers, body: payload, signal: options.signal, credentials: 'same-origin', keepalive: options.keepalive,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, 'unreachable', words(0));
  }
  if (!response.ok) {
    const failure = await problem(response);
    if (response.status === 401) globalThis.dispatchEvent?.(new CustomEvent('exact:logged-out'));
    throw failure;
  }
  if (options.as === 'response') return response;
  if (options.as === 'binary') return response.arrayBuffer();
  if (response.status === 204) return null;
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

export const api = {
  /**
   * @param {string} path
   * @param {Record<string, any>} [query]
   * @param {RequestOptions} [options]
   */
  get: (path, query = {}, options = {}) => request('GET', path, undefined, { ...options, query: { ...options.query, ...query } }),
  /**
   * @param {string} path
   * @param {any} [body]
   * @param {RequestOptions} [options]
   */
  post: (path, body, options = {}) => request('POST', path, body, options),
  /**
   * @param {string} path
   * @param {any} [body]
   * @param {RequestOptions} [options]
   */
  patch: (path, body, options = {}) => request('PATCH', path, body, options),
  /**
   * @param {string} path
   * @param {any} [body]
   * @param {RequestOptions} [options]
   */
  put: (path, body, options = {}) => request('PUT', path, body, options),
  /**
   * @param {string} path
   * @param {any} [body]
   * @param {RequestOptions} [options]
   */
  delete: (path, body, options = {}) => request('DELETE', path, body, options),
};

/** A key for a create that may be repeated; made once per intention, not per try. */
export function idempotencyKey() {
  // crypto.randomUUID() exists on secure pages only; a lab's server is often plain HTTP.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The start data of this page.
 * @returns {any}
 */
export function bootstrap() {
  const element = document.getElementById('exact-bootstrap');
  return element?.textContent ? JSON.parse(element.textContent) : {};
}

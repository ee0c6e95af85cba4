// @ts-check
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { api, ApiError, apiUrl, words } from '../../../exact_core/web/static/shell/api.js';

/** @type {{method?: string, url?: string, headers: Record<string, any>, body: string}[]} */
const seen = [];
/** @type {{status: number, body: string, type?: string}} */
let answer = { status: 200, body: '{}' };
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    response.writeHead(answer.status, { 'Content-Type': answer.type ?? 'application/json' });
    response.end(answer.status === 204 ? undefined : answer.body);
  });
});
const realFetch = globalThis.fetch;

before(async () => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  // A page has an origin; node has none.
  globalThis.fetch = (path, options) => realFetch(new URL(String(path), `http://127.0.0.1:${port}`), options);
});
after(() => {
  globalThis.fetch = realFetch;
  server.close();
});

test('paths stand below the API, others stay', () => {
  assert.equal(apiUrl('/images/1'), '/api/v2/images/1');
  assert.equal(apiUrl('/api/v2/images/1'), '/api/v2/images/1');
  assert.equal(apiUrl('/plugins/x/static/y'), '/plugins/x/static/y');
  assert.equal(apiUrl('/images', { q: 'a b', tag: ['x', 'y'], state: null, team: '' }), '/api/v2/images?q=a+b&tag=x&tag=y');
});

test('a body goes as JSON and the answer comes back as a value', async () => {
  answer = { status: 201, body: '{"id": 7}' };
  const made = await api.post('/image-sets', { name: 'Lung' }, { idempotencyKey: 'k1' });
  assert.deepEqual(made, { id: 7 });
  const request = seen.at(-1);
  assert.equal(request?.method, 'POST');
  assert.equal(request?.url, '/api/v2/image-sets');
  assert.equal(request?.headers['idempotency-key'], 'k1');
  assert.equal(request?.headers['content-type'], 'application/json');
  assert.ok('x-csrf-token' in (request?.headers ?? {}));
  assert.deepEqual(JSON.parse(request?.body ?? ''), { name: 'Lung' });
});

test('an empty answer is null', async () => {
  answer = { status: 204, body: '' };
  assert.equal(await api.delete('/image-sets/1'), null);
});

test('problem details become an error that can be shown', async () => {
  answer = { status: 409, type: 'application/problem+json', body: '{"code": "conflict", "detail": "The name is taken."}' };
  await assert.rejects(api.post('/teams', {}), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.code, error.message], [409, 'conflict', 'The name is taken.']);
    return true;
  });
});

test('messages of a validation problem are found by field', async () => {
  answer = {
    status: 422,
    body: JSON.stringify({ code: 'invalid', detail: 'Not valid', errors: [{ location: 'body.name', message: 'is too short' }] }),
  };
  await assert.rejects(api.post('/teams', {}), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual(error.fields, { name: 'is too short' });
    assert.equal(error.message, 'name: is too short');
    return true;
  });
});

test('an answer that is no JSON still gives words', async () => {
  answer = { status: 502, type: 'text/html', body: '<h1>Bad gateway</h1>' };
  await assert.rejects(api.get('/images'), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.message, words(502));
    return true;
  });
});

test('a server that cannot be reached has status 0', async () => {
  const reaching = globalThis.fetch;
  globalThis.fetch = () => Promise.reject(new TypeError('fetch failed'));
  try {
    await assert.rejects(api.get('/images'), (error) => error instanceof ApiError && error.status === 0);
  } finally {
    globalThis.fetch = reaching;
  }
});

test('an aborted request says so and nothing else', async () => {
  const controller = new AbortController();
  controller.abort();
  await assert.rejects(api.get('/images', {}, { signal: controller.signal }), { name: 'AbortError' });
});

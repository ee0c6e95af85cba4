// @ts-check
/** The page that describes the API: Swagger UI over this server's own OpenAPI document. */

import '../../vendor/swagger-ui-dist/swagger-ui-bundle.js';

const token = document.querySelector('meta[name="csrf-token"]')?.getAttribute('content') ?? '';
const SwaggerUIBundle = /** @type {any} */ (globalThis).SwaggerUIBundle;

SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#api-docs',
  deepLinking: true,
  docExpansion: 'none',
  validatorUrl: null,
  requestInterceptor: (/** @type {{headers: Record<string, string>}} */ request) => {
    request.headers['X-CSRF-Token'] = token;
    return request;
  },
});

// @ts-check
/** The page that describes the API: Swagger UI over this server's own OpenAPI document. */

// The address is computed, so that the type checker does not read a minified library.
await import(new URL('../../vendor/swagger-ui-dist/swagger-ui-bundle.js', import.meta.url).href);

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

export {};

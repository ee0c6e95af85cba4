// @ts-check
/** The page that describes the API: Swagger UI over this server's own OpenAPI document. */

/**
 * The library sets a global through `this`, which a module does not have: it has to be a script of the old kind.
 *
 * @returns {Promise<any>} what the library gives
 */
function swagger() {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = new URL('../../vendor/swagger-ui-dist/swagger-ui-bundle.js', import.meta.url).href;
    script.addEventListener('load', () => resolve(/** @type {any} */ (globalThis).SwaggerUIBundle));
    script.addEventListener('error', () => reject(new Error('The viewer of the description could not be loaded. Load the page again.')));
    document.head.append(script);
  });
}

const token = document.querySelector('meta[name="csrf-token"]')?.getAttribute('content') ?? '';

try {
  const show = await swagger();
  show({
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
} catch (error) {
  const place = document.querySelector('#api-docs');
  if (place) place.textContent = error instanceof Error ? error.message : String(error);
}

export {};

// @ts-check
/** Login by password, login by one-time link, and choosing a password. */

import { api, ApiError } from '../api.js';
import { attachReveal } from '../fields.js';
import { $ } from '../html.js';

/** Where to go afterwards: only a path of this server. */
function target() {
  const next = new URLSearchParams(location.search).get('next') ?? '/';
  try {
    const url = new URL(next, location.origin);
    return url.origin === location.origin && next.startsWith('/') ? url.pathname + url.search + url.hash : '/';
  } catch {
    return '/';
  }
}

/**
 * @param {string} selector
 * @param {(data: FormData, form: HTMLFormElement) => Promise<string>} send gives where to go
 */
function onSubmit(selector, send) {
  const form = /** @type {HTMLFormElement | null} */ (document.querySelector(selector));
  if (!form) return;
  const message = $('#message', form);
  const button = $('button:not([type="button"])', form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.getAttribute('aria-busy') === 'true') return;
    message.textContent = '';
    button.setAttribute('aria-busy', 'true');
    try {
      location.replace(await send(new FormData(form), form));
    } catch (error) {
      message.textContent = words(error);
      button.removeAttribute('aria-busy');
      const password = /** @type {HTMLInputElement | null} */ (form.querySelector('input[name="password"]'));
      password?.select();
      password?.focus();
    }
  });
}

/** @param {unknown} error */
function words(error) {
  if (error instanceof ApiError && error.status === 429) {
    const seconds = Number(error.body?.retry_after);
    return seconds ? `Too many tries. Wait ${seconds} s and try again.` : error.message;
  }
  return error instanceof Error ? error.message : String(error);
}

onSubmit('#login', async (data) => {
  const name = String(data.get('name') ?? '').trim();
  const password = String(data.get('password') ?? '');
  if (!name || !password) throw new Error('Enter your user name and your password.');
  await api.post('/auth/login', { name, password });
  return target();
});

onSubmit('#link', async (_, form) => {
  // A token after "#" never reaches the server's log.
  const token = form.dataset.token || location.hash.slice(1);
  if (!token) throw new Error('The link is not complete. Copy all of it into the address bar.');
  const answer = await api.post('/auth/login-link', { token });
  return answer?.has_password === false ? '/password' : target();
});

onSubmit('#password-form', async (data) => {
  await api.put('/me/password', { new_password: String(data.get('password') ?? '') });
  return '/';
});

const reveal = document.querySelector('#reveal');
if (reveal instanceof HTMLElement) attachReveal(reveal, $('#password'));

// @ts-check
/**
 * Tells the server how many seconds somebody was active on an image of their study, and nothing else.
 *
 * Active means: the page is shown, and there was a movement, a key or a wheel in the last half minute. The clock stops
 * while the page is hidden; what had come together until then is sent before it goes.
 */

export const REPORT_MS = 15_000;
export const IDLE_MS = 30_000;
const SIGNS = ['pointermove', 'pointerdown', 'wheel', 'keydown', 'touchstart'];

/**
 * Adds up active time; knows neither page nor server.
 */
export class ActiveClock {
  #lastSign = -Infinity;
  #countedTo = 0;
  #isShown = true;
  #active = 0;

  /** @param {number} now milliseconds */
  constructor(now) {
    this.#countedTo = now;
    this.#lastSign = now;
  }

  /** Somebody did something. @param {number} now */
  sign(now) {
    this.count(now);
    this.#lastSign = now;
  }

  /** @param {boolean} isShown @param {number} now */
  show(isShown, now) {
    this.count(now);
    this.#isShown = isShown;
    if (isShown) this.#lastSign = now;
  }

  /** Add what went by until now, as far as it was active. @param {number} now */
  count(now) {
    const until = Math.min(now, this.#lastSign + IDLE_MS);
    if (this.#isShown && until > this.#countedTo) this.#active += until - this.#countedTo;
    this.#countedTo = Math.max(this.#countedTo, now);
  }

  /** Active seconds since the last time this was asked. @param {number} now */
  take(now) {
    this.count(now);
    const seconds = this.#active / 1000;
    this.#active = 0;
    return seconds;
  }
}

/**
 * Measure until the returned function is called, which sends what is left.
 * @param {(seconds: number, isLast: boolean) => unknown} send
 * @returns {() => void}
 */
export function measureActivity(send) {
  const now = () => performance.now();
  const clock = new ActiveClock(now());
  const ending = new AbortController();
  const { signal } = ending;
  const report = (isLast = false) => {
    const seconds = clock.take(now());
    if (seconds > 0) send(Math.round(seconds * 10) / 10, isLast);
  };
  send(0, false); // from here the server's clock runs
  for (const name of SIGNS) document.addEventListener(name, () => clock.sign(now()), { signal, passive: true, capture: true });
  document.addEventListener('visibilitychange', () => {
    clock.show(!document.hidden, now());
    if (document.hidden) report(true);
    else send(0, false);
  }, { signal });
  addEventListener('pagehide', () => report(true), { signal });
  const timer = setInterval(() => report(), REPORT_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  return () => {
    report(true);
    ending.abort();
  };
}

// @ts-check
/**
 * One registry of keyboard shortcuts: no key is taken twice, nothing fires while someone types, and a list of
 * everything opens with "?".
 *
 * A combination is written "Ctrl+Shift+Z", "Delete", "1", "?". Ctrl means the Command key on a Mac.
 */

/**
 * @typedef {object} Shortcut
 * @property {string} keys the combination
 * @property {string} title what it does
 * @property {(event: KeyboardEvent) => unknown} run return false to let the browser have the key
 * @property {string} [group] heading in the list
 * @property {boolean} [repeat] also while the key is held
 * @property {() => boolean} [when] only while this is true
 */

const SPECIAL = new Set(['Control', 'Shift', 'Alt', 'Meta', 'AltGraph', 'CapsLock', 'Dead', 'Process', 'Unidentified']);
const MAC = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform ?? '');

/**
 * One spelling per combination: modifiers in order, letters in upper case; Shift stays out where the character says it.
 * @param {string} keys
 */
export function normalise(keys) {
  const parts = keys === '+' ? ['+'] : keys.replace(/\+\+$/, '+plus').split('+').map((p) => (p === 'plus' ? '+' : p));
  const key = parts.pop() ?? '';
  const has = new Set(parts.map((part) => part.toLowerCase()));
  return join(key, has.has('ctrl') || has.has('cmd') || has.has('meta'), has.has('alt'), has.has('shift'));
}

/**
 * @param {string} key
 * @param {boolean} ctrl
 * @param {boolean} alt
 * @param {boolean} shift
 */
function join(key, ctrl, alt, shift) {
  const named = key === ' ' ? 'Space' : key.length === 1 ? key.toUpperCase() : key;
  const says = named.length === 1 && !/[A-Z0-9]/.test(named);
  return `${ctrl ? 'Ctrl+' : ''}${alt ? 'Alt+' : ''}${shift && !says ? 'Shift+' : ''}${named}`;
}

/**
 * The combination of a key event, spelt as `normalise` does; '' for a modifier alone.
 * @param {Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>} event
 */
export function combination(event) {
  if (SPECIAL.has(event.key)) return '';
  // With Shift held, the digit row gives "!" or whatever the layout has there; the code says which digit it is.
  const digit = event.shiftKey ? /^Digit(\d)$/.exec(event.code ?? '') : null;
  const isPlainDigit = digit && (event.ctrlKey || event.metaKey || event.altKey);
  return join(isPlainDigit ? digit[1] : event.key, event.ctrlKey || event.metaKey, event.altKey, event.shiftKey);
}

/**
 * Would the key type something, or is it the control's own (arrows in a select, space on a checkbox)?
 * @param {EventTarget | null} target
 */
export function isTyping(target) {
  const element = /** @type {any} */ (target);
  if (!element?.tagName) return false;
  if (element.isContentEditable) return true;
  const tag = element.tagName.toUpperCase();
  if (tag === 'TEXTAREA' || tag === 'SELECT') return true;
  if (tag === 'INPUT') return !['button', 'submit', 'reset', 'checkbox', 'radio', 'range', 'color', 'file', 'image'].includes(element.type);
  const role = element.getAttribute?.('role');
  return role === 'textbox' || role === 'combobox' || role === 'searchbox' || role === 'spinbutton';
}

/** Space and Enter press a button that has the focus; arrows move a slider or a radio group. */
const OWN = { BUTTON: ['Space', 'Enter'], A: ['Enter'], SUMMARY: ['Space', 'Enter'] };

/**
 * @param {EventTarget | null} target
 * @param {string} combo
 */
function belongsToControl(target, combo) {
  const element = /** @type {any} */ (target);
  const tag = element?.tagName?.toUpperCase();
  if (!tag) return false;
  if (tag === 'INPUT') return combo === 'Space' || combo === 'Enter' || combo.startsWith('Arrow') || combo === 'Home' || combo === 'End';
  if (/** @type {any} */ (OWN)[tag]?.includes(combo)) return true;
  const role = element.getAttribute?.('role') ?? '';
  return /^(menuitem|tab|option|slider|radio|switch|checkbox)/.test(role) && /^(Space|Enter|Arrow|Home|End)/.test(combo);
}

/** The shortcuts of one page. */
export class Keys {
  /** @type {Map<string, Shortcut>} */
  #known = new Map();
  /** Keys of what the page is doing for a while, the latest last. @type {Map<string, Shortcut>[]} */
  #layers = [];

  /**
   * @param {Shortcut} shortcut
   * @returns {() => void} takes it back
   * @throws when the combination has an owner already
   */
  add(shortcut) {
    const keys = normalise(shortcut.keys);
    const other = this.#known.get(keys);
    if (other) throw new Error(`the key ${shortcut.keys} already means "${other.title}"`);
    this.#known.set(keys, shortcut);
    return () => {
      if (this.#known.get(keys) === shortcut) this.#known.delete(keys);
    };
  }

  /**
   * Give keys another meaning for as long as the page does something special; all other keys stay as they are.
   * @param {Shortcut[]} shortcuts
   * @returns {() => void} takes them back
   */
  push(shortcuts) {
    const layer = new Map(shortcuts.map((shortcut) => [normalise(shortcut.keys), shortcut]));
    this.#layers.push(layer);
    return () => {
      this.#layers = this.#layers.filter((other) => other !== layer);
    };
  }

  /**
   * @param {string} keys
   * @returns {Shortcut | undefined} who owns a combination
   */
  owner(keys) {
    return this.#known.get(normalise(keys));
  }

  /** Everything that a key means now, for the list; what is special for the moment comes first. */
  all() {
    const special = new Map(this.#layers.flatMap((layer) => [...layer]));
    return [...special.values(), ...[...this.#known].filter(([keys]) => !special.has(keys)).map(([, shortcut]) => shortcut)];
  }

  /** @param {string} combo @returns {Shortcut | undefined} */
  #meaning(combo) {
    // What a layer does not want at this moment means what it always does.
    const wanted = (/** @type {Map<string, Shortcut>} */ layer) => layer.get(combo)?.when?.() ?? layer.has(combo);
    return this.#layers.findLast(wanted)?.get(combo) ?? this.#known.get(combo);
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} true when a shortcut took the key
   */
  handle(event) {
    if (event.defaultPrevented || event.isComposing || isTyping(event.composedPath?.()[0] ?? event.target)) return false;
    const combo = combination(event);
    const shortcut = combo && this.#meaning(combo);
    if (!shortcut || (event.repeat && !shortcut.repeat)) return false;
    if (belongsToControl(event.target, combo) || globalThis.document?.querySelector?.('dialog[open]')) return false;
    if (shortcut.when && !shortcut.when()) return false;
    if (shortcut.run(event) === false) return false;
    event.preventDefault();
    return true;
  }

  /**
   * @param {EventTarget} [target]
   * @returns {() => void} stops listening
   */
  listen(target = globalThis.window) {
    const handle = (/** @type {Event} */ event) => void this.handle(/** @type {KeyboardEvent} */ (event));
    target.addEventListener('keydown', handle);
    return () => target.removeEventListener('keydown', handle);
  }
}

const SHOWN = { Space: '␣', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Delete: 'Del', Escape: 'Esc' };

const MAC_SIGNS = { Ctrl: '⌘', Alt: '⌥', Shift: '⇧' };

/**
 * A combination as people read it on their machine: "Ctrl+Z", "⌘Z".
 * @param {string} keys
 */
export function shown(keys) {
  const parts = normalise(keys).split(/\+(?=.)/);
  const words = parts.map((part) => /** @type {any} */ (SHOWN)[part] ?? part);
  if (!MAC) return words.join('+');
  return words.map((word) => /** @type {Record<string, string>} */ (MAC_SIGNS)[word] ?? word).join('');
}

/** The shortcuts of this page; shell.js listens. */
export const keys = new Keys();

// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { combination, isTyping, Keys, normalise } from '../../../exact_core/web/static/shell/keys.js';

/** @param {Record<string, any>} event */
const press = (event) => /** @type {any} */ ({
  key: '', code: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, target: null, repeat: false,
  preventDefault() { /** @type {any} */ (this).defaultPrevented = true; }, ...event,
});

test('one combination has one spelling', () => {
  assert.equal(normalise('ctrl+shift+z'), 'Ctrl+Shift+Z');
  assert.equal(normalise('Shift+Ctrl+Z'), 'Ctrl+Shift+Z');
  assert.equal(normalise('Cmd+K'), 'Ctrl+K');
  assert.equal(normalise('+'), '+');
  assert.equal(normalise('Ctrl++'), 'Ctrl++');
  assert.equal(normalise(' '), 'Space');
  assert.equal(normalise('Shift+?'), '?');
});

test('a key event is spelt like its shortcut', () => {
  assert.equal(combination(press({ key: 'z', ctrlKey: true })), 'Ctrl+Z');
  assert.equal(combination(press({ key: 'Z', metaKey: true, shiftKey: true })), 'Ctrl+Shift+Z');
  assert.equal(combination(press({ key: '?', shiftKey: true, code: 'Slash' })), '?');
  assert.equal(combination(press({ key: '!', shiftKey: true, ctrlKey: true, code: 'Digit1' })), 'Ctrl+Shift+1');
  assert.equal(combination(press({ key: 'Shift', shiftKey: true })), '');
});

test('a key that has an owner is refused with the name of the owner', () => {
  const keys = new Keys();
  keys.add({ keys: 'P', title: 'Polygon', run: () => {} });
  assert.throws(() => keys.add({ keys: 'p', title: 'Point', run: () => {} }), /Polygon/);
});

test('taking a shortcut back frees its key', () => {
  const keys = new Keys();
  const free = keys.add({ keys: 'P', title: 'Polygon', run: () => {} });
  free();
  assert.equal(keys.owner('P'), undefined);
});

test('nothing that is typed into a field triggers a shortcut', () => {
  const keys = new Keys();
  let runs = 0;
  keys.add({ keys: '1', title: 'First type', run: () => { runs += 1; } });
  const fields = [
    { tagName: 'INPUT', type: 'text' }, { tagName: 'INPUT', type: 'search' }, { tagName: 'TEXTAREA' }, { tagName: 'SELECT' },
    { tagName: 'DIV', isContentEditable: true }, { tagName: 'DIV', getAttribute: () => 'textbox' },
  ];
  for (const target of fields) assert.equal(keys.handle(press({ key: '1', target })), false);
  assert.equal(runs, 0);
  assert.equal(keys.handle(press({ key: '1', target: { tagName: 'BUTTON' } })), true);
  assert.equal(runs, 1);
});

test('a focused button keeps Space and Enter', () => {
  const keys = new Keys();
  keys.add({ keys: 'Space', title: 'Pan', run: () => {} });
  assert.equal(keys.handle(press({ key: ' ', target: { tagName: 'BUTTON' } })), false);
  assert.equal(keys.handle(press({ key: ' ', target: { tagName: 'BODY' } })), true);
});

test('a held key fires once unless the shortcut repeats', () => {
  const keys = new Keys();
  keys.add({ keys: 'Q', title: 'Previous', run: () => {} });
  keys.add({ keys: 'ArrowLeft', title: 'Pan', repeat: true, run: () => {} });
  assert.equal(keys.handle(press({ key: 'q', repeat: true })), false);
  assert.equal(keys.handle(press({ key: 'ArrowLeft', repeat: true })), true);
});

test('a shortcut that declines leaves the key to the browser', () => {
  const keys = new Keys();
  keys.add({ keys: 'Escape', title: 'Cancel', run: () => false });
  const event = press({ key: 'Escape' });
  assert.equal(keys.handle(event), false);
  assert.equal(event.defaultPrevented, undefined);
});

test('checkboxes and sliders are no text fields', () => {
  assert.equal(isTyping(/** @type {any} */ ({ tagName: 'INPUT', type: 'checkbox' })), false);
  assert.equal(isTyping(/** @type {any} */ ({ tagName: 'INPUT', type: 'number' })), true);
});

test('keys mean something else for a while, the others stay, and the list says so', () => {
  const keys = new Keys();
  /** @type {string[]} */
  const did = [];
  keys.add({ keys: 'A', title: 'Hide shapes', run: () => { did.push('hide'); } });

test('what a layer does not want at the moment means what it always does', () => {
  const keys = new Keys();
  /** @type {string[]} */
  const did = [];
  let wants = false;
  keys.add({ keys: 'Enter', title: 'End the shape', run: () => { did.push('end'); } });
  keys.push([{ keys: 'Enter', title: 'Next', run: () => { did.push('next'); }, when: () => wants }]);
  keys.handle(press({ key: 'Enter' }));
  wants = true;
  keys.handle(press({ key: 'Enter' }));
  assert.deepEqual(did, ['end', 'next']);
});
  keys.add({ keys: 'Z', title: 'Go there', run: () => { did.push('go'); } });
  const end = keys.push([{ keys: 'a', title: 'Accept', run: () => { did.push('accept'); } }]);
  keys.handle(press({ key: 'a' }));
  keys.handle(press({ key: 'z' }));
  assert.deepEqual(keys.all().map(({ title }) => title), ['Accept', 'Go there']);
  const inner = keys.push([{ keys: 'A', title: 'Inner', run: () => { did.push('inner'); } }]);
  keys.handle(press({ key: 'a' }));
  end();
  keys.handle(press({ key: 'a' }));
  inner();
  keys.handle(press({ key: 'a' }));
  assert.deepEqual(did, ['accept', 'go', 'inner', 'inner', 'hide']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { carriedAttributes, missingAttributes } from '../../../exact_core/web/static/shell/attribute_fields.js';
import { attributeName } from '../../../exact_core/web/static/shell/attribute_editor.js';

/** @type {any[]} */
const definitions = [
  { name: 'grade', kind: 'choice', choices: ['low', 'high'], required: true }, { name: 'd', kind: 'number', min: 0, max: 9 },
  { name: 'signs', kind: 'multi_choice', choices: ['a', 'b'] }, { name: 'day', kind: 'date' }, { name: 'sure', kind: 'boolean', required: true },
];

test('what another type can have too is carried over', () => {
  const values = { grade: 'odd', d: 4, signs: ['a', 'c'], day: '2026-01-02', sure: false, gone: 1 };
  assert.deepEqual(carriedAttributes(definitions, values), { d: 4, day: '2026-01-02', sure: false });
  assert.deepEqual(carriedAttributes(definitions, { d: 10, grade: 'low', signs: ['b'] }), { grade: 'low', signs: ['b'] });
});

test('what is required and has no value is missing; no is a value', () => {
  assert.deepEqual(missingAttributes(definitions, { sure: false }).map((one) => one.name), ['grade']);
  assert.deepEqual(missingAttributes(definitions, {}).map((one) => one.name), ['grade', 'sure']);
});

test('a title becomes a name that the server takes', () => {
  assert.equal(attributeName('Grösse (µm)'), 'gro_sse_m');
  assert.equal(attributeName('  1. Grad '), 'grad');
  assert.equal(attributeName('度'), 'attribute');
  assert.match(attributeName('x'.repeat(80)), /^x{50}$/);
});

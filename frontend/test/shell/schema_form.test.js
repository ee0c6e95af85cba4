// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fieldOf, format, parse, resolve, titleOf } from '../../../exact_core/web/static/shell/schema_form.js';

const root = {
  $defs: { Order: { enum: ['snake', 'rows'], type: 'string', title: 'Order' } },
  properties: {},
};

test('references and optional values are followed', () => {
  const found = resolve({ anyOf: [{ $ref: '#/$defs/Order' }, { type: 'null' }], default: null, title: 'How' }, root);
  assert.equal(found.nullable, true);
  assert.deepEqual(found.schema.enum, ['snake', 'rows']);
  assert.equal(found.schema.title, 'How');
});

test('each kind of property gets a control that fits', () => {
  /** @type {[Record<string, any>, string][]} */
  const cases = [
    [{ type: 'boolean' }, 'switch'], [{ anyOf: [{ type: 'boolean' }, { type: 'null' }] }, 'select'], [{ $ref: '#/$defs/Order' }, 'select'],
    [{ type: 'integer' }, 'number'], [{ type: 'number' }, 'number'], [{ type: 'string' }, 'text'], [{ type: 'string', maxLength: 1000 }, 'long'],
    [{ type: 'string', format: 'color' }, 'color'], [{ type: 'array', items: { type: 'string' } }, 'lines'],
    [{ type: 'object', properties: { a: { type: 'string' } } }, 'group'], [{ type: 'object', additionalProperties: { type: 'string' } }, 'json'],
  ];
  for (const [schema, kind] of cases) assert.equal(fieldOf(schema, root).kind, kind, JSON.stringify(schema));
});

test('a whole number is asked for in words', () => {
  const field = fieldOf({ type: 'integer' }, root);
  assert.equal(parse(field, ' 12 '), 12);
  assert.throws(() => parse(field, '1.5'), /whole number/);
  assert.throws(() => parse(field, ''), /number is needed/);
  assert.equal(parse(fieldOf({ anyOf: [{ type: 'number' }, { type: 'null' }] }, root), ''), null);
});

test('what a control shows reads back as the same value', () => {
  /** @type {[Record<string, any>, any][]} */
  const cases = [
    [{ type: 'number' }, 0.25], [{ type: 'string' }, 'a  b'], [{ type: 'array', items: { type: 'integer' } }, [1, 2, 3]],
    [{ $ref: '#/$defs/Order' }, 'rows'], [{ type: 'object' }, { a: [1, { b: null }] }], [{ anyOf: [{ type: 'boolean' }, { type: 'null' }] }, false],
  ];
  for (const [schema, value] of cases) {
    const field = fieldOf(schema, root);
    assert.deepEqual(parse(field, format(field, value)), value);
  }
});

test('a name without a title reads like words', () => assert.equal(titleOf('minimum_cells'), 'Minimum cells'));

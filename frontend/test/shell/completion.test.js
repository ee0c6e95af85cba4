import assert from 'node:assert/strict';
import { test } from 'node:test';

import { completionAt, quoted } from '../../../exact_core/web/static/shell/search/completion.js';

/** @param {string} name @param {string} kind @param {string[]} values @param {string[]} operators */
const field = (name, kind = 'text', values = [], operators = [':', '=', '~']) => ({
  name, title: name.toUpperCase(), kind, operators, description: '', example: `${name}:x`, values, plugin: '',
});
const FIELDS = [
  field('class', 'class', ['Mitotic figure', 'Cell', 'Cell nucleus']), field('claimed'), field('size', 'area', [], [':', '>', '<']),
  field('author', 'person', ['me', 'none', 'ann']), field('attr.grade', 'choice', ['low', 'high']), field('deleted', 'choice', ['yes', 'no'], [':']),
];

/** Complete at the caret, which is written |. @param {string} text @returns {any} */
function at(text) {
  const caret = text.indexOf('|');
  const found = completionAt(text.replace('|', ''), caret, FIELDS);
  return found && { ...found, labels: found.options.map((option) => option.label) };
}

/** What the query is after the first option was taken. @param {string} text */
function taken(text, place = 0) {
  const found = at(text);
  const query = text.replace('|', '');
  return query.slice(0, found.from) + found.options[place].insert + query.slice(found.to);
}

test('fields are offered where a term begins', () => {
  assert.deepEqual(at('cl|').labels, ['class', 'claimed']);
  assert.equal(taken('cl|'), 'class:');
  assert.equal(taken('class:Cell si|'), 'class:Cell size>');
  assert.equal(taken('(au|'), '(author:');
  assert.equal(taken('-au|'), '-author:');
  assert.equal(at('|').options.length, FIELDS.length);
  assert.deepEqual(at('grade|').labels, ['attr.grade']);
});

test('values of a field are offered behind its operator, with quotes where they need them', () => {
  assert.deepEqual(at('class:|').labels, ['Mitotic figure', 'Cell', 'Cell nucleus']);
  assert.equal(taken('class:mit|'), 'class:"Mitotic figure" ');
  assert.equal(taken('class:Cell,mi|'), 'class:Cell,"Mitotic figure" ');
  assert.deepEqual(at('class:Cell,|').labels, ['Mitotic figure', 'Cell', 'Cell nucleus']);
  assert.equal(taken('author!=an| size>5'), 'author!=ann  size>5');
  assert.equal(taken('CLASS:"Mito|'), 'CLASS:"Mitotic figure" ');
  assert.equal(taken('-deleted:y|'), '-deleted:yes ');
  assert.deepEqual(at('claimed:|').labels, ['x']);
});

test('a word that is completed is replaced as a whole', () => {
  assert.deepEqual([at('cla|xyz foo').from, at('cla|xyz foo').to], [0, 6]);
  assert.deepEqual([at('class:Ce|xx size>5').from, at('class:Ce|xx size>5').to], [6, 10]);
});

test('nothing is offered where nothing fits', () => {
  assert.equal(at('"free text|'), null);
  assert.equal(at('unknown:x|'), null);
  assert.equal(at('zzz|'), null);
  assert.equal(at('class:cell |author').labels.length > 0, true);
  assert.equal(at('class:zzz|'), null);
});

test('values are quoted only where they must be', () => {
  assert.equal(quoted('Cell'), 'Cell');
  assert.equal(quoted('Mitotic figure'), '"Mitotic figure"');
  assert.equal(quoted('say "hi"'), '"say \\"hi\\""');
  assert.equal(quoted('a*b'), '"a*b"');
  assert.equal(quoted(':x'), '":x"');
  assert.equal(quoted(''), '""');
});

test('no text and no caret break it', () => {
  const letters = ['a', 'class', ':', '>', '"', '(', ')', ',', ' ', '-', '\\', '!', '~', 'é'];
  let seed = 7;
  const next = (/** @type {number} */ most) => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed % most; };
  for (let round = 0; round < 2000; round += 1) {
    const text = Array.from({ length: next(12) }, () => letters[next(letters.length)]).join('');
    const caret = next(text.length + 1);
    const found = completionAt(text, caret, FIELDS);
    if (found) assert.ok(found.from <= caret && caret <= found.to && found.to <= text.length, text);
  }
});

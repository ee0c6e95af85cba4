// @ts-check
/** What can be typed next in a query: fields, values of a field, and the little words between terms. */

/**
 * @typedef {object} SearchField as `/search-fields` describes it
 * @property {string} name
 * @property {string} title
 * @property {string} kind
 * @property {string[]} operators
 * @property {string} description
 * @property {string} example
 * @property {string[]} values
 * @property {string} plugin
 *
 * @typedef {object} Option
 * @property {string} insert what takes the place of the typed part
 * @property {string} label
 * @property {string} hint
 *
 * @typedef {object} Completion
 * @property {number} from where the part begins that an option replaces
 * @property {number} to
 * @property {Option[]} options
 */

const TOKEN = /\s+|"(?:[^"\\]|\\.)*"?|:?(?:!=|!~|>=|<=|[=<>~])|[:(),]|(?:[^\s"(),:=<>~!]|!(?![=~]))+/y;
const OPERATOR = /^(?::?(?:!=|!~|>=|<=|[=<>~])|:)$/;
const PLAIN = /^(?![:=<>~]|![=~])[^\s"(),]+$/;
const KEYWORDS = ['and', 'or', 'not'];
const COMPARED = new Set(['number', 'length', 'area', 'date']);
const MOST = 12;

/**
 * A value as it is typed, with quotes where it needs them.
 * @param {string} text
 */
export function quoted(text) {
  return PLAIN.test(text) && !text.includes('*') ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/**
 * @param {string} text
 * @returns {{text: string, from: number, to: number}[]} words, operators and quotes, without the spaces
 */
function tokensOf(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    if (match[0].trim()) found.push({ text: match[0], from: match.index, to: TOKEN.lastIndex });
    if (TOKEN.lastIndex >= text.length) break;
  }
  return found;
}

/**
 * @param {string} text the query
 * @param {number} caret
 * @param {SearchField[]} fields
 * @returns {Completion | null} null where nothing can be offered
 */
export function completionAt(text, caret, fields) {
  const tokens = tokensOf(text.slice(0, caret));
  const last = tokens.at(-1);
  const touches = last && last.to === caret;
  if (touches && OPERATOR.test(last.text)) return values(fields, tokens.at(-2)?.text ?? '', '', caret, caret);
  const before = touches ? tokens.at(-2) : last;
  const part = touches ? last : { text: '', from: caret, to: caret };
  if (part.text === '(' || part.text === ')') return null;
  if (part.text === ',') {
    const field = fieldOfList(tokens);
    return field ? values(fields, field, '', caret, caret) : null;
  }
  if (before && OPERATOR.test(before.text)) {
    return values(fields, tokens.at(touches ? -3 : -2)?.text ?? '', part.text, part.from, endOf(text, part.from, caret));
  }
  if (before?.text === ',') {
    const field = fieldOfList(tokens.slice(0, touches ? -1 : undefined));
    return field ? values(fields, field, part.text, part.from, endOf(text, part.from, caret)) : null;
  }
  if (part.text.startsWith('"')) return null;
  const bare = part.text.startsWith('-') ? part.text.slice(1) : part.text;
  return names(fields, bare, caret - bare.length, endOf(text, caret - bare.length, caret), tokens.length > (touches ? 1 : 0));
}

/** The field of `class:a,b,` @param {{text: string}[]} tokens */
function fieldOfList(tokens) {
  for (let at = tokens.length - 1; at > 0; at -= 1) {
    if (tokens[at].text === '(') return null;
    if (OPERATOR.test(tokens[at].text)) return tokens[at - 1].text;
  }
  return null;
}

/** The rest of the word that the caret stands in. @param {string} text @param {number} from @param {number} caret */
function endOf(text, from, caret) {
  TOKEN.lastIndex = from;
  const found = TOKEN.exec(text);
  return found && found[0].trim() ? Math.max(from + found[0].length, caret) : caret;
}

/**
 * @param {SearchField[]} fields
 * @param {string} part
 * @param {number} from
 * @param {number} to
 * @param {boolean} isLater whether something stands before it
 * @returns {Completion | null}
 */
function names(fields, part, from, to, isLater) {
  const wanted = part.toLowerCase();
  const ranked = fields
    .map((field) => ({ field, rank: rankOf([field.name, field.title], wanted) }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank);
  const options = ranked.slice(0, MOST).map(({ field }) => ({
    insert: `${field.name}${COMPARED.has(field.kind) && field.operators.includes('>') ? '>' : ':'}`,
    label: field.name,
    hint: field.title,
  }));
  if (isLater && wanted) options.push(...KEYWORDS.filter((word) => word.startsWith(wanted)).map((word) => ({ insert: `${word} `, label: word, hint: '' })));
  return options.length ? { from, to, options } : null;
}

/**
 * @param {SearchField[]} fields
 * @param {string} name
 * @param {string} part
 * @param {number} from
 * @param {number} to
 * @returns {Completion | null}
 */
function values(fields, name, part, from, to) {
  const plain = name.replace(/^-/, '').toLowerCase();
  const field = fields.find((each) => each.name.toLowerCase() === plain);
  if (!field) return null;
  const wanted = part.replace(/^"|"$/g, '').toLowerCase();
  const options = field.values
    .map((value) => ({ value, rank: rankOf([value], wanted) }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank)
    .slice(0, MOST)
    .map(({ value }) => ({ insert: `${quoted(value)} `, label: value, hint: '' }));
  if (options.length === 1 && options[0].label.toLowerCase() === wanted) return null;
  if (!options.length && !part && field.example) return { from, to, options: [{ insert: exampleValue(field), label: exampleValue(field), hint: field.description }] };
  return options.length ? { from, to, options } : null;
}

/** The value in a field's example. @param {SearchField} field */
function exampleValue(field) {
  return field.example.replace(/^[\w.]+(?::?(?:!=|!~|>=|<=|[=<>~])|:)/, '');
}

/** How well one of the texts begins with, or holds, what is wanted; 0 for not at all. @param {string[]} texts @param {string} wanted */
function rankOf(texts, wanted) {
  if (!wanted) return 1;
  return Math.max(...texts.map((text, index) => {
    const at = text.toLowerCase().indexOf(wanted);
    return at < 0 ? 0 : (at === 0 ? 4 : 2) - index;
  }));
}

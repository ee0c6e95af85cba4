// @ts-check
/**
 * HTML that the server made of somebody's Markdown, as nodes. The server lets no markup through; here only known elements
 * are made again, without attributes but the addresses of links, so that a mistake there does no harm.
 */

const ELEMENTS = new Set([
  ...['P', 'H1', 'H2', 'H3', 'H4', 'H5', 'H6', 'UL', 'OL', 'LI', 'STRONG', 'EM', 'CODE', 'PRE', 'BLOCKQUOTE', 'HR', 'BR'],
  ...['TABLE', 'THEAD', 'TBODY', 'TR', 'TH', 'TD'],
]);
const HEADINGS = 2; // the page has the first level, and a card the second

/**
 * @param {string} markup
 * @returns {HTMLElement}
 */
export function richText(markup) {
  const target = document.createElement('div');
  target.className = 'rich-text';
  copy(new DOMParser().parseFromString(markup, 'text/html').body, target);
  return target;
}

/** @param {Node} source @param {Node} target */
function copy(source, target) {
  for (const node of source.childNodes) {
    if (node instanceof Text) target.appendChild(document.createTextNode(node.data));
    if (!(node instanceof Element)) continue;
    const made = element(node);
    if (made) target.appendChild(made);
    if (made || !['SCRIPT', 'STYLE', 'TEMPLATE'].includes(node.tagName)) copy(node, made ?? target);
  }
}

/** @param {Element} node */
function element(node) {
  if (node.tagName === 'A') return link(node.getAttribute('href') ?? '');
  if (!ELEMENTS.has(node.tagName)) return null;
  const level = /^H([1-6])$/.exec(node.tagName)?.[1];
  return document.createElement(level ? `h${Math.min(6, Number(level) + HEADINGS)}` : node.tagName.toLowerCase());
}

/** @param {string} address */
function link(address) {
  if (!/^(https?:|mailto:)/i.test(address)) return document.createElement('span');
  const made = document.createElement('a');
  made.href = address;
  made.rel = 'noopener noreferrer nofollow';
  made.target = '_blank';
  return made;
}

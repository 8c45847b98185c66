// @ts-check
// The words of a part of a document, laid out as paragraphs. It looks at names and text alone: what it is given may be a
// copy that no window shows.

/** What says nothing to a reader. */
const SILENT = new Set(
  'SCRIPT STYLE NOSCRIPT TEMPLATE IFRAME OBJECT EMBED CANVAS AUDIO VIDEO SVG TEXTAREA SELECT BUTTON HEAD'.split(
    ' ',
  ),
);
/** What begins on a line of its own. */
const BLOCKS = new Set(
  'ADDRESS ARTICLE ASIDE BLOCKQUOTE BODY CAPTION DD DETAILS DIV DL DT FIELDSET FIGCAPTION FIGURE FOOTER FORM H1 H2 H3 H4 H5 H6 HEADER HR LI MAIN NAV OL P PRE SECTION SUMMARY TABLE TBODY THEAD TR UL'.split(
    ' ',
  ),
);

const nameOf = (/** @type {Node} */ node) => node.nodeName.toUpperCase();

/** Nodes of text that a reader may see, in order. @param {Node} root */
export const textNodes = (root) => {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) =>
    SILENT.has(nameOf(node)) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  return walker;
};

/** The block that a node stands in. @param {Node} node @param {Node} root */
const blockOf = (node, root) => {
  let block = node.parentNode;
  while (block && block !== root && !BLOCKS.has(nameOf(block))) block = block.parentNode;
  return block;
};

/**
 * At most `most` characters of the words under `root`; paragraphs are parted by an empty line, cells of a row by a tab.
 * @param {Node} root @param {number} most
 */
export const textOf = (root, most) => {
  const walker = textNodes(root);
  /** @type {string[]} */
  const parts = [];
  let length = 0;
  let gap = '';
  /** @type {Node | null} */
  let block = null;
  for (let node = walker.nextNode(); node && length < most; node = walker.nextNode()) {
    const name = nameOf(node);
    if (name === 'BR') gap ||= '\n';
    else if (name === 'TD' || name === 'TH') gap ||= '\t';
    if (node.nodeType !== Node.TEXT_NODE) continue;
    const own = blockOf(node, root);
    if (own !== block) gap = '\n\n';
    block = own;
    const words = node.nodeValue ?? '';
    const laidOut = own && nameOf(own) === 'PRE' ? words : words.replace(/[\s\u00a0]+/g, ' ');
    const starts = parts.length === 0 || gap !== '' || /\s$/.test(parts.at(-1) ?? '');
    const text = starts ? laidOut.replace(/^ /, '') : laidOut;
    if (text === '') continue;
    if (text.trim() === '' && gap !== '') continue;
    if (parts.length > 0 && gap !== '') {
      parts.push(gap);
      length += gap.length;
    }
    gap = '';
    parts.push(text);
    length += text.length;
  }
  return parts.join('').slice(0, most).trim();
};

// @ts-check
import { Parser } from 'htmlparser2';

const words = (/** @type {string} */ list) => new Set(list.split(' '));

/** What is not the text. */
const SKIPPED = words(
  'script style noscript template head svg math iframe object embed canvas audio video select textarea button nav rt rp',
);
/** What begins and ends a line, and what a paragraph. */
const LINES = words('div li dt dd tr caption summary option legend br');
const PARAGRAPHS = words(
  'p h1 h2 h3 h4 h5 h6 blockquote pre ul ol dl table figure figcaption section article main header footer aside hr address details body',
);
const CELLS = words('td th');
const GAPS = ['', ' ', '  ', '\n', '\n\n'];
/** Characters that the parser is given at once: between them the text may be long enough, or too deep. */
const SLICE = 16_384;
/** With so many open elements the parser, which would grow slow, is begun anew: the text needs none of them. */
const DEEPEST = 2000;

/**
 * The text of HTML or XHTML, in paragraphs. Nothing is built, run or loaded: tags go by as they are met, so depth costs
 * nothing.
 * @param {string} html @param {number} most characters of text, about
 * @returns {{ title: string, text: string, share: number }} `share`: of the HTML that the text is from, from 0 to 1
 */
export const plainText = (html, most) => {
  /** @type {string[]} */
  const out = [];
  let length = 0;
  let title = '';
  /** What stands before the next word: one of GAPS, the strongest that was met. */
  let gap = 0;
  let inTitle = false;
  let preformatted = 0;
  /** The element that is left out, and how many of its name are open in it. */
  let skipped = '';
  let depth = 0;

  const part = (/** @type {string} */ name) => {
    gap = Math.max(gap, PARAGRAPHS.has(name) ? 4 : LINES.has(name) ? 3 : CELLS.has(name) ? 2 : 0);
  };
  const write = (/** @type {string} */ text) => {
    const between = length > 0 ? (GAPS[gap] ?? '') : '';
    gap = 0;
    out.push(between, text);
    length += between.length + text.length;
  };
  const say = (/** @type {string} */ text) => {
    if (preformatted > 0) return write(text);
    const line = text.replace(/\s+/g, ' ');
    const bare = line.trim();
    if (line.startsWith(' ')) gap = Math.max(gap, 1);
    if (bare === '') return;
    write(bare);
    if (line.endsWith(' ')) gap = 1;
  };

  let open = 0;
  const begin = () =>
    new Parser(
      {
        onopentag(name, attributes) {
          open++;
          if (name === 'title' && title === '') inTitle = true;
          if (skipped !== '') {
            if (name === skipped) depth++;
            return;
          }
          if (SKIPPED.has(name) || 'hidden' in attributes || attributes['aria-hidden'] === 'true') {
            skipped = name;
            depth = 1;
            return;
          }
          if (name === 'pre') preformatted++;
          part(name);
          if (name === 'li') write('- ');
        },
        ontext(text) {
          if (inTitle) title += text;
          else if (skipped === '') say(text);
        },
        onclosetag(name) {
          open--;
          if (name === 'title') inTitle = false;
          if (skipped !== '') {
            if (name === skipped && --depth === 0) skipped = '';
            return;
          }
          if (name === 'pre') preformatted--;
          part(name);
        },
      },
      { decodeEntities: true, lowerCaseTags: true },
    );
  let at = 0;
  let parser = begin();
  while (at < html.length && length < most) {
    const piece = html.slice(at, at + SLICE);
    // Between two tags, where a parser may be exchanged.
    const cut = at + SLICE < html.length ? piece.lastIndexOf('<') : 0;
    const whole = cut > 0 ? piece.slice(0, cut) : piece;
    at += whole.length;
    parser.write(whole);
    if (open < DEEPEST) continue;
    parser.end();
    parser = begin();
    open = 0;
  }
  parser.end();
  const share = html.length === 0 ? 1 : Math.min(1, at / html.length);
  return { title: title.replace(/\s+/g, ' ').trim(), text: out.join('').trim(), share };
};

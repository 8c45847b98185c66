// @ts-check
import { Readability } from '@mozilla/readability';
import { textOf } from './text-of.js';

/** Characters of a page that are read at most, and elements up to which the article is looked for among them. */
const MOST = 4_000_000;
const MOST_ELEMENTS = 30_000;
/** An article of fewer characters may be a cookie banner: then all of the page is read. */
const SHORT = 300;

/** The article, without what stands around it. Readability takes its document to pieces, so it gets a copy, which runs nothing. */
const article = () => {
  if (document.getElementsByTagName('*').length > MOST_ELEMENTS) return '';
  try {
    const copy = /** @type {Document} */ (document.cloneNode(true));
    const options = { serializer: (/** @type {Node} */ found) => found };
    const found = new Readability(copy, options).parse();
    return found?.content ? textOf(found.content, MOST) : '';
  } catch {
    // A page that it cannot take to pieces.
    return '';
  }
};

/** What stands on the page, and what of it is selected. Reads only. @returns {import('../wire.js').Page} */
export const readPage = () => {
  const found = article();
  const main = document.querySelector('main') ?? document.body ?? document.documentElement;
  const text = found.length >= SHORT ? found : textOf(main, MOST) || textOf(document.documentElement, MOST);
  return {
    url: location.href.slice(0, 4000),
    title: (document.title.trim() || location.hostname || 'A page without a title').slice(0, 300),
    text,
    selection: String(getSelection() ?? '')
      .trim()
      .slice(0, MOST),
  };
};

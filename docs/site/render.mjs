import { existsSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { Marked } from 'marked';

/** The id that a heading has on the sites that show Markdown: links in docs/ name these. @param {string} words */
export const slug = (words) =>
  words
    .toLowerCase()
    .replace(/<[^>]+>/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

const escaped = (/** @type {string} */ text) =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

/**
 * The page's text as HTML. Links to files of the repository become links to pages, or to what `copy` puts beside them.
 * @param {import('./pages.mjs').Page} page @param {readonly import('./pages.mjs').Page[]} pages
 * @param {{ root: string, copy(path: string): string }} repository
 */
export const render = (page, pages, { root, copy }) => {
  const up = '../'.repeat(page.out.split('/').length - 1);
  const place = (/** @type {string} */ href) => {
    if (/^[a-z]+:/.test(href) || href.startsWith('#')) return href;
    const [path = '', anchor] = href.split('#');
    const source = posix.normalize(posix.join(dirname(page.source), path)).replace(/\/$/, '');
    const target =
      pages.find((one) => one.source === source) ??
      (source === 'docs/adr' && pages.find((one) => one.source.startsWith('docs/adr/')));
    if (target) return `${up}${target.out}${anchor ? `#${anchor}` : ''}`;
    if (!existsSync(join(root, source)))
      throw new Error(`${page.source} links to ${href}, which is not there.`);
    return `${up}${copy(source)}`;
  };
  const marked = new Marked({
    gfm: true,
    renderer: {
      heading({ tokens, depth }) {
        const inner = this.parser.parseInline(tokens);
        const id = slug(inner.replace(/&[a-z#0-9]+;/g, ''));
        return `<h${depth} id="${id}"><a class="anchor" href="#${id}">${inner}</a></h${depth}>\n`;
      },
      link({ href, tokens }) {
        return `<a href="${escaped(place(href))}">${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text }) {
        return `<img src="${escaped(place(href))}" alt="${escaped(text)}">`;
      },
      table(token) {
        const cell = (/** @type {any} */ one, /** @type {string} */ tag) =>
          `<${tag}${one.align ? ` class="${one.align}"` : ''}>${this.parser.parseInline(one.tokens)}</${tag}>`;
        const row = (/** @type {any[]} */ cells, tag = 'td') =>
          `<tr>${cells.map((one) => cell(one, tag)).join('')}</tr>`;
        const isBare = token.header.every(({ text }) => text === '');
        const head = isBare ? '' : `<thead>${row(token.header, 'th')}</thead>`;
        return `<div class="table" tabindex="0" role="region" aria-label="table">\n<table>${head}<tbody>${token.rows.map((cells) => row(cells)).join('\n')}</tbody></table></div>\n`;
      },
      code({ text, lang }) {
        return `<pre tabindex="0"><code class="${escaped(lang ?? '')}">${escaped(text)}\n</code></pre>\n`;
      },
      html({ text }) {
        // Pictures by day and by night, and the marks between which numbers are put; nothing else is meant to be HTML.
        return text
          .replace(/<!--[\s\S]*?-->/g, '')
          .replace(/(src|srcset)="([^"]+)"/g, (_, name, href) => `${name}="${escaped(place(href))}"`);
      },
    },
  });
  return marked.parse(page.text, { async: false });
};

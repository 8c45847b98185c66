// @ts-check
/** Everything around a page's text. */

const LIVE = [
  ['live/examples/reader/', 'Reader'],
  ['live/examples/', 'All examples'],
];

/**
 * @param {import('./pages.mjs').Page} page @param {readonly import('./pages.mjs').Page[]} pages
 * @param {string} body @param {{ version: string, hasApi: boolean }} about
 */
export const frame = (page, pages, body, { version, hasApi }) => {
  const up = '../'.repeat(page.out.split('/').length - 1);
  const link = (/** @type {string} */ href, /** @type {string} */ words, here = false) =>
    `<li><a href="${up}${href}"${here ? ' aria-current="page"' : ''}>${words}</a></li>`;
  const group = (/** @type {string} */ name) =>
    pages.filter((one) => one.group === name).map((one) => link(one.out, one.title, one === page));
  const lists = [
    ['Begin', group('Begin')],
    ['Know', group('Know')],
    ['Try', LIVE.map(([href = '', words = '']) => link(href, words))],
    ['Check', [...group('Check'), ...(hasApi ? [link('api/index.html', 'API')] : [])]],
  ];
  const menu = lists
    .map(
      ([name, items]) =>
        `<section><h2>${name}</h2><ul>${/** @type {string[]} */ (items).join('')}</ul></section>`,
    )
    .join('\n');
  const title =
    page.out === 'index.html' ? 'Longhand: long texts, on your own device' : `${page.title} · Longhand`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'">
<meta name="description" content="Long-context language models on the user's own device: read a whole book once, then ask it anything, offline.">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${up}paper.css">
<link rel="stylesheet" href="${up}site.css">
</head>
<body>
<a class="skip" href="#text">To the text</a>
<header><a class="name" href="${up}index.html">Longhand</a><span>${version}</span></header>
<details class="menu"><summary>Contents</summary><nav aria-label="Contents">${menu}</nav></details>
<nav class="side" aria-label="Pages">${menu}</nav>
<main id="text">
${body}</main>
</body>
</html>
`;
};

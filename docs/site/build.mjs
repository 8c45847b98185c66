#!/usr/bin/env node
// @ts-check
// `npm run site`: the documentation as static files in build/site, from docs/, the declarations and the examples. It can be
// served by anything, from any folder; `npm run site -- --quick` leaves out the API, the shelf and the assistant.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../../examples/install.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');

/** Of the examples, what a visitor of the site can try. */
const LIVE = ['index.html', 'page.css', 'paper.css', 'reader', 'books', 'models/book-reader-5m-Q8_0.gguf'];
const APP = ['index.html', 'manifest.webmanifest', 'sw.js', 'icons', 'dist'];

const copyLive = async (/** @type {string} */ out, /** @type {boolean} */ quick) => {
  const live = join(out, 'live');
  for (const path of LIVE)
    cpSync(join(root, 'examples', path), join(live, 'examples', path), { recursive: true });
  cpSync(join(root, 'dist'), join(live, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(hash|map|d\.ts)$|types$/.test(path),
  });
  if (quick) return;
  await (await import('../../examples/pwa/build.mjs')).build();
  await (await import('../../examples/assistant/build.mjs')).build();
  for (const app of ['pwa', 'assistant'])
    for (const path of APP)
      cpSync(join(root, 'examples', app, path), join(live, 'examples', app, path), { recursive: true });
};

/**
 * Builds the site; rejects where a link of a page leads nowhere. Returns its pages.
 * @param {string} out the folder, made anew @param {{ quick?: boolean }} [options] without the API, the shelf and the assistant
 */
export const buildSite = async (out, { quick = false } = {}) => {
  if (!install(here)) throw new Error('What makes the site could not be installed; npm says why, above.');
  const [{ pagesOf }, { render }, { frame }] = await Promise.all([
    import('./pages.mjs'),
    import('./render.mjs'),
    import('./frame.mjs'),
  ]);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  /** Of the repository, what a page links to: as it is, folders as their live example. @param {string} path */
  const copy = (path) => {
    if (statSync(join(root, path)).isDirectory()) return `live/${path}/`;
    cpSync(join(root, path), join(out, 'files', path));
    return `files/${path}`;
  };
  const pages = pagesOf(root);
  for (const page of pages) {
    const file = join(out, page.out);
    mkdirSync(dirname(file), { recursive: true });
    const body = render(page, pages, { root, copy });
    writeFileSync(file, frame(page, pages, body, { version, hasApi: !quick }));
  }
  cpSync(join(root, 'examples/paper.css'), join(out, 'paper.css'));
  cpSync(join(here, 'site.css'), join(out, 'site.css'));
  await copyLive(out, quick);
  if (!quick) {
    execFileSync(process.execPath, [join(root, 'node_modules/typedoc/bin/typedoc')], {
      cwd: root,
      stdio: 'inherit',
    });
    cpSync(join(root, 'build/api'), join(out, 'api'), { recursive: true });
  }
  return pages;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('There is no build yet: `node build.mjs`.');
  const out = join(root, 'build/site');
  const pages = await buildSite(out, { quick: process.argv.includes('--quick') });
  console.log(`build/site: ${pages.length} pages`);
}

// @ts-check
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionsPage } from './options.mjs';

/**
 * A page of the site: from a file of the repository, or made.
 * @typedef {{ source: string, out: string, title: string, group: string, text: string }} Page
 */

/** What is read, in the order of the menu. */
const GUIDES = [
  ['README.md', 'index.html', 'Longhand', ''],
  ['docs/START.md', 'start.html', 'Five minutes', 'Begin'],
  ['docs/MODELS.md', 'models.html', 'Choosing a model', 'Begin'],
  ['docs/MIGRATING.md', 'migrating.html', 'Coming from others', 'Begin'],
  ['docs/PACKAGING.md', 'packaging.html', 'Bundlers', 'Begin'],
  ['docs/HOW.md', 'how.html', 'How it works', 'Know'],
  ['docs/OPTIONS.md', 'options.html', 'Every option', 'Know'],
  ['docs/STRUCTURED.md', 'structured.html', 'Forms and tools', 'Know'],
  ['docs/FACADES.md', 'facades.html', 'Facades', 'Know'],
  ['docs/PRIVACY.md', 'privacy.html', 'Privacy and security', 'Know'],
  ['docs/LIMITS.md', 'limits.html', 'Limits, measured', 'Check'],
  ['docs/METHODS.md', 'methods.html', 'Methods', 'Check'],
  ['docs/FORMAT.md', 'format.html', 'The format', 'Check'],
  ['CHANGELOG.md', 'changelog.html', 'Changes', 'Check'],
  ['CONTRIBUTING.md', 'contributing.html', 'Contributing', 'Check'],
];
/** Reached by links only. */
const OTHERS = [
  'examples/books/README.md',
  'examples/models/README.md',
  'examples/pwa/README.md',
  'examples/extension/README.md',
  'examples/assistant/README.md',
];

/** @param {string} root of the repository @returns {Page[]} */
export const pagesOf = (root) => {
  const text = (/** @type {string} */ source) =>
    source === 'docs/OPTIONS.md' ? optionsPage(root) : readFileSync(join(root, source), 'utf8');
  const titleOf = (/** @type {string} */ words) => /^# (.+)$/m.exec(words)?.[1] ?? 'Longhand';
  const decisions = readdirSync(join(root, 'docs/adr')).sort();
  const linked = [
    ...decisions.map((name) => `docs/adr/${name}`),
    ...OTHERS.filter((file) => readdirSync(join(root, 'examples')).includes(file.split('/')[1] ?? '')),
  ];
  return [
    ...GUIDES.map(([source = '', out = '', title = '', group = '']) => ({
      source,
      out,
      title,
      group,
      text: text(source),
    })),
    ...linked.map((source) => {
      const words = text(source);
      const out = source
        .replace(/^docs\//, '')
        .replace(/\/README\.md$/, '.html')
        .replace(/\.md$/, '.html');
      return { source, out, title: titleOf(words), group: '', text: words };
    }),
  ];
};

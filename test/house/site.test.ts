import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { modelTable } from '../../bench/model-memory.js';
import { buildSite } from '../../docs/site/build.mjs';
import { measured, optionGroups } from '../../docs/site/options.mjs';
import { read, root } from './sources.js';

const out = join(root, 'build/site-test');
const isInstalled = existsSync(join(root, 'docs/site/node_modules/marked'));

/** A page's links, those of the menu too, and what it shows. */
const targetsOf = (html: string): string[] =>
  [...html.matchAll(/\s(?:href|src|srcset)="([^"]+)"/g)].map(([, target = '']) => target);
const idsOf = (html: string): Set<string> =>
  new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id = '']) => id));

describe.skipIf(!isInstalled)('the site (`npm test` installs what makes it)', () => {
  const pages = new Map<string, string>();
  beforeAll(async () => {
    for (const { out: file } of await buildSite(out, { quick: true }))
      pages.set(file, readFileSync(join(out, file), 'utf8'));
  });

  test('has every guide and every decision', () => {
    expect(pages.size).toBeGreaterThan(20);
    const decisions = readdirSync(join(root, 'docs/adr')).map(
      (name) => `adr/${name.replace('.md', '.html')}`,
    );
    expect([...pages.keys()]).toEqual(expect.arrayContaining(['index.html', 'start.html', ...decisions]));
    const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
    expect([...pages.keys()]).toEqual(
      expect.arrayContaining(guides.map((name) => name.toLowerCase().replace('.md', '.html'))),
    );
  });

  test('has no link that leads nowhere', () => {
    const broken: string[] = [];
    for (const [page, html] of pages) {
      for (const target of targetsOf(html)) {
        if (/^(https?:|data:)/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const file =
          path === ''
            ? page
            : posix.normalize(posix.join(posix.dirname(page), path)).replace(/\/$/, '/index.html');
        const there = pages.get(file);
        if (there === undefined ? !existsSync(join(out, file)) : anchor && !idsOf(there).has(anchor))
          broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test('loads nothing from elsewhere and runs nothing', () => {
    for (const [page, html] of pages) {
      expect(html, page).not.toMatch(
        /<script|<iframe|<style|\sstyle=|\son\w+="|src(?:set)?="(?:https?:)?\/\//,
      );
      expect(html.match(/<h1/g), page).toHaveLength(1);
      expect(html, page).toContain("default-src 'none'");
    }
  });

  test('every picture says what it shows', () => {
    const silent = [...pages].filter(([, html]) => /<img(?![^>]*\salt="[^"]+)[^>]*>/.test(html));
    expect(silent.map(([page]) => page)).toEqual([]);
  });
});

test('the table of options has them all, with what they do', () => {
  const groups = optionGroups(root);
  const named = groups.flatMap(({ name, options }) => options.map((one) => `${name}.${one.name}`));
  expect(named).toEqual(
    expect.arrayContaining(['KvOptions.values', 'EngineOptions.threads', 'SessionOptions.id']),
  );
  expect(Object.keys(measured).filter((name) => !named.includes(name))).toEqual([]);
  const silent = groups.flatMap(({ name, options }) =>
    options
      .filter(({ words, type }) => words === '' && !/^'[a-z0-9-]+'$/.test(type))
      .map((one) => `${name}.${one.name}`),
  );
  expect(silent).toEqual([]);
});

test('the table of models is what is counted', () => {
  expect(read('docs/MODELS.md')).toContain(`<!-- models -->\n${modelTable()}\n<!-- /models -->`);
});

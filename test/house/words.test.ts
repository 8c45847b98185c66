import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportedNames, filesUnder, read, wordsOf } from './sources.js';

// Words that say nothing about what a thing is.
const banned = new Set([
  'manager',
  'helper',
  'helpers',
  'util',
  'utils',
  'base',
  'impl',
  'info',
  'data',
  'process',
  'handle',
]);
const allowedNames = new Set(['ModelInfo']);
const bannedStems = new Set(['types', 'constants', 'misc', 'common']);

const everything = filesUnder('.').filter(
  (file) => /\.(ts|mjs|js|json|md|html|css|wgsl|yml)$/.test(file) || file === '.ci/run',
);
const code = everything.filter((file) => /\.(ts|mjs|js)$/.test(file));
const sources = code.filter((file) => /^(src|workers)\//.test(file));

const hits = (files: string[], pattern: RegExp): string[] =>
  files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [],
      ),
  );

describe('names', () => {
  test('words are split as people read them', () => {
    expect(wordsOf('PageManager')).toEqual(['page', 'manager']);
    expect(wordsOf('readGGUFInfo')).toEqual(['read', 'gguf', 'info']);
    expect(wordsOf('kv-layer.test')).toEqual(['kv', 'layer', 'test']);
  });

  test('of files are kebab-case and say what is inside', () => {
    const bad = code.filter((file) => {
      const [stem = ''] = basename(file).split('.');
      return (
        !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem) ||
        bannedStems.has(stem) ||
        wordsOf(stem).some((w) => banned.has(w))
      );
    });
    expect(bad).toEqual([]);
  });

  test('of exports use none of the banned words', () => {
    const bad = sources.flatMap((file) =>
      exportedNames(read(file))
        .filter((name) => !allowedNames.has(name) && wordsOf(name).some((word) => banned.has(word)))
        .map((name) => `${file}: ${name}`),
    );
    expect(bad).toEqual([]);
  });

  test('exports are found at all', () => {
    expect(exportedNames(read('src/errors.ts'))).toContain('LonghandError');
    expect(exportedNames("export { a as b } from './c.js'; export const d = 1, e = 2;")).toEqual([
      'b',
      'd',
      'e',
    ]);
  });
});

describe('text', () => {
  test('names no place of one machine', () => {
    // Written apart, so that this file does not find itself.
    const places = ['work', 'root', 'home', 'Users', 'tmp'].map((folder) => `/${folder}/`).join('|');
    expect(hits(everything, new RegExp(`(^|[\\s'"\`(=])(${places})\\w`))).toEqual([]);
  });

  test('names no registry: a lock file works with whichever is configured', () => {
    expect(
      hits(
        everything.filter((file) => file.endsWith('package-lock.json')),
        /"resolved"/,
      ),
    ).toEqual([]);
    expect(hits(everything, new RegExp(['registry', 'npmjs', 'org'].join('\\.')))).toEqual([]);
  });

  test('leaves nothing for later', () => {
    expect(
      hits(
        code,
        new RegExp(`\\b(${['TO', 'FIX', 'XX'].map((a, i) => a + ['DO', 'ME', 'X'][i]).join('|')})\\b`),
      ),
    ).toEqual([]);
  });
});

test('nobody is asked for a name: what a method needs, it declares', () => {
  // Except by a table, whose work it is to find by name.
  const askers = sources.filter((file) => !/^src\/[^/]+\/index\.ts$/.test(file));
  expect(
    hits(askers, /\b(predictor|policy|codec|architecture|arch|backend|method)(\?|!)?\.name\s*[!=]==/),
  ).toEqual([]);
  expect(hits(askers, /\barch(itecture)?\s*[!=]==\s*['"]/)).toEqual([]);
});

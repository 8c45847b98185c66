import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { measure, PAGE_BUDGET } from '../../build.mjs';
import { filesUnder, read, root } from './sources.js';

const tooLong = (folder: string, limit: number): string[] =>
  filesUnder(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, read(file).trimEnd().split('\n').length] as const)
    .filter(([, lines]) => lines > limit)
    .map(([file, lines]) => `${file}: ${lines} lines`);

test('no source file is longer than 260 lines', () => {
  expect(tooLong('src', 260)).toEqual([]);
});

test('a method is at most 150 lines', () => {
  expect(tooLong('src/predictors', 150)).toEqual([]);
});

test('what a page downloads besides the model stays within its budget', () => {
  const { files, page } = measure();
  const built = files.map(({ file }) => file);
  const facades = ['openai.js', 'prompt-api.js', 'chat.js', 'ai-sdk.js', 'planner.js', 'shared.js'];
  const fetched = [
    'constraint.js',
    'webgpu.js',
    'predictors.js',
    'policies.js',
    'opfs.js',
    'encrypted.js',
    'transfer.js',
    'variants.js',
    'retrieval.js',
    'sha256.js',
    'reads.js',
    'thread.js',
  ];
  const scripts = ['index.js', 'engine.js', 'worker.js', ...facades, ...fetched];
  expect(built).toEqual([...scripts, 'kernels.wasm', 'kernels.relaxed.wasm', 'shaders.json']);
  expect(page).toBeLessThanOrEqual(PAGE_BUDGET);
});

test('the facades are no larger than their table says, and not much smaller', () => {
  const said = [...read('docs/FACADES.md').matchAll(/^\| `longhand\/([a-z-]+)` \| (\d+) kB \|/gm)];
  const sizes = Object.fromEntries(said.map(([, name, kilobytes]) => [`${name}.js`, Number(kilobytes)]));
  const { files } = measure();
  const facades = files.filter(({ file }) => existsSync(join(root, 'src/facades', file.replace('.js', ''))));
  expect(facades.length).toBeGreaterThan(2);
  for (const { file, gzip } of facades) {
    expect(gzip / 1000, file).toBeLessThanOrEqual(sizes[file] ?? 0);
    expect(gzip / 1000, file).toBeGreaterThan(sizes[file]! - 3);
  }
});

test('what is fetched is no larger than its table says, and not much smaller', () => {
  const [, table = ''] = /<!-- sizes -->([\s\S]*)<!-- \/sizes -->/.exec(read('docs/PACKAGING.md')) ?? [];
  const rows = [...table.matchAll(/^\| (`.+`) \| (\d+) \|/gm)].map(([, names = '', kilobytes]) => ({
    names: [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    most: Number(kilobytes),
  }));
  const { files } = measure();
  const said = rows.flatMap(({ names }) => names);
  const facades = [...read('docs/FACADES.md').matchAll(/^\| `longhand\/([a-z-]+)` \|/gm)].map(
    ([, name]) => `${name}.js`,
  );
  expect([...said, ...facades].sort()).toEqual(files.map(({ file }) => file).sort());
  for (const { names, most } of rows) {
    const gzip = files.filter(({ file }) => names.includes(file)).reduce((sum, file) => sum + file.gzip, 0);
    expect(gzip / 1000, names.join()).toBeLessThanOrEqual(most);
    expect(gzip / 1000, names.join()).toBeGreaterThan(most * 0.3 - 1);
  }
});

test('an installation stays under 300 MB', () => {
  const bytesUnder = (folder: string): number =>
    readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sum + bytesUnder(path);
      return sum + (entry.isFile() ? statSync(path).blocks * 512 : 0);
    }, 0);
  expect(bytesUnder(join(root, 'node_modules')) / 2 ** 20).toBeLessThan(300);
});

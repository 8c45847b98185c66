import { expect, test } from 'vitest';
import { importsOf, read } from './sources.js';

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

const manifest = JSON.parse(read('package.json'));
const locked: Record<string, LockedPackage> = JSON.parse(read('package-lock.json')).packages;

// What may be shipped inside our bundles, and what may only stand beside us while we build.
const bundled = ['Apache-2.0', 'MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'];
const tools = [...bundled, 'BlueOak-1.0.0', 'MPL-2.0', 'Python-2.0', 'MIT OR Apache-2.0'];

test('every dependency is pinned to one version, and the lock agrees', () => {
  const wanted: Record<string, string> = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const [name, version] of Object.entries(wanted)) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    expect(locked[`node_modules/${name}`]?.version, name).toBe(version);
  }
  expect(manifest.peerDependencies ?? {}).toEqual({});
});

test('every package comes under a licence that allows this use', () => {
  const refused = Object.entries(locked).filter(
    ([path, { license, dev }]) => path !== '' && !(dev ? tools : bundled).includes(license ?? ''),
  );
  expect(refused.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  expect(manifest.license).toBe('Apache-2.0');
});

test('exports name files that the build makes', () => {
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target as Record<string, string>),
  );
  for (const target of targets.filter((path) => path !== './package.json')) {
    expect(() => read(target), target).not.toThrow();
    if (!target.endsWith('.d.ts')) continue;
    const [, declared = ''] = /from '\.\/(.+)\.js'/.exec(read(target)) ?? [];
    expect(() => read(`dist/${declared}.d.ts`), target).not.toThrow();
  }
});

test.each([
  'dist/index.js',
  'dist/worker.js',
  'dist/openai.js',
  'dist/prompt-api.js',
  'dist/chat.js',
  'dist/ai-sdk.js',
  'dist/planner.js',
  'dist/shared.js',
  'dist/constraint.js',
  'dist/predictors.js',
  'dist/policies.js',
  'dist/opfs.js',
  'dist/encrypted.js',
  'dist/transfer.js',
  'dist/variants.js',
  'dist/retrieval.js',
  'dist/sha256.js',
  'dist/reads.js',
])('%s runs from a plain script tag', (bundle) => {
  const specifiers = importsOf(read(bundle));
  // Bundlers of pages stop at `node:` modules, even behind a dynamic import that no page reaches.
  expect(specifiers).toEqual([]);
});

import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesUnder, importsOf, read } from './sources.js';

// Imports point down this list.
const errors = ['src/errors.ts', 'src/options.ts', 'src/node-module.ts'];
// What a socket's implementations and users agree on. (The interface of architectures stands with the model: it
// speaks of its configuration.)
const interfaces = [
  'src/backends/backend.ts',
  'src/backends/attend-options.ts',
  'src/backends/boundaries.ts',
  'src/backends/chunk-scoring.ts',
  'src/backends/head-routing.ts',
  'src/backends/kv-layer.ts',
  'src/backends/plan.ts',
  'src/backends/recurrence.ts',
  'src/backends/row-formats.ts',
  'src/backends/tensor.ts',
  'src/predictors/predictor.ts',
  'src/policies/policy.ts',
  'src/codecs/codec.ts',
  'src/stores/store.ts',
];
const folders = [
  [
    'src/text',
    'src/weights',
    'src/codecs',
    'src/kv',
    'src/predictors',
    'src/policies',
    'src/stores',
    'src/backends',
  ],
  ['src/model', 'src/architectures'],
  ['src/generate'],
  ['src/engine'],
];
const sockets = [
  'src/codecs',
  'src/predictors',
  'src/policies',
  'src/stores',
  'src/backends',
  'src/architectures',
];
// What a user imports: the package's entries, above everything that they put together.
const entries = ['src/index.ts', 'src/engine/index.ts'];
// The one thing that a socket's implementations may know of another: a backend's pages are the codecs' bytes.
const shared = { of: 'src/codecs/page-format.ts', by: 'src/backends' };
const outside = ['src/facades', 'workers', 'examples'];

const isIn = (file: string, folder: string) => file.startsWith(`${folder}/`);

/** How far up a file stands. Entries and the files of src/ itself (session) are above every folder in it. */
const rankOf = (file: string): number => {
  if (errors.includes(file)) return 0;
  if (interfaces.includes(file)) return 1;
  if (outside.some((folder) => isIn(file, folder))) return folders.length + 3;
  if (entries.includes(file)) return folders.length + 2;
  const level = folders.findIndex((level) => level.some((folder) => isIn(file, folder)));
  if (level >= 0) return level + 2;
  if (/^src\/[^/]+$/.test(file)) return folders.length + 2;
  throw new Error(`${file} stands in a folder that has no place in the list: give it one.`);
};

/** What is wrong with `from` importing `to`, if anything. */
const objection = (from: string, to: string): string | undefined => {
  const [lower, upper] = [rankOf(from), rankOf(to)];
  if (upper > lower) return `${from} imports upwards: ${to}`;
  const [socket, other] = [from, to].map((file) => sockets.find((folder) => isIn(file, folder)));
  const isShared = to === shared.of && isIn(from, shared.by);
  if (lower === upper && lower > 1 && socket && other && socket !== other && !isShared) {
    return `${from} imports another socket's implementation: ${to}`;
  }
  if (isIn(from, 'src/facades') && !isIn(to, 'src/facades') && to !== 'src/index.ts') {
    return `${from} imports more than the public index: ${to}`;
  }
  const facade = (file: string) => /^src\/facades\/([^/]+)\//.exec(file)?.[1];
  // What stands beside them is common to facades.
  if (facade(to) && facade(from) !== facade(to) && isIn(from, 'src/facades')) {
    return `${from} imports another facade: ${to}`;
  }
  if (isIn(from, 'examples') && !isIn(to, 'examples')) return `${from} reaches into the sources: ${to}`;
  const serves = isIn(to, 'src/engine') || /\/serve-(thread|reads)\.ts$/.test(to);
  if (isIn(from, 'workers') && !serves) return `${from} does more than serve the engine: ${to}`;
  return undefined;
};

const modules = [...filesUnder('src'), ...filesUnder('workers')].filter((file) => file.endsWith('.ts'));
const graph = new Map(
  modules.map((file) => [
    file,
    importsOf(read(file))
      .filter((name) => name.startsWith('.'))
      .map((name) => posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts')),
  ]),
);

describe('imports', () => {
  test('are seen in every form', () => {
    const source = `
      import { a } from './a.js';
      import type { B } from './b.js';
      export * from './c.js';
      export type { D } from './d.js';
      const e = await import('./e.js');
      type F = import('./f.js').F;
      import './g.js';`;
    expect(importsOf(source).sort()).toEqual([
      './a.js',
      './b.js',
      './c.js',
      './d.js',
      './e.js',
      './f.js',
      './g.js',
    ]);
  });

  test('point down, and sockets do not know each other', () => {
    const objections = [...graph].flatMap(([from, targets]) => targets.map((to) => objection(from, to)));
    expect(objections.filter((text) => text !== undefined)).toEqual([]);
  });

  test('the rule objects where it should', () => {
    expect(objection('src/model/forward.ts', 'src/engine/local.ts')).toContain('upwards');
    expect(objection('src/predictors/predictor.ts', 'src/predictors/dense.ts')).toContain('upwards');
    expect(objection('src/predictors/dense.ts', 'src/stores/idb.ts')).toContain('another socket');
    expect(objection('src/facades/openai.ts', 'src/session.ts')).toContain('public index');
    expect(objection('src/facades/openai/index.ts', 'src/facades/ai-sdk/index.ts')).toContain(
      'another facade',
    );
    expect(objection('src/facades/openai/index.ts', 'src/index.ts')).toBeUndefined();
    expect(objection('src/index.ts', 'src/facades/openai/index.ts')).toContain('upwards');
    expect(objection('workers/engine.ts', 'src/session.ts')).toContain('serve the engine');
    expect(objection('src/predictors/dense.ts', 'src/backends/backend.ts')).toBeUndefined();
  });

  test('lead to files that exist', () => {
    const lost = [...graph].flatMap(([from, targets]) =>
      targets.filter((to) => !graph.has(to)).map((to) => `${from} -> ${to}`),
    );
    expect(lost).toEqual([]);
  });

  test('make no circle', () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, trail: string[]): void => {
      if (trail.includes(file)) circles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
      if (done.has(file) || trail.includes(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of modules) visit(file, []);
    expect(circles).toEqual([]);
  });

  test('of packages are declared dependencies; Node is met only where files are opened', () => {
    const declared = Object.keys(JSON.parse(read('package.json')).dependencies);
    const foreign = modules.flatMap((file) =>
      importsOf(read(file))
        .filter(
          (name) => !name.startsWith('.') && !declared.some((known) => `${name}/`.startsWith(`${known}/`)),
        )
        .filter((name) => !(isBuiltin(name) && /^src\/(weights|backends\/wasm)\//.test(file)))
        .map((name) => `${file}: ${name}`),
    );
    expect(foreign).toEqual([]);
  });
});

test('examples import the built package, never the sources', () => {
  const scripts = filesUnder('examples').filter((file) => /\.(js|mjs|ts)$/.test(file));
  const reaching = scripts.flatMap((file) =>
    importsOf(read(file))
      .filter((name) => /(^|\/)(src|workers|assembly)\//.test(name))
      .map((name) => `${file}: ${name}`),
  );
  expect(reaching).toEqual([]);
});

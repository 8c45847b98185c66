// What choosing costs beside what it saves, one thread, plain SIMD in this Node:
//   node build.mjs kernels && node bench/select.mjs [--kv-heads 2] [--group 2] [--dim 64] [--factor 3] [--budget 2048] [--tokens 2048,8192]
// Times one layer: dense attention, and DHSA at 12.5 % (or a budget) with every step of its choice, for one decode row and for one
// prefill tile of 64 rows. ratio = (choice + sparse attention) / dense attention; below 1 choosing pays.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import * as esbuild from 'esbuild';

const root = new URL('..', import.meta.url);
const { values: given } = parseArgs({
  options: {
    'kv-heads': { type: 'string', default: '2' },
    group: { type: 'string', default: '2' },
    dim: { type: 'string', default: '64' },
    tokens: { type: 'string', default: '2048,8192,16384,32768' },
    factor: { type: 'string', default: '3' },
    budget: { type: 'string', default: '0' },
  },
});
const [kvHeads, group, dim, factor, budget] = ['kv-heads', 'group', 'dim', 'factor', 'budget'].map((name) =>
  Number(given[name]),
);

const bundle = await esbuild.build({
  stdin: {
    contents: "export * from './src/backends/wasm/backend.js'",
    resolveDir: root.pathname,
  },
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
});
const source = `data:text/javascript,${encodeURIComponent(bundle.outputFiles[0].text)}`;
const { createWasmBackend } = await import(source);
const simd128 = await readFile(new URL('dist/kernels.wasm', root));

/** Milliseconds of one call, best of many; time of the process, so that what other programs take does not count. */
const best = (run) => {
  const clock = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
  run();
  let least = Infinity;
  for (const end = performance.now() + 250; performance.now() < end; ) {
    const start = clock();
    run();
    least = Math.min(least, clock() - start);
  }
  return least;
};

let state = 1;
const uniform = () => (state = (state * 16807) % 2147483647) / 2147483647 - 0.5;

const measure = async (tokens, tileRows) => {
  const backend = await createWasmBackend({ wasm: { simd128 }, build: 'simd128' });
  const shape = { kvHeads, keyDim: dim, valueDim: dim, keys: 'q8', values: 'q8' };
  const kv = backend.kvLayer('kv', shape);
  backend.mapPages(kv, tokens / 64);
  const width = kvHeads * dim;
  const topic = new Float32Array(width);
  const k = backend.tensor('k', 64, width);
  for (let position = 0; position < tokens; position += 64) {
    const rows = new Float32Array(64 * width);
    for (let row = 0; row < 64; row++) {
      if (row % 20 === 0) for (let c = 0; c < width; c++) topic[c] = 3 * uniform();
      for (let c = 0; c < width; c++) rows[row * width + c] = topic[c] + uniform();
    }
    backend.upload(k, rows);
    backend.appendKv(kv, k, k, position);
  }
  const boundaries = { source: 'contrast', window: 4, perPage: 4, minimum: 8 };
  const index = backend.chunkIndex('chunks', {
    boundaries,
    layers: 1,
    kvHeads,
    keyDim: dim,
    means: true,
    sketches: true,
  });
  const building = performance.now();
  backend.segment(index, kv, tokens, new Uint8Array(tokens));
  backend.summarize(index, 0, kv);
  const built = performance.now() - building;

  const cols = width * group;
  const q = backend.tensor('q', tileRows, cols);
  backend.upload(
    q,
    new Float32Array(tileRows * cols).map(() => 3 * uniform()),
  );
  const out = backend.tensor('out', tileRows, cols);
  const [plan, candidates] = [backend.plan('plan', kvHeads), backend.plan('candidates', kvHeads)];
  const scores = backend.scores('scores', kvHeads);
  const tiles = { position: tokens - tileRows, rows: tileRows, tileRows };
  const scale = 1 / Math.sqrt(dim);
  const keep = { budget: budget || tokens / 8, sinks: 16, local: 64 };
  const everything = { ...keep, budget: Infinity };
  const attend = () => backend.attend(out, q, kv, plan, { scale });

  backend.select(plan, tiles, everything);
  const dense = best(attend);
  const steps = {};
  const time = (name, run) => (steps[name] = best(run));
  if (tileRows === 1) {
    const by = { by: 'sketch', scale };
    time('sketch', () => backend.scoreChunks(scores, q, index, 0, tiles, { ...by, planes: 1 }));
    time('candidates', () =>
      backend.select(candidates, tiles, { ...keep, budget: keep.budget * factor }, scores, index),
    );
    time('second', () => backend.scoreChunks(scores, q, index, 0, tiles, { ...by, planes: 2, candidates }));
  } else time('means', () => backend.scoreChunks(scores, q, index, 0, tiles, { by: 'mean', scale }));
  time('select', () => backend.select(plan, tiles, keep, scores, index));
  time('attend', attend);
  const sparse = Object.values(steps).reduce((sum, ms) => sum + ms, 0);
  const chunks = (await backend.readBoundaries(index)).length - 1;
  backend.close();
  const rounded = Object.fromEntries(
    Object.entries(steps).map(([name, ms]) => [name, Number((ms * 1000).toFixed(1))]),
  );
  return {
    tokens,
    tileRows,
    chunks,
    denseUs: Number((dense * 1000).toFixed(1)),
    ...rounded,
    ratio: Number((sparse / dense).toFixed(3)),
    indexUsPerToken: Number(((built * 1000) / tokens).toFixed(2)),
  };
};

console.log(
  JSON.stringify({
    node: process.version,
    kvHeads,
    group,
    dim,
    factor,
    ...(budget ? { budget } : { density: 0.125 }),
    unit: 'microseconds, one layer',
  }),
);
for (const tileRows of [1, 64]) {
  for (const tokens of given.tokens.split(',').map(Number))
    console.log(JSON.stringify(await measure(tokens, tileRows)));
}

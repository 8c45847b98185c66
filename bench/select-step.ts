/**
 * What choosing costs in a whole decode step: all layers of the SmolLM2-135M shape in turn, so that no cache holds them,
 * one thread. Where rows share candidates, the mean of their costs. `node bench/run.mjs select-step [--place Chromium] [--lengths 2048,4096,8192,16384,32768] [--layers 30]
 * [--kv-heads 3] [--group 3] [--methods 'dense; dhsa, budget 512']`
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { openPlace } from './goals/place.js';
import type { LayersInput, LayersMark } from './select/layers.js';

const { values: given } = parseArgs({
  options: {
    place: { type: 'string', default: 'Chromium' },
    lengths: { type: 'string', default: '2048,4096,8192,16384,32768' },
    layers: { type: 'string', default: '30' },
    'kv-heads': { type: 'string', default: '3' },
    group: { type: 'string', default: '3' },
    methods: { type: 'string', default: '' },
  },
});
const only = <T>(all: Record<string, T>): Record<string, T> =>
  Object.fromEntries(
    Object.entries(all).filter(([name]) => !given.methods || given.methods.split('; ').includes(name)),
  );
const outfile = 'bench/build/select-layers.mjs';
await build({
  entryPoints: ['bench/select/layers.ts'],
  outfile,
  bundle: true,
  format: 'esm',
  external: ['node:*'],
  logLevel: 'warning',
});
const place = await openPlace(given.place === 'Node' ? 'Node' : 'Chromium');
const input: LayersInput = {
  kernels: place.kernels,
  build: place.name === 'Node' ? 'simd128' : 'relaxed',
  layers: Number(given.layers),
  kvHeads: Number(given['kv-heads']),
  group: Number(given.group),
  dim: 64,
  lengths: given.lengths.split(',').map(Number),
  methods: only({
    dense: { method: 'dense' },
    'dhsa, budget 2048': { method: 'dhsa', budget: 2048 },
    'dhsa, budget 2048, refresh 2': { method: 'dhsa', budget: 2048, refresh: 2 },
    'dhsa, budget 2048, refresh 8': { method: 'dhsa', budget: 2048, refresh: 8 },
    'dhsa, candidates 3': { method: 'dhsa', budget: 2048, candidates: 3 },
    'dhsa, budget 1024': { method: 'dhsa', budget: 1024 },
    'dhsa, budget 512': { method: 'dhsa', budget: 512 },
  }),
};
const module = place.name === 'Node' ? pathToFileURL(outfile).href : place.at(outfile);
const run = async ({ module, input }: { module: string; input: LayersInput }): Promise<LayersMark[]> =>
  (await import(module)).measureLayers(input);
const marks = await place.call(run, { module, input });
console.log(
  `${place.label}, ${input.layers} layers, ${input.kvHeads} KV heads × ${input.group} × 64, ms of a step without weights:`,
);
for (const { tokens, ms } of marks) {
  for (const [name, parts] of Object.entries(ms)) {
    console.log(
      tokens,
      name,
      Object.entries(parts)
        .map(([part, x]) => `${part} ${x.toFixed(2)}`)
        .join(', '),
    );
  }
}
await place.close();

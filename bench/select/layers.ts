/** The cached part of decode steps: choosing and attention in all layers of a model. Runs in Node and in a page. */
import { createWasmBackend } from '../../src/backends/wasm/backend.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { createPredictor } from '../../test/support/predictors.js';

export interface LayersInput {
  readonly kernels: string;
  readonly build: 'simd128' | 'relaxed';
  readonly layers: number;
  readonly kvHeads: number;
  readonly group: number;
  readonly dim: number;
  readonly lengths: readonly number[];
  readonly methods: Readonly<Record<string, AttentionOptions>>;
}

/**
 * Milliseconds of all layers, by method and verb: the sum over layers of the least of several steps that take turns. Where
 * rows share candidates, the mean of the row that names them and the others.
 */
export interface LayersMark {
  readonly tokens: number;
  readonly ms: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const STEPS = 9;

export const measureLayers = async (input: LayersInput): Promise<LayersMark[]> => {
  const { kernels, build, layers, kvHeads, group, dim, lengths, methods } = input;
  const backend = await createWasmBackend({ wasm: { [build]: new URL(kernels) }, build });
  const shape = { kvHeads, keyDim: dim, valueDim: dim, keys: 'q8', values: 'q8' } as const;
  const width = kvHeads * dim;
  const cols = width * group;
  let state = 1;
  const uniform = (): number => (state = (state * 16807) % 2147483647) / 2147483647 - 0.5;
  const boundaries = { source: 'contrast', window: 4, perPage: 4, minimum: 8 } as const;
  const index = backend.chunkIndex('chunks', {
    boundaries,
    layers,
    kvHeads,
    keyDim: dim,
    means: true,
    sketches: true,
  });
  const kv = Array.from({ length: layers }, () => backend.kvLayer('kv', shape));
  const page = backend.tensor('k', 64, width);
  const [q, out] = [backend.tensor('q', 1, cols), backend.tensor('out', 1, cols)];
  const plan = backend.plan('plan', kvHeads);
  const scores = backend.scores('scores', kvHeads);
  const topic = new Float32Array(width);
  const scale = 1 / Math.sqrt(dim);
  const predictors = Object.entries(methods).map(
    ([name, options]) => [name, createPredictor(options)] as const,
  );
  const candidates = predictors.map(() => kv.map(() => backend.plan('candidates', kvHeads)));

  let least = new Map<string, number>();
  let layer = 0;
  /** Where the row stands among those that share candidates: `first`, or `later`. */
  let place = 'first';
  const timed = new Proxy(backend, {
    get: (target, verb) =>
      verb === 'scoreChunks' || verb === 'select' || verb === 'extend' || verb === 'attend'
        ? (...args: unknown[]) => {
            const start = performance.now();
            (target[verb] as (...all: unknown[]) => void)(...args);
            const ms = performance.now() - start;
            const second = verb === 'scoreChunks' && (args[5] as { planes: number }).planes === 2;
            const candidates = (verb === 'select' || verb === 'extend') && args[0] !== plan;
            const name = `${second ? 'second' : candidates ? 'candidates' : verb} ${place} ${layer}`;
            least.set(name, Math.min(ms, least.get(name) ?? ms));
          }
        : target[verb as keyof typeof target],
  });

  const marks: LayersMark[] = [];
  let position = 0;
  for (const tokens of lengths) {
    for (const pages of kv) backend.mapPages(pages, tokens / 64);
    for (; position < tokens; position += 64) {
      const rows = new Float32Array(64 * width);
      for (let row = 0; row < 64; row++) {
        if (uniform() < 1 / 16) for (let c = 0; c < width; c++) topic[c] = 3 * uniform();
        for (let c = 0; c < width; c++) rows[row * width + c] = topic[c]! + uniform();
      }
      backend.upload(page, rows);
      for (const pages of kv) backend.appendKv(pages, page, page, position);
    }
    backend.segment(index, kv[0]!, tokens, new Uint8Array(tokens));
    for (const [number, pages] of kv.entries()) backend.summarize(index, number, pages);
    const all = predictors.map(() => new Map<string, number>());
    for (let step = 0; step < STEPS; step++) {
      for (const [number, [, predictor]] of predictors.entries()) {
        least = all[number]!;
        const shared = predictor.needs.refresh ?? 1;
        for (let row = 0; row < Math.min(2, shared); row++) {
          place = row === 0 ? 'first' : 'later';
          const tiles = { position: tokens - shared + row, rows: 1, tileRows: 1, continues: row > 0 };
          backend.upload(
            q,
            Float32Array.from({ length: cols }, () => 3 * uniform()),
          );
          for (layer = 0; layer < layers; layer++) {
            const of = { layer, tiles, q, kv: kv[layer]!, scale };
            const named = candidates[number]![layer]!;
            predictor.plan(timed, { ...of, chunks: index, scores, candidates: named }, plan);
            timed.attend(out, q, of.kv, plan, { scale });
          }
        }
      }
    }
    const ms: Record<string, Record<string, number>> = {};
    for (const [number, [name, { needs }]] of predictors.entries()) {
      const shared = needs.refresh ?? 1;
      const sums: Record<string, number> = (ms[name] = { all: 0 });
      for (const [key, spent] of all[number]!) {
        const [verb, place] = key.split(' ') as [string, string];
        const mean = (spent * (place === 'first' ? 1 : shared - 1)) / shared;
        sums[verb] = (sums[verb] ?? 0) + mean;
        sums.all! += mean;
      }
    }
    marks.push({ tokens, ms });
  }
  backend.close();
  return marks;
};

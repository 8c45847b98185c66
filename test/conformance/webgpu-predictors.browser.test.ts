import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Backend,
  type Boundaries,
  type ChunkScoring,
  type Range,
  type Tiles,
  tileCount,
} from '../../src/backends/backend.js';
import { createRefBackend } from '../reference/backend.js';
import type { RefScores } from '../reference/selection.js';
import { createPredictor } from '../support/predictors.js';
import { random } from '../support/random.js';
import { makeWasmBackend } from './make-backend.js';
import { makeGpuBackend } from './make-gpu.js';
import { describePredictors } from './predictors.js';
import { createReading, putPages, type Reading, tensorOf } from './reading.js';

/** One for all: it keeps what it has compiled. */
let opened: Promise<Backend> | undefined;
const shared = async (): Promise<Backend> => {
  opened ??= makeGpuBackend();
  return Object.assign(await opened, { close: () => {} });
};

describePredictors('webgpu', shared, { few: true });

const calls: readonly Tiles[] = [
  { position: 512, rows: 188, tileRows: 64 },
  { position: 690, rows: 10, tileRows: 1 },
];
const scale = 0.125;
const boundaries = { source: 'contrast', window: 4, perPage: 4, minimum: 8 } as const;

const indexed = (backend: Backend, reading: Reading, source: Boundaries = boundaries) => {
  const { kvHeads, keyDim } = reading.shape;
  const kv = putPages(backend, reading);
  const shape = { boundaries: source, layers: 1, kvHeads, keyDim, means: true, sketches: true };
  const chunks = backend.chunkIndex('chunks', shape);
  backend.segment(chunks, kv, reading.tokens, reading.marks);
  backend.summarize(chunks, 0, kv);
  return { kv, chunks };
};

describe('choosing on a WebGPU device', () => {
  let gpu: Backend;
  let reading: Reading;
  const queriesOf = (backend: Backend, { position, rows }: Tiles) => {
    const width = reading.heads * reading.shape.keyDim;
    const values = random(3)
      .normals(700 * width)
      .slice(position * width, (position + rows) * width);
    return tensorOf(backend, rows, width, values);
  };
  beforeAll(async () => {
    gpu = await shared();
    reading = await createReading({ tokens: 700, kvHeads: 2, group: 2 });
  });

  test('makes the plan of the reference from the same scores, to the token', async () => {
    const reference = createRefBackend();
    const [own, other] = [indexed(gpu, reading), indexed(reference, reading)];
    const [scores, plan, wanted] = [gpu.scores('s', 2), gpu.plan('p', 2), reference.plan('p', 2)];
    for (const tiles of calls) {
      const ways = [0, ...(tiles.tileRows === 1 ? ([1, 2] as const) : [])] as const;
      for (const planes of ways) {
        const how = (planes ? { by: 'sketch', planes, scale } : { by: 'mean', scale }) as ChunkScoring;
        gpu.scoreChunks(scores, queriesOf(gpu, tiles), own.chunks, 0, tiles, how);
        const rows = (await gpu.readScores(scores)).map((row) => [...row]);
        const told: RefScores = { label: 's', lists: 2, rows, blocks: how.by === 'sketch' };
        for (const budget of [1, 140, 333, 699]) {
          for (const [sinks, local] of [
            [0, 0],
            [40, 100],
          ] as const) {
            const keep = { budget, sinks, local };
            gpu.select(plan, tiles, keep, scores, own.chunks);
            reference.select(wanted, tiles, keep, told, other.chunks);
            const what = JSON.stringify({ tiles, how, keep });
            expect(await gpu.readPlan(plan), what).toEqual(await reference.readPlan(wanted));
          }
        }
      }
    }
  });

  test('makes it too where a row has more scores than a few threads walk', async () => {
    const reference = createRefBackend();
    const source = { source: 'fixed', size: 1 } as const;
    const [own, other] = [indexed(gpu, reading, source), indexed(reference, reading, source)];
    const [scores, plan, wanted] = [gpu.scores('s', 2), gpu.plan('p', 2), reference.plan('p', 2)];
    const tiles: Tiles = { position: 695, rows: 5, tileRows: 1 };
    gpu.scoreChunks(scores, queriesOf(gpu, tiles), own.chunks, 0, tiles, { by: 'mean', scale });
    const rows = (await gpu.readScores(scores)).map((row) => [...row]);
    expect(rows[0]!.length).toBeGreaterThan(256);
    const told: RefScores = { label: 's', lists: 2, rows, blocks: false };
    for (const keep of [
      { budget: 140, sinks: 4, local: 8 },
      { budget: 333, sinks: 0, local: 0 },
      { budget: 500, sinks: 4, local: 8, mass: 0.5 },
    ]) {
      gpu.select(plan, tiles, keep, scores, own.chunks);
      reference.select(wanted, tiles, keep, told, other.chunks);
      expect(await gpu.readPlan(plan), JSON.stringify(keep)).toEqual(await reference.readPlan(wanted));
    }
  });

  test('refuses to score tokens of cold pages, where the plan names any', async () => {
    const tiles: Tiles = { position: 690, rows: 1, tileRows: 1 };
    const { kv, chunks } = indexed(gpu, reading);
    const [scores, plan] = [gpu.scores('s', 2), gpu.plan('p', 2)];
    gpu.dropPages(kv, [3]);
    for (const [local, isCold] of [
      [100, false],
      [600, true],
    ] as const) {
      gpu.select(plan, tiles, { budget: 1, sinks: 0, local });
      gpu.scoreTokens(scores, queriesOf(gpu, tiles), kv, chunks, plan, scale);
      const scored = gpu.readScores(scores);
      if (isCold) await expect(scored).rejects.toMatchObject({ message: expect.stringContaining('Page 3') });
      else expect((await scored).flatMap((row) => [...row]).some(Number.isNaN)).toBe(false);
    }
    gpu.free(kv);
  });

  test('reads what the CPU reads, but for a token in a hundred', async () => {
    const cpu = await makeWasmBackend({ build: 'simd128' });
    const predictor = createPredictor({ method: 'dhsa', budget: 200, sinks: 4, local: 8 });
    const tokensOf = (plan: Range[][]): Set<string> =>
      new Set(
        plan.flatMap((ranges, row) =>
          ranges.flatMap(([start, end]) =>
            Array.from({ length: end - start }, (_, i) => `${row} ${start + i}`),
          ),
        ),
      );
    for (const tiles of calls) {
      const [found, wanted] = await Promise.all(
        [gpu, cpu].map(async (backend) => {
          const plan = backend.plan('plan', 2);
          const input = {
            ...{ layer: 0, tiles, q: queriesOf(backend, tiles), scale, ...indexed(backend, reading) },
            ...{ scores: backend.scores('scores', 2), candidates: backend.plan('candidates', 2) },
          };
          predictor.plan(backend, input, plan);
          return tokensOf((await backend.readPlan(plan)).map((row) => [...row]));
        }),
      );
      const same = [...wanted!].filter((token) => found!.has(token)).length;
      expect(wanted!.size).toBeLessThan(2 * tileCount(tiles) * 400);
      expect(same / Math.max(found!.size, wanted!.size)).toBeGreaterThanOrEqual(0.99);
    }
    cpu.close();
  });
});

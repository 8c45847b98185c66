import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Backend,
  type ChunkIndex,
  type Keep,
  type Range,
  type Tiles,
  tileCount,
} from '../../src/backends/backend.js';
import type { GpuDevice } from '../../src/backends/webgpu/device.js';
import { type GpuBounded, gpuPlans } from '../../src/backends/webgpu/plans.js';
import { random } from '../support/random.js';
import { describeKeepOnly } from './keep-only.js';
import { makeRefBackend } from './make-backend.js';
import { openTestGpu } from './make-gpu.js';

/** Plans without scores: the forced set alone, whatever the tiles, and a tile that goes on. */
describe('plans on a WebGPU device', () => {
  let device: GpuDevice;
  let plans: Pick<Backend, 'plan' | 'select' | 'writePlan' | 'extend' | 'keepOnly' | 'readPlan'>;
  let reference: Backend;
  beforeAll(async () => {
    device = await openTestGpu();
    plans = gpuPlans(device, () => expect.fail('There are no scores.'));
    reference = await makeRefBackend();
  });

  const allTiles: Tiles[] = [
    { position: 0, rows: 1, tileRows: 1 },
    { position: 0, rows: 256, tileRows: 64 },
    { position: 300, rows: 147, tileRows: 64 },
    { position: 1000, rows: 70, tileRows: 1 },
    { position: 1000, rows: 70, tileRows: 16 },
  ];
  const keeps: Keep[] = [
    { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 },
    { budget: 0, sinks: 0, local: 0 },
    { budget: 0, sinks: 4, local: 100 },
    { budget: 100, sinks: 4, local: 8 },
    { budget: 10, density: 0.5, sinks: 400, local: 8 },
    { budget: 10, density: 1, sinks: 4, local: 2 ** 40 },
  ];

  test('are the forced sets of the reference', async () => {
    const [found, wanted] = [plans.plan('found', 3), reference.plan('wanted', 3)];
    for (const tiles of allTiles) {
      for (const keep of keeps) {
        plans.select(found, tiles, keep);
        reference.select(wanted, tiles, keep);
        const what = JSON.stringify({ tiles, keep });
        expect(await plans.readPlan(found), what).toEqual(await reference.readPlan(wanted));
      }
    }
  });

  test('know of an index what the pages before their own have decided', async () => {
    const next = random(4);
    const edges = [0];
    while (edges.at(-1)! < 1100) edges.push(edges.at(-1)! + 1 + next.below(60));
    for (const source of [
      { source: 'fixed', size: 16 },
      { source: 'contrast', window: 8, perPage: 4, minimum: 8 },
    ] as const) {
      const shape = { boundaries: source, layers: 1, kvHeads: 1, keyDim: 16, means: false, sketches: false };
      const boundaries = device.buffers.take('boundaries', 4 * (edges.length + 1), 'chunks');
      device.recorder.write(boundaries, 0, new Uint8Array(Uint32Array.of(edges.length, ...edges).buffer));
      const index: GpuBounded = { shape, boundaries };
      const known = { shape, boundaries: edges } as ChunkIndex;
      const [found, wanted] = [plans.plan('found', 2), reference.plan('wanted', 2)];
      for (const tiles of allTiles) {
        for (const keep of keeps) {
          plans.select(found, tiles, keep, undefined, index);
          reference.select(wanted, tiles, keep, undefined, known);
          const what = JSON.stringify({ tiles, keep });
          expect(await plans.readPlan(found), what).toEqual(await reference.readPlan(wanted));
        }
      }
    }
  });

  test('go on with their last tile, once or twice', async () => {
    const [found, wanted] = [plans.plan('found', 2), reference.plan('wanted', 2)];
    for (const tiles of [
      { position: 1000, rows: 20, tileRows: 16 },
      { position: 1000, rows: 3, tileRows: 16 },
    ]) {
      expect(tileCount(tiles)).toBeLessThan(3);
      const keep = { budget: 0, sinks: 5, local: 50 };
      plans.select(found, tiles, keep);
      reference.select(wanted, tiles, keep);
      for (const rows of [2, 2, 4]) {
        const more = { position: tiles.position + tiles.rows, rows, tileRows: 16, continues: true };
        plans.extend(found, more);
        reference.extend(wanted, more);
        expect(await plans.readPlan(found)).toEqual(await reference.readPlan(wanted));
      }
    }
  });

  test('from the host are what was written, and go on', async () => {
    const numbers = random(6);
    const [found, wanted] = [plans.plan('found', 3), reference.plan('wanted', 3)];
    // The last one is more than is listed at once.
    for (const [rows, most] of [
      [3, 2],
      [1, 5000],
      [2, 9000],
    ] as const) {
      const tiles = { position: 20_000, rows, tileRows: 1 };
      const written = Array.from({ length: 3 * rows }, (_, row): Range[] => [
        ...Array.from({ length: 1 + numbers.below(most) }, (_, i): Range => [2 * i, 2 * i + 1]),
        [19_000 + row, 20_001 + (row % rows)],
      ]);
      for (const [backend, plan] of [
        [plans, found],
        [reference, wanted],
      ] as const) {
        backend.writePlan(plan, tiles, written);
        expect(await backend.readPlan(plan)).toEqual(written);
      }
      const more = { position: 20_000 + rows, rows: 1, tileRows: 1, continues: true };
      plans.extend(found, more);
      reference.extend(wanted, more);
      expect(await plans.readPlan(found)).toEqual(await reference.readPlan(wanted));
    }
  });
});

describeKeepOnly('webgpu', async () =>
  gpuPlans(await openTestGpu(), () => expect.fail('There are no scores.')),
);

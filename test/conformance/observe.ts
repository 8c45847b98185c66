import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, Range, Tiles } from '../../src/backends/backend.js';
import { tileCount, tileEnd, tileStart } from '../../src/backends/backend.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';
import { expectWithin } from './compare.js';
import { createReading, putPages, type Reading, type ReadingOptions, tensorOf } from './reading.js';
import { tolerance } from './tolerance.js';

const readings: readonly ReadingOptions[] = [
  { tokens: 1, kvHeads: 1, group: 1 },
  { tokens: 63, dim: 80, keys: 'f16' },
  { tokens: 200, group: 3, keys: 'f16' },
  { tokens: 200, kvHeads: 1, group: 1, dim: 256 },
  { tokens: 330, kvHeads: 3, group: 2, dim: 96 },
  { tokens: 500, kvHeads: 1, group: 8 },
  { tokens: 150, group: 3, dim: 80, keys: 'q4' },
];
/** For a GPU in software. */
const fewReadings = [readings[1]!, readings[4]!, readings[6]!];

/** Rows of the middle of a tile, across tiles, of their own, and sharing. */
const calls = (tokens: number): Tiles[] => [
  { position: tokens - 1, rows: 1, tileRows: 1 },
  { position: Math.max(0, tokens - 5), rows: Math.min(5, tokens), tileRows: 1 },
  { position: Math.max(0, tokens - 70), rows: Math.min(70, tokens), tileRows: 64 },
  { position: Math.max(0, tokens - 21), rows: Math.min(21, tokens), tileRows: 8 },
];

/** Ranges with odd ends, the tile itself among them. */
const sparse = (tiles: Tiles, lists: number): Range[][] =>
  Array.from({ length: lists * tileCount(tiles) }, (_, row) => {
    const tile = row % tileCount(tiles);
    const [start, end] = [tileStart(tiles, tile), tileEnd(tiles, tile)];
    const numbers = random(row + 3);
    const ranges: Range[] = [];
    for (let at = numbers.below(9); at + 1 < start; ) {
      const to = Math.min(start - 1, at + 1 + numbers.below(40));
      if (to > at) ranges.push([at, to]);
      at = to + 1 + numbers.below(70);
    }
    return [...ranges, [start, end]];
  });

/** Attention probabilities agree with the reference. */
export const describeObserve = (
  name: string,
  make: () => Promise<Backend>,
  { few = false }: { readonly few?: boolean } = {},
): unknown =>
  describe(`observe: ${name}`, () => {
    const reference = createRefBackend();
    let backend: Backend;
    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend.close());

    const observed = (
      b: Backend,
      reading: Reading,
      tiles: Tiles,
      lists: number,
      rows: Range[][] | undefined,
      values: Float32Array,
      more = 3,
    ): Promise<Float32Array> => {
      const { shape, heads } = reading;
      const plan = b.plan('plan', lists);
      if (rows) b.writePlan(plan, tiles, rows);
      else b.select(plan, tiles, { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 });
      const tokens = tiles.position + tiles.rows + more;
      const filled = new Float32Array(tiles.rows * heads * tokens).fill(7);
      const out = tensorOf(b, tiles.rows * heads, tokens, filled);
      const q = tensorOf(b, tiles.rows, heads * shape.keyDim, values);
      b.observe(out, q, putPages(b, reading), plan, 1 / Math.sqrt(shape.keyDim));
      return b.read(out);
    };

    test.each(
      few ? fewReadings : readings,
    )('probabilities: $tokens tokens, $kvHeads KV heads of $dim, $keys', async (options) => {
      const reading = await createReading(options);
      const { shape, heads, tokens } = reading;
      for (const tiles of calls(tokens)) {
        const values = random(tiles.position + 5).normals(tiles.rows * heads * shape.keyDim);
        for (const lists of tiles.rows % 2 ? [1] : [shape.kvHeads]) {
          for (const rows of [undefined, sparse(tiles, lists)]) {
            const [found, wanted] = await Promise.all(
              [backend, reference].map((b) => observed(b, reading, tiles, lists, rows, values)),
            );
            expectWithin(found!, wanted!, () => tolerance.score, `rows from ${tiles.position}`);
            // Exactly nothing where nothing is named, and what is behind the row.
            wanted!.forEach((p, i) => {
              if (p === 0) expect(found![i]).toBe(0);
            });
            const width = found!.length / (tiles.rows * heads);
            for (let row = 0; row < tiles.rows * heads; row++) {
              const sum = found!.subarray(row * width, (row + 1) * width).reduce((a, b) => a + b, 0);
              expect(Math.abs(sum - 1)).toBeLessThanOrEqual(tolerance.score);
            }
          }
        }
      }
    });

    test('queries that are no numbers make probabilities that are none, of their row alone', async () => {
      const reading = await createReading({ tokens: 70 });
      const { shape, heads } = reading;
      const tiles: Tiles = { position: 66, rows: 4, tileRows: 64 };
      const width = heads * shape.keyDim;
      const values = random(1).normals(4 * width);
      values.fill(Number.NaN, width, 2 * width);
      const found = await observed(backend, reading, tiles, shape.kvHeads, undefined, values, 0);
      const sums = Array.from({ length: 4 }, (_, row) =>
        found.subarray(row * heads * 70, (row + 1) * heads * 70).reduce((a, b) => a + b, 0),
      );
      for (const row of [0, 2, 3]) expect(Math.abs(sums[row]! - heads)).toBeLessThan(heads * tolerance.score);
      expect(Math.abs(sums[1]! - heads) < heads * tolerance.score).toBe(false);
    });

    test('what does not fit is refused', async () => {
      const reading = await createReading({ tokens: 70 });
      const kv = putPages(backend, reading);
      const plan = backend.plan('plan', 1);
      const tiles: Tiles = { position: 66, rows: 4, tileRows: 64 };
      backend.select(plan, tiles, { budget: 1, sinks: 0, local: 0 });
      const q = backend.tensor('q', 4, reading.heads * reading.shape.keyDim);
      for (const [rows, cols] of [
        [4 * reading.heads, 69],
        [4, 70],
      ] as const) {
        expect(() => backend.observe(backend.tensor('out', rows, cols), q, kv, plan, 1)).toThrow(
          'observe got',
        );
      }
    });
  });

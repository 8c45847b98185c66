import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  Backend,
  Boundaries,
  ChunkIndex,
  ChunkShape,
  KvLayer,
  Range,
  Tiles,
} from '../../src/backends/backend.js';
import { hadamard } from '../../src/codecs/hadamard.js';
import { fromHalf } from '../../src/codecs/half.js';
import { boundBytes, meanBytes, sketchBytes } from '../../src/kv/chunks.js';
import { createRefBackend } from '../reference/backend.js';
import { storedKey } from '../reference/keys.js';
import type { RefScores } from '../reference/selection.js';
import { random } from '../support/random.js';
import { expectEqual, expectWithin } from './compare.js';
import { createReading, putPages, type Reading, type ReadingOptions, tensorOf } from './reading.js';
import { tolerance } from './tolerance.js';

const contrast: Boundaries = { source: 'contrast', window: 4, perPage: 4, minimum: 8 };
const sources: readonly Boundaries[] = [
  contrast,
  { source: 'contrast', window: 1, perPage: 1, minimum: 30 },
  { source: 'contrast', window: 32, perPage: 64, minimum: 0 },
  { source: 'delimiters', minimum: 8, maximum: 64 },
  { source: 'delimiters', minimum: 3, maximum: 200 },
  { source: 'fixed', size: 32 },
  { source: 'fixed', size: 5 },
  { source: 'fixed', size: 100 },
];

const readings: readonly ReadingOptions[] = [
  { tokens: 1, kvHeads: 1, group: 1 },
  { tokens: 63, dim: 80, keys: 'f16' },
  { tokens: 64, kvHeads: 1, group: 8, dim: 96 },
  { tokens: 65, kvHeads: 8, group: 1, dim: 128 },
  { tokens: 200, group: 3, keys: 'f16' },
  { tokens: 200, kvHeads: 1, group: 1, dim: 256 },
  { tokens: 1000 },
  { tokens: 500, kvHeads: 1, group: 8, dim: 80 },
  { tokens: 500, group: 3, dim: 96, keys: 'f16' },
  { tokens: 150, group: 3, dim: 80, keys: 'q4' },
];

/** What is left of them for a GPU in software: every source and codec, odd pages, heads and widths. */
const fewSources = [sources[0]!, sources[2]!, sources[4]!, sources[6]!];
const fewReadings: readonly ReadingOptions[] = [
  { tokens: 63, dim: 80, keys: 'f16' },
  { tokens: 200, group: 3, keys: 'f16' },
  { tokens: 330, kvHeads: 3, group: 2, dim: 96 },
  { tokens: 150, group: 3, dim: 80, keys: 'q4' },
];

const shapeOf = ({ shape, pages }: Reading, boundaries: Boundaries): ChunkShape => ({
  boundaries,
  layers: pages.length,
  kvHeads: shape.kvHeads,
  keyDim: shape.keyDim,
  means: true,
  sketches: true,
  bounds: true,
});

interface Indexed {
  readonly kv: readonly KvLayer[];
  readonly index: ChunkIndex;
}

/** Pages and a chunk index on a backend, advanced in calls that end at `stops`. */
const indexed = (backend: Backend, reading: Reading, boundaries: Boundaries, stops?: number[]): Indexed => {
  const kv = reading.pages.map((_, layer) => putPages(backend, reading, layer));
  const index = backend.chunkIndex('chunks', shapeOf(reading, boundaries));
  for (const tokens of stops ?? [reading.tokens]) advance(backend, { kv, index }, tokens, reading.marks);
  return { kv, index };
};

const advance = (backend: Backend, { kv, index }: Indexed, tokens: number, marks: Uint8Array): void => {
  backend.segment(index, kv[0]!, tokens, marks);
  kv.forEach((layer, number) => {
    backend.summarize(index, number, layer);
  });
};

const content = (backend: Backend, { index }: Indexed, reading: Reading): Promise<Uint8Array> =>
  backend.readChunks(index, 0, Math.floor(reading.tokens / 64));

const lengths = (boundaries: Uint32Array): number[] =>
  Array.from(boundaries.subarray(1), (b, i) => b - boundaries[i]!);

/** Boundaries and summaries, scores and plans agree with the reference, verb by verb. */
export const describeChunks = (
  name: string,
  make: () => Promise<Backend>,
  { few = false }: { readonly few?: boolean } = {},
): unknown =>
  describe(`chunk verbs: ${name}`, () => {
    const [some, from] = few ? [fewReadings, fewSources] : [readings, sources];
    // Once found to be the reference's, they need not be moved about in every way.
    const moved = few ? [sources[0]!, sources[6]!] : sources;
    const reference = createRefBackend();
    let backend: Backend;
    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend.close());

    describe.each(some)('$tokens tokens, $kvHeads KV heads of $dim, $keys', (options) => {
      let reading: Reading;
      beforeAll(async () => {
        reading = await createReading({ ...options, layers: 2 });
      });

      test.each(from)('boundaries and summaries: %o', async (boundaries) => {
        const wanted = indexed(reference, reading, boundaries);
        const found = indexed(backend, reading, boundaries);
        const edges = await backend.readBoundaries(found.index);
        expect(edges).toEqual(await reference.readBoundaries(wanted.index));
        expectEqual(await content(backend, found, reading), await content(reference, wanted, reading));
      });

      test.each(moved)('found in pieces, they are the same: %o', async (boundaries) => {
        const whole = indexed(backend, reading, boundaries);
        const stops = [1, 63, 64, 65, 130, 131, 192, 500, 640].filter((n) => n < reading.tokens);
        const pieces = indexed(backend, reading, boundaries, [...stops, reading.tokens]);
        expectEqual(await content(backend, pieces, reading), await content(backend, whole, reading));
      });

      test.each(moved)('what is forgotten and found again is the same: %o', async (boundaries) => {
        const whole = indexed(backend, reading, boundaries);
        const back = Math.floor(reading.tokens / 3);
        const cut = indexed(backend, reading, boundaries, [reading.tokens, back]);
        const short = indexed(backend, reading, boundaries, [back]);
        expect(await backend.readBoundaries(cut.index)).toEqual(await backend.readBoundaries(short.index));
        advance(backend, cut, reading.tokens, reading.marks);
        expectEqual(await content(backend, cut, reading), await content(backend, whole, reading));
      });

      test.each(moved)('what is read in parts and written again is the same: %o', async (boundaries) => {
        const whole = indexed(backend, reading, boundaries);
        const fresh = backend.chunkIndex('fresh', shapeOf(reading, boundaries));
        const pages = Math.floor(reading.tokens / 64);
        for (let from = 0; from < pages; from += 3) {
          const to = Math.min(pages, from + 3);
          // At first it is not known how many will come, then too few are foretold, then too many.
          const room = [undefined, to - 1, pages + 5][Math.min(2, from / 3)];
          backend.writeChunks(fresh, from, to, await backend.readChunks(whole.index, from, to), room);
        }
        expect(await backend.readBoundaries(fresh)).toEqual(await backend.readBoundaries(whole.index));
        expectEqual(await backend.readChunks(fresh, 0, pages), await content(backend, whole, reading));
        // And it goes on from there.
        backend.segment(fresh, whole.kv[0]!, reading.tokens, reading.marks);
        expect(await backend.readBoundaries(fresh)).toEqual(await backend.readBoundaries(whole.index));
      });

      test.skipIf(few)('what is told how many pages will come moves no more as they do', async () => {
        const whole = indexed(backend, reading, sources[4]!);
        const pages = Math.floor(reading.tokens / 64);
        /** How often the memory of chunks was another after a page more. */
        const moves = async (room?: number): Promise<number> => {
          const fresh = backend.chunkIndex('fresh', shapeOf(reading, sources[4]!));
          const held: number[] = [];
          for (let page = 0; page < pages; page++) {
            const bytes = await backend.readChunks(whole.index, page, page + 1);
            backend.writeChunks(fresh, page, page + 1, bytes, room);
            held.push(backend.bytes().chunks);
          }
          backend.free(fresh);
          return new Set(held).size - 1;
        };
        // One at most: the first page may close fewer chunks than the others.
        expect(await moves(pages)).toBeLessThanOrEqual(1);
        if (pages > 8) expect(await moves()).toBeGreaterThan(2);
      });

      const { tokens } = options;
      const calls = [
        { position: tokens - 1, rows: 1, tileRows: 1 },
        { position: Math.max(0, tokens - 12), rows: Math.min(12, tokens), tileRows: 8 },
        { position: 0, rows: Math.min(tokens, 150), tileRows: 64 },
        { position: Math.max(0, tokens - 75), rows: Math.min(75, tokens), tileRows: 64 },
      ] satisfies Tiles[];

      test.each(calls)('scores and plans of rows $position + $rows by $tileRows', async (tiles) => {
        const { shape, heads } = reading;
        const values = random(tiles.position + 5).normals(tiles.rows * heads * shape.keyDim);
        const scale = 1 / Math.sqrt(shape.keyDim);
        for (const boundaries of few ? [contrast] : [contrast, sources[3]!, sources[5]!]) {
          for (const lists of tiles.rows % 2 ? [1] : [shape.kvHeads]) {
            const [found, wanted] = await Promise.all(
              [backend, reference].map((b) =>
                scoreAll(b, reading, boundaries, lists, tiles, values, scale, few ? [40, 333] : budgets),
              ),
            );
            const chunks = Array.from(await reference.readBoundaries(wanted!.index));
            const blocks = Array.from({ length: tokens >> 4 }, (_, i) => 16 * i);
            found!.plans.forEach((plan, i) => {
              const edges = wanted!.blocks[i] ? blocks : chunks;
              expectPlan(plan, wanted!.plans[i]!, wanted!.scores[i]!, edges, `${boundaries.source} ${i}`);
            });
            wanted!.mass.forEach((masses, i) => {
              expect(found!.mass[i]!.length).toBe(masses.length);
              // Of all the softmaxes that a tile and a list add up.
              const bound = tolerance.score * tiles.rows * heads;
              masses.forEach((row, r) => {
                expectWithin(found!.mass[i]![r]!, row, () => bound, `mass of row ${r}`);
              });
            });
          }
        }
      });
    });

    test.skipIf(few)(
      'contrast: more than `minimum` apart, at most `perPage` in a window, never longer than 64',
      async () => {
        const reading = await createReading({ tokens: 1600 });
        for (const [perPage, minimum] of [
          [4, 8],
          [2, 20],
          [1, 0],
        ] as const) {
          const rule: Boundaries = { source: 'contrast', window: 4, perPage, minimum };
          const edges = await backend.readBoundaries(indexed(backend, reading, rule).index);
          const all = lengths(edges);
          expect(Math.max(...all)).toBeLessThanOrEqual(64);
          // A cut of what was too long may lie closer; what was chosen may not.
          const close = all.filter((length, i) => length <= minimum && all[i - 1] !== 64);
          expect(close).toEqual([]);
          for (let page = 0; page < 25; page++) {
            const inside = Array.from(edges).filter((b, i) => {
              const chosen = i > 0 && b - edges[i - 1]! !== 64;
              return chosen && Math.floor((b + 4) / 64) === page;
            });
            expect(inside.length).toBeLessThanOrEqual(perPage);
          }
          expect(edges.length).toBeGreaterThan(15);
        }
      },
    );

    test('contrast finds where the keys turn', async () => {
      const turns = [20, 45, 90, 118, 170, 220, 250];
      const width = 128;
      const reading = await createReading({
        tokens: 320,
        edit(keys) {
          const numbers = random(3);
          for (let from = 0; from < 320; ) {
            const to = turns.find((t) => t > from) ?? 320;
            const topic = numbers.normals(width);
            for (let i = from; i < to; i++) for (let c = 0; c < width; c++) keys[i * width + c] = topic[c]!;
            from = to;
          }
        },
      });
      const edges = await backend.readBoundaries(indexed(backend, reading, contrast).index);
      expect(Array.from(edges)).toEqual(expect.arrayContaining(turns));
    });

    test('a sketch comes near its keys, and nearer with its second plane', async () => {
      for (const keys of ['q8', 'f16'] as const) {
        const edit = (values: Float32Array): void => values.set(random(8).normals(values.length));
        const reading = await createReading({ tokens: 256, keys, edit });
        const { kv } = indexed(reference, reading, contrast);
        const own = indexed(backend, reading, contrast);
        const { keyDim, kvHeads } = reading.shape;
        const planeBytes = 128 + 8 * keyDim;
        const headBytes = keyDim + 16 + 2 * planeBytes;
        const edges = await backend.readBoundaries(own.index);
        const bytes = await backend.readChunks(own.index, 0, 4);
        const view = new DataView(bytes.buffer, 4 + (edges.length - 1) * (4 + kvHeads * keyDim * 2));
        const errors = [0, 0, 0];
        for (let head = 0; head < kvHeads; head++) {
          for (let token = 0; token < 256; token++) {
            const key = storedKey(kv[0]!, head, token);
            if (keys === 'f16') hadamard(key);
            const at = (Math.floor(token / 64) * kvHeads + head) * headBytes;
            const scale = fromHalf(view.getUint16(at + keyDim, true));
            key.forEach((x, c) => {
              let rest = x - scale * view.getInt8(at + c);
              errors[0]! += x * x;
              for (let plane = 0; plane < 2; plane++) {
                const planeAt = at + keyDim + 16 + plane * planeBytes;
                const signs = planeAt + 128 + Math.floor((token % 64) / 16) * 2 * keyDim + (token % 16);
                const negative = view.getUint8(signs + 16 * Math.floor(c / 8)) & (1 << (c % 8));
                const code = view.getUint16(planeAt + 2 * (token % 64), true);
                const size = (code * fromHalf(view.getUint16(at + keyDim + 2, true))) / 2 ** 14;
                rest -= negative ? -size : size;
                errors[plane + 1]! += rest * rest;
              }
            });
          }
        }
        // Of normal numbers a sign leaves 1 − 2/π = 0.363 of the variance, a second one about 0.12.
        expect(errors[1]! / errors[0]!).toBeLessThan(0.4);
        expect(errors[2]! / errors[0]!).toBeLessThan(0.15);
      }
    });

    test('no key lies outside its bounds, and no product above what they allow', async () => {
      const numbers = random(8);
      const edits = few
        ? [hurt]
        : [(k: Float32Array) => k.set(numbers.normals(k.length)), hurt, (k: Float32Array) => k.fill(0)];
      for (const [edit, keys] of edits.flatMap((edit) => [[edit, 'q8'] as const, [edit, 'f16'] as const])) {
        const reading = await createReading({ tokens: 192, keys, dim: 80, edit });
        const { kv } = indexed(reference, reading, contrast);
        const own = indexed(backend, reading, contrast);
        const { keyDim, kvHeads } = reading.shape;
        const whole = { ...shapeOf(reading, contrast), layers: 1 };
        const edges = await backend.readBoundaries(own.index);
        const bytes = await backend.readChunks(own.index, 0, 3);
        const before = (edges.length - 1) * (4 + meanBytes(whole)) + 3 * sketchBytes(whole);
        const view = new DataView(bytes.buffer, 4 + before);
        let outside = 0;
        for (let head = 0; head < kvHeads; head++) {
          for (let block = 0; block < 12; block++) {
            const page = Math.floor(block / 4) * boundBytes(whole);
            const at = page + (head * 4 + (block % 4)) * 4 * keyDim;
            const half = (i: number): number => fromHalf(view.getUint16(at + 2 * i, true));
            const q = numbers.normals(keyDim);
            const least = Array.from(q, (_, c) => half(c));
            const greatest = Array.from(q, (_, c) => half(keyDim + c));
            const bound = q.reduce((sum, x, c) => sum + Math.max(x * least[c]!, x * greatest[c]!), 0);
            for (let token = 16 * block; token < 16 * block + 16; token++) {
              const key = storedKey(kv[0]!, head, token);
              if (keys === 'f16') hadamard(key);
              key.forEach((x, c) => {
                if (!(least[c]! <= x && greatest[c]! >= x)) outside++;
              });
              if (!(q.reduce((sum, x, c) => sum + x * key[c]!, 0) <= bound)) outside++;
            }
          }
        }
        expect(outside).toBe(0);
      }
    });

    test('a mean is the sum over the root of the length', async () => {
      const reading = await createReading({ tokens: 640, kvHeads: 1, keys: 'f16' });
      const { index } = indexed(backend, reading, contrast);
      const edges = await backend.readBoundaries(index);
      const bytes = await backend.readChunks(index, 0, 10);
      const view = new DataView(bytes.buffer, 4 * edges.length);
      for (let chunk = 0; chunk + 1 < edges.length; chunk++) {
        const [start, end] = [edges[chunk]!, edges[chunk + 1]!];
        for (let c = 0; c < 64; c++) {
          let sum = 0;
          let size = 0;
          for (let token = start; token < end; token++) {
            sum += reading.keys[0]![token * 64 + c]!;
            size += Math.abs(reading.keys[0]![token * 64 + c]!);
          }
          const found = fromHalf(view.getUint16((chunk * 64 + c) * 2, true));
          const root = Math.sqrt(end - start);
          // Every key and the mean itself were rounded to half precision.
          expect(Math.abs(found - sum / root)).toBeLessThanOrEqual((2 * tolerance.half * size) / root + 1e-6);
        }
      }
    });

    test.skipIf(few)('chunks of 8 and of 64 such keys are as likely to be chosen', async () => {
      const edit = (keys: Float32Array): void => keys.set(random(8).normals(keys.length));
      const reading = await createReading({ tokens: 4096, kvHeads: 1, keys: 'f16', edit });
      const query = random(9).normals(64);
      const size = async (length: number): Promise<number> => {
        const { index } = indexed(backend, reading, { source: 'fixed', size: length });
        const bytes = await backend.readChunks(index, 0, 64);
        const count = 4096 / length;
        const view = new DataView(bytes.buffer, 4 + 4 * count);
        let sum = 0;
        for (let chunk = 0; chunk < count; chunk++) {
          let score = 0;
          for (let c = 0; c < 64; c++)
            score += query[c]! * fromHalf(view.getUint16((chunk * 64 + c) * 2, true));
          sum += Math.abs(score);
        }
        return sum / count;
      };
      const [short, long] = [await size(8), await size(64)];
      // 64 long chunks: their mean |score| is known to about 10 %. Plain means would differ 2.8 times.
      expect(long / short).toBeGreaterThan(0.8);
      expect(long / short).toBeLessThan(1.25);
    });

    test('of equal scores, and of scores that are no numbers, the later chunk comes first', async () => {
      const reading = await createReading({ tokens: 640, edit: (keys) => keys.fill(0.5) });
      const tiles: Tiles = { position: 639, rows: 1, tileRows: 1 };
      for (const value of [0, 1, Number.NaN]) {
        const { index, kv } = indexed(backend, reading, { source: 'fixed', size: 32 });
        const q = tensorOf(backend, 1, 256, new Float32Array(256).fill(value));
        const [scores, plan] = [backend.scores('scores', 2), backend.plan('plan', 2)];
        const planned = async (): Promise<Range[][]> => {
          backend.select(plan, tiles, { budget: 200, sinks: 3, local: 9 }, scores, index);
          return backend.readPlan(plan);
        };
        // 16 sinks, 64 tokens of the row's own page; 120 are left: seven sub-blocks.
        const blocks = [
          [0, 16],
          [464, 640],
        ];
        // 3 sinks, 64 tokens from the last boundary known; 133 are left: four chunks of 32, and 5 of the next.
        const wanted = [
          [0, 3],
          [443, 640],
        ];
        for (const how of [
          { by: 'mean' },
          { by: 'sketch', planes: 1 },
          { by: 'sketch', planes: 2 },
        ] as const) {
          backend.scoreChunks(scores, q, index, 0, tiles, { ...how, scale: 1 });
          const expected = how.by === 'sketch' ? blocks : wanted;
          expect(await planned()).toEqual([expected, expected]);
        }
        backend.select(plan, tiles, { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 });
        backend.scoreTokens(scores, q, kv[0]!, index, plan, 1);
        expect(await planned()).toEqual([wanted, wanted]);
      }
    });

    test('of many sub-blocks those with the greatest scores are read', async () => {
      // Four pages are alike, so that some scores are equal.
      const edit = (keys: Float32Array): void => {
        keys.copyWithin(64 * 1024, 0, 64 * 256);
      };
      const reading = await createReading({ tokens: 4096, kvHeads: 1, keys: 'f16', edit });
      const { index } = indexed(backend, reading, { source: 'fixed', size: 32 });
      const q = tensorOf(backend, 1, reading.heads * 64, random(5).normals(reading.heads * 64));
      const tiles: Tiles = { position: 4095, rows: 1, tileRows: 1 };
      const [scores, plan] = [backend.scores('scores', 1), backend.plan('plan', 1)];
      for (const planes of [1, 2] as const) {
        backend.scoreChunks(scores, q, index, 0, tiles, { by: 'sketch', planes, scale: 0.125 });
        const [found] = await backend.readScores(scores);
        // Sub-block 0 is a sink, those from 251 on are the row's surroundings.
        const best = Array.from({ length: 250 }, (_, i) => i + 1).sort((a, b) =>
          found![a] === found![b] ? b - a : found![b]! - found![a]!,
        );
        for (const count of [1, 2, 5, 17, 64, 125, 249]) {
          const budget = 16 + 80 + 16 * count;
          backend.select(plan, tiles, { budget, sinks: 16, local: 64 }, scores, index);
          const [ranges] = await backend.readPlan(plan);
          const read = ranges!.flatMap(([start, end]) =>
            Array.from({ length: Math.ceil((end - start) / 16) }, (_, i) => start / 16 + i),
          );
          const taken = best.slice(0, count).sort((a, b) => a - b);
          expect(read).toEqual([0, ...taken, 251, 252, 253, 254, 255]);
        }
      }
    });

    test('a tile that goes on keeps what it reads', async () => {
      const reading = await createReading({ tokens: 640 });
      const { heads, shape } = reading;
      const queries = random(4).normals(640 * heads * shape.keyDim);
      for (const [b, lists] of [backend, reference].flatMap((b) => [[b, 2] as const, [b, 1] as const])) {
        const { index } = indexed(b, reading, contrast);
        const [scores, plan] = [b.scores('scores', lists), b.plan('plan', lists)];
        const planned = async (position: number, rows: number): Promise<Range[][]> => {
          const at = position * heads * shape.keyDim;
          const q = tensorOf(
            b,
            rows,
            heads * shape.keyDim,
            queries.subarray(at, at + rows * heads * shape.keyDim),
          );
          const tiles = { position, rows, tileRows: 16 };
          b.scoreChunks(scores, q, index, 0, tiles, { by: 'sketch', planes: 2, scale: 1 });
          b.select(plan, tiles, { budget: 200, sinks: 3, local: 9 }, scores, index);
          return (await b.readPlan(plan)).map((row) => [...row]);
        };
        const whole = await planned(580, 60);
        const tiles = whole.length / lists;
        const lastOf = (plans: Range[][]): Range[][] => plans.filter((_, row) => (row + 1) % tiles === 0);
        const begun = await planned(580, 45);
        // Tiles end at 592, 608, 624 and 640: the last of four has one row, and then 6, 15, 16 of them.
        expect(begun.length).toBe(whole.length);
        for (const rows of [5, 9, 1]) {
          const { position, rows: before } = plan.tiles;
          b.extend(plan, { position: position + before, rows, tileRows: 16, continues: true });
        }
        expect(await b.readPlan(plan)).toEqual(lastOf(whole));
        expect(lastOf(begun)).not.toEqual(lastOf(whole));
      }
    });

    test('rows look among the candidates of their group', async () => {
      const reading = await createReading({ tokens: 640 });
      const { heads, shape } = reading;
      const width = heads * shape.keyDim;
      const queries = random(6).normals(60 * width);
      const keep = { budget: 200, sinks: 3, local: 9 };
      for (const [b, lists] of [backend, reference].flatMap((b) => [[b, 2] as const, [b, 1] as const])) {
        const { index } = indexed(b, reading, contrast);
        const [scores, plan, candidates] = [
          b.scores('scores', lists),
          b.plan('plan', lists),
          b.plan('c', lists),
        ];
        /** The second stage's scores and plans of rows from `position` on, by list. */
        const look = async (position: number, rows: number, continues: boolean) => {
          const at = (position - 580) * width;
          const q = tensorOf(b, rows, width, queries.slice(at, at + rows * width));
          const tiles = { position, rows, tileRows: 1 };
          const groups = { position, rows, tileRows: 8 };
          if (continues) b.extend(candidates, groups);
          else {
            b.scoreChunks(scores, q, index, 0, groups, { by: 'sketch', planes: 1, scale: 1 });
            b.select(candidates, groups, keep, scores, index);
          }
          b.scoreChunks(scores, q, index, 0, tiles, { by: 'sketch', planes: 2, scale: 1, candidates });
          const found = await b.readScores(scores);
          b.select(plan, tiles, { ...keep, budget: 120 }, scores, index);
          const read = (await b.readPlan(plan)).map((row) => [...row]);
          const byList = <T>(all: T[]): T[][] =>
            Array.from({ length: lists }, (_, list) => all.slice(list * rows, (list + 1) * rows));
          return { scores: byList(found), read: byList(read) };
        };
        const whole = await look(580, 60, false);
        const named = (await b.readPlan(candidates)).map((row) => [...row]);
        const groups = named.length / lists;
        // [580, 584), then seven of eight and one of four.
        expect(groups).toBe(8);
        expect(new Set(named.map((row) => JSON.stringify(row.slice(0, -1)))).size).toBeGreaterThan(lists);
        for (let list = 0; list < lists; list++) {
          for (let row = 0; row < 60; row++) {
            const own = named[list * groups + Math.floor((580 + row) / 8) - 72]!;
            const overlaps = (from: number, to: number): boolean =>
              own.some(([start, end]) => start < to && end > from);
            const finite = [...whole.scores[list]![row]!].map((score) => score > Number.NEGATIVE_INFINITY);
            expect(finite).toEqual(finite.map((_, block) => overlaps(16 * block, 16 * block + 16)));
            // No row reads what its group could not know, though the tail that all of them read is nearer to later rows.
            const unknown = whole.read[list]![row]!.filter(
              ([start, end]) => !own.some(([from, to]) => from <= start && to >= end),
            );
            expect(unknown).toEqual([]);
          }
        }
        await look(580, 45, false);
        const later = await look(625, 7, true);
        for (const what of ['scores', 'read'] as const) {
          expect(later[what]).toEqual(whole[what].map((rows) => rows.slice(45, 52)));
        }
      }
    });

    test('no more is read than holds a share of all scores, and no less', async () => {
      const calls = [
        { position: 512, rows: 188, tileRows: 64 },
        { position: 690, rows: 7, tileRows: 1 },
      ];
      const shares = few ? [0.5, 0.999] : [0.01, 0.5, 0.85, 0.999, 1];
      for (const edit of few ? [hurt] : [undefined, (k: Float32Array) => k.fill(0.25), onePeak]) {
        const reading = await createReading({ tokens: 700, ...(edit && { edit }) });
        const width = reading.heads * reading.shape.keyDim;
        for (const [tiles, lists] of calls.map((tiles, i) => [tiles, 1 + i] as const)) {
          const q = tensorOf(backend, tiles.rows, width, random(4).normals(tiles.rows * width));
          const own = indexed(backend, reading, sources[4]!);
          const other = indexed(reference, reading, sources[4]!);
          const [scores, plan] = [backend.scores('s', lists), backend.plan('p', lists)];
          const wanted = reference.plan('p', lists);
          for (const by of tiles.tileRows === 1 ? (['mean', 'bound'] as const) : (['mean'] as const)) {
            backend.scoreChunks(scores, q, own.index, 0, tiles, { by, scale: 0.125 });
            // From the same scores, so that the reference counts the same steps.
            const rows = (await backend.readScores(scores)).map((row) => [...row]);
            const told: RefScores = { label: 's', lists, rows, blocks: by === 'bound' };
            for (const [mass, budget] of shares.flatMap((p) => [[p, Infinity] as const, [p, 260] as const])) {
              for (const [sinks, local] of few && budget < 700
                ? ([[40, 100]] as const)
                : ([
                    [0, 0],
                    [40, 100],
                  ] as const)) {
                const keep = { budget, sinks, local, mass };
                backend.select(plan, tiles, keep, scores, own.index);
                reference.select(wanted, tiles, keep, told, other.index);
                const what = JSON.stringify({ tiles, by, keep });
                expect(await backend.readPlan(plan), what).toEqual(await reference.readPlan(wanted));
              }
            }
            if (by === 'mean') continue;
            // Not by the reference: what is read holds the share, and without the least of it does not.
            backend.select(
              plan,
              tiles,
              { budget: Infinity, sinks: 0, local: 0, mass: 0.7 },
              scores,
              own.index,
            );
            (await backend.readPlan(plan)).forEach((ranges, row) => {
              const all = rows[row]!;
              const sum = (some: number[]): number => some.reduce((total, x) => total + x, 0);
              const read = all.filter((_, b) =>
                ranges.some(([from, to]) => from <= 16 * b && to >= 16 * b + 16),
              );
              expect(sum(read)).toBeGreaterThan(0.7 * sum(all) * (1 - 1e-5));
              expect(sum(read) - Math.min(...read)).toBeLessThan(0.7 * sum(all) * (1 + 1e-5));
              if (edit === onePeak) expect(read.length).toBeLessThan(all.length / 4);
              else if (edit && edit !== hurt) expect(read.length).toBe(Math.ceil(0.7 * all.length));
            });
          }
        }
      }
    });

    test('damaged chunks are refused', async () => {
      const reading = await createReading({ tokens: 320 });
      const whole = indexed(backend, reading, contrast);
      const bytes = await backend.readChunks(whole.index, 0, 5);
      const spoil = (edit: (view: DataView) => void): Uint8Array => {
        const copy = bytes.slice();
        edit(new DataView(copy.buffer));
        return copy;
      };
      for (const wrong of [
        bytes.subarray(0, -1),
        bytes.subarray(0, 3),
        spoil((view) => view.setUint32(0, 2 ** 31, true)),
        spoil((view) => view.setUint32(8, 0, true)),
        spoil((view) => view.setUint32(4 * view.getUint32(0, true), 10 ** 6, true)),
      ]) {
        const fresh = backend.chunkIndex('fresh', shapeOf(reading, contrast));
        expect(() => backend.writeChunks(fresh, 0, 5, wrong)).toThrow(
          expect.objectContaining({ code: 'storage/corrupt' }),
        );
      }
    });

    test('an index gives its memory back', async () => {
      const backend = await make();
      const before = backend.bytes().total;
      const reading = await createReading({ tokens: 640 });
      const { kv, index } = indexed(backend, reading, contrast);
      const plan = backend.plan('plan', 1);
      backend.select(plan, { position: 0, rows: 640, tileRows: 1 }, { budget: 5, sinks: 1, local: 1 });
      expect(backend.bytes().total).toBeGreaterThan(before);
      for (const thing of [...kv, index, plan]) backend.free(thing);
      expect(backend.bytes().chunks).toBe(0);
      expect(backend.bytes().pages).toBe(0);
      backend.close();
    });
  });

/** One run of keys stands out. */
const onePeak = (keys: Float32Array): void => {
  keys.set(
    random(2)
      .normals(1024)
      .map((x) => 4 * x),
    128 * 160,
  );
};

/** Keys as halves find them hard: subnormal, next to each other, of both signs, up to four thousand. */
const hurt = (keys: Float32Array): void => {
  const numbers = random(12);
  keys.forEach((_, i) => {
    keys[i] = numbers.normal() * 2 ** (numbers.below(36) - 24);
  });
};

const budgets = [1, 40, 100, 333];

/** Every way of scoring, then plans for several budgets. */
const scoreAll = async (
  backend: Backend,
  reading: Reading,
  boundaries: Boundaries,
  lists: number,
  tiles: Tiles,
  values: Float32Array,
  scale: number,
  budgets: readonly number[],
): Promise<{
  index: ChunkIndex;
  plans: Range[][][];
  scores: number[][][];
  blocks: boolean[];
  mass: Float32Array[][];
}> => {
  const { kv, index } = indexed(backend, reading, boundaries);
  const q = tensorOf(backend, tiles.rows, reading.heads * reading.shape.keyDim, values);
  const scores = backend.scores('scores', lists);
  const candidates = backend.plan('candidates', lists);
  const plan = backend.plan('plan', lists);
  const plans: Range[][][] = [];
  const rows: number[][][] = [];
  const blocks: boolean[] = [];
  const mass: Float32Array[][] = [];
  const selectAll = async (): Promise<void> => {
    for (const budget of budgets) {
      backend.select(plan, tiles, { budget, sinks: 3, local: 9 }, scores, index);
      plans.push((await backend.readPlan(plan)).map((row) => [...row]));
      blocks.push((scores as Partial<RefScores>).blocks ?? false);
      rows.push(((scores as Partial<RefScores>).rows ?? []).map((row) => [...row]));
    }
  };
  const sketch = tiles.tileRows < 64 ? ([1, 2] as const) : [];
  for (const how of [
    { by: 'mean' },
    ...sketch.map((planes) => ({ by: 'sketch', planes }) as const),
    ...(sketch.length > 0 ? [{ by: 'bound' } as const] : []),
  ] as const) {
    backend.scoreChunks(scores, q, index, 1, tiles, { ...how, scale });
    await selectAll();
  }
  for (const budget of [90, 2000]) {
    // Candidates come from the reference's own order where it matters; here any plan will do.
    backend.select(candidates, tiles, { budget, density: 0.3, sinks: 20, local: 2 });
    backend.scoreTokens(scores, q, kv[1]!, index, candidates, scale);
    mass.push(await backend.readScores(scores));
    await selectAll();
    if (sketch.length === 0) continue;
    backend.scoreChunks(scores, q, index, 1, tiles, { by: 'sketch', planes: 2, scale, candidates });
    await selectAll();
  }
  return { index, plans, scores: rows, blocks, mass };
};

/** The same tokens, or others whose chunks the reference scores the same within rounding. */
const expectPlan = (
  found: Range[][],
  wanted: Range[][],
  scores: number[][],
  edges: number[],
  what: string,
): void => {
  expect(found.length, what).toBe(wanted.length);
  wanted.forEach((ranges, row) => {
    if (JSON.stringify(found[row]) === JSON.stringify(ranges)) return;
    const tokens = (list: Range[]): Set<number> =>
      new Set(list.flatMap(([a, b]) => Array.from({ length: b - a }, (_, i) => a + i)));
    const [own, other] = [tokens(found[row]!), tokens(ranges)];
    expect(own.size, `${what} row ${row}`).toBe(other.size);
    const odd = [...own, ...other].filter((token) => own.has(token) !== other.has(token));
    const values = odd.map((token) => scores[row]![edges.findIndex((edge) => edge > token) - 1]!);
    const spread = Math.max(...values) - Math.min(...values);
    if (!(spread <= tolerance.score * Math.max(...values.map(Math.abs)))) {
      expect(found[row], `${what} row ${row}`).toEqual(ranges);
    }
  });
};

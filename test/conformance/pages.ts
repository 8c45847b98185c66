import { beforeAll, describe, expect, test } from 'vitest';
import {
  type AttendOptions,
  type KvShape,
  PAGE,
  type Range,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../../src/backends/backend.js';
import { fromHalf } from '../../src/codecs/half.js';
import { quantizeQuery } from '../reference/pages.js';
import { codeOf } from '../support/code-of.js';
import { type Random, random } from '../support/random.js';
import {
  allPages,
  append,
  attend,
  boundOf,
  type Case,
  codecPairs,
  copied,
  everything,
  filled,
  lastRows,
  makeCase,
  type Suite,
  sparse,
  tensorOf,
} from './attending.js';
import { expectEqual, expectWithin } from './compare.js';
import { lost, makeRefPages, type PagesUnderTest } from './make-pages.js';
import { describeStoredPages } from './stored-pages.js';
import { tolerance } from './tolerance.js';

/** Pages and attention over plans; `make` gives a fresh backend. The reference backend is the judge. */
export const describePages = (name: string, make: () => Promise<PagesUnderTest>): void => {
  describeStoredPages(name, make);
  describeAttention(name, make);
};

/** Every `step`th case, where a backend is a GPU in software. */
const sparsely = <T>(few: boolean, step: number, cases: readonly T[]): readonly T[] =>
  cases.filter((_, i) => !few || i % step === 0);

/** Attention alone; `few` cases for a GPU in software. */
export const describeAttention = (
  name: string,
  make: () => Promise<PagesUnderTest>,
  { few = false, coded = true }: Suite = {},
): void => {
  describe(`pages: ${name}`, () => {
    let pages: PagesUnderTest;
    const reference = makeRefPages(coded);
    /** Rows that are compared with themselves alone: of two tiles at least. */
    const count = few ? 40 : 140;
    beforeAll(async () => {
      pages = await make();
    });

    const expectAgreement = async (
      some: Case,
      lists: number,
      tiles: Tiles,
      rows: Range[][],
      next: Random,
      how: Partial<AttendOptions> = {},
    ): Promise<void> => {
      const kv = filled(pages, some);
      const copy = await copied(pages, kv, reference);
      const q = next.normals(tiles.rows * some.heads * some.shape.keyDim, 1.5);
      const found = await attend(pages, kv, some.heads, q, lists, tiles, rows, how);
      const wanted = await attend(reference, copy, some.heads, q, lists, tiles, rows, how);
      const bound = boundOf(some, coded);
      expectWithin(found.out, wanted.out, () => bound, 'out');
      expectWithin(found.logSumExp, wanted.logSumExp, () => tolerance.attention, 'log-sum-exp');
      expect(found.pairs).toBe(wanted.pairs);
    };

    describe('cold pages', () => {
      const shape: KvShape = { kvHeads: 2, keyDim: 48, valueDim: 80, keys: 'q8', values: 'q4' };

      test.each(
        sparsely(few, 5, codecPairs),
      )('written back, attention has the same bits: $keys/$values', async (codec) => {
        const next = random(52);
        const some = makeCase({ ...shape, ...codec }, 4, 333, next);
        const kv = filled(pages, some);
        const stored = await allPages(pages, kv);
        const tiles = lastRows(333, count / 2, PAGE);
        const rows = sparse(2, tiles, next);
        const q = next.normals((count / 2) * 4 * 48);
        const before = await attend(pages, kv, 4, q, 2, tiles, rows);
        const named = new Set(rows.flat().flatMap(([start, end]) => [start >> 6, (end - 1) >> 6]));
        pages.dropPages(kv, [0, 1, 2, 3, 4]);
        for (const page of named) pages.writePage(kv, page, stored[page]!);
        const after = await attend(pages, kv, 4, q, 2, tiles, rows);
        expectEqual(after.out, before.out);
        expectEqual(after.logSumExp, before.logSumExp);
      });

      test('are an error to whatever reads or appends, and to nothing else', async () => {
        const next = random(53);
        const some = makeCase(shape, 2, 300, next);
        const kv = filled(pages, some);
        const q = next.normals(2 * 2 * 48);
        const tiles: Tiles = { position: 298, rows: 2, tileRows: 1 };
        const sound = await attend(pages, kv, 2, q, 1, tiles, [[[192, 299]], [[192, 300]]]);
        pages.dropPages(kv, [1, 2]);
        const internal = { code: 'internal' };
        await expect((async () => pages.readPage(kv, 1))()).rejects.toMatchObject(internal);
        expect(() => append(pages, kv, some, 180, 200)).toThrow(expect.objectContaining(internal));
        const reading = (rows: Range[][], how: Partial<AttendOptions> = {}) =>
          attend(pages, kv, 2, q, 1, tiles, rows, how);
        for (const start of [64, 127, 191]) {
          await expect(reading([[[256, 299]], [[start, 300]]])).rejects.toMatchObject(internal);
        }
        expectEqual((await reading([[[192, 299]], [[192, 300]]])).out, sound.out);
        // Ranges may reach behind every window: what no row reads may be cold.
        const wide = [[[0, 299]] as Range[], [[0, 300]] as Range[]];
        await expect(reading(wide, { window: 108 })).rejects.toMatchObject(internal);
        await reading(wide, { window: 107 });
      });
    });

    describe('attention agrees with the reference', () => {
      const dims = [64, 80, 96, 128, 256, 16, 32];
      const ratios = [1, 2, 3, 4, 8];
      const lengths = [1, 31, 32, 33, 63, 64, 65, 200, 300];

      // Every length with every codec pair; widths, ratios, tile heights and list counts take turns.
      const cases = lengths.flatMap((tokens, i) =>
        codecPairs.map((codec, j) => {
          const n = i * codecPairs.length + j;
          const ratio = ratios[n % ratios.length]!;
          return { tokens, ...codec, dim: dims[n % dims.length]!, ratio, kvHeads: ratio > 3 ? 1 : 2, n };
        }),
      );
      test.each(
        sparsely(few, 7, cases),
      )('$tokens tokens, $keys/$values, $dim channels, $ratio to 1', async (row) => {
        const { tokens, keys, values, dim, ratio, kvHeads, n } = row;
        const next = random(1000 + n);
        const shape: KvShape = {
          kvHeads,
          keyDim: dim,
          valueDim: dims[(n + (n % 2)) % dims.length]!,
          keys,
          values,
        };
        const some = makeCase(shape, kvHeads * ratio, tokens, next);
        const tiles = lastRows(tokens, (few ? 30 : 70) - (n % 5), n % 3 === 0 ? 1 : PAGE);
        const lists = n % 2 ? kvHeads : 1;
        const rows = n % 4 === 0 ? everything(lists, tiles) : sparse(lists, tiles, next);
        await expectAgreement(some, lists, tiles, rows, next);
      });

      test.each([1, 2, 40])('values sixteen times as wide as keys, %i rows', async (count) => {
        const next = random(700 + count);
        const shape: KvShape = { kvHeads: 2, keyDim: 16, valueDim: 256, ...codecPairs.at(-1)! };
        const some = makeCase(shape, 6, 200, next);
        const tiles = lastRows(200, count, PAGE);
        await expectAgreement(some, 2, tiles, sparse(2, tiles, next), next);
      });

      test.each(
        sparsely(
          few,
          12,
          dims.flatMap((dim) => ratios.map((ratio) => ({ dim, ratio }))),
        ),
      )('one row, $dim channels, $ratio query heads to a KV head', async ({ dim, ratio }) => {
        const next = random(dim * 10 + ratio);
        for (const codec of codecPairs) {
          const some = makeCase({ kvHeads: 1, keyDim: dim, valueDim: dim, ...codec }, ratio, 150, next);
          const tiles = lastRows(150, 1, 1);
          await expectAgreement(some, 1, tiles, sparse(1, tiles, next), next);
        }
      });

      test('with more query heads in one group than in another', async () => {
        const next = random(5);
        const some = makeCase(
          { kvHeads: 2, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q8' },
          5,
          100,
          next,
        );
        await expectAgreement(some, 1, lastRows(100, 3, 1), everything(1, lastRows(100, 3, 1)), next);
      });

      test('when blocks that cannot matter are skipped', async () => {
        const next = random(6);
        for (const codec of sparsely(few, 5, codecPairs)) {
          const some = makeCase({ kvHeads: 1, keyDim: 64, valueDim: 64, ...codec }, 3, 300, next);
          // Keys of some blocks point nowhere near the queries: their logits stay small.
          for (const block of [1, 3, 4, 7]) some.k.fill(1e-3, block * 32 * 64, (block + 1) * 32 * 64);
          const tiles = lastRows(300, few ? 10 : 66, PAGE);
          for (const skipBelow of [0.5, 2, 4]) {
            await expectAgreement(some, 1, tiles, everything(1, tiles), next, { skipBelow });
          }
        }
      });
    });

    describe('windows and caps', () => {
      const windows = [1, 2, 31, 32, 33, 63, 64, 65, 100, 512, 2 ** 40];
      const shapes = [64, 80, 96, 128, 256].flatMap((dim, i) =>
        [1, 2, 3, 4, 5, 6, 7, 8].map((ratio, j) => ({ dim, ratio, n: i * 8 + j })),
      );

      // Every width with every group; codecs, windows, tile heights, caps and plans take turns.
      test.each(sparsely(few, 19, shapes))('$dim channels, $ratio query heads to a KV head', async ({
        dim,
        ratio,
        n,
      }) => {
        const next = random(3000 + n);
        const codec = codecPairs[n % codecPairs.length]!;
        const kvHeads = ratio < 4 ? 2 : 1;
        const shape: KvShape = { kvHeads, keyDim: dim, valueDim: dim, ...codec };
        const tokens = (few ? [270, 200, 65, 40] : [333, 200, 65, 40])[n % 4]!;
        const some = makeCase(shape, kvHeads * ratio, tokens, next);
        for (const [i, tileRows] of [PAGE, 1, PAGE].entries()) {
          if (few && i === 0) continue;
          const tiles = lastRows(tokens, (few ? 24 : 70) - i, tileRows);
          const rows = i === 2 ? sparse(1, tiles, next) : everything(1, tiles);
          const window = windows[(n * 3 + i) % windows.length]!;
          await expectAgreement(some, 1, tiles, rows, next, { window });
          await expectAgreement(some, 1, tiles, rows, next, { window, softcap: [2, 50][i % 2]! });
        }
      });

      test.each(
        few ? [33] : windows,
      )('a window of %s: a tile has the bits of its rows alone', async (window) => {
        const next = random(40);
        for (const codec of sparsely(few, 4, codecPairs)) {
          const some = makeCase({ kvHeads: 2, keyDim: 64, valueDim: 80, ...codec }, 6, 290, next);
          const kv = filled(pages, some);
          const tiles: Tiles = { position: 290 - count, rows: count, tileRows: PAGE };
          const q = next.normals(count * 6 * 64);
          const limits = { softcap: 20, skipBelow: codec.values === 'q8' ? 2 : Number.POSITIVE_INFINITY };
          const how = { window, ...limits };
          // What a sliding plan lists: the union of the windows of a tile's rows.
          const union = Array.from({ length: tileCount(tiles) }, (_, tile): Range[] => [
            [Math.max(0, tileStart(tiles, tile) + 1 - window), tileEnd(tiles, tile)],
          ]);
          const together = await attend(pages, kv, 6, q, 1, tiles, union, how);
          const begin = tiles.position + 1;
          const own = Array.from({ length: count }, (_, row): Range[] => [
            [Math.max(0, begin + row - window), begin + row],
          ]);
          const single = { ...tiles, tileRows: 1 };
          const alone = await attend(pages, kv, 6, q, 1, single, own, limits);
          expectEqual(together.out, alone.out);
          expectEqual(together.logSumExp, alone.logSumExp);
          const reach = (row: number): number => Math.min(window, begin + row);
          expect(together.pairs).toBe(
            Array.from({ length: count }, (_, row) => reach(row)).reduce((a, b) => a + b),
          );
          // Ranges that reach further back than any window change nothing.
          const wide = await attend(pages, kv, 6, q, 1, tiles, everything(1, tiles), how);
          expectEqual(wide.out, together.out);
          expectEqual(wide.logSumExp, together.logSumExp);
          expect(wide.pairs).toBe(together.pairs);
        }
      });

      test('a window of 1 gives the row’s own value', async () => {
        const next = random(41);
        const shape: KvShape = { kvHeads: 1, keyDim: 64, valueDim: 64, keys: 'f16', values: 'f16' };
        const some = makeCase(shape, 1, 100, next);
        some.v.set(some.v.map((x) => Math.round(x * 64) / 64));
        const tiles = lastRows(100, 70, PAGE);
        const q = next.normals(70 * 64);
        const { out, pairs } = await attend(
          pages,
          filled(pages, some),
          1,
          q,
          1,
          tiles,
          everything(1, tiles),
          {
            window: 1,
          },
        );
        expectEqual(out, some.v.subarray(30 * 64));
        expect(pairs).toBe(70);
      });

      test('blocks outside every window are not read', async () => {
        const next = random(42);
        const shape: KvShape = { kvHeads: 1, keyDim: 64, valueDim: 64, keys: 'f16', values: 'f16' };
        const some = makeCase(shape, 2, 300, next);
        const kv = filled(pages, some);
        const tiles = lastRows(300, 44, PAGE);
        const q = next.normals(44 * 2 * 64);
        const sound = await attend(pages, kv, 2, q, 1, tiles, everything(1, tiles), { window: 64 });
        // The first row stands at 256 and reads from 193 on: the pages before 192 are not its business.
        for (const page of [0, 1, 2]) pages.losePage(kv, page);
        const found = await attend(pages, kv, 2, q, 1, tiles, everything(1, tiles), { window: 64 });
        expectEqual(found.out, sound.out);
        await expect(attend(pages, kv, 2, q, 1, tiles, everything(1, tiles), { window: 66 })).rejects.toEqual(
          lost,
        );
      });

      test('skipping looks inside the window only', async () => {
        const next = random(43);
        const some = makeCase(
          { kvHeads: 1, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q8' },
          3,
          300,
          next,
        );
        const tiles = lastRows(300, few ? 48 : 66, PAGE);
        for (const softcap of [3, undefined]) {
          const how = { window: 70, skipBelow: 1, ...(softcap && { softcap }) };
          await expectAgreement(some, 1, tiles, everything(1, tiles), next, how);
        }
      });
    });

    test('a plan of everything is dense attention over the numbers that went in', async () => {
      const next = random(7);
      const [tokens, dim] = [130, 64];
      const some = makeCase(
        { kvHeads: 1, keyDim: dim, valueDim: dim, keys: 'f16', values: 'f16' },
        1,
        tokens,
        next,
      );
      // Numbers that half precision holds, so that nothing but attention itself can differ.
      some.k.set(some.k.map((x) => Math.round(x * 64) / 64));
      some.v.set(some.v.map((x) => Math.round(x * 64) / 64));
      const tiles = lastRows(tokens, tokens, PAGE);
      const q = next.normals(tokens * dim);
      const { out } = await attend(pages, filled(pages, some), 1, q, 1, tiles, everything(1, tiles));
      const expected = new Float32Array(tokens * dim);
      for (let row = 0; row < tokens; row++) {
        const weights = Array.from({ length: row + 1 }, (_, token) => {
          let dot = 0;
          for (let c = 0; c < dim; c++) dot += q[row * dim + c]! * some.k[token * dim + c]!;
          return Math.exp(dot / Math.sqrt(dim));
        });
        const sum = weights.reduce((a, b) => a + b);
        for (let c = 0; c < dim; c++) {
          expected[row * dim + c] =
            weights.reduce((a, w, token) => a + w * some.v[token * dim + c]!, 0) / sum;
        }
      }
      expectWithin(out, expected, () => 1e-5);
    });

    describe('a row has the same bits', () => {
      test.each(
        sparsely(few, 2, codecPairs),
      )('in a tile and alone, with $keys keys and $values values', async (codec) => {
        const next = random(8);
        const each = [
          [5, 80],
          [1, 64],
          [2, 128],
          [3, 64],
          [4, 96],
        ] as const;
        for (const [ratio, dim] of sparsely(few, 5, each)) {
          const some = makeCase({ kvHeads: 2, keyDim: dim, valueDim: dim, ...codec }, 2 * ratio, 290, next);
          const kv = filled(pages, some);
          const tiles = { position: 290 - count, rows: count, tileRows: PAGE };
          const rows = sparse(2, tiles, next);
          const q = next.normals(count * 2 * ratio * dim);
          const together = await attend(pages, kv, 2 * ratio, q, 2, tiles, rows);
          const single: Tiles = { ...tiles, tileRows: 1 };
          const own = Array.from({ length: 2 * count }, (_, r): Range[] => {
            const position = tiles.position + (r % count);
            const tile = Math.floor(position / PAGE) - Math.floor(tiles.position / PAGE);
            const ranges = rows[Math.floor(r / count) * tileCount(tiles) + tile]!;
            return ranges
              .filter(([start]) => start <= position)
              .map(([start, end]) => [start, Math.min(end, position + 1)]);
          });
          const alone = await attend(pages, kv, 2 * ratio, q, 2, single, own);
          expectEqual(alone.out, together.out);
          expectEqual(alone.logSumExp, together.logSumExp);
          expect(alone.pairs).toBe(together.pairs);
        }
      });

      test('whichever rows come with it', async () => {
        const next = random(9);
        const some = makeCase(
          { kvHeads: 1, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q8' },
          3,
          200,
          next,
        );
        const kv = filled(pages, some);
        const q = next.normals(200 * 3 * 64);
        const all: Tiles = { position: 0, rows: 200, tileRows: PAGE };
        const whole = await attend(pages, kv, 3, q, 1, all, everything(1, all));
        for (const [from, to] of [
          [0, 1],
          [63, 66],
          [100, 127],
          [130, 200],
          [199, 200],
        ] as const) {
          const part: Tiles = { position: from, rows: to - from, tileRows: PAGE };
          const some = await attend(
            pages,
            kv,
            3,
            q.subarray(from * 192, to * 192),
            1,
            part,
            everything(1, part),
          );
          expectEqual(some.out, whole.out.subarray(from * 192, to * 192));
        }
      });

      test('with one list for all heads as with the same list for each', async () => {
        const next = random(10);
        const some = makeCase(
          { kvHeads: 3, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q4' },
          6,
          180,
          next,
        );
        const kv = filled(pages, some);
        const tiles = lastRows(180, 90, PAGE);
        const rows = sparse(1, tiles, next);
        const q = next.normals(90 * 6 * 64);
        const shared = await attend(pages, kv, 6, q, 1, tiles, rows);
        const own = await attend(pages, kv, 6, q, 3, tiles, [...rows, ...rows, ...rows]);
        expectEqual(own.out, shared.out);
        expect(own.pairs).toBe(shared.pairs);
      });

      test('however a run of tokens is cut into ranges', async () => {
        const next = random(11);
        const some = makeCase(
          { kvHeads: 1, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q8' },
          2,
          200,
          next,
        );
        const kv = filled(pages, some);
        const q = next.normals(8 * 2 * 64);
        const tiles = lastRows(200, 8, PAGE);
        const whole = await attend(pages, kv, 2, q, 1, tiles, [[[0, 200]]]);
        const cuts = [0, 1, 2, 31, 32, 33, 64, 70, 95, 96, 128, 192, 195, 199, 200];
        const pieces = cuts.slice(1).map((end, i): Range => [cuts[i]!, end]);
        const cut = await attend(pages, kv, 2, q, 1, tiles, [pieces]);
        expectEqual(cut.out, whole.out);
        expect(cut.pairs).toBe(whole.pairs);
      });

      test('whatever lies in a page behind the last token', async () => {
        const next = random(12);
        for (const codec of codecPairs) {
          const some = makeCase({ kvHeads: 1, keyDim: 64, valueDim: 64, ...codec }, 2, 77, next);
          const dirty = pages.kvLayer('dirty', some.shape);
          pages.mapPages(dirty, 2);
          for (const page of [0, 1]) pages.writePage(dirty, page, new Uint8Array(dirty.pageBytes).fill(255));
          append(pages, dirty, some, 0, 77);
          const tiles = lastRows(77, 20, PAGE);
          const q = next.normals(20 * 2 * 64);
          const found = await attend(pages, dirty, 2, q, 1, tiles, everything(1, tiles));
          const wanted = await attend(pages, filled(pages, some), 2, q, 1, tiles, everything(1, tiles));
          expectEqual(found.out, wanted.out);
          expect(found.out.every(Number.isFinite)).toBe(true);
        }
      });

      test('with blocks skipped as without them in the plan', async () => {
        const next = random(13);
        for (const codec of sparsely(few, 4, codecPairs)) {
          const some = makeCase({ kvHeads: 1, keyDim: 64, valueDim: 64, ...codec }, 4, 256, next);
          const kv = pages.kvLayer('test', some.shape);
          pages.mapPages(kv, 4);
          const q = next.normals(4 * 64);
          // All queries and the first block of keys point the same way, the others away from it.
          for (let h = 1; h < 4; h++) q.copyWithin(h * 64, 0, 64);
          for (let token = 0; token < 256; token++) {
            for (let c = 0; c < 64; c++) some.k[token * 64 + c] = token < 32 ? q[c]! : -q[c]!;
          }
          append(pages, kv, some, 0, 256);
          const tiles = lastRows(256, 1, 1);
          const kept = await attend(pages, kv, 4, q, 1, tiles, [[[0, 32]]]);
          const skipped = await attend(pages, kv, 4, q, 1, tiles, [[[0, 256]]], { skipBelow: 3 });
          expectEqual(skipped.out, kept.out);
          expectEqual(skipped.logSumExp, kept.logSumExp);
          const full = await attend(pages, kv, 4, q, 1, tiles, [[[0, 256]]], { skipBelow: 1e6 });
          expectEqual(full.out, (await attend(pages, kv, 4, q, 1, tiles, [[[0, 256]]])).out);
          expect(full.out).not.toEqual(kept.out);
        }
      });
    });

    test('log-sum-exps merge two disjoint plans into their union', async () => {
      const next = random(14);
      for (const codec of sparsely(few, 4, codecPairs)) {
        const some = makeCase({ kvHeads: 2, keyDim: 64, valueDim: 80, ...codec }, 4, 260, next);
        const kv = filled(pages, some);
        const tiles: Tiles = { position: 256, rows: 4, tileRows: PAGE };
        const q = next.normals(4 * 4 * 64);
        const near: Range[] = [
          [40, 45],
          [100, 131],
          [256, 260],
        ];
        const far: Range[] = [
          [0, 40],
          [50, 99],
          [140, 141],
          [200, 256],
        ];
        const union = [...near, ...far].sort((a, b) => a[0] - b[0]);
        const both = [near, far, union];
        const [a, b, c] = await Promise.all(
          both.map((ranges) => attend(pages, kv, 4, q, 1, tiles, [ranges])),
        );
        const merged = c!.out.map((_, i) => {
          const at = Math.floor(i / 80);
          const [wa, wb] = [a!, b!].map(({ logSumExp }) => Math.exp(logSumExp[at]! - c!.logSumExp[at]!));
          return wa! * a!.out[i]! + wb! * b!.out[i]!;
        });
        const bound = boundOf(some, coded);
        expectWithin(merged, c!.out, () => bound);
      }
    });

    // Few and many queries: a backend may compute the dots of many in another way.
    test.each([3, 5])('integer dots are exact, %i queries', async (heads) => {
      const next = random(15 + heads);
      let exact = 0;
      for (const dim of few ? [48, 256] : [16, 48, 64, 80, 128, 256]) {
        const shape: KvShape = { kvHeads: 1, keyDim: dim, valueDim: 16, keys: 'q8', values: 'f16' };
        const some = makeCase(shape, heads, 70, next);
        const q = next.normals(heads * dim);
        // The greatest sums there are: rotation spreads one channel evenly, so that all codes are ±127 and ±8191.
        for (const [token, outlier] of [4, -4].entries())
          some.k.fill(0, token * dim, (token + 1) * dim)[token * dim] = outlier;
        q.fill(0, 0, dim)[0] = 2;
        const kv = filled(pages, some);
        const page = await pages.readPage(kv, 0);
        const codes = new Int8Array(page.buffer, page.byteOffset, PAGE * dim);
        const scales = new Uint16Array(page.slice(PAGE * dim, PAGE * dim + PAGE * 2).buffer);
        for (const token of [0, 1, 2, 30, 31, 32, 63]) {
          const tiles: Tiles = { position: 69, rows: 1, tileRows: 1 };
          // The log-sum-exp over one token is its logit.
          const { logSumExp } = await attend(pages, kv, heads, q, 1, tiles, [[[token, token + 1]]], {
            scale: 1,
          });
          for (let head = 0; head < heads; head++) {
            const query = quantizeQuery(q.subarray(head * dim, (head + 1) * dim));
            let sum = 0;
            for (let c = 0; c < dim; c++) sum += query.codes[c]! * codes[token * dim + c]!;
            const found = logSumExp[head]! / (query.scale * fromHalf(scales[token]!));
            // Six roundings to f32 lie between the integer and what can be seen: small ones come out whole.
            if (Math.abs(sum) * 6 * 2 ** -24 < 0.5) {
              expect(Math.round(found)).toBe(sum);
              exact++;
            } else expect(Math.abs(found / sum - 1)).toBeLessThan(6 * 2 ** -24);
          }
        }
      }
      expect(exact).toBeGreaterThan(few ? 5 : 50);
    });

    test('keys and queries of zeros, and logits far beyond exp, stay numbers', async () => {
      const next = random(16);
      for (const codec of sparsely(few, 4, codecPairs)) {
        const some = makeCase({ kvHeads: 1, keyDim: 64, valueDim: 64, ...codec }, 2, 100, next);
        some.k.fill(0, 0, 50 * 64);
        const kv = filled(pages, some);
        const tiles = lastRows(100, 2, 1);
        const q = new Float32Array(2 * 2 * 64);
        const even = await attend(pages, kv, 2, q, 1, tiles, everything(1, tiles));
        expectWithin(even.logSumExp, [99, 99, 100, 100].map(Math.log), () => tolerance.attention);
        q.set(next.normals(q.length, 1e4));
        const peaked = await attend(pages, kv, 2, q, 1, tiles, everything(1, tiles));
        expect(peaked.out.every(Number.isFinite)).toBe(true);
      }
    });

    test('the counter adds up over calls and starts again when read', async () => {
      const some = makeCase(
        { kvHeads: 2, keyDim: 16, valueDim: 16, keys: 'q8', values: 'q8' },
        2,
        130,
        random(17),
      );
      const kv = filled(pages, some);
      const tiles: Tiles = { position: 126, rows: 4, tileRows: PAGE };
      const rows: Range[][] = [
        [
          [0, 10],
          [120, 128],
        ],
        [
          [3, 4],
          [128, 130],
        ],
        [[126, 128]],
        [[100, 130]],
      ];
      const plan = pages.makePlan(2, tiles, rows);
      const [out, q] = [pages.tensor('out', 4, 32), tensorOf(pages, 4, 32, new Float32Array(128))];
      // Rows 126…129: list 0 reads 10 + 7, 10 + 8 and 1 + 1, 1 + 2; list 1 reads 1, 2 and 29, 30.
      const pairs = (17 + 18 + 2 + 3 + 1 + 2 + 29 + 30) / 2;
      pages.attend(out, q, kv, plan, { scale: 1 });
      expect(await pages.readPairs(plan)).toBe(pairs);
      expect(await pages.readPairs(plan)).toBe(0);
      pages.attend(out, q, kv, plan, { scale: 1 });
      pages.attend(out, q, kv, plan, { scale: 1 });
      expect(await pages.readPairs(plan)).toBe(2 * pairs);
    });

    describe('refuses', () => {
      const shape: KvShape = { kvHeads: 1, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q8' };

      test('pages without memory and tensors of another shape', () => {
        const kv = pages.kvLayer('x', shape);
        pages.mapPages(kv, 1);
        const k = pages.tensor('k', 65, 64);
        expect(codeOf(() => pages.appendKv(kv, k, k, 0))).toBe('internal');
        const short = pages.tensor('short', 1, 32);
        expect(codeOf(() => pages.appendKv(kv, short, short, 0))).toBe('internal');
        expect(codeOf(() => pages.writePage(kv, 1, new Uint8Array(kv.pageBytes)))).toBe('internal');
        expect(codeOf(() => pages.writePage(kv, 0, new Uint8Array(3)))).toBe('internal');
        const tiles: Tiles = { position: 64, rows: 1, tileRows: 1 };
        const plan = pages.makePlan(1, tiles, [[[0, 65]]]);
        const q = pages.tensor('q', 1, 64);
        expect(codeOf(() => pages.attend(q, q, kv, plan, { scale: 1 }))).toBe('internal');
        const first = pages.makePlan(1, { ...tiles, position: 0 }, [[[0, 1]]]);
        for (const how of [{ window: 0 }, { window: 1.5 }, { softcap: -1 }, { softcap: Number.NaN }]) {
          expect(codeOf(() => pages.attend(q, q, kv, first, { scale: 1, ...how }))).toBe('internal');
        }
        const two = pages.makePlan(2, { ...tiles, position: 0 }, [[[0, 1]], [[0, 1]]]);
        expect(codeOf(() => pages.attend(q, q, kv, two, { scale: 1 }))).toBe('internal');
      });
    });
  });
};

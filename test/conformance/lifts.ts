import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type AttendOptions,
  type Backend,
  type KvShape,
  PAGE,
  type Range,
  type Tiles,
  tileCount,
  tileEnd,
} from '../../src/backends/backend.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';
import {
  append,
  attend,
  boundOf,
  type Case,
  codecPairs,
  copied,
  everything,
  filled,
  lastRows,
  lifted,
  makeCase,
  type Suite,
  sparse,
  tensorOf,
} from './attending.js';
import { expectEqual, expectWithin } from './compare.js';
import type { PagesUnderTest } from './make-pages.js';
import { tolerance } from './tolerance.js';

/** A backend whose plans are written by `writePlan`. */
const pagesOf = (backend: Backend): PagesUnderTest => ({
  ...backend,
  makePlan(lists, tiles, rows, lifts) {
    const plan = backend.plan('test', lists);
    backend.writePlan(plan, tiles, rows, lifts);
    return plan;
  },
  losePage: () => expect.fail('No page is lost here.'),
});

/** Log-sum-exps grow with lifts, and so do the roundings of what they are sums of. */
const sumBound = 4 * tolerance.attention;

/** What a plan adds to the logits of its ranges: attention, and the verbs that hand a plan on, agree with the reference. */
export const describeLifts = (
  name: string,
  make: () => Promise<Backend>,
  { few = false, coded = true }: Suite = {},
): unknown =>
  describe(`lifts: ${name}`, () => {
    const reference = createRefBackend({ coded });
    let backend: Backend;
    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend.close?.());

    const groups = [1, 3, 4, 8, 2];
    const cases = codecPairs.flatMap((codec, i) =>
      [1, 2, PAGE].map((height, j) => ({ ...codec, height, n: 3 * i + j })),
    );

    test.each(
      cases.filter((_, i) => !few || i % 5 === 1),
    )('attention adds them: $keys/$values, up to $height rows', async ({ keys, values, height, n }) => {
      const next = random(9000 + n);
      const group = groups[n % groups.length]!;
      const kvHeads = group < 4 ? 2 : 1;
      const dims = [64, 80, 128, 16];
      const shape: KvShape = { kvHeads, keyDim: dims[n % 4]!, valueDim: dims[(n >> 1) % 4]!, keys, values };
      const tokens = few ? 200 : 333;
      const some = makeCase(shape, kvHeads * group, tokens, next);
      const tiles = lastRows(tokens, height === PAGE ? (few ? 10 : 70) : height, height === PAGE ? PAGE : 1);
      const q = next.normals(tiles.rows * some.heads * shape.keyDim, 1.5);
      const pages = pagesOf(backend);
      const kv = filled(pages, some);
      const copy = await copied(pages, kv, pagesOf(reference));
      const hows: Partial<AttendOptions>[] = [{}, { window: 70 }, { softcap: 5 }];
      for (const [i, lists] of [kvHeads, 1].entries()) {
        const ranges = sparse(lists, tiles, next);
        const { rows, lifts } = lifted(ranges, next);
        const how = hows[(n + i) % 3]!;
        const read = [some.heads, q, lists, tiles] as const;
        const found = await attend(pages, kv, ...read, rows, how, lifts);
        const wanted = await attend(pagesOf(reference), copy, ...read, rows, how, lifts);
        const bound = 2 * boundOf(some, coded);
        expectWithin(found.out, wanted.out, () => bound, 'out');
        expectWithin(found.logSumExp, wanted.logSumExp, () => sumBound, 'log-sum-exp');
        expect(found.pairs).toBe(wanted.pairs);
        // They matter: what is read without them is far away.
        const plain = await attend(pagesOf(reference), copy, ...read, ranges, how);
        expect(plain.out.some((x, at) => Math.abs(x - wanted.out[at]!) > 20 * bound)).toBe(true);
      }
    });

    test('a key that is lifted by ln n counts for n like it', async () => {
      const next = random(9100);
      for (const codec of codecPairs.slice(few ? 4 : 0)) {
        const shape: KvShape = { kvHeads: 1, keyDim: 64, valueDim: 64, ...codec };
        const some = makeCase(shape, 2, 200, next);
        // Tokens 90 … 139 are all alike, over two pages.
        for (let token = 91; token < 140; token++) {
          some.k.copyWithin(token * 64, 90 * 64, 91 * 64);
          some.v.copyWithin(token * 64, 90 * 64, 91 * 64);
        }
        const pages = pagesOf(backend);
        const kv = filled(pages, some);
        for (const height of [1, 3]) {
          const tiles = lastRows(200, height, PAGE);
          const q = next.normals(height * 2 * 64);
          const all = await attend(pages, kv, 2, q, 1, tiles, everything(1, tiles));
          const rows: Range[][] = [
            [
              [0, 90],
              [100, 101],
              [140, 200],
            ],
          ];
          const lifts = [[0, Math.log(50), 0]];
          const one = await attend(pages, kv, 2, q, 1, tiles, rows, {}, lifts);
          expectWithin(one.out, all.out, () => 2 * boundOf(some, coded), 'out');
          expectWithin(one.logSumExp, all.logSumExp, () => sumBound, 'log-sum-exp');
          expect(one.pairs).toBe(all.pairs - 49 * height);
        }
      }
    });

    /** A text in q8, met by rows of their own and by tiles; `cut` hands a plan on before it is read. */
    const read = async (
      b: Backend,
      some: Case,
      tiles: Tiles,
      q: Float32Array,
      cut: (b: Backend) => ReturnType<Backend['plan']>,
    ): Promise<Float32Array> => {
      const pages = pagesOf(b);
      const kv = pages.kvLayer('test', some.shape);
      pages.mapPages(kv, Math.ceil(some.tokens / PAGE));
      append(pages, kv, some, 0, some.tokens);
      const { keyDim, valueDim } = some.shape;
      const out = b.tensor('out', tiles.rows, some.heads * valueDim);
      const query = tensorOf(pages, tiles.rows, some.heads * keyDim, q);
      b.attend(out, query, kv, cut(b), { scale: 1 / Math.sqrt(keyDim) });
      return (await b.read(out)).slice();
    };

    test('a plan that is cut, goes on, or is written again has the lifts it should have', async () => {
      const next = random(9200);
      const shape: KvShape = { kvHeads: 2, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q8' };
      const some = makeCase(shape, 4, 300, next);
      const tiles: Tiles = { position: 200, rows: 70, tileRows: PAGE };
      const more: Tiles = { position: 270, rows: 3, tileRows: PAGE, continues: true };
      const { rows, lifts } = lifted(sparse(2, tiles, next), next);
      const plain = sparse(2, tiles, next);
      const q = next.normals(tiles.rows * some.heads * 64, 1.5);
      const kept = sparse(2, { position: 190, rows: 1, tileRows: 1 }, next);
      const written = (b: Backend) => {
        const plan = b.plan('plan', 2);
        b.writePlan(plan, tiles, rows, lifts);
        return plan;
      };
      const shorter = (b: Backend) => {
        const [out, keeping] = [b.plan('out', 2), b.plan('kept', 2)];
        b.writePlan(keeping, { position: 190, rows: 1, tileRows: 1 }, kept);
        b.keepOnly(out, written(b), keeping);
        return out;
      };
      const onward = (b: Backend) => {
        const plan = shorter(b);
        b.extend(plan, more);
        b.extend(plan, more);
        return plan;
      };
      const again = (b: Backend) => {
        const plan = written(b);
        b.writePlan(plan, tiles, plain);
        return plan;
      };
      const selected = (b: Backend) => {
        const plan = written(b);
        b.select(plan, tiles, { budget: 100, sinks: 4, local: 90 });
        return plan;
      };
      const bound = 2 * boundOf(some, coded);
      for (const [cut, where] of [
        [written, tiles],
        [shorter, tiles],
        [onward, more],
        [again, tiles],
        [selected, tiles],
      ] as const) {
        const own = q.subarray(0, where.rows * some.heads * 64);
        const wanted = await read(reference, some, where, own, cut);
        const found = await read(backend, some, where, own, cut);
        expectWithin(found, wanted, () => bound, cut.name);
      }
    });

    test('lifts of 0 change no bit, and rows beside a row neither', async () => {
      const next = random(9300);
      for (const codec of codecPairs.slice(few ? 4 : 0)) {
        const some = makeCase({ kvHeads: 1, keyDim: 64, valueDim: 64, ...codec }, 3, 300, next);
        const pages = pagesOf(backend);
        const kv = filled(pages, some);
        const tiles: Tiles = { position: 256, rows: 20, tileRows: PAGE };
        const q = next.normals(20 * 3 * 64, 1.5);
        const ranges = sparse(1, tiles, next);
        const zeros = ranges.map((row) => row.map(() => 0));
        const plain = await attend(pages, kv, 3, q, 1, tiles, ranges);
        const zero = await attend(pages, kv, 3, q, 1, tiles, ranges, {}, zeros);
        expectEqual(zero.out, plain.out);
        const { rows, lifts } = lifted(ranges, next);
        const whole = await attend(pages, kv, 3, q, 1, tiles, rows, {}, lifts);
        for (const row of [0, 7, 19]) {
          const one: Tiles = { position: 256 + row, rows: 1, tileRows: 1 };
          const own: Range[] = [...rows[0]!.slice(0, -1), [rows[0]!.at(-1)![0], tileEnd(one, 0)]];
          const alone = q.subarray(row * 192, (row + 1) * 192);
          const found = await attend(pages, kv, 3, alone, 1, one, [own], {}, lifts);
          expectEqual(found.out, whole.out.subarray(row * 192, (row + 1) * 192), `row ${row}`);
        }
      }
    });

    test('what cannot be a lift is refused', () => {
      const tiles: Tiles = { position: 5, rows: 1, tileRows: 1 };
      const plan = backend.plan('plan', 1);
      const rows: Range[][] = [
        [
          [0, 2],
          [2, 6],
        ],
      ];
      expect(tileCount(tiles)).toBe(1);
      backend.writePlan(plan, tiles, rows, [[0, 1]]);
      for (const lifts of [
        [[1, 1]],
        [[0]],
        [],
        [[0, -Infinity]],
        [[Infinity, 0]],
        [[Number.NaN, 0]],
        [[0, 1e39]],
      ])
        expect(() => backend.writePlan(plan, tiles, rows, lifts), JSON.stringify(lifts)).toThrow(
          expect.objectContaining({ code: 'internal' }),
        );
    });
  });

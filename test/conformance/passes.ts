import { beforeAll, describe, expect, test } from 'vitest';
import {
  type AttendOptions,
  carryWidth,
  type KvLayer,
  type KvShape,
  type Lifts,
  PAGE,
  type Range,
  type Tiles,
  tileCount,
} from '../../src/backends/backend.js';
import { random } from '../support/random.js';
import {
  type Attended,
  attend,
  boundOf,
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
import { lost, makeRefPages, type PagesUnderTest } from './make-pages.js';
import { tolerance } from './tolerance.js';

/** What no pass may leave behind in the output. */
const UNTOUCHED = 12345;

/** `attend` in passes that end at `cuts` and at the end of everything. */
const attendInPasses = async (
  pages: PagesUnderTest,
  kv: KvLayer,
  heads: number,
  q: Float32Array,
  lists: number,
  tiles: Tiles,
  rows: readonly (readonly Range[])[],
  how: Partial<AttendOptions>,
  cuts: readonly number[],
  lifts?: Lifts,
): Promise<Attended> => {
  const { keyDim, valueDim } = kv.shape;
  const rest = new Float32Array(tiles.rows * heads * valueDim).fill(UNTOUCHED);
  const out = tensorOf(pages, tiles.rows, heads * valueDim, rest);
  const logSumExp = tensorOf(pages, tiles.rows, heads, rest.subarray(0, tiles.rows * heads));
  const width = carryWidth(kv.shape);
  const nothing = new Float32Array(tiles.rows * heads * width).fill(Number.NaN);
  const carry = tensorOf(pages, tiles.rows * heads, width, nothing);
  const plan = pages.makePlan(lists, tiles, rows, lifts);
  const query = tensorOf(pages, tiles.rows, heads * keyDim, q);
  const ends = [...cuts, Number.POSITIVE_INFINITY];
  for (const [i, to] of ends.entries()) {
    const pass = { from: ends[i - 1] ?? 0, to, carry, first: i === 0, last: i === cuts.length };
    pages.attend(out, query, kv, plan, { scale: 1 / Math.sqrt(keyDim), logSumExp, ...how, pass });
    if (pass.last) continue;
    for (const tensor of [out, logSumExp])
      expect((await pages.read(tensor)).every((x) => x === UNTOUCHED)).toBe(true);
  }
  const [values, sums] = [await pages.read(out), await pages.read(logSumExp)];
  return { out: values.slice(), logSumExp: sums.slice(), pairs: await pages.readPairs(plan) };
};

/** Attention in passes; `make` gives a fresh backend with one thread and one with several. */
export const describePasses = (
  name: string,
  make: (threads: number) => Promise<PagesUnderTest>,
  threads: readonly number[],
  { few = false, coded = true }: Suite = {},
): void => {
  describe(`passes: ${name}`, () => {
    let teams: PagesUnderTest[];
    const reference = makeRefPages(coded);
    beforeAll(async () => {
      teams = await Promise.all(threads.map(make));
    });

    const cutsOf = (tokens: number): number[][] => {
      const every = Array.from({ length: Math.ceil(tokens / PAGE) + 1 }, (_, i) => i * PAGE);
      return [[], every.slice(1, -1), every, [PAGE], [3 * PAGE], [2 * PAGE, 2 * PAGE, 64 * PAGE]];
    };
    const groups = [1, 2, 3, 4, 5, 8];
    const cases = codecPairs.flatMap((codec, i) =>
      [1, 2, PAGE].map((height, j) => ({ ...codec, height, n: 3 * i + j })),
    );

    test.each(
      cases.filter((_, i) => !few || i % 5 === 1),
    )('any cut has the bits of one call: $keys/$values, up to $height rows', async (row) => {
      const { keys, values, height, n } = row;
      const next = random(6000 + n);
      const group = groups[n % groups.length]!;
      const kvHeads = group < 4 ? 2 : 1;
      const dims = [64, 80, 128, 16];
      const shape: KvShape = { kvHeads, keyDim: dims[n % 4]!, valueDim: dims[(n >> 1) % 4]!, keys, values };
      const heads = kvHeads * group;
      const tokens = few ? 200 : 333;
      const some = makeCase(shape, heads, tokens, next);
      const tiles = lastRows(tokens, height === PAGE ? (few ? 10 : 70) : height, height === PAGE ? PAGE : 1);
      const q = next.normals(tiles.rows * heads * shape.keyDim, 1.5);
      const weighed = lifted(sparse(kvHeads, tiles, next), next);
      const plans: [number, Range[][], number[][]?][] = [
        [1, everything(1, tiles)],
        [kvHeads, sparse(kvHeads, tiles, next)],
        [kvHeads, weighed.rows, weighed.lifts],
        // The first pages are not named at all.
        [1, Array.from({ length: tileCount(tiles) }, (): Range[] => [[200, tokens]])],
      ];
      const hows: Partial<AttendOptions>[] = [{}, { window: 70, softcap: 20 }, { skipBelow: 1 }];
      for (const pages of teams) {
        const kv = filled(pages, some);
        const copy = await copied(pages, kv, reference);
        for (const [i, [lists, ranges, lifts]] of plans.entries()) {
          const how = hows[(n + i) % hows.length]!;
          const whole = await attend(pages, kv, heads, q, lists, tiles, ranges, how, lifts);
          for (const [c, cuts] of cutsOf(tokens).entries()) {
            if (few && c !== (n + i) % 6) continue;
            const read = [heads, q, lists, tiles, ranges, how, cuts, lifts] as const;
            const cut = await attendInPasses(pages, kv, ...read);
            expectEqual(cut.out, whole.out, 'out');
            expectEqual(cut.logSumExp, whole.logSumExp, 'log-sum-exp');
            expect(cut.pairs).toBe(whole.pairs);
            if (pages !== teams[0] || c !== (n + i) % 6) continue;
            const wanted = await attendInPasses(reference, copy, ...read);
            const bound = boundOf(some, coded);
            expectWithin(cut.out, wanted.out, () => bound, 'out');
            expectWithin(cut.logSumExp, wanted.logSumExp, () => tolerance.attention, 'log-sum-exp');
            expect(cut.pairs).toBe(wanted.pairs);
          }
        }
      }
    });

    test('pages outside of a pass are not read', async () => {
      const next = random(6100);
      for (const codec of codecPairs.slice(few ? 4 : 0)) {
        const pages = teams[0]!;
        const some = makeCase({ kvHeads: 1, keyDim: 64, valueDim: 64, ...codec }, 3, 300, next);
        const tiles = lastRows(300, 1, 1);
        const q = next.normals(3 * 64);
        const whole = await attend(pages, filled(pages, some), 3, q, 1, tiles, everything(1, tiles));
        const [early, late] = [filled(pages, some), filled(pages, some)];
        for (const page of [2, 3, 4]) pages.losePage(early, page);
        for (const page of [0, 1]) pages.losePage(late, page);
        const carry = pages.tensor('carry', 3, carryWidth(some.shape));
        const out = pages.tensor('out', 1, 192);
        const query = tensorOf(pages, 1, 192, q);
        const plan = pages.makePlan(1, tiles, everything(1, tiles));
        const run = (kv: KvLayer, from: number, to: number, last: boolean): void =>
          pages.attend(out, query, kv, plan, {
            scale: 1 / 8,
            pass: { from, to, carry, first: from === 0, last },
          });
        run(early, 0, 2 * PAGE, false);
        run(late, 2 * PAGE, Number.POSITIVE_INFINITY, true);
        expectEqual(await pages.read(out), whole.out);
        const reading = async (): Promise<unknown> => {
          run(early, 0, 3 * PAGE, false);
          return pages.read(out);
        };
        await expect(reading()).rejects.toEqual(lost);
      }
    });

    test('the reference’s passes are its one call', async () => {
      const next = random(6200);
      for (const codec of codecPairs) {
        const some = makeCase({ kvHeads: 2, keyDim: 32, valueDim: 48, ...codec }, 4, 200, next);
        const tiles = lastRows(200, 5, 1);
        const q = next.normals(5 * 4 * 32);
        const ranges = sparse(2, tiles, next);
        const kv = filled(reference, some);
        const whole = await attend(reference, kv, 4, q, 2, tiles, ranges);
        const cut = await attendInPasses(reference, kv, 4, q, 2, tiles, ranges, {}, [PAGE, 3 * PAGE]);
        // Numbers are f32 in a carry.
        expectWithin(cut.out, whole.out, () => boundOf(some, coded) / 4);
        expectWithin(cut.logSumExp, whole.logSumExp, () => tolerance.attention / 4);
        expect(cut.pairs).toBe(whole.pairs);
      }
    });

    test('what cannot be a pass is refused', () => {
      const pages = teams[0]!;
      const shape: KvShape = { kvHeads: 1, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q8' };
      const kv = pages.kvLayer('x', shape);
      pages.mapPages(kv, 1);
      const plan = pages.makePlan(1, { position: 0, rows: 1, tileRows: 1 }, [[[0, 1]]]);
      const q = pages.tensor('q', 1, 64);
      const carry = pages.tensor('carry', 1, carryWidth(shape));
      const sound = { from: 0, to: PAGE, carry, first: true, last: false };
      const run = (pass: typeof sound) => (): void => pages.attend(q, q, kv, plan, { scale: 1, pass });
      expect(run(sound)).not.toThrow();
      const small = pages.tensor('small', 1, carryWidth(shape) - 1);
      for (const wrong of [{ from: 1 }, { to: 65 }, { from: PAGE, to: 0 }, { from: -PAGE }, { carry: small }])
        expect(run({ ...sound, ...wrong }), JSON.stringify(wrong)).toThrow(
          expect.objectContaining({ code: 'internal' }),
        );
    });
  });
};

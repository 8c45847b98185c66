import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Backend,
  PAGE,
  type Range,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../../src/backends/backend.js';
import { checkPlan } from '../../src/backends/check-plan.js';
import { namedPages } from '../../src/kv/passes.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';

type Verbs = Pick<Backend, 'plan' | 'writePlan' | 'extend' | 'keepOnly' | 'readPlan' | 'namedPages'>;
type Numbers = ReturnType<typeof random>;

/** Ascending ranges before `end`, some of one token, some of many, with gaps. */
const someRanges = (numbers: Numbers, end: number, most: number): Range[] => {
  const ranges: Range[] = [];
  for (let at = numbers.below(20); ; ) {
    const to = at + 1 + numbers.below(most);
    if (to >= end) return ranges;
    ranges.push([at, to]);
    at = to + 1 + numbers.below(most);
  }
};

/** Rows that are a plan: anything, then the tile itself. */
const someRows = (numbers: Numbers, lists: number, tiles: Tiles, most: number): Range[][] =>
  Array.from({ length: lists * tileCount(tiles) }, (_, row) => {
    const tile = row % tileCount(tiles);
    const start = Math.max(0, tileStart(tiles, tile) - numbers.below(3));
    return [...someRanges(numbers, start, most), [start, tileEnd(tiles, tile)]];
  });

const tokensOf = (rows: Range[][]): number => rows.flat().reduce((sum, [from, to]) => sum + to - from, 0);

const calls: readonly Tiles[] = [
  { position: 0, rows: 1, tileRows: 1 },
  { position: 0, rows: 200, tileRows: PAGE },
  { position: 330, rows: 147, tileRows: PAGE },
  { position: 1000, rows: 7, tileRows: 1 },
  { position: 1003, rows: 30, tileRows: 16 },
];

/** A plan cut to what is kept agrees with the reference, and is still a plan. */
export const describeKeepOnly = (name: string, make: () => Promise<Verbs>): unknown =>
  describe(`what is kept of a plan: ${name}`, () => {
    const reference = createRefBackend();
    let backend: Verbs & { close?(): void };
    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend.close?.());

    const cut = async (
      b: Verbs,
      lists: number,
      tiles: Tiles,
      named: Range[][],
      choices: Tiles,
      kept: Range[][],
    ) => {
      const out = b.plan('out', lists);
      const plan = b.plan('plan', named.length / tileCount(tiles));
      const keeping = b.plan('kept', kept.length / tileCount(choices));
      b.writePlan(plan, tiles, named);
      if (b.namedPages) expect(b.namedPages(plan)).toEqual(namedPages(named));
      b.writePlan(keeping, choices, kept);
      b.keepOnly(out, plan, keeping);
      const rows = (await b.readPlan(out)).map((row) => [...row]);
      const { position, rows: count, tileRows } = tiles;
      const inLast = tileEnd(tiles, tileCount(tiles) - 1) % tileRows !== 0;
      const more = { position: position + count, rows: 1, tileRows, continues: true };
      if (inLast) b.extend(out, more);
      return { rows, later: inLast ? await b.readPlan(out) : [] };
    };

    test.each(calls)('rows $rows from $position on, in tiles of $tileRows', async (tiles) => {
      const numbers = random(tiles.position + tiles.rows);
      const end = tiles.position + tiles.rows;
      let shorter = 0;
      for (const [lists, own, kept] of [
        [1, 1, 1],
        [3, 1, 3],
        [3, 3, 1],
        [2, 2, 2],
      ] as const) {
        // One choice for all tiles, made before, amid or behind them; or one for each.
        for (const at of [Math.max(0, tiles.position - 40), tiles.position, end - 1, end + 300, undefined]) {
          const choices = at === undefined ? tiles : { position: at, rows: 1, tileRows: 1 };
          for (const most of [1, 9, 90]) {
            const named = someRows(numbers, own, tiles, most);
            const keeping = someRows(numbers, kept, choices, most);
            const wanted = await cut(reference, lists, tiles, named, choices, keeping);
            const found = await cut(backend, lists, tiles, named, choices, keeping);
            const what = JSON.stringify({ lists, own, kept, at, most });
            expect(found, what).toEqual(wanted);
            checkPlan(lists, tiles, found.rows);
            const before = (named.length === found.rows.length ? 1 : lists) * tokensOf(named);
            if (tokensOf(found.rows) < before) shorter += 1;
          }
        }
      }
      // Where there is something before the rows, something is cut off.
      expect(shorter > 0).toBe(tileStart(tiles, tileCount(tiles) - 1) > 0);
    });

    test('a plan that is cut to itself is copied', async () => {
      const numbers = random(8);
      for (const tiles of calls) {
        const [out, plan] = [backend.plan('out', 2), backend.plan('plan', 2)];
        const rows = someRows(numbers, 2, tiles, 30);
        backend.writePlan(plan, tiles, rows);
        backend.keepOnly(out, plan, plan);
        expect(await backend.readPlan(out)).toEqual(rows);
      }
    });

    test('what cannot belong together is refused', () => {
      const [out, plan, kept] = [backend.plan('out', 2), backend.plan('plan', 2), backend.plan('kept', 3)];
      const tiles: Tiles = { position: 5, rows: 1, tileRows: 1 };
      backend.writePlan(plan, tiles, [[[0, 6]], [[0, 6]]]);
      backend.writePlan(kept, tiles, [[[0, 6]], [[0, 6]], [[0, 6]]]);
      const wrong = expect.objectContaining({ code: 'internal' });
      expect(() => backend.keepOnly(out, plan, kept)).toThrow(wrong);
      expect(() => backend.keepOnly(plan, plan, plan)).toThrow(wrong);
    });
  });

import { describe, expect, test } from 'vitest';
import { PAGE, type Plan, type Range, type Tiles } from '../../src/backends/backend.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import type { PredictInput } from '../../src/predictors/predictor.js';
import { createRefBackend } from '../reference/backend.js';
import { createPredictor } from '../support/predictors.js';

/** Plans that follow from positions alone: what the tiles of a call read, one list. */
const planned = async (options: AttentionOptions, tiles: Tiles, layer = 0): Promise<Range[][]> => {
  const backend = createRefBackend();
  const plan: Plan = backend.plan('plan', 1);
  createPredictor(options).plan(backend, { layer, tiles } as PredictInput, plan);
  return backend.readPlan(plan);
};

const text = (pages: number): Tiles => ({ position: 0, rows: pages * PAGE, tileRows: PAGE });

/** Pages that a row of ranges holds, all of them. */
const pagesOf = (ranges: readonly Range[]): number[] =>
  ranges.flatMap(([start, end]) => Array.from({ length: (end - start) / PAGE }, (_, i) => start / PAGE + i));

describe('PowerAttention', () => {
  const options = { method: 'power', window: 0, sinks: 0 } as const;

  test('reads the pages that the rule lists', async () => {
    const plan = await planned(options, text(10));
    expect(plan.map(pagesOf)).toEqual([
      [0],
      [0, 1],
      [0, 1, 2],
      [1, 2, 3],
      [0, 2, 3, 4],
      [1, 3, 4, 5],
      [2, 4, 5, 6],
      [3, 5, 6, 7],
      [0, 4, 6, 7, 8],
      [1, 5, 7, 8, 9],
    ]);
  });

  test('reaches every earlier page in as many layers as a page number has binary digits', async () => {
    const pages = 77;
    const read = (await planned(options, text(pages))).map(pagesOf);
    let reached = read.map((_, page) => new Set([page]));
    for (let layer = 0; layer < Math.ceil(Math.log2(pages)); layer++) {
      reached = read.map((own) => new Set(own.flatMap((page) => [...reached[page]!])));
    }
    reached.forEach((set, page) => {
      expect(set.size).toBe(page + 1);
    });
  });

  test('a row of its own reads by the same rule as its page, window and sinks too', async () => {
    const all = { method: 'power', window: 128, sinks: 10 } as const;
    const [page] = (await planned(all, text(40))).slice(-1);
    const [row] = await planned(all, { position: 39 * PAGE + 7, rows: 1, tileRows: 1 });
    expect(page![0]).toEqual([0, 10]);
    expect(page!.at(-1)).toEqual([37 * PAGE, 40 * PAGE]);
    expect(row).toEqual([...page!.slice(0, -1), [37 * PAGE, 39 * PAGE + 8]]);
  });
});

describe('neighborhood attention', () => {
  test('dilated, a tile reads its own residue class as if nothing else were there', async () => {
    for (const dilation of [1, 2, 5]) {
      const plan = await planned({ method: 'neighborhood', window: 200, dilation }, text(41));
      const alone = await planned({ method: 'neighborhood', window: 200 }, text(Math.ceil(41 / dilation)));
      plan.forEach((ranges, page) => {
        const within = pagesOf(alone[Math.floor(page / dilation)]!);
        expect(pagesOf(ranges)).toEqual(within.map((one) => one * dilation + (page % dilation)));
      });
    }
  });

  test('a window as long as the text is dense attention', async () => {
    const plan = await planned({ method: 'neighborhood', window: 700 }, text(11));
    expect(plan).toEqual(await planned({ method: 'dense' }, text(11)));
  });
});

describe('a sliding window', () => {
  test('reads the first tokens and those before each tile or row, and nothing between', async () => {
    const options = { method: 'sliding', window: 100, sinks: 4 } as const;
    expect(await planned(options, { position: 640, rows: 130, tileRows: PAGE })).toEqual([
      [
        [0, 4],
        [540, 704],
      ],
      [
        [0, 4],
        [604, 768],
      ],
      [
        [0, 4],
        [668, 770],
      ],
    ]);
    expect(await planned(options, { position: 770, rows: 2, tileRows: 1 })).toEqual([
      [
        [0, 4],
        [670, 771],
      ],
      [
        [0, 4],
        [671, 772],
      ],
    ]);
    // Where both meet there is one range.
    expect(await planned(options, { position: 64, rows: 64, tileRows: PAGE })).toEqual([[[0, 128]]]);
  });
});

describe('A-shape', () => {
  test('reads a text as a sliding window does, and answers from all of it', async () => {
    const kept = { window: 100, sinks: 4 };
    const tiles = { position: 640, rows: 130, tileRows: PAGE };
    const plan = await planned({ method: 'a-shape', ...kept }, tiles);
    expect(plan).toEqual(await planned({ method: 'sliding', ...kept }, tiles));
    const answer = { position: 770, rows: 3, tileRows: 1 };
    expect(await planned({ method: 'a-shape', ...kept }, answer)).toEqual(
      await planned({ method: 'dense' }, answer),
    );
  });
});

describe('random blocks', () => {
  const options = { method: 'random', budget: 300, sinks: 4, local: 8, size: 16 } as const;

  test('are the same for a seed, others for another, another layer and another tile', async () => {
    const plan = await planned(options, text(20));
    expect(await planned(options, text(20))).toEqual(plan);
    expect(await planned({ ...options, seed: 1 }, text(20))).not.toEqual(plan);
    expect(await planned(options, text(20), 1)).not.toEqual(plan);
    expect(plan[18]!.slice(1, 3)).not.toEqual(plan[19]!.slice(1, 3));
  });

  test('fall everywhere alike', async () => {
    const hits = new Array<number>(60).fill(0);
    const draws = 200;
    for (let seed = 0; seed < draws; seed++) {
      const tiles = { position: 1024, rows: 1, tileRows: 1 };
      const [ranges] = await planned({ ...options, seed }, tiles);
      hits.forEach((_, block) => {
        if (ranges!.some(([start, end]) => start <= block * 16 && end >= block * 16 + 16)) hits[block]!++;
      });
    }
    // Of the 64 blocks before a row 17 are drawn: a share of 0.27, with a standard deviation of 0.03.
    for (const hit of hits.slice(1)) expect(Math.abs(hit / draws - 17 / 64)).toBeLessThan(0.13);
  });
});

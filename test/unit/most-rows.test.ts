/** Rows of a call are as many as have plans and scores in a share of the budget, and plans have room for what is chosen. */
import { expect, test } from 'vitest';
import { mostRows } from '../../src/generate/most-rows.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { createPredictor } from '../support/predictors.js';

const MB = 1024 * 1024;
const rows = (attention: AttentionOptions, tokens: number, bytes = 16 * MB): number =>
  mostRows(
    {
      predictor: createPredictor(attention),
      config: { layers: 10, kvHeads: 2 },
      budget: { bytes },
    } as unknown as Parameters<typeof mostRows>[0],
    tokens,
  );

test('what a row needs of a sixteenth of the budget, by hand', () => {
  // 1,024 sub-blocks of 4 bytes; 10 plans of 64 ranges and candidates of 128, 8 bytes each; two heads.
  const row = 2 * (1024 * 4 + 10 * 64 * 8 + 128 * 8);
  expect(rows({ method: 'dhsa', budget: 1024 }, 16_384)).toBe(Math.floor(MB / row));
  // One list for the layer is half of it; candidates of every layer are ten.
  expect(rows({ method: 'dhsa', budget: 1024, lists: 'layer' }, 16_384)).toBe(Math.floor((2 * MB) / row));
  const kept = 2 * (1024 * 4 + 10 * 64 * 8 + 10 * 128 * 8);
  expect(rows({ method: 'dhsa', budget: 1024, refresh: 8 }, 16_384)).toBe(Math.floor(MB / kept));
});

test('a plan has a gap between two ranges, however much it may choose', () => {
  const whole = rows({ method: 'dhsa', budget: 16_384 }, 16_384);
  expect(rows({ method: 'dhsa', budget: 1_000_000 }, 16_384)).toBe(whole);
  expect(rows({ method: 'dhsa', density: 1 }, 16_384)).toBe(whole);
  expect(rows({ method: 'dhsa', budget: 256 }, 16_384)).toBeGreaterThan(2 * whole);
});

test('a share of the tokens grows with them', () => {
  expect(rows({ method: 'dhsa', density: 0.125 }, 8192)).toBe(rows({ method: 'dhsa', budget: 1025 }, 8192));
});

test('at least one, and no limit where nothing is chosen', () => {
  expect(rows({ method: 'dhsa' }, 131_072, 1000)).toBe(1);
  expect(rows({ method: 'dense' }, 131_072, 1000)).toBe(Number.POSITIVE_INFINITY);
});

import { describe, expect, test } from 'vitest';
import type { Backend, Plan } from '../../src/backends/backend.js';
import { SEGMENT_TOKENS } from '../../src/engine/open-model.js';
import { type AttentionOptions, createPredictor, predictors } from '../../src/predictors/index.js';
import type { PredictInput } from '../../src/predictors/predictor.js';

const refused = (options: unknown, message: RegExp): void => {
  expect(() => createPredictor(options as AttentionOptions)).toThrow(
    expect.objectContaining({ code: 'input/option', message: expect.stringMatching(message) }),
  );
};

describe('attention options', () => {
  test('an unknown method is told which there are', () => {
    refused({ method: 'quest' }, /'quest'.*'auto', 'dense', 'sliding', 'blocks', 'dhsa'/);
    refused({ method: 'toString' }, /'auto'/);
  });

  test.each([
    0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '512',
    null,
  ])('a budget of %s is refused', (budget) => {
    for (const method of ['auto', 'blocks', 'dhsa']) refused({ method, budget }, /attention\.budget/);
  });

  test.each([0, -0.1, 1.01, Number.NaN, '0.5'])('a density of %s is refused', (density) => {
    for (const method of ['blocks', 'dhsa']) refused({ method, density }, /attention\.density/);
  });

  test('what a method does not know is refused', () => {
    refused({ method: 'dense', budget: 512 }, /attention\.budget/);
    refused({ method: 'dhsa', bugdet: 512 }, /attention\.bugdet/);
    refused({ method: 'dhsa', boundaries: 'learned' }, /'contrast', 'delimiters', 'fixed'/);
    refused({ method: 'dhsa', lists: 'head' }, /'kv-head', 'layer'/);
    refused({ method: 'dhsa', candidates: 0 }, /attention\.candidates/);
    refused({ method: 'dhsa', reuse: 3 }, /attention\.reuse/);
    refused({ method: 'dhsa', exact: 1 }, /attention\.exact/);
    refused({ method: 'sliding', window: 0 }, /attention\.window/);
    refused({ method: 'sliding', sinks: -1 }, /attention\.sinks/);
    refused({ method: 'blocks', size: 0 }, /attention\.size/);
  });

  test('a signature says what is in effect: defaults spelt out are the same, anything else is not', () => {
    const signature = (options: AttentionOptions): string => createPredictor(options).signature;
    expect(signature({ method: 'dhsa' })).toBe(
      signature({ method: 'dhsa', budget: 2048, sinks: 16, local: 64 }),
    );
    const all: AttentionOptions[] = [
      { method: 'dense' },
      { method: 'sliding' },
      { method: 'sliding', window: 512 },
      { method: 'blocks' },
      { method: 'blocks', size: 16 },
      { method: 'dhsa' },
      { method: 'dhsa', budget: 512 },
      { method: 'dhsa', density: 0.1 },
      { method: 'dhsa', density: 0.1, budget: 2048 },
      { method: 'dhsa', boundaries: 'delimiters' },
      { method: 'dhsa', boundaries: 'fixed' },
      { method: 'dhsa', lists: 'layer' },
      { method: 'dhsa', candidates: 7 },
      { method: 'dhsa', reuse: 8 },
      { method: 'dhsa', exact: true },
      { method: 'dhsa', sinks: 0 },
      { method: 'dhsa', local: 0 },
    ];
    expect(new Set(all.map(signature)).size).toBe(all.length);
  });

  test('every method of the table makes prefix-stable plans and gives its own name', () => {
    for (const method of Object.keys(predictors) as AttentionOptions['method'][]) {
      const predictor = createPredictor({ method });
      expect(predictor.needs.prefixStable).toBe(true);
      expect(predictor.name).toBe(method);
    }
  });
});

/** What `auto` does for the rows of a call: the verbs and budgets in order. */
const autoCalls = (position: number, rows: number, tileRows: number, budget?: number): string[] => {
  const calls: string[] = [];
  const backend = {
    scoreChunks: () => calls.push('score'),
    scoreTokens: () => calls.push('score'),
    select: (_plan: unknown, _tiles: unknown, keep: { budget: number }) =>
      calls.push(`select ${keep.budget}`),
  } as unknown as Backend;
  const tiles = { position, rows, tileRows };
  const predictor = createPredictor({ method: 'auto', ...(budget !== undefined && { budget }) });
  predictor.plan(backend, { tiles } as PredictInput, {} as Plan);
  return calls;
};

test('auto is exact where choosing does not pay: tiles within the budget, single rows within two', () => {
  expect(autoCalls(1792, 256, 64)).toEqual(['select Infinity']);
  expect(autoCalls(2048, 256, 64)).toEqual(['score', 'select 2048']);
  expect(autoCalls(2 * 2048 - 1, 1, 1)).toEqual(['select Infinity']);
  expect(autoCalls(2 * 2048, 1, 1)).toEqual(['score', 'select 4096', 'score', 'select 2048']);
});

test('with any budget auto plans a row the same alone as in a call of a whole segment', () => {
  for (const budget of [2049, 2100, 2303, 3000]) {
    const first = Math.floor((7 * budget) / SEGMENT_TOKENS) * SEGMENT_TOKENS;
    for (const segment of [first - SEGMENT_TOKENS, first, first + SEGMENT_TOKENS]) {
      const together = autoCalls(segment, SEGMENT_TOKENS, 1, budget);
      for (let row = segment; row < segment + SEGMENT_TOKENS; row++) {
        expect(autoCalls(row, 1, 1, budget)).toEqual(together);
      }
    }
  }
});

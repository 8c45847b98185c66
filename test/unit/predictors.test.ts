import { describe, expect, test, vi } from 'vitest';
import type { Backend, Keep, Plan, Tiles } from '../../src/backends/backend.js';
import { SEGMENT_TOKENS } from '../../src/engine/load-on.js';
import { createSpans } from '../../src/generate/spans.js';
import { rareMethods } from '../../src/predictors/attention-options.js';
import { type AttentionOptions, common, openPredictor } from '../../src/predictors/index.js';
import * as script from '../../src/predictors/load-rarer.js';
import type { PredictInput } from '../../src/predictors/predictor.js';
import { rarer } from '../../src/predictors/rarer.js';
import { createPredictor, predictors } from '../support/predictors.js';
import { random } from '../support/random.js';

const refused = (options: unknown, message: RegExp): void => {
  expect(() => createPredictor(options as AttentionOptions)).toThrow(
    expect.objectContaining({ code: 'input/option', message: expect.stringMatching(message) }),
  );
};

describe('attention options', () => {
  test('an unknown method is told which there are', () => {
    refused({ method: 'psychic' }, /'psychic'.*'auto', 'dense', 'dhsa', 'blocks', 'sliding', 'a-shape'/);
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
    refused({ method: 'dhsa', boundaries: 'guessed' }, /'contrast', 'delimiters', 'fixed', 'learned'/);
    refused({ method: 'dhsa', predictor: 'x.safetensors' }, /attention\.predictor/);
    refused({ method: 'dhsa', lists: 'head' }, /'kv-head', 'layer'/);
    refused({ method: 'dhsa', candidates: 0 }, /attention\.candidates/);
    refused({ method: 'dhsa', reuse: 3 }, /attention\.reuse/);
    for (const refresh of [0, 3, 32, '8']) refused({ method: 'dhsa', refresh }, /attention\.refresh/);
    refused({ method: 'dhsa', refresh: 8, reuse: 2 }, /refresh is 8 beside reuse: 2/);
    refused({ method: 'dhsa', refresh: 8, exact: true }, /refresh is 8 beside exact/);
    refused({ method: 'dhsa', exact: 1 }, /attention\.exact/);
    refused({ method: 'long-heads', summaries: 'mean' }, /attention\.summaries.*'attention', 'pooled'/);
    for (const features of [0, 4097, 1.5]) refused({ method: 'sea', features }, /attention\.features/);
    refused({ method: 'sea', size: 20 }, /attention\.size/);
    refused({ method: 'sea', answers: 'gates' }, /'dense', 'dhsa'/);
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
      { method: 'dhsa', refresh: 8 },
      { method: 'dhsa', exact: true },
      { method: 'dhsa', sinks: 0 },
      { method: 'dhsa', local: 0 },
      { method: 'long-heads' },
      { method: 'long-heads', summaries: 'pooled' },
      { method: 'hyper-attention' },
      { method: 'hyper-attention', rest: 64 },
      { method: 'sea' },
      { method: 'sea', features: 256 },
      { method: 'sea', size: 16 },
      { method: 'sea', seed: 2 },
      { method: 'sea', answers: 'dhsa' },
      { method: 'random' },
      { method: 'random', rest: 64 },
      { method: 'landmark' },
      { method: 'landmark', size: 16 },
    ];
    expect(new Set(all.map(signature)).size).toBe(all.length);
  });

  test('every method of the table makes prefix-stable plans and gives its own name', () => {
    const { seer: _, ...withoutFile } = predictors;
    for (const method of Object.keys(withoutFile) as (keyof typeof withoutFile)[]) {
      const predictor = createPredictor({ method } as AttentionOptions);
      expect(predictor.needs.prefixStable).toBe(true);
      expect(predictor.name).toBe(method);
    }
  });
});

describe('methods by name', () => {
  test('the table and the script together have every method, each once', async () => {
    expect(Object.keys(rarer).sort()).toEqual([...rareMethods].sort());
    expect(Object.keys(predictors)).toEqual([...Object.keys(common), ...Object.keys(rarer)]);
    expect((await openPredictor({ method: 'power' })).signature).toBe('power window=512 sinks=64');
    expect((await openPredictor({ method: 'dense' })).name).toBe('dense');
  });

  test('what reads and what answers have the same share', () => {
    for (const method of ['x-attention', 'vertical-slash', 'flex-prefill', 'proxy-attn', 'sale'] as const) {
      const { signature, needs } = createPredictor({ method, density: 0.1, answers: 'dhsa' });
      expect(signature).toMatch(/budget=0 density=0\.1 .*answers=\(dhsa .*budget=0 density=0\.1 /);
      expect(needs).toMatchObject({ host: true, candidates: true, chunks: { sketches: true } });
    }
    const { signature } = createPredictor({ method: 'quest', density: 0.1, reading: 'dhsa' });
    expect(signature).toMatch(/budget=0 density=0\.1 .*reading=\(dhsa .*budget=0 density=0\.1 /);
  });

  test('one that is unknown, and a script that is missing, are told apart', async () => {
    await expect(openPredictor({ method: 'toString' } as never)).rejects.toMatchObject({
      code: 'input/option',
      message: expect.stringContaining('neighborhood'),
    });
    const loading = vi.spyOn(script, 'loadRarer').mockRejectedValue(new Error('404'));
    await expect(openPredictor({ method: 'random' })).rejects.toMatchObject({
      code: 'unsupported/attention',
      message: expect.stringContaining('predictors.js'),
    });
    expect((await openPredictor({ method: 'blocks' })).name).toBe('blocks');
    loading.mockRestore();
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

/** How the rows of a question get their plans: of each row, where its candidates were named, or that it has none. */
const namedAt = (options: AttentionOptions, from: number, to: number, most: () => number): string[] => {
  const predictor = createPredictor(options);
  const spans = createSpans(predictor.needs);
  spans.add(from, false);
  spans.add(to, true);
  const [out, candidates] = [{}, {}];
  const rowsOf: string[] = [];
  /** By position: where the candidates of the row were named. */
  let named = new Map<number, number>();
  let looks = false;
  const backend = {
    scoreChunks: (_scores: unknown, _q: unknown, _i: unknown, _l: unknown, _t: Tiles, how: object) => {
      looks = 'candidates' in how;
    },
    select(plan: unknown, { position, rows, tileRows }: Tiles, keep: Keep) {
      const places = Array.from({ length: rows }, (_, i) => position + i);
      if (plan === candidates) {
        const first = (at: number): number => Math.max(position, Math.floor(at / tileRows) * tileRows);
        named = new Map(places.map((at) => [at, first(at)]));
        return;
      }
      for (const at of places) {
        // As `select` does, row by row.
        const all = keep.budget > at || !looks;
        if (!all) expect(named.has(at), `candidates of row ${at}`).toBe(true);
        // Candidates that were named where two budgets held everything are everything.
        const some = !all && 2 * 61 <= named.get(at)!;
        rowsOf.push(`${at} ${some ? named.get(at) : 'all'}`);
      }
      looks = false;
    },
    extend(plan: unknown, { position, rows }: Tiles) {
      expect(plan).toBe(candidates);
      const before = named.get(position - 1);
      expect(before, `candidates before row ${position}`).toBeDefined();
      named = new Map(Array.from({ length: rows }, (_, i) => [position + i, before!]));
    },
  } as unknown as Backend;
  for (let at = from; at < to; ) {
    const tiles = spans.call(at, Math.min(to, at + most()), SEGMENT_TOKENS);
    predictor.plan(backend, { tiles, candidates } as unknown as PredictInput, out as Plan);
    at += tiles.rows;
  }
  return rowsOf;
};

test('rows look among the same candidates however they come in calls', () => {
  // Neither the budget, nor two, nor where the question begins is a multiple of the rows that share.
  const options = { method: 'dhsa', budget: 61, refresh: 8 } as const;
  const { below } = random(5);
  const together = namedAt(options, 43, 200, () => 200);
  expect(together.slice(0, 2)).toEqual(['43 all', '44 all']);
  expect(together.slice(-2)).toEqual(['198 192', '199 192']);
  expect(namedAt(options, 43, 200, () => 1)).toEqual(together);
  for (let n = 0; n < 20; n++) expect(namedAt(options, 43, 200, () => 1 + below(13))).toEqual(together);
  expect(namedAt(options, 131, 200, () => 3)[0]).toBe('131 131');
});

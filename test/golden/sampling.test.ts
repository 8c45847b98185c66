import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { createAdjust } from '../../src/generate/adjust.js';
import { createShortlist } from '../../src/generate/shortlist.js';
import type { Model } from '../../src/loaded-model.js';
import { kernelsUrl } from '../support/kernels.js';
import { CHAINS, chainIds, chainModel, GREEDY } from './chains.js';

interface Recorded {
  readonly sha256: string;
  readonly chains: readonly {
    readonly count: number;
    readonly top: readonly [id: number, probability: number][];
  }[];
  readonly greedy: readonly number[][];
}
const recorded: Recorded = JSON.parse(readFileSync(new URL('./sampling.json', import.meta.url), 'utf8'));
const file = chainModel();
let model: Model;
let logits: Float32Array;

beforeAll(async () => {
  model = await load(file, {
    kernelsUrl,
    attention: { method: 'dense' },
    kv: { keys: 'f16', values: 'f16', store: 'none' },
  });
  const context = await model.context();
  await context.append(chainIds());
  logits = await context.logits();
});
afterAll(() => model.close());

test('the model is the recorded one', () =>
  expect(createHash('sha256').update(file).digest('hex')).toBe(recorded.sha256));

describe('what is drawn from is what llama.cpp draws from', () => {
  for (const [i, options] of CHAINS.entries()) {
    test(JSON.stringify(options), () => {
      const restore = createAdjust(options)(logits, chainIds());
      const { ids, weights, mass } = createShortlist(options)(logits);
      const left = Array.from(ids, (id, at): [number, number] => [id, weights[at]! / mass]).filter(
        ([, p]) => p > 0,
      );
      restore();
      const { count, top } = recorded.chains[i]!;
      const found = new Map(left);
      expect(left.length).toBe(count);
      // Pages of halves move the logits by 0.001 or so.
      for (const [id, probability] of top) expect(Math.abs(found.get(id)! - probability)).toBeLessThan(0.001);
    });
  }
});

describe('greedy with penalties goes where llama.cpp goes', () => {
  for (const [i, options] of GREEDY.entries()) {
    test(JSON.stringify(options), async () => {
      const context = await model.context();
      await context.append(chainIds());
      const expected = recorded.greedy[i]!;
      expect(await context.generate({ ...options, maxTokens: expected.length, ignoreStops: true })).toEqual(
        expected,
      );
      await context.close();
    });
  }

  test('and the penalties matter', () => {
    expect(new Set(recorded.greedy.map(String)).size).toBe(GREEDY.length);
  });
});

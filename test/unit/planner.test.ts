import { describe, expect, test } from 'vitest';
import {
  answerSeconds,
  type Costs,
  measure,
  plan,
  type Reads,
  readSeconds,
} from '../../src/facades/planner/index.js';
import type { Model } from '../../src/index.js';
import type { ModelConfig } from '../../src/model/config.js';
import { pageSizesOf } from '../../src/model/page-sizes.js';

const COSTS: Costs = {
  token: 2e-3,
  pair: 9e-7,
  choice: 1e-7,
  step: 1e-2,
  key: 2e-6,
  look: 2e-7,
  bytes: 24_000,
};
const AUTO: Reads = { method: 'dhsa', budget: 2048 };

/** A model that takes exactly what `costs` say. */
const modelThatCosts = (
  costs: Costs,
  info: Partial<Model['info']> = {},
): { model: Model; open: () => number } => {
  let open = 0;
  const context = () => {
    let [tokens, answered, read, answer] = [0, 0, 0, 0];
    let known = 0;
    return {
      append: async (ids: ArrayLike<number>) => {
        read += readSeconds(costs, AUTO, known + ids.length) - readSeconds(costs, AUTO, known);
        known += ids.length;
        tokens += ids.length;
      },
      generate: async ({ maxTokens }: { maxTokens: number }) => {
        for (let i = 0; i < maxTokens; i++) answer += answerSeconds(costs, AUTO, known);
        answered += maxTokens;
        return Array(maxTokens).fill(0);
      },
      stats: async () => ({
        tokens,
        prefill: { tokens, seconds: read },
        decode: { tokens: answered, seconds: answer },
        memory: { used: 1e6 + costs.bytes * tokens },
      }),
      close: async () => {
        open--;
      },
    };
  };
  const model = {
    info: { attention: 'auto budget=2048', maxTokens: 16_384, vocab: 4096, ...info },
    context: async () => {
      open++;
      return context();
    },
  };
  return { model: model as unknown as Model, open: () => open };
};

describe('what reading and answering cost', () => {
  test('is found from a text of 8,192 tokens', async () => {
    const { model, open } = modelThatCosts(COSTS);
    const found = await measure(model);
    for (const [name, cost] of Object.entries(COSTS)) {
      expect(Number(found[name as keyof Costs]) / cost, name).toBeCloseTo(1, 6);
    }
    expect(open()).toBe(0);
  });

  test('is never below nothing, whatever was measured', async () => {
    const odd = { ...COSTS, pair: -1e-8, key: -1e-7, choice: -1e-9, look: -1e-9 };
    const { pair, choice, key, look } = await measure(modelThatCosts(odd).model);
    for (const cost of [pair, choice, key, look]) expect(cost).toBeGreaterThanOrEqual(0);
  });

  test('cannot be measured with a model that reads another way, or holds too little', async () => {
    for (const info of [{ attention: 'dense' }, { maxTokens: 4096 }]) {
      const { model } = modelThatCosts(COSTS, info);
      await expect(measure(model)).rejects.toMatchObject({ code: 'input/option' });
    }
  });

  test('ends with its signal, and closes what it opened', async () => {
    const { model, open } = modelThatCosts(COSTS);
    await expect(measure(model, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(open()).toBe(0);
  });
});

describe('a plan', () => {
  test('reads a short text densely and a long one by choice', () => {
    const dear = { ...COSTS, choice: 1e-6 };
    const [short] = plan(dear, { tokens: 512, questions: 0 });
    expect(short!.readSeconds).toBeCloseTo(readSeconds(dear, { method: 'dense' }, 512), 9);
    const [long] = plan(COSTS, { tokens: 65_536 });
    expect(long!.attention.method).not.toBe('dense');
  });

  test('lists every way, the fastest in all first', () => {
    const ways = plan(COSTS, { tokens: 10_000, questions: 3, answer: 50 });
    const totals = ways.map(({ totalSeconds }) => totalSeconds);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    for (const { totalSeconds, readSeconds, answerSeconds } of ways) {
      expect(totalSeconds).toBeCloseTo(readSeconds + 150 * answerSeconds, 9);
    }
  });

  test('knows from which length choosing pays', () => {
    const auto = plan(COSTS, { tokens: 8192 }).find(({ attention }) => attention.method === 'auto')!;
    const at = auto.breakEven;
    const [dense, dhsa] = [{ method: 'dense' }, AUTO] as const;
    expect(readSeconds(COSTS, dhsa, at)).toBeLessThan(readSeconds(COSTS, dense, at));
    expect(readSeconds(COSTS, dhsa, at - 256)).toBeGreaterThanOrEqual(readSeconds(COSTS, dense, at - 256));
    const never = plan({ ...COSTS, choice: 1 }, { tokens: 8192 }).find(
      ({ attention }) => attention.method === 'auto',
    )!;
    expect(never.breakEven).toBe(Number.POSITIVE_INFINITY);
  });

  describe('with pages that can be narrower', () => {
    const sizes = {
      keys: { f16: 8192, q8: 4224, q4: 2560 },
      values: { f16: 8192, q8: 4224, q4: 2560, q2: 1536 },
      ...{ keyChannels: 64, valueChannels: 64, narrowed: {}, heads: 2 },
    };
    const pages = { keys: 'q8', values: 'q8', sizes } as const;
    const costs: Costs = { ...COSTS, bytes: 8448 / 64 + 10, pages };
    const besides = 10 * 6400;

    test('gives up bits of values first, of keys only where they may, and tokens last', () => {
      const at = (memory: number, own: Costs = costs) =>
        plan(own, { tokens: 6400, memory: memory + besides });
      expect(at(844_800)[0]).toMatchObject({
        kv: { keys: 'q8', values: 'q8' },
        pageBytes: 844_800,
        fits: true,
      });
      expect(at(844_799)[0]).toMatchObject({
        kv: { keys: 'q8', values: 'q4' },
        pageBytes: 678_400,
        fits: true,
      });
      for (const way of at(678_399)) {
        expect(way.kv).toEqual({ keys: 'q8', values: 'q4' });
        expect(way.fits).toBe(way.retention !== undefined);
      }
      const bears = {
        ...costs,
        bytes: 6784 / 64 + 10,
        pages: { ...pages, keys: 'q4', values: 'q8' },
      } as const;
      expect(at(678_399, bears)[0]).toMatchObject({ kv: { keys: 'q4', values: 'q4' }, fits: true });
      const tried = { ...costs, bytes: 5760 / 64 + 10, pages: { ...pages, values: 'q2' } } as const;
      expect(at(678_399, tried)[0]).toMatchObject({ kv: { keys: 'q8', values: 'q2' }, fits: true });
      const both = {
        ...costs,
        bytes: 4096 / 64 + 10,
        pages: { ...pages, keys: 'q4', values: 'q2' },
      } as const;
      expect(at(511_999, both)[0]).toMatchObject({ kv: { keys: 'q4', values: 'q2' }, pageBytes: 409_600 });
    });

    test('keeps as many tokens as there is room for, in the narrowest codecs', () => {
      const kept = plan(costs, { tokens: 6400, memory: besides + 30 * 6784 }).filter(
        ({ retention }) => retention,
      );
      expect(kept).toMatchObject([
        {
          attention: { method: 'dense' },
          retention: { policy: 'snap-kv', grain: 64, budget: 13 * 64 + 36 },
          ...{ keptTokens: 868, pageBytes: 29 * 6784, fits: true },
        },
      ]);
      expect(kept[0]!.answerSeconds).toBeCloseTo(answerSeconds(costs, { method: 'dense' }, 868), 12);
      expect(
        plan(costs, { tokens: 6400, memory: besides + 5 * 6784 }).some(({ retention }) => retention),
      ).toBe(false);
    });
  });

  test('says whether the text has room in memory', () => {
    const [way] = plan(COSTS, { tokens: 1000, memory: 24_000_000 });
    expect(way).toMatchObject({ bytes: 24_000_000, fits: true });
    expect(plan(COSTS, { tokens: 1001, memory: 24_000_000 })[0]!.fits).toBe(false);
  });
});

test('layers that slide have no pages to foretell, and keep all channels', () => {
  const config = { attention: [{ window: 512, rotation: 0 }], kvHeads: 2, headDim: 64, valueDim: 64 };
  const sizes = pageSizesOf(config as unknown as ModelConfig, { keyChannels: 32 });
  expect(sizes).toMatchObject({ keyChannels: 64, keys: { q8: 0 }, narrowed: { keyChannels: 32 } });
});

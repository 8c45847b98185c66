/**
 * WebGPU beside WASM: every architecture with every tensor type, the bundled model, and what is chosen to be read, end to
 * end. `npm test` takes a few of them; `npm run test:webgpu` all.
 */
import { expect, test, vi } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { LoadOptions } from '../../src/loaded-model.js';
import { SUPPORTED_TYPES } from '../../src/weights/tensor-types.js';
import { wasm } from '../conformance/make-backend.js';
import { toF32 } from '../support/dequantise.js';
import { logProbabilities } from '../support/plain-model.js';
import { random } from '../support/random.js';
import { ARCHITECTURES, randomModel } from '../support/random-model.js';
import { shareGpu } from '../support/share-gpu.js';

shareGpu();
vi.setConfig({ testTimeout: 300_000 });
const isWhole = (import.meta as ImportMeta & { env: { VITE_SWEEP?: string } }).env.VITE_SWEEP === 'all';

// Vite takes the folder itself for its index.
const kernelsUrl = new URL('.', wasm.simd128).href;
const backends = ['wasm', 'webgpu'] as const;
type Bytes = Uint8Array<ArrayBuffer>;

const onBoth = async <T>(
  bytes: Bytes,
  options: LoadOptions,
  use: (model: Awaited<ReturnType<typeof load>>) => Promise<T>,
): Promise<[T, T]> => {
  const found: T[] = [];
  for (const backend of backends) {
    const model = await load(bytes, { kernelsUrl, threads: 1, kv: { store: 'none' }, backend, ...options });
    try {
      found.push(await use(model));
    } finally {
      await model.close();
    }
  }
  return found as [T, T];
};

const idsOf = (count: number, seed: number): number[] => {
  const { below } = random(seed);
  return Array.from({ length: count }, () => 5 + below(300));
};

/** KL in nats of next-token distributions. */
const divergence = (wanted: Float32Array, found: Float32Array): number => {
  const [p, q] = [logProbabilities(wanted), logProbabilities(found)];
  return p.reduce((sum, x, i) => sum + Math.exp(x) * (x - q[i]!), 0);
};

const cases = ARCHITECTURES.flatMap((architecture, a) =>
  SUPPORTED_TYPES.map((type, t) => ({ architecture, type, seed: 1000 + 100 * a + t })),
);
const FEW = ['gemma2 Q4_K', 'phi3 F16', 'qwen2 Q6_K'];

test('the few are among all', () => {
  expect(cases.filter(({ architecture, type }) => FEW.includes(`${architecture} ${type}`))).toHaveLength(3);
  expect(cases.length).toBe(ARCHITECTURES.length * SUPPORTED_TYPES.length);
});

test.each(
  cases.filter(({ architecture, type }) => isWhole || FEW.includes(`${architecture} ${type}`)),
)('$architecture $type: the next token is as likely on WebGPU as on WASM', async ({
  architecture,
  type,
  seed,
}) => {
  const shape = { dim: 256, hidden: 256, layers: 2, heads: 4, kvHeads: 2, headDim: 64 };
  const bytes = randomModel({ architecture, type, tokenizer: 'llama-bpe', seed, ...shape });
  const [wanted, found] = await onBoth(bytes, { attention: { method: 'dense' } }, async (model) => {
    const context = await model.context();
    const rows: Float32Array[] = [];
    for (const count of [67, 1]) {
      await context.append(idsOf(count, seed + count));
      rows.push(await context.logits());
    }
    return rows;
  });
  const bound = /^(F32|F16|BF16)$/.test(type) ? 1e-4 : 5e-3;
  wanted.forEach((row, i) => {
    expect(divergence(row, found[i]!)).toBeLessThan(bound);
  });
  // A distribution that says nothing would agree with any other.
  expect(Math.max(...logProbabilities(wanted[0]!))).toBeGreaterThan(Math.log(2 / wanted[0]!.length));
});

test('of a hundred tokens that are chosen, ninety-nine are the same', async () => {
  const bytes = randomModel({
    ...{ architecture: 'qwen3', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 9 },
    ...{ layers: 2, dim: 64, hidden: 96, heads: 4, kvHeads: 2, headDim: 32 },
  });
  const tokens = isWhole ? 1500 : 400;
  const options = { attention: { method: 'dhsa', budget: 96, sinks: 4, local: 8 } } as const;
  const [wanted, found] = await onBoth(bytes, options, async (model) => {
    const context = await model.context();
    await context.append(idsOf(tokens, 3));
    const chosen: string[] = [];
    for (let step = 0; step < 6; step++) {
      // The same tokens on both, whatever each would say.
      await context.append(idsOf(9, 50 + step));
      for (const layer of [0, 1]) {
        for (const head of [0, 1]) {
          for (const [start, end] of await context.plan({ layer, head })) {
            for (let token = start; token < end; token++) chosen.push([step, layer, head, token].join(' '));
          }
        }
      }
    }
    return new Set(chosen);
  });
  const same = [...wanted].filter((token) => found.has(token)).length;
  expect(wanted.size).toBeLessThan(6 * 4 * 200);
  expect(same / Math.max(wanted.size, found.size)).toBeGreaterThanOrEqual(0.99);
});

test.runIf(isWhole)('the bundled model, in F32, answers with the same tokens', async () => {
  const file = await fetch(new URL('../../examples/models/book-reader-5m-Q8_0.gguf', import.meta.url));
  const bytes = await toF32(new Uint8Array(await file.arrayBuffer()));
  const book = await (await fetch(new URL('../../examples/books/sherlock.txt', import.meta.url))).text();
  const [wanted, found] = await onBoth(bytes, {}, async (model) => {
    const context = await model.context();
    await context.append(await model.tokenize(book.slice(2000, 3200)));
    return context.generate({ maxTokens: 24, temperature: 0, ignoreStops: true });
  });
  expect(wanted).toHaveLength(24);
  expect(found).toEqual(wanted);
});

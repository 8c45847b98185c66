import { expect, test, vi } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { LoadOptions } from '../../src/loaded-model.js';
import { wasm } from '../conformance/make-backend.js';
import { logProbabilities } from '../support/plain-model.js';
import { random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';

// Vite takes the folder itself for its index.
const kernelsUrl = new URL('.', wasm.simd128).href;
const sizes = {
  tokenizer: 'llama-bpe',
  seed: 5,
  layers: 2,
  dim: 64,
  hidden: 96,
  heads: 2,
  kvHeads: 1,
} as const;

const open = (bytes: Uint8Array<ArrayBuffer>, options: LoadOptions) =>
  load(bytes, { kernelsUrl, threads: 1, kv: { store: 'none' }, ...options });

// A software adapter compiles every kernel anew for every device.
vi.setConfig({ testTimeout: 180_000 });

const idsOf = (count: number, seed: number): number[] => {
  const numbers = random(seed);
  return Array.from({ length: count }, () => 5 + numbers.below(300));
};

/** Mean KL in nats of next-token distributions. */
const divergence = (wanted: Float32Array, found: Float32Array): number => {
  const [p, q] = [logProbabilities(wanted), logProbabilities(found)];
  return p.reduce((sum, x, i) => sum + Math.exp(x) * (x - q[i]!), 0);
};

/** What a model makes of a text on a backend, behind each of its pieces, and what it goes on with. */
const read = async (bytes: Uint8Array<ArrayBuffer>, options: LoadOptions) => {
  const model = await open(bytes, options);
  try {
    const context = await model.context();
    const logits: Float32Array[] = [];
    for (const [i, count] of [110, 2].entries()) {
      await context.append(idsOf(count, i));
      logits.push(await context.logits());
    }
    const ids = await context.generate({ maxTokens: 4, temperature: 0, ignoreStops: true });
    const plan = await context.plan({ layer: 1, head: 0 });
    await context.close();
    return { logits, ids, plan, info: model.info };
  } finally {
    await model.close();
  }
};

test('a model answers on WebGPU as it does on WASM', async () => {
  const bytes = randomModel({ architecture: 'llama', type: 'F32', ...sizes });
  const attention = { method: 'dense' } as const;
  const wanted = await read(bytes, { backend: 'wasm', attention });
  const found = await read(bytes, { backend: 'webgpu', attention });
  expect(found.info).toMatchObject({ backend: 'webgpu', backendReason: expect.stringContaining('adapter') });
  expect(found.ids).toEqual(wanted.ids);
  wanted.logits.forEach((row, i) => {
    expect(divergence(row, found.logits[i]!)).toBeLessThan(1e-4);
  });
});

test('and chooses the same, with quantised weights', async () => {
  const bytes = randomModel({ architecture: 'qwen3', type: 'Q8_0', ...sizes });
  const attention = { method: 'dhsa', budget: 40, sinks: 4, local: 8 } as const;
  const wanted = await read(bytes, { backend: 'wasm', attention });
  const found = await read(bytes, { backend: 'webgpu', attention });
  wanted.logits.forEach((row, i) => {
    expect(divergence(row, found.logits[i]!)).toBeLessThan(5e-3);
  });
  expect(found.plan).toEqual(wanted.plan);
});

test('what one backend has read and stored the other one goes on from', async () => {
  const bytes = randomModel({ architecture: 'llama', type: 'F32', ...sizes });
  const kv = { store: 'idb', database: `webgpu ${Math.random()}` } as const;
  const visit = async (backend: 'wasm' | 'webgpu', ids: number[]) => {
    const model = await open(bytes, { backend, attention: { method: 'dhsa', budget: 40 }, kv });
    const context = await model.context();
    await context.append(ids);
    const [logits, { reusedTokens }] = [await context.logits(), await context.stats()];
    await context.close();
    await model.close();
    return { logits, reusedTokens };
  };
  const order = [
    ['wasm', 'webgpu'],
    ['webgpu', 'wasm'],
  ] as const;
  for (const [i, [first, second]] of order.entries()) {
    const ids = idsOf(262, 20 + i);
    const wanted = await visit(first, ids);
    const found = await visit(second, ids);
    expect([wanted.reusedTokens, found.reusedTokens]).toEqual([0, 256]);
    expect(divergence(wanted.logits, found.logits)).toBeLessThan(1e-4);
  }
});

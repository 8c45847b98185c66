import { expect, test, vi } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { LoadOptions } from '../../src/loaded-model.js';
import { wasm } from '../conformance/make-backend.js';
import { logProbabilities } from '../support/plain-model.js';
import { random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';
import { shareGpu } from '../support/share-gpu.js';

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

// A software adapter compiles for a while.
shareGpu();
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

/** Every device that is opened from now on. */
const devices: GPUDevice[] = [];
const { gpu } = navigator;
const { requestAdapter } = gpu;
gpu.requestAdapter = async (...args) => {
  const adapter = await requestAdapter.apply(gpu, args);
  const requestDevice = adapter?.requestDevice.bind(adapter);
  if (!adapter || !requestDevice) return null;
  adapter.requestDevice = async (...wanted) => {
    const device = await requestDevice(...wanted);
    devices.push(device);
    return device;
  };
  return adapter;
};
const lose = (): void => devices.at(-1)!.destroy();

test('a model answers on WebGPU as it does on WASM, whenever the GPU is lost', async () => {
  const bytes = randomModel({ architecture: 'llama', type: 'F32', ...sizes });
  const attention = { method: 'dense' } as const;
  const wanted = await read(bytes, { backend: 'wasm', attention });
  const model = await open(bytes, { backend: 'webgpu', attention });
  expect(model.info).toMatchObject({ backend: 'webgpu', backendReason: expect.stringContaining('adapter') });
  const context = await model.context();
  const computing = async () => (await context.stats()).computing;
  await context.append(idsOf(110, 0));
  const logits = [await context.logits()];
  expect(await computing()).toEqual({ backend: 'webgpu', reason: model.info.backendReason, losses: 0 });

  // Coming and going leaves nothing behind on the GPU.
  const totals: number[] = [];
  for (let round = 0; round < 200; round++) {
    const passing = await model.context();
    await passing.append([7, 8, 9 + round]);
    await passing.generate({ maxTokens: 1, temperature: 0, ignoreStops: true });
    await passing.close();
    totals.push((await context.stats()).bytes.total);
  }
  expect(totals[199]).toBe(totals[2]);
  expect(totals[199]).toBeGreaterThan(model.info.weightBytes);

  // In the middle of reading: another device of the same kind.
  const reading = context.append(idsOf(2, 1));
  await Promise.resolve();
  lose();
  await reading;
  logits.push(await context.logits());
  expect(devices).toHaveLength(2);
  expect(await computing()).toMatchObject({ backend: 'webgpu', losses: 1 });
  expect((await context.stats()).recomputedTokens).toBe(110);

  // In the middle of an answer: the CPU.
  const first = await context.generate({ maxTokens: 1, temperature: 0, ignoreStops: true });
  lose();
  const rest = await context.generate({ maxTokens: 3, temperature: 0, ignoreStops: true });
  expect([...first, ...rest]).toEqual(wanted.ids);
  expect(await computing()).toMatchObject({
    backend: 'wasm',
    reason: expect.stringContaining('the GPU was lost twice'),
    losses: 2,
  });
  expect(devices).toHaveLength(2);
  wanted.logits.forEach((row, i) => {
    expect(divergence(row, logits[i]!)).toBeLessThan(1e-4);
  });
  await model.close();
});

test.each([
  ['F32', 1e-4],
  // Its file has no weights of the kind that picks channels.
  ['Q8_0', 1e-3],
] as const)('keys of fewer channels are chosen and read alike on WebGPU and WASM: %s', async (type, bound) => {
  const bytes = randomModel({ architecture: 'llama', type, ...sizes });
  const options = { attention: { method: 'dhsa', budget: 96, local: 16 } } as const;
  const [wanted, found] = [
    await read(bytes, { backend: 'wasm', ...options, kv: { store: 'none', keyChannels: 16 } }),
    await read(bytes, { backend: 'webgpu', ...options, kv: { store: 'none', keyChannels: 16 } }),
  ];
  expect(found.info.pageSizes).toEqual(wanted.info.pageSizes);
  expect(found.info.pageSizes.keyChannels).toBe(16);
  wanted.logits.forEach((row, i) => {
    expect(divergence(row, found.logits[i]!)).toBeLessThan(bound);
  });
});

test('an adapter that computes wrongly is refused, with the reason', async () => {
  const bytes = randomModel({ architecture: 'llama', type: 'F32', ...sizes });
  const { json } = Response.prototype;
  vi.spyOn(Response.prototype, 'json').mockImplementation(async function (this: Response) {
    const shaders = await json.call(this);
    // Half of what it should be.
    return {
      ...shaders,
      'matmul-floats': shaders['matmul-floats'].replace(/^(\s*out\[.*\] = )/m, '$10.5 * '),
    };
  });
  await expect(open(bytes, { backend: 'webgpu' })).rejects.toMatchObject({
    code: 'unsupported/backend',
    message: expect.stringContaining('products with F32 weights are off'),
  });
  vi.restoreAllMocks();
  // Where the browser says that it is software, `auto` does not even try.
  const model = await open(bytes, {});
  expect(model.info).toMatchObject({
    backend: 'wasm',
    backendReason: expect.stringContaining('only software'),
  });
  await model.close();
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
    // On the GPU there is room for a few pages only: the others come from the store when a plan names them.
    const memory = backend === 'webgpu' ? 40_000 : '64MB';
    const attention = { method: 'dhsa', budget: 40 } as const;
    const model = await open(bytes, { backend, attention, kv: { ...kv, memory } });
    const context = await model.context();
    await context.append(ids);
    const [logits, { reusedTokens, paging }] = [await context.logits(), await context.stats()];
    await context.close();
    await model.close();
    return { logits, reusedTokens, missed: paging.missed };
  };
  const missed: number[] = [];
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
    missed.push(wanted.missed + found.missed);
  }
  expect(Math.max(...missed)).toBeGreaterThan(0);
});

test('documents are ranked and a text is sifted as on the CPU', async () => {
  const bytes = randomModel({ architecture: 'qwen3', type: 'F32', ...sizes });
  const documents = ['The key is brass.', 'Nobody came that day, nor the next.', 'Rain fell on the roof.'];
  const find = async (backend: 'webgpu' | 'wasm') => {
    const model = await open(bytes, { backend, kv: { store: 'none', keys: 'f16', values: 'f16' } });
    try {
      const session = await model.session();
      const ranked = await session.rank(documents, 'What is brass?', { calibrate: false });
      const { text } = await session.sift(documents.join(' '), 'What is brass?');
      return { shares: ranked.sort((a, b) => a.document - b.document).map(({ share }) => share), text };
    } finally {
      await model.close();
    }
  };
  const [gpu, cpu] = [await find('webgpu'), await find('wasm')];
  for (const [i, share] of cpu.shares.entries()) expect(gpu.shares[i]).toBeCloseTo(share, 3);
  // Shares are told apart: equal ones would agree whatever is computed.
  expect(Math.max(...cpu.shares) - Math.min(...cpu.shares)).toBeGreaterThan(0.05);
  expect(gpu.text).toBe(cpu.text);
});

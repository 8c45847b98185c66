/** What `auto` takes, with a GPU that is a CPU: only what decides is under test. */
import 'fake-indexeddb/auto';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Backend } from '../../src/backends/backend.js';
import { ROW_FORMATS, type WeightType } from '../../src/backends/row-formats.js';
import { createWasmBackend, type WasmBackend } from '../../src/backends/wasm/backend.js';
import type { Sample } from '../../src/backends/webgpu/sample.js';
import { selfTest } from '../../src/backends/webgpu/self-test.js';
import { isFaster, type Speed, trySpeed } from '../../src/backends/webgpu/trial.js';
import { checkEngineOptions, type EngineOptions } from '../../src/engine/options.js';
import { rungsOf } from '../../src/engine/rungs.js';
import { createState } from '../../src/model/state.js';
import { wasm } from '../conformance/make-backend.js';
import { kernelsUrl } from '../support/kernels.js';

const gpu = vi.hoisted(() => ({
  speed: { page: 1, token: 1 },
  trials: 0,
  opened: 0,
  closed: 0,
  real: false,
  spoilt: false,
  missing: false,
}));
vi.mock('../../src/engine/load-webgpu.js', async () => {
  const webgpu = await import('../../src/engine/webgpu.js');
  return {
    loadWebgpu: async () => {
      if (gpu.missing) throw new Error('The script webgpu.js cannot be loaded.');
      return webgpu;
    },
  };
});
vi.mock('../../src/backends/webgpu/backend.js', () => ({
  createWebgpuBackend: async () => {
    gpu.opened++;
    const backend = await createWasmBackend({ build: 'simd128', threads: 1, wasm });
    const close = () => void gpu.closed++;
    const fake = { ...backend, name: 'webgpu', reason: 'the GPU: made up', close };
    return gpu.spoilt ? { ...fake, add: fake.add, attend: () => undefined } : fake;
  },
}));
vi.mock('../../src/backends/webgpu/trial.js', async (original) => {
  const real = await original<{ trySpeed: typeof trySpeed }>();
  return {
    ...real,
    trySpeed: async (backend: Backend, sample: Sample): Promise<Speed> => {
      if (gpu.real) return real.trySpeed(backend, sample);
      gpu.trials++;
      return backend.name === 'webgpu' ? gpu.speed : { page: 1, token: 1 };
    },
  };
});

const SAMPLE: Sample = {
  types: ['Q8_0', 'F32'],
  bytes: 3 * 2 ** 20,
  ...{ dim: 64, hidden: 96, layers: 2, heads: 2 },
  kv: { kvHeads: 1, keyDim: 32, valueDim: 32, keys: 'q8', values: 'q8' },
  chooses: true,
};

const adapter = (description: string, isFallbackAdapter = false) => ({
  requestAdapter: async () => ({ info: { description, isFallbackAdapter } }),
});
afterEach(() => {
  vi.unstubAllGlobals();
  Object.assign(gpu, {
    ...{ speed: { page: 1, token: 1 }, trials: 0, opened: 0, closed: 0 },
    ...{ real: false, spoilt: false, missing: false },
  });
});

/** A method that plans where the numbers are, and one that looks at them. */
const [anywhere, onHost] = [false, true].map((host) => ({
  name: 'made up',
  needs: { lists: 'layer', candidates: false, prefixStable: true, host } as const,
}));

/** A model whose layers attend, and one with layers that have a state. */
const attends = { architecture: 'llama' };
const recurs = { architecture: 'granitehybrid', state: { heads: 2, headDim: 4, state: 4 } };

const taken = async (
  options: EngineOptions = {},
  predictor = anywhere!,
  config: typeof recurs | typeof attends = attends,
) => {
  const chosen = checkEngineOptions({ kernelsUrl, threads: 1, ...options }, false);
  const rungs = await rungsOf(chosen, SAMPLE, predictor, config);
  const opened = await rungs[0]!(0);
  opened.close();
  return { name: opened.name, reason: opened.reason, rungs: rungs.length };
};

describe('auto takes', () => {
  test('the CPU where there is no WebGPU, no adapter, or only software, and loads nothing for it', async () => {
    gpu.missing = true;
    vi.stubGlobal('navigator', {});
    expect(await taken()).toMatchObject({
      name: 'wasm',
      reason: expect.stringContaining('no WebGPU'),
      rungs: 1,
    });
    vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => null } });
    expect(await taken()).toMatchObject({ name: 'wasm', reason: expect.stringContaining('no adapter') });
    for (const software of [
      adapter('Acme', true),
      adapter('Google SwiftShader'),
      adapter('llvmpipe (LLVM 19)'),
    ]) {
      vi.stubGlobal('navigator', { gpu: software });
      expect(await taken()).toMatchObject({ name: 'wasm', reason: expect.stringContaining('only software') });
    }
  });

  test('the faster one of GPU and CPU, and says how fast they were', async () => {
    vi.stubGlobal('navigator', { gpu: adapter('Acme 9000') });
    gpu.speed = { page: 0.5, token: 0.9 };
    const faster = await taken();
    expect(faster).toMatchObject({ name: 'webgpu', rungs: 3 });
    expect(faster.reason).toMatch(/^the GPU: made up; tried: .*0\.50 ms and 0\.90 ms on the GPU, 1\.0 ms/);
    gpu.speed = { page: 0.9, token: 1.1 };
    expect(await taken()).toMatchObject({
      name: 'wasm',
      reason: expect.stringContaining('the GPU is slower'),
    });
    expect(gpu).toMatchObject({ trials: 4, closed: 2 });
  });

  test('what it took at the last visit, without another trial, until the GPU is another', async () => {
    vi.stubGlobal('navigator', { gpu: adapter('Acme 9000') });
    const kv = { store: 'idb', database: 'trials' } as const;
    gpu.speed = { page: 0.5, token: 0.9 };
    expect(await taken({ kv })).toMatchObject({ name: 'webgpu' });
    expect(gpu.trials).toBe(2);
    // Now it would be slower, but nobody asks.
    gpu.speed = { page: 2, token: 2 };
    const again = await taken({ kv });
    expect(again).toMatchObject({ name: 'webgpu', reason: expect.stringContaining('0.50 ms and 0.90 ms') });
    expect(gpu.trials).toBe(2);
    vi.stubGlobal('navigator', { gpu: adapter('Acme 9001') });
    expect(await taken({ kv })).toMatchObject({ name: 'wasm' });
    expect(gpu.trials).toBe(4);
    // What was slower is not even opened again.
    const { closed } = gpu;
    expect(await taken({ kv })).toMatchObject({ name: 'wasm' });
    expect(gpu).toMatchObject({ trials: 4, closed });
  });

  test('the CPU where the GPU computes wrongly or its script is missing, with the reason', async () => {
    vi.stubGlobal('navigator', { gpu: adapter('Acme 9000') });
    gpu.spoilt = true;
    expect((await taken()).reason).toMatch(
      /the GPU cannot be used: This GPU computes wrongly .*attention is off/,
    );
    expect(gpu).toMatchObject({ trials: 0, closed: 1 });
    await expect(taken({ backend: 'webgpu' })).rejects.toMatchObject({ code: 'unsupported/backend' });
    gpu.missing = true;
    expect((await taken()).reason).toContain('cannot be loaded');
  });
});

test('what does not fit on the GPU is refused before anything is allocated, with what it needs', async () => {
  vi.stubGlobal('navigator', { gpu: adapter('Acme 9000') });
  const message = 'needs 3.0 MiB on the GPU before it reads anything; gpuMemory allows 1.9 MiB';
  await expect(taken({ backend: 'webgpu', gpuMemory: '2MB' })).rejects.toMatchObject({
    code: 'memory/device',
    message: expect.stringContaining(message),
  });
  expect((await taken({ gpuMemory: '2MB' })).reason).toContain(message);
  expect(gpu.opened).toBe(0);
});

test('layers with a state get the CPU, and are refused elsewhere', async () => {
  vi.stubGlobal('navigator', { gpu: adapter('Acme 9000') });
  gpu.speed = { page: 0.5, token: 0.9 };
  expect(await taken({}, anywhere, recurs)).toMatchObject({
    name: 'wasm',
    reason: expect.stringContaining('states are kept on the CPU'),
    rungs: 1,
  });
  const refusal = {
    code: 'unsupported/backend',
    message: expect.stringContaining("Ask for the backend 'wasm'"),
    details: { architecture: 'granitehybrid', backend: 'webgpu' },
  };
  await expect(taken({ backend: 'webgpu' }, anywhere, recurs)).rejects.toMatchObject(refusal);
  const predictor = { ...anywhere!, signature: 'made up', plan: () => undefined };
  const codecs = { keys: 'q8', values: 'q8' } as const;
  const gpuOnly = { name: 'webgpu' } as Backend;
  expect(() => createState(gpuOnly, recurs as never, codecs, predictor, {} as never)).toThrow(
    expect.objectContaining(refusal),
  );
  expect(gpu.trials).toBe(0);
});

test('a method that plans on the CPU gets it, and is refused where there is none', async () => {
  vi.stubGlobal('navigator', { gpu: adapter('Acme 9000') });
  gpu.speed = { page: 0.5, token: 0.9 };
  expect(await taken({}, onHost)).toMatchObject({
    name: 'wasm',
    reason: expect.stringContaining("'made up' plans on the CPU"),
    rungs: 1,
  });
  expect(await taken({ backend: 'wasm' }, onHost)).toMatchObject({ name: 'wasm' });
  const refusal = {
    code: 'unsupported/backend',
    message: expect.stringContaining("Ask for the backend 'wasm'"),
    details: { method: 'made up', backend: 'webgpu' },
  };
  await expect(taken({ backend: 'webgpu' }, onHost)).rejects.toMatchObject(refusal);
  expect(gpu.trials).toBe(0);
  const predictor = { ...onHost!, signature: 'made up', plan: () => undefined };
  const [none, codecs] = [{} as never, { keys: 'q8', values: 'q8' } as const];
  expect(() => createState({ name: 'webgpu' } as Backend, none, codecs, predictor, none)).toThrow(
    expect.objectContaining(refusal),
  );
});

describe('the self-test', () => {
  let [right, other]: WasmBackend[] = [];
  const open = () => createWasmBackend({ build: 'simd128', threads: 1, wasm });
  beforeAll(async () => {
    [right, other] = [await open(), await open()];
  });
  afterAll(() => {
    for (const backend of [right, other]) backend!.close();
  });

  test('finds nothing where there is nothing, with every type and codec, and leaves no bytes behind', async () => {
    const types = Object.keys(ROW_FORMATS) as WeightType[];
    for (const [keys, values] of [
      ['q8', 'q8'],
      ['q8', 'q4'],
      ['f16', 'f16'],
    ] as const) {
      const kv = { kvHeads: 2, keyDim: 64, valueDim: 64, keys, values };
      // What kernels need once stays.
      let [bytes, after] = [0, 0];
      for (const chooses of [true, false, true]) {
        bytes = after;
        expect(await selfTest(other!, right!, { ...SAMPLE, types, kv, heads: 6, chooses })).toBeUndefined();
        after = right!.bytes().total;
      }
      expect(after).toBe(bytes);
    }
  });

  const spoilt: [string, Partial<Backend>][] = [
    [
      'products with Q8_0',
      { matmul: (out, x, w) => other!.matmul(out, x, w, undefined) ?? other!.add(out, out) },
    ],
    ['of the bytes of a page', { appendKv: (kv, k, v, position) => other!.appendKv(kv, v, k, position) }],
    [
      'attention is off',
      { attend: (out, q, kv, plan, how) => other!.attend(out, q, kv, plan, { ...how, scale: 1 }) },
    ],
    [
      'tokens to be read',
      {
        select: (plan, tiles, keep, scores, index) =>
          other!.select(plan, tiles, { ...keep, local: 60 }, scores, index),
      },
    ],
  ];
  test.each(spoilt)('names what is wrong: %s', async (what, verbs) => {
    expect(await selfTest({ ...other!, ...verbs }, right!, SAMPLE)).toContain(what);
  });

  test('a trial takes some time and leaves no bytes behind', async () => {
    gpu.real = true;
    await trySpeed(right!, SAMPLE);
    const before = right!.bytes();
    const speed = await trySpeed(right!, SAMPLE);
    expect(Math.min(speed.page, speed.token)).toBeGreaterThan(0);
    expect(right!.bytes()).toEqual(before);
    expect(isFaster({ page: 1, token: 1 }, { page: 1, token: 1.1 })).toBe(true);
    expect(isFaster({ page: 1, token: 1 }, { page: 1, token: 1 })).toBe(false);
  });
});

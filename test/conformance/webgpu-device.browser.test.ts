import { describe, expect, test, vi } from 'vitest';
import type { Tensor, WeightType } from '../../src/backends/backend.js';
import { type GpuDevice, openGpu } from '../../src/backends/webgpu/device.js';
import { gpuMatmul, PLAIN_TILE, type ProductWays, plainWays } from '../../src/backends/webgpu/matmul.js';
import { preparePipelines } from '../../src/backends/webgpu/prepare.js';
import { tilesFor, tuneProducts } from '../../src/backends/webgpu/tune.js';
import { random } from '../support/random.js';
import { expectEqual } from './compare.js';
import type { LinearVerbs } from './linear.js';
import { linearOn, openTestGpu } from './make-gpu.js';
import { randomRows, weightOf } from './weights.js';

// A software adapter takes long to compile every kernel there is.
vi.setConfig({ testTimeout: 180_000 });

const tensorOf = (verbs: LinearVerbs, rows: number, cols: number, values: Float32Array): Tensor => {
  const tensor = verbs.tensor('test', rows, cols);
  verbs.upload(tensor, values);
  return tensor;
};

const failing = (code: string) => expect.objectContaining({ code });

/** Products and rows of one weight on a device with these options. */
const results = async (device: GpuDevice, type: WeightType): Promise<Float32Array[]> => {
  const verbs = linearOn(device);
  const [rows, n, k] = [5, 300, 256];
  const seed = random(7);
  const weight = weightOf(verbs, type, n, k, randomRows(seed, type, n, k), 67);
  const bias = weightOf(verbs, 'F32', 1, n, randomRows(seed, 'F32', 1, n));
  const x = tensorOf(verbs, rows, k, seed.normals(rows * k));
  const [product, single] = [verbs.tensor('out', rows, n), verbs.tensor('out', 1, n)];
  const some = verbs.tensor('rows', 5, k);
  verbs.matmul(product, x, weight, bias);
  verbs.matmul(single, verbs.view(x, 1, k, 2 * k), weight, bias);
  verbs.embed(some, weight, [299, 0, 64, 63, 128]);
  return Promise.all([product, single, some].map((tensor) => verbs.read(tensor)));
};

describe('a WebGPU device', () => {
  test('splits a weight where a binding is too small for it, without changing a bit', async () => {
    const whole = await openTestGpu();
    const split = await openTestGpu({ bindingBytes: 100_000 });
    for (const type of ['Q4_K', 'F16'] as const) {
      const [wanted, found] = [await results(whole, type), await results(split, type)];
      found.forEach((values, i) => {
        expectEqual(values, wanted[i]!, type);
      });
      expectEqual(wanted[1]!, wanted[0]!.subarray(600, 900), 'one row');
    }
    const weight = linearOn(split).weight('w', 'F16', 300, 256) as unknown as { slices: unknown[] };
    expect(weight.slices).toHaveLength(2);
    expect(() => linearOn(split).weight('w', 'F32', 64, 512)).toThrow(failing('memory/device'));
    for (const device of [whole, split]) device.close();
  });

  test('has the same bits without packed dot products', async () => {
    const [packed, plain] = [await openTestGpu(), await openTestGpu({ without: ['packed-dots'] })];
    expect(plain.granted.packedDots).toBe(false);
    for (const type of ['Q8_0', 'IQ4_XS'] as const) {
      const [wanted, found] = [await results(packed, type), await results(plain, type)];
      found.forEach((values, i) => {
        expectEqual(values, wanted[i]!, type);
      });
    }
    for (const device of [packed, plain]) device.close();
  });

  test('multiplies one row with the same bits whichever way its parts are added', async () => {
    const device = await openTestGpu();
    const ways = plainWays();
    const verbs = { ...linearOn(device), ...gpuMatmul(device, ways) };
    const seed = random(11);
    // 33 and 72 blocks of 32: 11 parts of 3, and 15 of 5 of which the last has 2.
    for (const [type, k] of [
      ['Q8_0', 1056],
      ['Q3_K', 2304],
    ] as const) {
      const weight = weightOf(verbs, type, 300, k, randomRows(seed, type, 300, k));
      const bias = weightOf(verbs, 'F32', 1, 300, randomRows(seed, 'F32', 1, 300));
      const x = tensorOf(verbs, 1, k, seed.normals(k));
      const out = verbs.tensor('out', 1, 300);
      const products = async (together: boolean): Promise<Float32Array[]> => {
        ways.together = together;
        const read: Float32Array[] = [];
        for (const offset of [undefined, bias]) {
          verbs.upload(out, new Float32Array(300).fill(7));
          verbs.matmul(out, x, weight, offset);
          read.push(await verbs.read(out));
        }
        return read;
      };
      const [apart, together] = [await products(false), await products(true)];
      together.forEach((values, i) => {
        expectEqual(values, apart[i]!, type);
      });
      expect(apart[0]!.every(Number.isFinite)).toBe(true);
    }
    device.close();
  });

  test('has the same bits in tiles of every size that its limits allow', async () => {
    const device = await openTestGpu();
    const ways = plainWays();
    const verbs = { ...linearOn(device), ...gpuMatmul(device, ways) };
    const tiles = tilesFor(device.granted.device.limits);
    expect(tiles).toHaveLength(5);
    const seed = random(13);
    // Nine rows: a quad without a second, and one of a single row. 130 outputs: a group of two.
    const [rows, outputs, k] = [9, 130, 544];
    const x = tensorOf(verbs, rows, k, seed.normals(rows * k));
    const out = verbs.tensor('out', rows, outputs);
    const bias = weightOf(verbs, 'F32', 1, outputs, randomRows(seed, 'F32', 1, outputs));
    for (const [type, some] of [
      ['Q8_0', tiles],
      ['F16', tiles.slice(1, 2)],
    ] as const) {
      const weight = weightOf(verbs, type, outputs, k, randomRows(seed, type, outputs, k));
      ways.tile = PLAIN_TILE;
      verbs.matmul(out, x, weight, bias);
      const wanted = await verbs.read(out);
      expect(wanted.every((value) => Number.isFinite(value) && value !== 7)).toBe(true);
      for (const tile of some) {
        ways.tile = tile;
        verbs.upload(out, new Float32Array(rows * outputs).fill(7));
        verbs.matmul(out, x, weight, bias);
        expectEqual(await verbs.read(out), wanted, JSON.stringify([type, tile]));
      }
    }
    device.close();
  });

  test('times the ways of making a product once, keeps what it finds, and gives back what that took', async () => {
    const device = await openTestGpu();
    const shaders = { matmul: 'made up' };
    const stored = new Map<string, unknown>();
    const kept = {
      get: async (what: readonly unknown[]) => stored.get(JSON.stringify(what)),
      put: async (what: readonly unknown[], found: ProductWays) =>
        void stored.set(JSON.stringify(what), found),
    };
    const tuned = async (more: Partial<Parameters<typeof tuneProducts>[0]> = {}): Promise<ProductWays> => {
      const ways = plainWays();
      const products = gpuMatmul(device, ways);
      const trial = { size: 64, rows: 5, products: 2, rounds: 1 };
      await tuneProducts({ device, products, ways, shaders, types: ['Q8_0'], trial, kept, ...more });
      return ways;
    };
    const dispatches = () => device.recorder.counts.dispatches;
    const before = device.buffers.bytes();
    const found = await tuned();
    expect(device.buffers.bytes().weights).toBe(before.weights);
    const spent = dispatches();
    expect(spent).toBeGreaterThan(20);
    expect([...stored.values()]).toEqual([found]);
    expect(await tuned()).toEqual(found);
    expect(dispatches()).toBe(spent);

    // Another visit: what was kept is taken, whatever would be found now; what cannot be is not.
    const others = { matmul: 'another version' };
    const [key] = [...stored.keys()];
    stored.clear();
    const asked: string[] = [];
    const other = { together: !found.together, tile: { outputs: 128, quads: 2 } } as const;
    const remembers = {
      ...kept,
      get: async (what: readonly unknown[]) => {
        asked.push(JSON.stringify(what));
        return other;
      },
    };
    expect(await tuned({ shaders: others, kept: remembers })).toEqual(other);
    expect(dispatches()).toBe(spent);
    expect(asked[0]).not.toBe(key);
    const spoilt = { ...kept, get: async () => ({ together: true, tile: { outputs: 3, quads: 7 } }) };
    await tuned({ shaders: { matmul: 'a third' }, kept: spoilt });
    expect(dispatches()).toBeGreaterThan(spent);
    expect(stored.size).toBe(1);
    device.close();
  });

  test('quantises an input once for several products, and again when it was written', async () => {
    const device = await openTestGpu();
    const verbs = linearOn(device);
    const seed = random(3);
    const [w, gain] = [
      weightOf(verbs, 'Q8_0', 32, 32, randomRows(seed, 'Q8_0', 32, 32)),
      weightOf(verbs, 'F32', 1, 32, randomRows(seed, 'F32', 1, 32)),
    ];
    const x = tensorOf(verbs, 2, 32, seed.normals(64));
    const outs = [0, 1, 2, 3, 4].map(() => verbs.tensor('out', 2, 32));
    const dispatches = (run: () => void): number => {
      const before = device.recorder.counts.dispatches;
      run();
      return device.recorder.counts.dispatches - before;
    };
    expect(dispatches(() => verbs.matmul(outs[0]!, x, w))).toBe(2);
    expect(dispatches(() => verbs.matmul(outs[1]!, x, w))).toBe(1);
    verbs.rmsNorm(x, x, gain, 1e-5);
    expect(dispatches(() => verbs.matmul(outs[2]!, x, w))).toBe(2);
    verbs.upload(x, seed.normals(64));
    expect(dispatches(() => verbs.matmul(outs[3]!, x, w))).toBe(2);
    // Onto its own input, then from what that is now.
    expect(dispatches(() => verbs.matmul(x, x, w))).toBe(1);
    expect(dispatches(() => verbs.matmul(outs[4]!, x, w))).toBe(2);
    const read = await Promise.all(outs.map((out) => verbs.read(out)));
    expectEqual(read[1]!, read[0]!);
    expect(read[2]).not.toEqual(read[1]);
    expect(read[4]).not.toEqual(read[3]);
    expectEqual(await verbs.read(x), read[3]!);
    device.close();
  });

  test('runs verbs in the order in which they were called, whatever is uploaded in between', async () => {
    const device = await openTestGpu();
    const verbs = linearOn(device);
    const [x, sum] = [verbs.tensor('x', 1, 4), verbs.tensor('sum', 1, 4)];
    verbs.upload(sum, new Float32Array(4));
    for (let i = 1; i <= 5; i++) {
      verbs.upload(x, new Float32Array(4).fill(10 ** i));
      verbs.add(sum, x);
    }
    // A part of it onto another, and all of it onto itself.
    verbs.add(verbs.view(sum, 1, 2), verbs.view(sum, 1, 2, 2));
    verbs.add(sum, sum);
    expectEqual(await verbs.read(sum), [444_440, 444_440, 222_220, 222_220]);
    // More than one submission holds.
    const submits = device.recorder.counts.submits;
    verbs.upload(x, new Float32Array(4).fill(1));
    for (let i = 0; i < 2100; i++) verbs.add(sum, x);
    expectEqual(await verbs.read(sum), [446_540, 446_540, 224_320, 224_320]);
    expect(device.recorder.counts.submits - submits).toBe(3);
    device.close();
  });

  test('counts its memory, and 200 rounds leave it flat', async () => {
    const device = await openTestGpu();
    const verbs = linearOn(device);
    const bytes = () => device.buffers.bytes();
    const start = bytes();
    const weight = verbs.weight('w', 'F32', 64, 1024);
    expect(bytes().weights - start.weights).toBe(64 * 1024 * 4);
    const seed = random(5);
    let after = 0;
    for (let round = 0; round < 200; round++) {
      const rows = 1 + (round % 3);
      const x = tensorOf(verbs, rows, 1024, seed.normals(rows * 1024));
      const out = verbs.tensor('out', rows, 64);
      verbs.matmul(out, x, weight);
      if (round < 3 || round % 50 === 0) await verbs.read(out);
      for (const tensor of [x, out]) verbs.free(tensor);
      if (round === 2) after = bytes().total;
    }
    expect(bytes()).toMatchObject({ activations: start.activations, total: after });
    verbs.free(weight);
    expect(bytes().weights).toBe(start.weights);
    device.close();
  });

  test('refuses what passes its budget before it is allocated, and says what there is', async () => {
    const device = await openTestGpu({ memory: 4 * 2 ** 20 });
    const verbs = linearOn(device);
    const before = device.buffers.bytes();
    expect(() => verbs.weight('w', 'F16', 1024, 4096)).toThrow(
      expect.objectContaining({
        code: 'memory/device',
        details: expect.objectContaining({ requested: 8 * 2 ** 20 }),
      }),
    );
    expect(device.buffers.bytes()).toEqual(before);
    // What is idle in the pool makes room.
    for (let i = 0; i < 10; i++) verbs.free(verbs.tensor('x', 1, 200_000 + 40_000 * i));
    expect(device.buffers.bytes().total).toBeLessThanOrEqual(4 * 2 ** 20);
    device.close();
  });

  test('compiles a pipeline once, ahead where it is told to', async () => {
    const device = await openTestGpu();
    const steps: number[] = [];
    await preparePipelines(device, ['Q8_0', 'F32', 'Q8_0'], (done, all) => steps.push(done / all));
    expect(steps.at(-1)).toBe(1);
    const { count } = device.pipelines;
    expect(count).toBe(steps.length);
    await results(device, 'Q8_0');
    await preparePipelines(device, ['F32', 'Q8_0']);
    expect(device.pipelines.count).toBe(count);
    device.close();
  });

  test('that refuses a kernel says which one', async () => {
    const shaders = { add: 'fn main() { nonsense }' };
    const [ahead, broken] = [await openGpu({ shaders }), await openGpu({ shaders })];
    await expect(ahead.pipelines.prepare('add')).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('kernel add'),
    });
    const verbs = linearOn(broken);
    const x = verbs.tensor('x', 1, 4);
    verbs.add(x, verbs.tensor('y', 1, 4));
    await expect(verbs.read(x)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('kernel add'),
    });
    expect(() => verbs.add(x, x)).toThrow(failing('internal'));
    for (const device of [ahead, broken]) device.close();
  });

  test('that is lost rejects what waits and throws from then on; one that was closed says so', async () => {
    const device = await openTestGpu();
    const verbs = linearOn(device);
    const x = tensorOf(verbs, 1, 4, new Float32Array(4));
    verbs.add(x, verbs.tensor('y', 1, 4));
    const waiting = expect(verbs.read(x)).rejects.toMatchObject({ code: 'engine/lost' });
    device.granted.device.destroy();
    await waiting;
    expect(() => verbs.add(x, x)).toThrow(failing('engine/lost'));
    await expect(verbs.read(x)).rejects.toMatchObject({ code: 'engine/lost' });

    const closed = await openTestGpu();
    const others = linearOn(closed);
    const y = others.tensor('y', 1, 4);
    others.close();
    expect(() => others.add(y, y)).toThrow(failing('engine/closed'));
    await expect(others.read(y)).rejects.toMatchObject({ code: 'engine/closed' });
  });

  test('that there is none of is a typed error', async () => {
    const none = { requestAdapter: async () => null, wgslLanguageFeatures: new Set<string>() };
    for (const navigator of [{}, { gpu: none }]) {
      vi.stubGlobal('navigator', navigator);
      try {
        await expect(openGpu({ shaders: {} })).rejects.toMatchObject({ code: 'unsupported/backend' });
      } finally {
        vi.unstubAllGlobals();
      }
    }
  });
});

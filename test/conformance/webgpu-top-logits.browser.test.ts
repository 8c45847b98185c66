import { beforeAll, describe, expect, test } from 'vitest';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';
import { expectEqual, expectWithin } from './compare.js';
import { linearOn, openTestGpu } from './make-gpu.js';
import { tolerance } from './tolerance.js';

type TopVerbs = ReturnType<typeof linearOn>;

const tensorOf = (verbs: TopVerbs, rows: number, cols: number, values: Float32Array) => {
  const tensor = verbs.tensor('test', rows, cols);
  verbs.upload(tensor, values);
  return tensor;
};

describe('the highest logits on a WebGPU device', () => {
  const reference = createRefBackend() as unknown as TopVerbs;
  let backend: TopVerbs;
  beforeAll(async () => {
    backend = linearOn(await openTestGpu());
  });

  // Behind one workgroup's sorting, behind what it takes of others, and at their edges.
  test.each([
    [1, 1],
    [5, 128],
    [1023, 3],
    [1024, 40],
    [1025, 128],
    [9001, 127],
    [131_072, 1],
    [151_937, 40],
  ])('the greatest of %i numbers: %i of them, and the sum of all', async (n, count) => {
    const next = random(n + count);
    // Steps of a quarter: equals everywhere. Some are no numbers, some are banned.
    const values = next.normals(n + 3, 3).map((x) => Math.round(4 * x) / 4);
    for (let i = 5; i < n; i += 11) values[i] = [Number.NaN, Number.NEGATIVE_INFINITY, -0, 0][i % 4]!;
    const run = async (b: TopVerbs): Promise<Float32Array> => {
      const whole = tensorOf(b, 1, n + 3, values);
      const out = tensorOf(b, count + 3, 2, new Float32Array(2 * count + 6).fill(7));
      b.topLogits(b.view(out, count + 1, 2, 2), b.view(whole, 1, n, 2));
      return b.read(out);
    };
    const [found, wanted] = [await run(backend), await run(reference)];
    const bound = (i: number): number => (i === 2 ? wanted[2]! * tolerance.mass : 0);
    expectWithin(found.subarray(0, 4 + 2 * wanted[3]!), wanted.subarray(0, 4 + 2 * wanted[3]!), bound);
    expect(wanted[3]).toBe(Math.min(count, n));
    expect([...found.slice(-2)]).toEqual([7, 7]);
  });

  test('the greatest of numbers that are none are none', async () => {
    for (const nothing of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      for (const n of [3, 2050]) {
        const out = backend.tensor('top', 5, 2);
        backend.topLogits(out, tensorOf(backend, 1, n, new Float32Array(n).fill(nothing)));
        expect((await backend.read(out))[1]).toBe(0);
        const one = new Float32Array(n).fill(nothing);
        one[n - 1] = -3.5;
        backend.topLogits(out, tensorOf(backend, 1, n, one));
        expectEqual((await backend.read(out)).subarray(0, 4), [1, 1, -3.5, n - 1]);
      }
    }
  });

  test('shapes that do not fit are refused', () => {
    const logits = backend.tensor('logits', 1, 9);
    for (const [rows, cols] of [
      [1, 2],
      [2, 3],
      [130, 2],
    ] as const) {
      const run = (): void => backend.topLogits(backend.tensor('top', rows, cols), logits);
      expect(run).toThrow(expect.objectContaining({ code: 'internal' }));
    }
    const run = (): void => backend.topLogits(backend.tensor('top', 2, 2), backend.tensor('logits', 2, 9));
    expect(run).toThrow(expect.objectContaining({ code: 'internal' }));
  });
});

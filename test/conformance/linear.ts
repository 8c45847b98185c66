import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, Tensor, Weight, WeightType } from '../../src/backends/backend.js';
import { ROW_FORMATS } from '../../src/backends/row-formats.js';
import { createRefBackend } from '../reference/backend.js';
import { asMet, decodeParts, hasMinimums } from '../reference/rows.js';
import { random } from '../support/random.js';
import { expectEqual, expectWithin } from './compare.js';
import { tolerance } from './tolerance.js';
import { extremeScale, quantisedTypes, randomRows, weightOf, weightTypes } from './weights.js';

/** What a backend has without pages. */
export type LinearVerbs = Pick<
  Backend,
  | 'tensor'
  | 'view'
  | 'weight'
  | 'fill'
  | 'upload'
  | 'read'
  | 'free'
  | 'close'
  | 'embed'
  | 'rmsNorm'
  | 'matmul'
  | 'rope'
  | 'gate'
  | 'route'
  | 'add'
  | 'softcap'
>;

const reference = createRefBackend();

const tensorOf = (backend: LinearVerbs, rows: number, cols: number, values: Float32Array): Tensor => {
  const tensor = backend.tensor('test', rows, cols);
  backend.upload(tensor, values);
  return tensor;
};
const vectorOf = (backend: LinearVerbs, values: Float32Array): Weight =>
  weightOf(backend, 'F32', 1, values.length, new Uint8Array(values.slice().buffer));

const multiply = async (backend: LinearVerbs, x: Tensor, w: Weight, bias?: Weight): Promise<Float32Array> => {
  const out = backend.tensor('out', x.rows, w.rows);
  backend.matmul(out, x, w, bias);
  const values = await backend.read(out);
  backend.free(out);
  return values;
};

/** Σ|x·w| per output, products and minimums by themselves: what the error of a sum is measured by. */
const magnitudes = (
  type: WeightType,
  x: Float32Array,
  bytes: Uint8Array,
  rows: number,
  n: number,
  k: number,
) => {
  const sums = new Float64Array(rows * n);
  const inputs = Array.from({ length: rows }, (_, row) => asMet(type, x.subarray(row * k, (row + 1) * k)));
  for (let output = 0; output < n; output++) {
    const size = bytes.length / n;
    const { products, minimums } = decodeParts(type, bytes.subarray(output * size, (output + 1) * size), k);
    const weights = products.map((product, i) => Math.abs(product) + Math.abs(minimums[i]!));
    inputs.forEach((input, row) => {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += Math.abs(input[i]!) * weights[i]!;
      sums[row * n + output] = sum;
    });
  }
  return sums;
};

// Rows, outputs, inputs. Outputs around a tile of 16, inputs around a block of 32, rows around every group of rows.
const shapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 32],
  [2, 15, 64],
  [3, 16, 96],
  [7, 17, 704],
  [8, 113, 256],
  [9, 203, 96],
  [33, 31, 128],
  [1, 4096, 64],
  [130, 5, 32],
];
/** Stretches of 256 inputs: one, two, and an odd number. */
const stretchedShapes: typeof shapes = [
  [1, 1, 256],
  [3, 17, 512],
  [9, 35, 768],
  [4, 203, 256],
  [34, 5, 1280],
];
const floatShapes: typeof shapes = [...shapes, [1, 1, 1], [5, 18, 1], [6, 33, 3], [9, 113, 203], [33, 2, 70]];

export interface LinearSuite {
  /** The device may take subnormal numbers for zeros, as WGSL lets it. */
  readonly flushes?: boolean;
  /** Most weights of a matrix: on a GPU in software the others take too long. */
  readonly most?: number;
}

/** Memory, embedding, projections, norms, rotation and gates agree with the reference. */
export const describeLinear = (
  name: string,
  make: () => Promise<LinearVerbs>,
  { flushes = false, most = Number.POSITIVE_INFINITY }: LinearSuite = {},
): void => {
  describe(`linear verbs: ${name}`, () => {
    let backend: LinearVerbs;
    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend.close());

    describe.each(weightTypes)('%s weights', (type) => {
      const { inputs } = ROW_FORMATS[type];
      const whole = (k: number): number => Math.ceil(k / inputs) * inputs;
      const sizes = { 1: floatShapes, 32: shapes, 256: stretchedShapes }[inputs].filter(
        ([, n, k]) => n * k <= most,
      );

      test.each(sizes)('%i rows · %i outputs × %i inputs', async (rows, n, k) => {
        const seed = random(rows * 7919 + n * 31 + k);
        const x = seed.normals(rows * k);
        const bytes = randomRows(seed, type, n, k);
        const offsets = seed.normals(n);
        const bound = magnitudes(type, x, bytes, rows, n, k);
        const run = async (b: LinearVerbs, withBias: boolean): Promise<Float32Array> => {
          const weight = weightOf(b, type, n, k, bytes);
          return multiply(b, tensorOf(b, rows, k, x), weight, withBias ? vectorOf(b, offsets) : undefined);
        };
        const within = (i: number): number => bound[i]! * tolerance.sum(k);
        expectWithin(await run(backend, false), await run(reference, false), within, 'without bias');
        const biasedWithin = (i: number): number =>
          (bound[i]! + Math.abs(offsets[i % n]!)) * tolerance.sum(k);
        expectWithin(await run(backend, true), await run(reference, true), biasedWithin, 'with bias');
      });

      test.each([
        [1, 32],
        [17, 704],
        [113, 96],
        [48, 256],
      ])('a row of %i outputs × %i inputs has the same bits whatever is computed beside it', async (n, least) => {
        const k = whole(least);
        const seed = random(n + k);
        const rows = 33;
        const weight = weightOf(backend, type, n, k, randomRows(seed, type, n, k));
        const x = tensorOf(backend, rows, k, seed.normals(rows * k));
        const all = await multiply(backend, x, weight);
        for (const some of [1, 2, 3, 4, 5, 7, 8, 9, 12, 32]) {
          for (const from of [0, 1, rows - some]) {
            const part = await multiply(backend, backend.view(x, some, k, from * k), weight);
            expectEqual(part, all.subarray(from * n, (from + some) * n), `${some} rows from ${from}`);
          }
        }
      });

      test('rows that are handed over in odd pieces come back exactly', async () => {
        for (const [rows, least, piece] of [
          [2, 32, 1],
          [16, 64, 16],
          [17, 96, 5],
          [113, 704, 7],
          [203, 32, 64],
        ] as const) {
          const cols = whole(least);
          if (rows * cols > most) continue;
          const seed = random(rows + cols);
          const bytes = randomRows(seed, type, rows, cols, extremeScale(seed));
          const ids = [...Array(rows).keys()].reverse();
          const [found, wanted] = await Promise.all(
            [backend, reference].map((b) => {
              const out = b.tensor('out', rows, cols);
              b.embed(out, weightOf(b, type, rows, cols, bytes, piece), ids);
              return b.read(out);
            }),
          );
          expectEqual(found!, wanted!, `${rows} × ${cols}`);
          // Gemma's √dim, rounded to f32; a scale of 1 changes nothing.
          const table = weightOf(backend, type, rows, cols, bytes);
          for (const scale of [1, Math.sqrt(cols), 0.1]) {
            const out = backend.tensor('out', rows, cols);
            backend.embed(out, table, ids, scale);
            const scaled = found!.map((x) => x * Math.fround(scale));
            expectEqual(await backend.read(out), scaled, `${rows} × ${cols} times ${scale}`);
          }
        }
      });

      test('NaN and infinity stay in their row', async () => {
        const [rows, n, k] = [9, 19, whole(96)];
        const seed = random(5);
        const x = seed.normals(rows * k);
        const weight = weightOf(backend, type, n, k, randomRows(seed, type, n, k));
        const sound = await multiply(backend, tensorOf(backend, rows, k, x), weight);
        for (const row of [0, 4, 8]) {
          for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
            const spoilt = x.slice();
            spoilt[row * k + 37] = value;
            const found = await multiply(backend, tensorOf(backend, rows, k, spoilt), weight);
            expect(found.subarray(row * n, (row + 1) * n).some(Number.isFinite)).toBe(false);
            found.copyWithin(row * n, 0, 0);
            const elsewhere = (values: Float32Array): Float32Array =>
              values.filter((_, i) => Math.floor(i / n) !== row);
            expectEqual(elsewhere(found), elsewhere(sound));
          }
        }
      });

      test('rows of zeros and of tiny and huge numbers', async () => {
        const [n, k] = [21, whole(64)];
        const seed = random(11);
        const rows = [0, 1e-45, 1e-38, 1e-20, 1e20, 1e30].map((size) => seed.uniforms(k, -size, size));
        const x = new Float32Array(rows.flatMap((row) => [...row]));
        const bytes = randomRows(seed, type, n, k);
        const bound = magnitudes(type, x, bytes, rows.length, n, k);
        const [found, wanted] = await Promise.all(
          [backend, reference].map((b) =>
            multiply(b, tensorOf(b, rows.length, k, x), weightOf(b, type, n, k, bytes)),
          ),
        );
        const lost = tolerance.underflow(type, k) + (flushes ? tolerance.flush(k) : 0);
        expectWithin(found!, wanted!, (i) => bound[i]! * tolerance.sum(k) + lost);
        expect([...found!.subarray(0, n)].every((value) => value === 0)).toBe(true);
      });
    });

    test('a weight of one row is F32 and read as it is', async () => {
      for (const k of [1, 3, 32, 203]) {
        const seed = random(k);
        const x = seed.normals(5 * k);
        const bytes = randomRows(seed, 'F32', 1, k);
        const bound = magnitudes('F32', x, bytes, 5, 1, k);
        const [found, wanted] = await Promise.all(
          [backend, reference].map((b) => multiply(b, tensorOf(b, 5, k, x), weightOf(b, 'F32', 1, k, bytes))),
        );
        expectWithin(found!, wanted!, (i) => bound[i]! * tolerance.sum(k));
      }
    });

    test('F16 at its ends, subnormal numbers too', async () => {
      const [rows, n, k] = [9, 35, 96];
      const seed = random(3);
      const x = seed.normals(rows * k);
      const bytes = randomRows(seed, 'F16', n, k, extremeScale(seed));
      const bound = magnitudes('F16', x, bytes, rows, n, k);
      const [found, wanted] = await Promise.all(
        [backend, reference].map((b) =>
          multiply(b, tensorOf(b, rows, k, x), weightOf(b, 'F16', n, k, bytes)),
        ),
      );
      expectWithin(found!, wanted!, (i) => bound[i]! * tolerance.sum(k));
    });

    test('F16 weights that are no finite numbers are refused', () => {
      for (const bad of [0x7c00, 0xfc00, 0x7e00]) {
        const bytes = randomRows(random(1), 'F16', 3, 5);
        new DataView(bytes.buffer).setUint16(2 * 7, bad, true);
        expect(() => weightOf(backend, 'F16', 3, 5, bytes)).toThrow(
          expect.objectContaining({ code: 'model/corrupt' }),
        );
      }
    });

    describe.each(quantisedTypes)('%s rows', (type) => {
      const { inputs, bytes: stretch } = ROW_FORMATS[type];
      const halves = hasMinimums(type) ? 4 : 2;

      test('scales at the ends of f16', async () => {
        const [rows, n, k] = [9, 35, 3 * inputs];
        const seed = random(3);
        const x = seed.normals(rows * k);
        const bytes = randomRows(seed, type, n, k, extremeScale(seed));
        const bound = magnitudes(type, x, bytes, rows, n, k);
        const [found, wanted] = await Promise.all(
          [backend, reference].map((b) =>
            multiply(b, tensorOf(b, rows, k, x), weightOf(b, type, n, k, bytes)),
          ),
        );
        expectWithin(found!, wanted!, (i) => bound[i]! * tolerance.sum(k));
      });

      test('every code, scale and minimum at its extreme', async () => {
        const [rows, n, k] = [9, 16, 2 * inputs];
        const x = new Float32Array(rows * k).map((_, i) => (i % 3 === 0 ? -1 : 1));
        for (const code of [0x00, 0x7f, 0x80, 0x81, 0xff]) {
          const bytes = randomRows(random(code), type, n, k, () => 0x3c00);
          for (let i = 0; i < bytes.length; i++) if (i % stretch >= halves) bytes[i] = code;
          const [found, wanted] = await Promise.all(
            [backend, reference].map((b) =>
              multiply(b, tensorOf(b, rows, k, x), weightOf(b, type, n, k, bytes)),
            ),
          );
          const bound = magnitudes(type, x, bytes, rows, n, k);
          expectWithin(found!, wanted!, (i) => bound[i]! * tolerance.sum(k), `code ${code}`);
        }
      });

      test('columns that are no multiple of a stretch are refused', () => {
        for (const cols of [1.5 * inputs, inputs / 2]) {
          expect(() => backend.weight('odd', type, 4, cols)).toThrow(
            expect.objectContaining({ code: 'unsupported/tensor-type' }),
          );
        }
      });

      test('scales and minimums that are no finite numbers are refused', () => {
        for (let at = 0; at < halves; at += 2) {
          for (const scale of [0x7c00, 0xfc00, 0x7e00]) {
            const bytes = randomRows(random(1), type, 3, 2 * inputs);
            new DataView(bytes.buffer).setUint16(3 * stretch + at, scale, true);
            expect(() => weightOf(backend, type, 3, 2 * inputs, bytes)).toThrow(
              expect.objectContaining({ code: 'model/corrupt' }),
            );
          }
        }
      });
    });

    test('a view is the same memory', async () => {
      const values = random(2).normals(12 * 5);
      const whole = tensorOf(backend, 12, 5, values);
      const part = backend.view(whole, 3, 8, 7);
      expectEqual(await backend.read(part), values.subarray(7, 31));
      backend.upload(part, new Float32Array(24).fill(4));
      values.fill(4, 7, 31);
      expectEqual(await backend.read(whole), values);
      expect(() => backend.view(whole, 3, 8, 37)).toThrow(expect.objectContaining({ code: 'internal' }));
      expect(() => backend.view(whole, 1, 1, -1)).toThrow(expect.objectContaining({ code: 'internal' }));
    });

    test('a token outside the table is refused', () => {
      const table = weightOf(backend, 'Q8_0', 20, 32, randomRows(random(1), 'Q8_0', 20, 32));
      const out = backend.tensor('out', 1, 32);
      for (const id of [-1, 20, 0.5, Number.NaN]) {
        expect(() => backend.embed(out, table, [id])).toThrow(
          expect.objectContaining({ code: 'input/option' }),
        );
      }
    });

    test.each([1, 3, 4, 17, 64, 203, 4096])('rmsNorm of %i columns, in place too', async (cols) => {
      const seed = random(cols);
      const rows = 5;
      const x = seed.normals(rows * cols, 30);
      x.fill(0, 0, cols);
      const gain = seed.normals(cols);
      const run = async (b: LinearVerbs, inPlace: boolean): Promise<Float32Array> => {
        const input = tensorOf(b, rows, cols, x);
        const out = inPlace ? input : b.tensor('out', rows, cols);
        b.rmsNorm(out, input, vectorOf(b, gain), 1e-5);
        return b.read(out);
      };
      const wanted = await run(reference, false);
      const bound = (i: number): number => Math.abs(wanted[i]!) * tolerance.sum(cols);
      expectWithin(await run(backend, false), wanted, bound);
      expectWithin(await run(backend, true), wanted, bound, 'in place');
    });

    describe.each(['half', 'adjacent'] as const)('rope, %s pairs', (pairing) => {
      test.each([
        [1, 1, 2, 1],
        [3, 2, 8, 4],
        [5, 3, 64, 32],
        [2, 4, 80, 9],
        [7, 1, 113, 56],
      ])('%i tokens · %i heads × %i channels, %i pairs', async (tokens, heads, headDim, pairs) => {
        const seed = random(tokens + headDim);
        const x = seed.normals(tokens * heads * headDim);
        const turns = seed.uniforms(tokens * pairs, -4, 4);
        const angles = new Float32Array(tokens * 2 * pairs).map((_, i) => {
          const turn = turns[Math.floor(i / (2 * pairs)) * pairs + (i % pairs)]!;
          return i % (2 * pairs) < pairs ? Math.cos(turn) : Math.sin(turn);
        });
        const [found, wanted] = await Promise.all(
          [backend, reference].map((b) => {
            const tensor = tensorOf(b, tokens * heads, headDim, x);
            b.rope(tensor, tensorOf(b, tokens, 2 * pairs, angles), pairing);
            return b.read(tensor);
          }),
        );
        const greatest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expectWithin(found!, wanted!, () => 2 * greatest * tolerance.rotation);
        const passed = (values: Float32Array): Float32Array =>
          values.filter((_, i) => i % headDim >= 2 * pairs);
        expectEqual(passed(found!), passed(x));
      });
    });

    test.each([1, 3, 4, 113, 4096])('gates and sums of %i elements', async (count) => {
      const seed = random(count);
      const x = seed.normals(count, 8);
      const up = seed.normals(count);
      if (count > 4) x.set([0, -0, 100, -100, 1e30, -1e30, 3e38, -3e38], 0);
      const run = (b: LinearVerbs, verb: (out: Tensor, other: Tensor) => void): Promise<Float32Array> => {
        const out = tensorOf(b, 1, count, x);
        verb(out, tensorOf(b, 1, count, up));
        return b.read(out);
      };
      for (const act of ['silu', 'gelu'] as const) {
        const found = await run(backend, (out, other) => backend.gate(out, other, act));
        const wanted = await run(reference, (out, other) => reference.gate(out, other, act));
        expect(found.some(Number.isNaN), act).toBe(false);
        expectWithin(found, wanted, (i) => Math.abs(x[i]! * up[i]!) * tolerance.activation, act);
      }
      const found = await run(backend, (out, other) => backend.add(out, other));
      expectEqual(found, await run(reference, (out, other) => reference.add(out, other)), 'add');
    });

    // Rows, heads, shared ones, used ones of the others, channels of a value and, where queries are compared, of a query.
    test.each([
      ...[
        [1, 1, 0, 1, 16, 0],
        [3, 4, 0, 2, 16, 0],
        [5, 8, 4, 2, 32, 0],
        [2, 32, 16, 8, 64, 0],
        [65, 9, 1, 8, 16, 0],
        [2, 130, 1, 3, 4, 0],
      ],
      ...[
        [1, 1, 0, 1, 16, 16],
        [7, 8, 4, 2, 16, 32],
        [66, 12, 0, 11, 48, 16],
      ],
    ])('%i rows of %i heads, %i of them shared, use %i more: values of %i, queries of %i', async (...numbers) => {
      const [rows, heads, shared, used, width, headDim] = numbers as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const seed = random(rows * 100 + heads);
      const cols = headDim > 0 ? heads * headDim : heads + (shared > 0 ? 2 : 0);
      const scores = seed.normals(rows * cols, 3);
      // Equal ones: the lower head is used.
      scores.fill(0, 0, cols);
      const x = seed.normals(rows * heads * width);
      const run = async (b: LinearVerbs): Promise<Float32Array> => {
        const out = tensorOf(b, rows, heads * width, x);
        b.route(out, tensorOf(b, rows, cols, scores), { heads, shared, used });
        return b.read(out);
      };
      const [found, wanted] = [await run(backend), await run(reference)];
      expectWithin(found, wanted, (i) => Math.abs(wanted[i]!) * 4 * tolerance.activation);
      const zeros = found.filter((value) => value === 0).length;
      expect(zeros).toBe(rows * width * (heads - shared - used));
      if (headDim > 0) expectEqual(found, wanted);
    });

    test('softcap of every size of number', async () => {
      // Four decades each side of where tanh bends, in steps of 0.02 %, and what lies far outside.
      const sizes = Array.from({ length: 92_000 }, (_, i) => 1e-4 * 1.0002 ** i);
      const all = [...sizes, 1e-45, 1e-38, 1e-20, 1e8, 1e30, 3e38, 0, Number.POSITIVE_INFINITY];
      const x = new Float32Array(all.flatMap((size) => [size, -size]));
      for (const cap of [1, 30, 50, 0.01]) {
        const [found, wanted] = await Promise.all(
          [backend, reference].map((b) => {
            const out = tensorOf(
              b,
              1,
              x.length,
              x.map((value) => value * cap),
            );
            b.softcap(out, cap);
            return b.read(out);
          }),
        );
        const bound = (i: number): number =>
          Math.abs(wanted![i]!) * tolerance.softcap +
          (flushes ? Math.max(1, cap) * tolerance.flush(1) : 2 ** -149);
        expectWithin(found!, wanted!, bound, `cap ${cap}`);
        expect(found!.every((value) => Math.abs(value) <= Math.fround(cap))).toBe(true);
      }
    });

    test.each([
      1, 2, 3, 5, 113,
    ])('softcap of %i numbers touches no other, and NaN stays NaN', async (count) => {
      const values = random(count).normals(count + 4, 40);
      values[0] = Number.NaN;
      const run = async (b: LinearVerbs): Promise<Float32Array> => {
        const whole = tensorOf(b, 1, count + 4, values);
        b.softcap(b.view(whole, 1, count), 30);
        return b.read(whole);
      };
      const [found, wanted] = [await run(backend), await run(reference)];
      expectWithin(found, wanted, (i) => (i < count ? Math.abs(wanted[i]!) * tolerance.softcap : 0));
      for (const cap of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => backend.softcap(backend.tensor('x', 1, 1), cap)).toThrow(
          expect.objectContaining({ code: 'internal' }),
        );
      }
    });

    test('shapes that do not fit are refused', () => {
      const out = backend.tensor('out', 2, 20);
      const x = backend.tensor('x', 2, 32);
      const w = backend.weight('w', 'F32', 21, 32);
      for (const run of [
        () => backend.matmul(out, x, w),
        () => backend.matmul(out, out, w),
        () => backend.add(out, x),
        () => backend.gate(out, x, 'silu'),
        () => backend.route(x, out, { heads: 3, shared: 0, used: 1 }),
        () => backend.route(out, out, { heads: 2, shared: 1, used: 2 }),
        () => backend.route(out, out, { heads: 20, shared: 0, used: 1 }),
        () => backend.rope(x, backend.tensor('angles', 3, 4), 'half'),
        () => backend.rope(x, backend.tensor('angles', 1, 34), 'half'),
        () => backend.rmsNorm(x, x, w, 1e-5),
        () => backend.upload(out, new Float32Array(39)),
        () => backend.fill(w, 20, new Uint8Array(256)),
        () => backend.fill(w, 0, new Uint8Array(130)),
      ]) {
        expect(run).toThrow(expect.objectContaining({ code: 'internal' }));
      }
    });
  });
};

import { describe, expect, test } from 'vitest';
import { type KvShape, PAGE } from '../../src/backends/backend.js';
import type { Codec } from '../../src/codecs/codec.js';
import { hadamard, hadamardWidth, rotatedKey } from '../../src/codecs/hadamard.js';
import { fromHalf, HALF_MAX, toHalf } from '../../src/codecs/half.js';
import { codecs } from '../../src/codecs/index.js';
import { keysAt, pageBytes, valuesAt } from '../../src/codecs/page-format.js';
import { random } from '../support/random.js';

const dims = [16, 32, 48, 64, 80, 96, 128, 256];
const names = ['f16', 'q8', 'q4', 'q2'] as const;
/** Of codecs with a minimum and a scale for 32 channels, the greatest code. */
const greatestCode: Readonly<Record<string, number>> = { q4: 15, q2: 3 };

const roundTrip = (codec: Codec, vector: Float32Array, token = 0, block?: Uint8Array): Float32Array => {
  const dim = vector.length;
  const bytes = block ?? new Uint8Array(codec.bytes(dim));
  codec.encode(bytes, dim, token, vector);
  const out = new Float32Array(dim);
  codec.decode(bytes, dim, token, out);
  return out;
};

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const norm = (a: Float32Array): number => Math.sqrt(dot(a, a));

/** Half of the distance between neighbouring codes around x: what rounding may cost. */
const halfStep = (codec: Codec, vector: Float32Array, channel: number): number => {
  if (codec.name === 'f16') return Math.max(Math.abs(vector[channel]!) * 2 ** -11, 2 ** -25);
  const codes = greatestCode[codec.name];
  const from = codes ? channel - (channel % 32) : 0;
  const group = vector.subarray(from, codes ? from + 32 : vector.length);
  const range = codes ? Math.max(...group) - Math.min(...group) : Math.max(...group.map(Math.abs));
  // A minimum is stored as a half at or below it, a scale as the half nearest to it or the next one.
  const slack = codes ? Math.max(2 ** -10 * Math.abs(Math.min(...group)), 2 ** -24) : 0;
  const scale = (range + slack) / (codes ?? 127);
  const stored = scale * (1 + 2 ** -10) + 2 ** -24;
  return (stored / 2) * (1 + 2 ** -20);
};

describe('half precision', () => {
  test('every half comes back as itself', () => {
    const wrong = Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => {
      const value = fromHalf(bits);
      return Number.isNaN(value) ? !Number.isNaN(fromHalf(toHalf(value))) : toHalf(value) !== bits;
    });
    expect(wrong).toEqual([]);
  });

  test('between two halves the nearer one is taken, and the even one of two equally near', () => {
    const wrong = Array.from({ length: 0x7bff }, (_, bits) => bits).filter((bits) => {
      const middle = (fromHalf(bits) + fromHalf(bits + 1)) / 2;
      return (
        toHalf(middle) !== (bits % 2 === 0 ? bits : bits + 1) ||
        toHalf(-middle * (1 + 2 ** -20)) !== (0x8000 | (bits + 1)) ||
        toHalf(middle * (1 - 2 ** -20)) !== bits
      );
    });
    expect(wrong).toEqual([]);
    expect(fromHalf(toHalf(65519))).toBe(HALF_MAX);
    expect(fromHalf(toHalf(65520))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the rotation of keys', () => {
  test.each(dims)('keeps dots and undoes itself, %i channels', (dim) => {
    const next = random(dim);
    const [q, k] = [next.normals(dim), next.normals(dim)];
    const [hq, hk] = [q.slice(), k.slice()];
    hadamard(hq);
    hadamard(hk);
    // Relative to the norms: 1e-5 is far above f32 rounding over at most 8 butterfly stages, far below an error.
    expect(Math.abs(dot(hq, hk) - dot(q, k))).toBeLessThan(1e-5 * norm(q) * norm(k));
    hadamard(hk);
    for (let i = 0; i < dim; i++) expect(hk[i]).toBeCloseTo(k[i]!, 5);
  });

  test('spreads one outlier over its block only', () => {
    for (const dim of dims) {
      const width = hadamardWidth(dim);
      const outlier = new Float32Array(dim);
      outlier[dim - 1] = 8;
      hadamard(outlier);
      outlier.forEach((x, i) => {
        if (i < dim - width) expect(x).toBe(0);
        else expect(Math.abs(x)).toBeCloseTo(8 / Math.sqrt(width), 5);
      });
    }
  });
});

describe.each(names)('%s', (name) => {
  const codec = codecs[name];

  test.each(dims)('loses at most half a step, %i channels', (dim) => {
    const next = random(100 + dim);
    for (const deviation of [1e-6, 1e-3, 1, 300]) {
      for (const offset of [0, 5 * deviation]) {
        const vector = next.normals(dim, deviation).map((x) => x + offset);
        roundTrip(codec, vector).forEach((x, i) => {
          expect(Math.abs(x - vector[i]!)).toBeLessThanOrEqual(halfStep(codec, vector, i));
        });
      }
    }
  });

  test.each(dims)('keeps tokens apart, %i channels', (dim) => {
    const next = random(200 + dim);
    const block = new Uint8Array(codec.bytes(dim));
    const vectors = Array.from({ length: PAGE }, () => next.normals(dim));
    const alone = vectors.map((vector, token) => roundTrip(codec, vector, token));
    for (const token of [...vectors.keys()].reverse()) codec.encode(block, dim, token, vectors[token]!);
    alone.forEach((expected, token) => {
      const out = new Float32Array(dim);
      codec.decode(block, dim, token, out);
      expect(out).toEqual(expected);
    });
  });

  test('what was decoded encodes to the same values', () => {
    const next = random(3);
    const once = roundTrip(codec, next.normals(64));
    if (!greatestCode[name]) expect(roundTrip(codec, once)).toEqual(once);
    const zeros = roundTrip(codec, new Float32Array(64));
    expect(zeros).toEqual(new Float32Array(64));
  });

  test('stores a constant exactly where half precision has it', () => {
    for (const constant of [0, 1, -2, 0.25, -1024]) {
      const out = roundTrip(codec, new Float32Array(64).fill(constant));
      if (name === 'q8')
        expect(Math.max(...out.map((x) => Math.abs(x - constant)))).toBeLessThanOrEqual(
          Math.abs(constant) / 254,
        );
      else expect([...out]).toEqual(Array.from({ length: 64 }, () => constant));
    }
  });

  test('takes NaN for 0 and stays finite with huge and tiny numbers', () => {
    const strange = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      3e38,
      -3e38,
      1e-45,
      -1e-45,
      1e-39,
    ];
    const vector = new Float32Array(64);
    vector.set(strange);
    const out = roundTrip(codec, vector);
    for (const x of out) expect(Number.isFinite(x)).toBe(true);
    expect(out[1]).toBeGreaterThanOrEqual(HALF_MAX);
    expect(out[2]).toBeLessThanOrEqual(-HALF_MAX);
    const only = new Float32Array(64).fill(1);
    only[5] = Number.NaN;
    expect(Math.abs(roundTrip(codec, only)[5]!)).toBeLessThanOrEqual(
      greatestCode[name] ? 1 / (2 * greatestCode[name]) : 0,
    );
    expect([...rotatedKey(vector)].every(Number.isFinite)).toBe(true);
  });
});

describe('scales', () => {
  test('q8: no vector makes a code pass 127, and one code is the greatest', () => {
    const next = random(9);
    for (let i = 0; i < 2000; i++) {
      const vector = next.normals(16, 10 ** next.uniform(-9, 4));
      const block = new Uint8Array(codecs.q8.bytes(16));
      codecs.q8.encode(block, 16, 0, vector);
      const greatest = Math.max(...new Int8Array(block.buffer, 0, 16).map(Math.abs));
      expect(greatest).toBeLessThanOrEqual(127);
      // Below this, neighbouring scales are too far apart for the greatest code to come near 127.
      if (Math.max(...vector.map(Math.abs)) > 0.1) expect(greatest).toBeGreaterThanOrEqual(126);
    }
  });
});

describe('pages', () => {
  /** Bytes a token costs in all KV heads of a layer: codes, and f16 scales and minima. */
  const perToken = ({ kvHeads, keyDim, valueDim, keys, values }: KvShape): number => {
    const bytes = {
      f16: (dim: number) => dim * 2,
      q8: (dim: number) => dim + 2,
      q4: (dim: number) => dim / 2 + dim / 8,
      q2: (dim: number) => dim / 4 + dim / 8,
    };
    return kvHeads * (bytes[keys](keyDim) + bytes[values](valueDim));
  };

  // Layers, KV heads, channels of published models, and bytes per token for f16, int8, and int8 keys with values of 4 and of 2 bits.
  test.each([
    ['Llama-3.2-1B', 16, 8, 64, 32768, 16896, 13568, 11520],
    ['Qwen3-0.6B', 28, 8, 128, 114688, 58240, 47040, 39872],
    ['Gemma-3-270M', 18, 1, 256, 18432, 9288, 7524, 6372],
    ['Gemma-3-1B', 26, 1, 256, 26624, 13416, 10868, 9204],
  ] as const)('%s costs the bytes it should', (_, layers, kvHeads, dim, f16, q8, q4, q2) => {
    const base = { kvHeads, keyDim: dim, valueDim: dim };
    const token = (keys: 'f16' | 'q8', values: 'f16' | 'q8' | 'q4' | 'q2'): number =>
      (layers * pageBytes({ ...base, keys, values })) / PAGE;
    expect(token('f16', 'f16')).toBe(f16);
    expect(token('q8', 'q8')).toBe(q8);
    expect(token('q8', 'q4')).toBe(q4);
    expect(token('q8', 'q2')).toBe(q2);
  });

  test('blocks follow one another, aligned to 16 bytes, and fill the page', () => {
    for (const keyDim of [64, 80, 96, 256]) {
      for (const valueDim of [64, 128]) {
        for (const keys of ['f16', 'q8'] as const) {
          for (const values of names) {
            const shape: KvShape = { kvHeads: 3, keyDim, valueDim, keys, values };
            for (let head = 0; head < 3; head++) {
              expect(keysAt(shape, head) % 16).toBe(0);
              expect(valuesAt(shape, head) - keysAt(shape, head)).toBe(codecs[keys].bytes(keyDim));
              expect(keysAt(shape, head + 1) - valuesAt(shape, head)).toBe(codecs[values].bytes(valueDim));
            }
            expect(pageBytes(shape)).toBe(keysAt(shape, 3));
            if (valueDim % 32 === 0) expect(pageBytes(shape)).toBe(PAGE * perToken(shape));
          }
        }
      }
    }
  });
});

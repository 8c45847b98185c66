import { describe, expect, test } from 'vitest';
import { isFloat, rowBytes } from '../../src/backends/row-formats.js';
import { findNonFinite } from '../../src/weights/repack/non-finite.js';
import { repack, weightType } from '../../src/weights/repack.js';
import { SUPPORTED_TYPES, tensorTypeOf } from '../../src/weights/tensor-types.js';
import { decodeRow } from '../reference/rows.js';
import { BLOCK_FORMATS } from '../support/block-formats.js';
import { fromBrain, fromHalf, toBrain, toHalf } from '../support/half.js';
import { dequantise, quantise } from '../support/quantise.js';
import { random } from '../support/random.js';

const every = Uint16Array.from({ length: 65_536 }, (_, i) => i);
const BLOCKED = Object.keys(BLOCK_FORMATS) as (keyof typeof BLOCK_FORMATS)[];

describe('repack', () => {
  test.each([
    ['F16', fromHalf],
    ['BF16', fromBrain],
  ] as const)('of a vector: every %s becomes the F32 it equals, zeros keep their sign', (type, meaning) => {
    const floats = new Float32Array(repack(type, 1, new Uint8Array(every.buffer)).buffer);
    every.forEach((word, i) => {
      if (!Object.is(floats[i], Math.fround(meaning(word))))
        throw new Error(`${type} ${word} became ${floats[i]}`);
    });
    expect(floats.filter(Number.isNaN).length).toBe(type === 'F16' ? 2 * 1023 : 2 * 127);
  });

  test.each(['F16', 'BF16'] as const)('%s at an odd address', (type) => {
    const odd = new Uint8Array(65_536 * 2 + 1);
    odd.set(new Uint8Array(every.buffer), 1);
    const even = repack(type, 1, new Uint8Array(every.buffer));
    expect(Buffer.compare(repack(type, 1, odd.subarray(1)), even)).toBe(0);
  });

  test('what is already as it should be passes untouched and uncopied', () => {
    for (const type of ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'IQ4_NL'] as const) {
      const bytes = new Uint8Array(34 * 18);
      expect(repack(type, 2, bytes)).toBe(bytes);
      expect(weightType(type, 2)).toBe(type);
    }
    for (const type of ['F32', 'F16', 'BF16'] as const) expect(weightType(type, 1)).toBe('F32');
  });

  // Any bits at all, so every code, scale and minimum; f16 numbers from the least subnormal on.
  test.each(BLOCKED)('%s is exact: rows mean what the file means, bit for bit', (type) => {
    const { elements, bytes: size } = tensorTypeOf(type);
    const { bytes, below } = random(size);
    const blocks = 512;
    const stored = bytes(blocks * size);
    const view = new DataView(stored.buffer);
    for (let at = 0; at < stored.length; at += size) {
      for (const half of halvesOf(type)) {
        view.setUint16(at + half, below(0x7c00) + 0x8000 * below(2), true);
      }
    }
    const target = weightType(type, 2);
    const rows = repack(type, 2, stored);
    expect(rows.length).toBe(rowBytes(target, blocks * elements));
    expect(decodeRow(target, rows, blocks * elements)).toEqual(dequantise(type, stored));
    const odd = new Uint8Array(stored.length + 1);
    odd.set(stored, 1);
    expect(Buffer.compare(repack(type, 2, odd.subarray(1)), rows)).toBe(0);
  });
});

const halvesOf = (type: (typeof BLOCKED)[number]): number[] => {
  const { d, m } = BLOCK_FORMATS[type];
  return m === undefined ? [d] : [d, m];
};

describe('findNonFinite', () => {
  const values = Float32Array.from({ length: 256 * 5 }, random(5).normal);

  test.each(SUPPORTED_TYPES)('%s: ordinary numbers pass, at any address', (type) => {
    const bytes = quantise(type, values);
    const odd = new Uint8Array(bytes.length + 1);
    odd.set(bytes, 1);
    expect(findNonFinite(type, bytes.slice())).toBe(-1);
    expect(findNonFinite(type, odd.subarray(1))).toBe(-1);
  });

  test.each(SUPPORTED_TYPES)('%s: the place of an infinity or NaN', (type) => {
    for (const bad of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      const bytes = quantise(type, values).slice();
      const view = new DataView(bytes.buffer);
      const { elements, bytes: size } = tensorTypeOf(type);
      const block = Math.floor(70 / elements);
      const expected = block * elements;
      const places = isFloat(weightType(type, 2)) ? [0] : halvesOf(type as 'Q8_0');
      for (const place of places.map((at) => block * size + at)) {
        const [was, longer] = [view.getUint16(place, true), view.getUint32(block * size, true)];
        if (type === 'F32') view.setFloat32(place, bad, true);
        else view.setUint16(place, type === 'BF16' ? toBrain(bad) : toHalf(bad), true);
        expect(findNonFinite(type, bytes)).toBe(expected);
        if (type === 'F32') view.setUint32(place, longer, true);
        else view.setUint16(place, was, true);
        expect(findNonFinite(type, bytes)).toBe(-1);
      }
    }
  });

  test('the greatest finite numbers pass, and codes that look like infinities', () => {
    expect(findNonFinite('F32', new Uint8Array(Float32Array.of(3.4028234663852886e38).buffer))).toBe(-1);
    expect(findNonFinite('F16', new Uint8Array(Uint16Array.of(0x7bff, 0xfbff).buffer))).toBe(-1);
    expect(findNonFinite('Q8_0', new Uint8Array(34).fill(0x7f, 2))).toBe(-1);
  });
});

describe('the quantisers of the tests', () => {
  test.each(['F16', 'BF16'] as const)('%s: every number is its own nearest, halfway goes to even', (type) => {
    const [to, from] = type === 'F16' ? [toHalf, fromHalf] : [toBrain, fromBrain];
    const wrong: number[] = [];
    for (let word = 0; Number.isFinite(from(word + 1)); word++) {
      if (to(from(word)) !== word) wrong.push(word);
      if (to((from(word) + from(word + 1)) / 2) !== word + (word & 1)) wrong.push(word + 0.5);
    }
    expect(wrong).toEqual([]);
  });

  test('Q8_0 and Q4_0 stay within half a step of the block, and zeros stay zeros', () => {
    const { normal } = random(9);
    const values = Float32Array.from({ length: 32 * 200 }, normal);
    for (const [type, steps] of [
      ['Q8_0', 127],
      ['Q4_0', 8],
    ] as const) {
      const back = dequantise(type, quantise(type, values));
      for (let b = 0; b < values.length; b += 32) {
        const extreme = Math.max(...values.subarray(b, b + 32).map(Math.abs));
        // Q4_0 has no code for the extreme's negative: its codes end at 7 of 8 steps. The rest is the f16 scale.
        const bound = (extreme / steps) * (type === 'Q4_0' ? 1 : 0.5) + extreme / 1024;
        const errors = values.subarray(b, b + 32).map((value, i) => Math.abs(back[b + i]! - value));
        expect(Math.max(...errors)).toBeLessThanOrEqual(bound);
      }
      expect(dequantise(type, quantise(type, new Float32Array(64))).every((value) => value === 0)).toBe(true);
    }
  });

  // How far a plain quantiser may be off, in units of the largest |value| of a block: half a step where scales are f16.
  test.each([
    ['Q4_1', 1 / 15],
    ['Q5_0', 1 / 30],
    ['Q5_1', 1 / 30],
    ['Q2_K', 0.45],
    ['Q3_K', 0.2],
    ['Q4_K', 0.12],
    ['Q5_K', 0.08],
    ['Q6_K', 0.03],
    ['IQ4_NL', 0.12],
    ['IQ4_XS', 0.14],
  ] as const)('%s stays within %f of the greatest of a block, and zeros stay zeros', (type, share) => {
    const { elements } = tensorTypeOf(type);
    const values = random(9).normals(elements * 40);
    const back = dequantise(type, quantise(type, values));
    for (let b = 0; b < values.length; b += elements) {
      const block = values.subarray(b, b + elements);
      const extreme = Math.max(...block.map(Math.abs));
      const errors = block.map((value, i) => Math.abs(back[b + i]! - value));
      expect(Math.max(...errors) / extreme).toBeLessThanOrEqual(share);
    }
    const zeros = dequantise(type, quantise(type, new Float32Array(2 * elements)));
    expect(zeros.every((value) => value === 0)).toBe(true);
  });
});

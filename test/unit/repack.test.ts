import { describe, expect, test } from 'vitest';
import { findNonFinite, repack, weightType } from '../../src/weights/repack.js';
import { SUPPORTED_TYPES } from '../../src/weights/tensor-types.js';
import { fromBrain, fromHalf, toBrain, toHalf } from '../support/half.js';
import { dequantise, quantise } from '../support/quantise.js';
import { random } from '../support/random.js';

const every = Uint16Array.from({ length: 65_536 }, (_, i) => i);

describe('repack', () => {
  test.each([
    ['F16', fromHalf],
    ['BF16', fromBrain],
  ] as const)('every %s becomes the F32 it equals, zeros keep their sign', (type, meaning) => {
    const floats = new Float32Array(repack(type, new Uint8Array(every.buffer)).buffer);
    every.forEach((word, i) => {
      if (!Object.is(floats[i], Math.fround(meaning(word))))
        throw new Error(`${type} ${word} became ${floats[i]}`);
    });
    expect(floats.filter(Number.isNaN).length).toBe(type === 'F16' ? 2 * 1023 : 2 * 127);
  });

  test.each(['F16', 'BF16'] as const)('%s at an odd address', (type) => {
    const odd = new Uint8Array(65_536 * 2 + 1);
    odd.set(new Uint8Array(every.buffer), 1);
    expect(Buffer.compare(repack(type, odd.subarray(1)), repack(type, new Uint8Array(every.buffer)))).toBe(0);
  });

  test('all other types pass untouched and uncopied', () => {
    for (const type of ['F32', 'Q8_0', 'Q4_0'] as const) {
      const bytes = new Uint8Array(34 * 18);
      expect(repack(type, bytes)).toBe(bytes);
      expect(weightType(type)).toBe(type);
    }
    expect(weightType('F16')).toBe('F32');
    expect(weightType('BF16')).toBe('F32');
  });
});

describe('findNonFinite', () => {
  const values = Float32Array.from({ length: 32 * 5 }, random(5).normal);

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
      const [at, expected] = (
        {
          F32: [4 * 70, 70],
          F16: [2 * 70, 70],
          BF16: [2 * 70, 70],
          Q8_0: [2 * 34, 64],
          Q4_0: [2 * 18, 64],
        } as const
      )[type];
      if (type === 'F32') view.setFloat32(at, bad, true);
      else view.setUint16(at, type === 'BF16' ? toBrain(bad) : toHalf(bad), true);
      expect(findNonFinite(type, bytes)).toBe(expected);
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
});

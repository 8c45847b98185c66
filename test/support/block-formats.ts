import type { SupportedType } from '../../src/weights/tensor-types.js';

/** Bits of a block: `width` bits of byte `byte` from bit `shift` on. A number is made of several, lowest first. */
export type Bits = readonly (readonly [byte: number, shift: number, width: number])[];

/**
 * A GGUF type, element by element: scale · code ± minimum. Where `scale` and `minimum` name bits, those are integers
 * that multiply the f16 numbers at `d` and `m`; where they do not, the numbers at `d` and `m` are the scale and the
 * minimum themselves.
 */
export interface BlockFormat {
  readonly elements: number;
  readonly bytes: number;
  /** Elements that share a scale. */
  readonly grain: number;
  /** Where the f16 scale or its factor is, in bytes. */
  readonly d: number;
  /** Where the f16 minimum or its factor is, in bytes. */
  readonly m?: number;
  /** Whether minimums are added or subtracted. */
  readonly sign?: 1 | -1;
  readonly code: (element: number) => Bits;
  /** Subtracted from the bits of a code; or the 8 bits of a code are a signed number. */
  readonly offset?: number | 'signed';
  /** What codes stand for. */
  readonly curve?: readonly number[];
  readonly scale?: (grain: number) => Bits;
  readonly scaleOffset?: number | 'signed';
  readonly minimum?: (grain: number) => Bits;
}

const CURVE = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** Nibbles from byte `at` on, where elements `across` apart share a byte. */
const nibble =
  (at: number, across: number) =>
  (i: number): Bits => [
    [at + Math.floor(i / (2 * across)) * across + (i % across), i % (2 * across) < across ? 0 : 4, 4],
  ];
/** Two bits of every element, from byte `at` on: those of 128 elements are in 32 bytes. */
const pairs =
  (at: number) =>
  (i: number): Bits => [[at + (i >> 7) * 32 + (i & 31), 2 * ((i >> 5) & 3), 2]];

const fifth =
  (at: number) =>
  (i: number): Bits[number] => [at + (i >> 3), i & 7, 1];

/** Scales (`which` 0) or minimums (1) of Q4_K and Q5_K in 12 bytes. */
const sixBits =
  (at: number, which: 0 | 1) =>
  (g: number): Bits => {
    if (g < 4) return [[at + 4 * which + g, 0, 6]];
    return [
      [at + 4 + g, 4 * which, 4],
      [at + 4 * which + g - 4, 6, 2],
    ];
  };

export const BLOCK_FORMATS: Readonly<Record<Exclude<SupportedType, 'F32' | 'F16' | 'BF16'>, BlockFormat>> = {
  Q8_0: { elements: 32, bytes: 34, grain: 32, d: 0, code: (i) => [[2 + i, 0, 8]], offset: 'signed' },
  Q4_0: { elements: 32, bytes: 18, grain: 32, d: 0, code: nibble(2, 16), offset: 8 },
  Q4_1: { elements: 32, bytes: 20, grain: 32, d: 0, m: 2, sign: 1, code: nibble(4, 16) },
  Q5_0: {
    ...{ elements: 32, bytes: 22, grain: 32, d: 0, offset: 16 },
    code: (i) => [...nibble(6, 16)(i), fifth(2)(i)],
  },
  Q5_1: {
    ...{ elements: 32, bytes: 24, grain: 32, d: 0, m: 2, sign: 1 },
    code: (i) => [...nibble(8, 16)(i), fifth(4)(i)],
  },
  Q2_K: {
    ...{ elements: 256, bytes: 84, grain: 16, d: 80, m: 82, sign: -1, code: pairs(16) },
    scale: (g) => [[g, 0, 4]],
    minimum: (g) => [[g, 4, 4]],
  },
  Q3_K: {
    ...{ elements: 256, bytes: 110, grain: 16, d: 108, offset: 4, scaleOffset: 32 },
    code: (i) => [...pairs(32)(i), [i & 31, i >> 5, 1]],
    scale: (g) => [
      [96 + (g & 7), g < 8 ? 0 : 4, 4],
      [104 + (g & 3), 2 * (g >> 2), 2],
    ],
  },
  Q4_K: {
    ...{ elements: 256, bytes: 144, grain: 32, d: 0, m: 2, sign: -1 },
    ...{ code: nibble(16, 32), scale: sixBits(4, 0), minimum: sixBits(4, 1) },
  },
  Q5_K: {
    ...{ elements: 256, bytes: 176, grain: 32, d: 0, m: 2, sign: -1 },
    ...{ scale: sixBits(4, 0), minimum: sixBits(4, 1) },
    code: (i) => [...nibble(48, 32)(i), [16 + (i & 31), i >> 5, 1]],
  },
  Q6_K: {
    ...{ elements: 256, bytes: 210, grain: 16, d: 208, offset: 32, scaleOffset: 'signed' },
    code: (i) => [...nibble(0, 64)(i), [128 + (i >> 7) * 32 + (i & 31), 2 * ((i >> 5) & 3), 2]],
    scale: (g) => [[192 + g, 0, 8]],
  },
  IQ4_NL: { elements: 32, bytes: 18, grain: 32, d: 0, code: nibble(2, 16), curve: CURVE },
  IQ4_XS: {
    ...{ elements: 256, bytes: 136, grain: 32, d: 0, curve: CURVE, scaleOffset: 32 },
    code: nibble(8, 16),
    scale: (g) => [
      [4 + (g >> 1), 4 * (g & 1), 4],
      [2 + (g >> 2), 2 * (g & 3), 2],
    ],
  },
};

export const getBits = (block: Uint8Array, bits: Bits): number => {
  let value = 0;
  let up = 0;
  for (const [byte, shift, width] of bits) {
    value |= ((block[byte]! >> shift) & ((1 << width) - 1)) << up;
    up += width;
  }
  return value;
};

export const putBits = (block: Uint8Array, bits: Bits, value: number): void => {
  let rest = value;
  for (const [byte, shift, width] of bits) {
    block[byte]! |= (rest & ((1 << width) - 1)) << shift;
    rest >>= width;
  }
};

export const meaning = (value: number, offset: number | 'signed' = 0): number =>
  offset === 'signed' ? (value << 24) >> 24 : value - offset;

// Q2_K, Q3_K and Q6_K: 256 inputs with a scale for every 16.
import type { Rewrite } from './stretch.js';

/**
 * Codes of 2 bits: of every 128 inputs the first 32 are in bits 0 and 1 of 32 bytes, the next in bits 2 and 3, and so
 * on. `code(low, byte, bit)` makes a code of one of them; byte and bit say where the third bits of Q3_K are.
 */
const twoBits = (
  from: Uint8Array,
  at: number,
  to: Uint8Array,
  out: number,
  code: (low: number, byte: number, bit: number) => number,
): void => {
  for (let grain = 0; grain < 16; grain++) {
    const bit = grain >>> 1;
    const byte = (grain & 1) * 16;
    const source = at + (grain >>> 3) * 32 + byte;
    const shift = (bit & 3) * 2;
    for (let i = 0; i < 8; i++) {
      const first = code((from[source + i]! >>> shift) & 3, byte + i, bit);
      const second = code((from[source + 8 + i]! >>> shift) & 3, byte + 8 + i, bit);
      to[out + grain * 8 + i] = first | (second << 4);
    }
  }
};

/** 16 bytes of scales, in the low nibbles, and minimums; 64 bytes of codes; f16 factors of scales and of minimums. */
export const rewriteQ2_K: Rewrite = (from, at, to, out) => {
  for (let i = 0; i < 4; i++) to[out + i] = from[at + 80 + i]!;
  for (let i = 0; i < 16; i++) {
    const pair = from[at + i]!;
    to[out + 4 + i] = pair & 15;
    to[out + 20 + i] = pair >>> 4;
  }
  twoBits(from, at + 16, to, out + 36, (low) => low);
};

/**
 * 32 bytes of third bits; 64 bytes of codes plus 4; 12 bytes of scales plus 32: low nibbles in 8 bytes, 2 upper bits in
 * 4; f16 factor.
 */
export const rewriteQ3_K: Rewrite = (from, at, to, out) => {
  to[out] = from[at + 108]!;
  to[out + 1] = from[at + 109]!;
  for (let i = 0; i < 16; i++) {
    const low = (from[at + 96 + (i & 7)]! >>> (i < 8 ? 0 : 4)) & 15;
    const high = (from[at + 104 + (i & 3)]! >>> ((i >>> 2) * 2)) & 3;
    to[out + 2 + i] = (low | (high << 4)) - 32;
  }
  twoBits(from, at + 32, to, out + 18, (low, byte, bit) => low | (((from[at + byte]! >>> bit) & 1) << 2));
};

/**
 * Codes of 6 bits plus 32: 128 bytes of low nibbles, of every 128 inputs the first 64 in the low halves; 64 bytes of
 * upper bits, of every 128 inputs 32 bytes with 2 bits for every 32. Then 16 int8 scales and an f16 factor.
 */
export const rewriteQ6_K: Rewrite = (from, at, to, out) => {
  to[out] = from[at + 208]!;
  to[out + 1] = from[at + 209]!;
  for (let i = 0; i < 16; i++) to[out + 2 + i] = from[at + 192 + i]!;
  for (let half = 0; half < 2; half++) {
    const lower = at + half * 64;
    const upper = at + 128 + half * 32;
    const target = out + 18 + half * 128;
    for (let i = 0; i < 32; i++) {
      const first = from[lower + i]!;
      const second = from[lower + 32 + i]!;
      const bits = from[upper + i]!;
      to[target + i] = ((first & 15) | ((bits & 3) << 4)) - 32;
      to[target + 32 + i] = ((second & 15) | ((bits & 12) << 2)) - 32;
      to[target + 64 + i] = ((first >>> 4) | (bits & 48)) - 32;
      to[target + 96 + i] = ((second >>> 4) | ((bits & 192) >>> 2)) - 32;
    }
  }
};

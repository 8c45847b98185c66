// Q4_K and Q5_K: 256 inputs with 8 scales and 8 minimums of 6 bits.
import type { Rewrite } from './stretch.js';

/**
 * f16 factors of scales and minimums, and 12 bytes: 4 scales and 4 minimums of 6 bits; the low nibbles of 4 more scales
 * and, above them, those of 4 more minimums, whose 2 upper bits are above the first ones.
 */
const rewriteScales = (from: Uint8Array, at: number, to: Uint8Array, out: number): void => {
  for (let i = 0; i < 4; i++) {
    to[out + i] = from[at + i]!;
    const scale = from[at + 4 + i]!;
    const minimum = from[at + 8 + i]!;
    const low = from[at + 12 + i]!;
    to[out + 4 + i] = scale & 63;
    to[out + 8 + i] = (low & 15) | ((scale >>> 6) << 4);
    to[out + 12 + i] = minimum & 63;
    to[out + 16 + i] = (low >>> 4) | ((minimum >>> 6) << 4);
  }
};

/** Nibbles: of every 64 inputs the first 32 in the low halves, the others in the high ones. */
export const rewriteQ4_K: Rewrite = (from, at, to, out) => {
  rewriteScales(from, at, to, out);
  for (let run = 0; run < 128; run += 32) {
    const source = at + 16 + run;
    const target = out + 20 + run;
    for (let i = 0; i < 16; i++) {
      const first = from[source + i]!;
      const second = from[source + 16 + i]!;
      to[target + i] = (first & 15) | (second << 4);
      to[target + 16 + i] = (first >>> 4) | (second & 0xf0);
    }
  }
};

/** 32 bytes of fifth bits, of every 32 inputs one bit of each; then nibbles like those of Q4_K. */
export const rewriteQ5_K: Rewrite = (from, at, to, out) => {
  rewriteScales(from, at, to, out);
  for (let run = 0; run < 4; run++) {
    const source = at + 48 + run * 32;
    const target = out + 20 + run * 64;
    for (let i = 0; i < 32; i++) {
      const pair = from[source + i]!;
      const fifth = from[at + 16 + i]! >>> (2 * run);
      to[target + i] = (pair & 15) | ((fifth & 1) << 4);
      to[target + 32 + i] = (pair >>> 4) | ((fifth & 2) << 3);
    }
  }
};

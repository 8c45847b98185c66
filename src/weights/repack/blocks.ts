// Types whose blocks are 32 inputs with an f16 scale of their own.
import type { Rewrite } from './stretch.js';

/** A GGUF minimum is added, ours is subtracted. */
const SIGN = 0x80;

/** f16 scale, f16 minimum, 16 bytes of nibbles. */
export const rewriteQ4_1: Rewrite = (from, at, to, out) => {
  for (let i = 0; i < 20; i++) to[out + i] = from[at + i]!;
  to[out + 3]! ^= SIGN;
};

/** 32 codes of 5 bits: fifth bits in 4 bytes, input i in bit i; then nibbles like those of Q4_0. */
const fiveBits = (from: Uint8Array, at: number, to: Uint8Array, out: number, offset: number): void => {
  const fifth = from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16) | (from[at + 3]! << 24);
  for (let i = 0; i < 16; i++) {
    const pair = from[at + 4 + i]!;
    to[out + i] = ((pair & 15) | (((fifth >>> i) & 1) << 4)) - offset;
    to[out + 16 + i] = ((pair >>> 4) | (((fifth >>> (i + 16)) & 1) << 4)) - offset;
  }
};

/** f16 scale, codes of 5 bits plus 16: signed, they are codes of Q8_0. */
export const rewriteQ5_0: Rewrite = (from, at, to, out) => {
  to[out] = from[at]!;
  to[out + 1] = from[at + 1]!;
  fiveBits(from, at + 2, to, out + 2, 16);
};

/** f16 scale, f16 minimum, codes of 5 bits. */
export const rewriteQ5_1: Rewrite = (from, at, to, out) => {
  for (let i = 0; i < 4; i++) to[out + i] = from[at + i]!;
  to[out + 3]! ^= SIGN;
  fiveBits(from, at + 4, to, out + 4, 0);
};

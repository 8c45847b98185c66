import type { Rewrite } from './stretch.js';

/** f16 factor; 8 scales of 6 bits plus 32: upper bits in a u16, nibbles in 4 bytes; then nibbles like those of IQ4_NL. */
export const rewriteIQ4_XS: Rewrite = (from, at, to, out) => {
  to[out] = from[at]!;
  to[out + 1] = from[at + 1]!;
  const upper = from[at + 2]! | (from[at + 3]! << 8);
  for (let i = 0; i < 8; i++) {
    const low = (from[at + 4 + (i >>> 1)]! >>> ((i & 1) * 4)) & 15;
    to[out + 2 + i] = (low | (((upper >>> (2 * i)) & 3) << 4)) - 32;
  }
  for (let i = 0; i < 128; i++) to[out + 10 + i] = from[at + 8 + i]!;
};

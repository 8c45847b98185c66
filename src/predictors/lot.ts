/** A number that looks drawn and depends on all of `keys` (the mixing steps of MurmurHash3). */
export const lot = (...keys: number[]): number => {
  let h = 0x9747b28c;
  for (const key of keys) {
    h = Math.imul(h ^ key, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
};

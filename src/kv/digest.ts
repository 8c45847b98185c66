/**
 * MurmurHash3 x86 128 (Austin Appleby, public domain), for keys and checksums. Not cryptographic: whoever finds
 * something by its digest compares the content too. Every step is invertible, so a change confined to one aligned
 * block of 16 bytes always changes the digest.
 */

/** As i32: with what is beyond 2³¹ as a double the loop takes half as long again. */
const C1 = 0x239b961b | 0;
const C2 = 0xab0e9789 | 0;
const C3 = 0x38b34ae5 | 0;
const C4 = 0xa1e38b93 | 0;

/** k · a, rotated left by r, · b. */
const stir = (k: number, a: number, r: number, b: number): number => {
  const x = Math.imul(k, a);
  return Math.imul((x << r) | (x >>> (32 - r)), b);
};

const avalanche = (h: number): number => {
  let x = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
};

/** Four little-endian u32 over `bytes`. Fast where `bytes` starts at a multiple of 4 in its buffer. */
export const digest = (bytes: Uint8Array, seed = 0): Uint32Array<ArrayBuffer> => {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Int32Array(buffer, byteOffset, length >>> 2);
  const whole = words.length & ~3;
  let h1 = seed | 0;
  let h2 = h1;
  let h3 = h1;
  let h4 = h1;

  for (let i = 0; i < whole; i += 4) {
    h1 ^= stir(words[i]!, C1, 15, C2);
    h1 = (((h1 << 19) | (h1 >>> 13)) + h2) | 0;
    h1 = (Math.imul(h1, 5) + 0x561ccd1b) | 0;
    h2 ^= stir(words[i + 1]!, C2, 16, C3);
    h2 = (((h2 << 17) | (h2 >>> 15)) + h3) | 0;
    h2 = (Math.imul(h2, 5) + 0x0bcaa747) | 0;
    h3 ^= stir(words[i + 2]!, C3, 17, C4);
    h3 = (((h3 << 15) | (h3 >>> 17)) + h4) | 0;
    h3 = (Math.imul(h3, 5) + 0x96cd1c35) | 0;
    h4 ^= stir(words[i + 3]!, C4, 18, C1);
    h4 = (((h4 << 13) | (h4 >>> 19)) + h1) | 0;
    h4 = (Math.imul(h4, 5) + 0x32ac3b17) | 0;
  }

  // Absent bytes count as zeros, and a zero word changes nothing.
  const rest = new Int32Array(4);
  new Uint8Array(rest.buffer).set(new Uint8Array(buffer, byteOffset + whole * 4, length - whole * 4));
  h1 = h1 ^ stir(rest[0]!, C1, 15, C2) ^ length;
  h2 = h2 ^ stir(rest[1]!, C2, 16, C3) ^ length;
  h3 = h3 ^ stir(rest[2]!, C3, 17, C4) ^ length;
  h4 = h4 ^ stir(rest[3]!, C4, 18, C1) ^ length;

  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = avalanche((h2 + h1) | 0);
  h3 = avalanche((h3 + h1) | 0);
  h4 = avalanche((h4 + h1) | 0);
  h1 = avalanche(h1);
  h1 = (h1 + h2 + h3 + h4) | 0;
  return Uint32Array.of(h1, h2 + h1, h3 + h1, h4 + h1);
};

/** 32 hexadecimal digits, in the order of the bytes. */
export const hex = (words: Uint32Array<ArrayBuffer>): string =>
  [...new Uint8Array(words.buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

// The bytes of a page: for each KV head a block of keys, then a block of values (docs/FORMAT.md, "Pages").
import { f16ToF32 } from './f16';
import { halves } from './halves';

/** Tokens in a page. */
export const PAGE: i32 = 64;

// How a block is encoded. The numbers are those of `codecNumber` in src/codecs/page-format.ts.
export const F16: i32 = 0;
export const Q8: i32 = 1;
export const Q4: i32 = 2;
/** Values only. */
export const Q2: i32 = 3;

/** Channels that share a scale and a minimum in q4 and q2. */
export const GROUP: i32 = 32;

// @ts-ignore: decorator
@inline
export function groupsOf(dim: i32): i32 {
  return (dim + GROUP - 1) / GROUP;
}

/** Bytes of the codes of one token. */
// @ts-ignore: decorator
@inline
export function codeBytes(codec: i32, dim: i32): i32 {
  return codec == F16 ? dim << 1 : codec == Q8 ? dim : codec == Q4 ? dim >> 1 : dim >> 2;
}

/** From the start of a block to its scales: f16 [token] for q8, f16 [token][group] for q4 and q2. */
// @ts-ignore: decorator
@inline
export function scalesAt(codec: i32, dim: i32): i32 {
  return PAGE * codeBytes(codec, dim);
}

/** From the start of a block in q4 or q2 to its minima, f16 [token][group]. */
// @ts-ignore: decorator
@inline
export function minimaAt(codec: i32, dim: i32): i32 {
  return scalesAt(codec, dim) + PAGE * 2 * groupsOf(dim);
}

/** Bytes of a block; a multiple of 16. */
// @ts-ignore: decorator
@inline
export function blockBytes(codec: i32, dim: i32): i32 {
  const scales = codec == F16 ? 0 : codec == Q8 ? PAGE * 2 : PAGE * 4 * groupsOf(dim);
  return (scalesAt(codec, dim) + scales + 15) & -16;
}

/** Block of keys of KV head `head`. */
// @ts-ignore: decorator
@inline
export function keyBlock(page: usize, head: i32, keyBytes: i32, valueBytes: i32): usize {
  return page + <usize>(head * (keyBytes + valueBytes));
}

/** Block of values of KV head `head`. */
// @ts-ignore: decorator
@inline
export function valueBlock(page: usize, head: i32, keyBytes: i32, valueBytes: i32): usize {
  return keyBlock(page, head, keyBytes, valueBytes) + <usize>keyBytes;
}

/** f16 scale of token `token` in a q8 block. */
// @ts-ignore: decorator
@inline
export function scaleOf(block: usize, dim: i32, token: i32): f32 {
  return f16ToF32(load<u16>(block + <usize>(PAGE * dim + (token << 1))));
}

/** out (dim) f32 = halves at `codes`; dim is a multiple of 8. */
// @ts-ignore: decorator
@inline
export function decodeF16(out: usize, codes: usize, dim: i32): void {
  const end = codes + (<usize>dim << 1);
  for (; codes < end; codes += 16, out += 32) {
    const x = v128.load(codes);
    v128.store(out, halves(i32x4.extend_low_i16x8_s(x)));
    v128.store(out, halves(i32x4.extend_high_i16x8_s(x)), 16);
  }
}

/** out (dim) f32 = scale · codes. */
// @ts-ignore: decorator
@inline
function decodeQ8(out: usize, codes: usize, scale: f32, dim: i32): void {
  const s = f32x4.splat(scale);
  const end = codes + <usize>dim;
  for (; codes < end; codes += 8, out += 32) {
    const x = v128.load8x8_s(codes);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x)), s));
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x)), s), 16);
  }
}

/** 16 codes of 4 bits in the low 8 bytes of x, as bytes in the order of their channels. */
// @ts-ignore: decorator
@inline
function nibbles(x: v128): v128 {
  const low = v128.and(x, i8x16.splat(15));
  const high = v128.and(i16x8.shr_u(x, 4), i8x16.splat(15));
  return v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** out (8) f32 = low bytes `at`…`at`+7 of eight u16 lanes · scale + minimum. */
// @ts-ignore: decorator
@inline
function storeQ4(out: usize, codes: v128, scale: v128, minimum: v128): void {
  const low = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(codes));
  const high = f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(codes));
  // code · scale is exact in f32, so a fused multiply-add would give the same bits.
  v128.store(out, f32x4.add(f32x4.mul(low, scale), minimum));
  v128.store(out, f32x4.add(f32x4.mul(high, scale), minimum), 16);
}

/** out (dim) f32 = code · scale + minimum, group by group. */
// @ts-ignore: decorator
@inline
function decodeQ4(out: usize, block: usize, dim: i32, token: i32): void {
  const groups = groupsOf(dim);
  let scales = block + <usize>(scalesAt(Q4, dim) + ((token * groups) << 1));
  let minima = block + <usize>(minimaAt(Q4, dim) + ((token * groups) << 1));
  let codes = block + <usize>(token * (dim >> 1));
  for (let channel = 0; channel < dim; channel += 16, codes += 8, out += 64) {
    const group = <usize>(channel >> 5) << 1;
    const scale = f32x4.splat(f16ToF32(load<u16>(scales + group)));
    const minimum = f32x4.splat(f16ToF32(load<u16>(minima + group)));
    const bytes = nibbles(v128.load64_zero(codes));
    storeQ4(out, i16x8.extend_low_i8x16_u(bytes), scale, minimum);
    storeQ4(out + 32, i16x8.extend_high_i8x16_u(bytes), scale, minimum);
  }
}

/** out = codes of 4 bits for the `bytes` of 2-bit codes, channel by channel in the same order; bytes is a multiple of 8. */
export function nibblesOf(out: usize, codes: usize, bytes: i32): void {
  for (const end = codes + <usize>bytes; codes < end; codes += 8, out += 16) {
    // A byte of four codes in a lane of 16 bits moves apart into four nibbles.
    const byte = v128.load8x8_u(codes);
    const pairs = v128.and(v128.or(byte, i16x8.shl(byte, 4)), i16x8.splat(0x0f0f));
    v128.store(out, v128.and(v128.or(pairs, i16x8.shl(pairs, 2)), i16x8.splat(0x3333)));
  }
}

/** out = codes of 8 bits for the `bytes` of 4-bit codes, channel by channel in the same order; bytes is a multiple of 8. */
export function bytesOf(out: usize, codes: usize, bytes: i32): void {
  for (const end = codes + <usize>bytes; codes < end; codes += 8, out += 16) {
    v128.store(out, nibbles(v128.load64_zero(codes)));
  }
}

/** out (groups, 32) f32 = the scales or minima of 32 tokens, halves (32, groups). A lane takes those of two groups of a token at once. */
export function byGroup(out: usize, at: usize, groups: i32): void {
  const token = <usize>groups << 1;
  for (let group = 0; group < groups; group += 2, at += 4, out += 256) {
    const two = group + 1 < groups;
    let a = at;
    for (let quad: usize = 0; quad < 128; quad += 16, a += token << 2) {
      const b = a + token, c = b + token, d = c + token;
      if (two) {
        const x = i32x4(load<i32>(a), load<i32>(b), load<i32>(c), load<i32>(d));
        v128.store(out + quad, halves(i32x4.shr_s(i32x4.shl(x, 16), 16)));
        v128.store(out + quad, halves(i32x4.shr_s(x, 16)), 128);
      } else v128.store(out + quad, halves(i32x4(load<i16>(a), load<i16>(b), load<i16>(c), load<i16>(d))));
    }
  }
}

/**
 * out (count, dim) f32 = tokens [from, from + count) of a block, as stored: keys in q8 come out Hadamard-rotated.
 * `from` is counted inside the page; dim is a multiple of 16. codec: F16, Q8 or Q4, as keys have.
 */
export function decodeBlock(out: usize, block: usize, codec: i32, dim: i32, from: i32, count: i32): void {
  const row = <usize>dim << 2;
  for (let token = from; token < from + count; token++, out += row) {
    const codes = block + <usize>(token * codeBytes(codec, dim));
    if (codec == F16) decodeF16(out, codes, dim);
    else if (codec == Q8) decodeQ8(out, codes, scaleOf(block, dim, token), dim);
    else decodeQ4(out, block, dim, token);
  }
}

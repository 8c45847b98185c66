// Logits of a block of 32 keys for many queries. A block lies inside one half of a page.
import { madd } from './exp';
import { halves } from './halves';
import { totals4 } from './lanes';
import { sums4 } from './query';

/** Keys in a block of attention; blocks are aligned to absolute positions. */
export const BLOCK: i32 = 32;

// With relaxed SIMD an instruction multiplies 16 pairs of an i8 and a number of 0…127. The 14 bits of a query's code fall
// into two such numbers, code + 8192 = 128 · upper + lower, so Σ k·code = 128 · (Σ k·upper − 64 · Σ k) + Σ k·lower: the
// same integer as without, and exact on every device. The sums of keys pay off from four queries on.

/** Queries of a tile from which on they are split. */
const SPLIT_FROM: i32 = 4;

/** Whether the queries of a tile meet keys in relaxed dot products. */
// @ts-ignore: decorator
@inline
export function splits(queries: i32): bool {
  return ASC_FEATURE_RELAXED_SIMD && queries >= SPLIT_FROM;
}

/** In place: codes (dim) i16 become upper (dim) u8, then lower (dim) u8. spare: 2 · dim bytes. */
export function splitQuery(codes: usize, dim: usize, spare: usize): void {
  memory.copy(spare, codes, dim << 1);
  for (const end = codes + dim; codes < end; codes += 8, spare += 16) {
    const x = v128.load(spare);
    const upper = i16x8.add(i16x8.shr_s(x, 7), i16x8.splat(64));
    const lower = v128.and(x, i16x8.splat(127));
    v128.store64_lane(codes, i8x16.narrow_i16x8_u(upper, upper), 0);
    v128.store64_lane(codes + dim, i8x16.narrow_i16x8_u(lower, lower), 0);
  }
}

/** sums (32, 4) i32: lanes that add up to −64 · Σ k for each key, only for relaxed SIMD. */
export function sumKeys(sums: usize, keys: usize, dim: usize): void {
  const ones = i8x16.splat(1);
  for (let token = 0; token < BLOCK; token++, sums += 16) {
    let sum = i32x4.splat(0);
    for (const end = keys + dim; keys < end; keys += 16) {
      sum = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(keys), ones, sum);
    }
    v128.store(sums, i32x4.neg(i32x4.shl(sum, 6)));
  }
}

// @ts-ignore: decorator
@inline
function quadRelaxed(
  out: usize, q: usize, scales: usize, keys: usize, sums: usize, keyScales: usize, dim: usize, two: bool,
): void {
  let a0 = v128.load(sums), a1 = v128.load(sums, 16), a2 = v128.load(sums, 32), a3 = v128.load(sums, 48);
  let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
  const row = dim << 1;
  for (let part = 0; part < 2; part++) {
    if (part) {
      a0 = i32x4.shl(a0, 7), a1 = i32x4.shl(a1, 7), a2 = i32x4.shl(a2, 7), a3 = i32x4.shl(a3, 7);
      if (two) b0 = i32x4.shl(b0, 7), b1 = i32x4.shl(b1, 7), b2 = i32x4.shl(b2, 7), b3 = i32x4.shl(b3, 7);
    }
    for (let k0 = keys, end = keys + dim; k0 < end; k0 += 16, q += 16) {
      const k1 = k0 + dim, k2 = k1 + dim, k3 = k2 + dim;
      const x0 = v128.load(k0), x1 = v128.load(k1), x2 = v128.load(k2), x3 = v128.load(k3);
      const y = v128.load(q);
      a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(x0, y, a0);
      a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(x1, y, a1);
      a2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(x2, y, a2);
      a3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(x3, y, a3);
      if (two) {
        const z = v128.load(q + row);
        b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(x0, z, b0);
        b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(x1, z, b1);
        b2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(x2, z, b2);
        b3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(x3, z, b3);
      }
    }
  }
  storeQuad(out, scales, keyScales, sums4(a0, a1, a2, a3));
  if (two) storeQuad(out + BLOCK * 4, scales + 4, keyScales, sums4(b0, b1, b2, b3));
}

/** out (4) = dots · the query's scale · the keys' scales. */
// @ts-ignore: decorator
@inline
function storeQuad(out: usize, scale: usize, keyScales: usize, dots: v128): void {
  const scaled = f32x4.mul(f32x4.convert_i32x4_s(dots), v128.load32_splat(scale));
  v128.store(out, f32x4.mul(scaled, v128.load(keyScales)));
}

/** Four tokens' codes (i8) with one query (i16) or two. */
// @ts-ignore: decorator
@inline
function quadQ8(
  out: usize, q: usize, scales: usize, keys: usize, keyScales: usize, dim: usize, two: bool,
): void {
  let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const row = dim << 1;
  for (let k0 = keys, end = keys + dim; k0 < end; k0 += 16, q += 32) {
    const k1 = k0 + dim, k2 = k1 + dim, k3 = k2 + dim;
    const other = q + row;
    let x0 = v128.load8x8_s(k0), x1 = v128.load8x8_s(k1), x2 = v128.load8x8_s(k2), x3 = v128.load8x8_s(k3);
    let y = v128.load(q);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x0, y));
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x1, y));
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x2, y));
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(x3, y));
    if (two) {
      y = v128.load(other);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x0, y));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x1, y));
      b2 = i32x4.add(b2, i32x4.dot_i16x8_s(x2, y));
      b3 = i32x4.add(b3, i32x4.dot_i16x8_s(x3, y));
    }
    x0 = v128.load8x8_s(k0, 8), x1 = v128.load8x8_s(k1, 8);
    x2 = v128.load8x8_s(k2, 8), x3 = v128.load8x8_s(k3, 8);
    y = v128.load(q, 16);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x0, y));
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x1, y));
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x2, y));
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(x3, y));
    if (two) {
      y = v128.load(other, 16);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x0, y));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x1, y));
      b2 = i32x4.add(b2, i32x4.dot_i16x8_s(x2, y));
      b3 = i32x4.add(b3, i32x4.dot_i16x8_s(x3, y));
    }
  }
  storeQuad(out, scales, keyScales, sums4(a0, a1, a2, a3));
  if (two) storeQuad(out + BLOCK * 4, scales + 4, keyScales, sums4(b0, b1, b2, b3));
}

/**
 * logits (count, 32) = dots of q8 keys with queries, exact, then · query scale · key scale. queries (count, dim): i16
 * codes, `split` by `splitQuery` or not; scales (count) f32. keys: codes of the block; keyScales (32) f32; sums: those of
 * `sumKeys` if split. Quads of tokens without a bit in `mask` are left out.
 */
export function logitsQ8(
  logits: usize, queries: usize, scales: usize, count: i32,
  keys: usize, sums: usize, keyScales: usize, dim: usize, mask: u32, split: bool,
): void {
  for (let n = 0; n < count; n += 2) {
    const two = n + 1 < count;
    for (let quad: usize = 0; quad < 8; quad++) {
      if (((mask >> (<u32>quad << 2)) & 15) == 0) continue;
      const out = logits + (quad << 4);
      const k = keys + (quad << 2) * dim;
      const perKey = keyScales + (quad << 4);
      if (ASC_FEATURE_RELAXED_SIMD && split) {
        if (two) quadRelaxed(out, queries, scales, k, sums + (quad << 6), perKey, dim, true);
        else quadRelaxed(out, queries, scales, k, sums + (quad << 6), perKey, dim, false);
      } else {
        if (two) quadQ8(out, queries, scales, k, perKey, dim, true);
        else quadQ8(out, queries, scales, k, perKey, dim, false);
      }
    }
    logits += BLOCK * 8;
    queries += dim << 2;
    scales += 8;
  }
}

// @ts-ignore: decorator
@inline
function fourKeys(k: usize, half: bool): v128 {
  return half ? halves(v128.load16x4_s(k)) : v128.load(k);
}

/** Four tokens' keys, halves or f32, with one query (f32) or two. */
// @ts-ignore: decorator
@inline
function quadF32(out: usize, q: usize, keys: usize, scale: f32, dim: usize, half: bool, two: bool): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const row = half ? dim << 1 : dim << 2;
  for (let k0 = keys, end = keys + row; k0 < end; k0 += half ? 8 : 16, q += 16) {
    const k1 = k0 + row, k2 = k1 + row, k3 = k2 + row;
    const x0 = fourKeys(k0, half), x1 = fourKeys(k1, half), x2 = fourKeys(k2, half), x3 = fourKeys(k3, half);
    const y = v128.load(q);
    a0 = madd(x0, y, a0);
    a1 = madd(x1, y, a1);
    a2 = madd(x2, y, a2);
    a3 = madd(x3, y, a3);
    if (two) {
      const z = v128.load(q + (dim << 2));
      b0 = madd(x0, z, b0);
      b1 = madd(x1, z, b1);
      b2 = madd(x2, z, b2);
      b3 = madd(x3, z, b3);
    }
  }
  v128.store(out, f32x4.mul(totals4(a0, a1, a2, a3), f32x4.splat(scale)));
  if (two) v128.store(out, f32x4.mul(totals4(b0, b1, b2, b3), f32x4.splat(scale)), BLOCK * 4);
}

// @ts-ignore: decorator
@inline
function logitsAny(
  logits: usize, queries: usize, count: i32, keys: usize, scale: f32, dim: usize, mask: u32, half: bool,
): void {
  for (let n = 0; n < count; n += 2) {
    const two = n + 1 < count;
    for (let quad: usize = 0; quad < 8; quad++) {
      if (((mask >> (<u32>quad << 2)) & 15) == 0) continue;
      const out = logits + (quad << 4);
      const k = keys + (quad << (half ? 3 : 4)) * dim;
      if (two) quadF32(out, queries, k, scale, dim, half, true);
      else quadF32(out, queries, k, scale, dim, half, false);
    }
    logits += BLOCK * 8;
    queries += dim << 3;
  }
}

/** logits (count, 32) = scale · dots of keys (32, dim) f32 with queries (count, dim) f32. `mask` as above. */
export function logitsF32(
  logits: usize, queries: usize, count: i32, keys: usize, scale: f32, dim: usize, mask: u32,
): void {
  logitsAny(logits, queries, count, keys, scale, dim, mask, false);
}

/** The same with keys (32, dim) f16: better for few queries, which read each key once or twice. */
export function logitsF16(
  logits: usize, queries: usize, count: i32, keys: usize, scale: f32, dim: usize, mask: u32,
): void {
  logitsAny(logits, queries, count, keys, scale, dim, mask, true);
}

// Logits of a block of 32 keys for many queries. A block lies inside one half of a page.
import { madd } from './exp';
import { sums4 } from './query';

/** Keys in a block of attention; blocks are aligned to absolute positions. */
export const BLOCK: i32 = 32;

/** Lane i = the sum of the lanes of argument i. */
// @ts-ignore: decorator
@inline
function floatSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** out (4) = dots of four tokens' codes (i8) with one query (i16) or two, exact; then · query scale · key scales. */
// @ts-ignore: decorator
@inline
function quadQ8(out: usize, q: usize, scales: usize, keys: usize, keyScales: usize, dim: usize, two: bool): void {
  let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const end = keys + dim;
  const row = dim << 1;
  for (let k0 = keys; k0 < end; k0 += 8, q += 16) {
    const k1 = k0 + dim, k2 = k1 + dim, k3 = k2 + dim;
    const x0 = v128.load8x8_s(k0), x1 = v128.load8x8_s(k1), x2 = v128.load8x8_s(k2), x3 = v128.load8x8_s(k3);
    const y = v128.load(q);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x0, y));
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x1, y));
    a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x2, y));
    a3 = i32x4.add(a3, i32x4.dot_i16x8_s(x3, y));
    if (two) {
      const z = v128.load(q + row);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x0, z));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x1, z));
      b2 = i32x4.add(b2, i32x4.dot_i16x8_s(x2, z));
      b3 = i32x4.add(b3, i32x4.dot_i16x8_s(x3, z));
    }
  }
  const perToken = v128.load(keyScales);
  const a = f32x4.mul(f32x4.convert_i32x4_s(sums4(a0, a1, a2, a3)), v128.load32_splat(scales));
  v128.store(out, f32x4.mul(a, perToken));
  if (two) {
    const b = f32x4.mul(f32x4.convert_i32x4_s(sums4(b0, b1, b2, b3)), v128.load32_splat(scales, 4));
    v128.store(out, f32x4.mul(b, perToken), BLOCK * 4);
  }
}

/**
 * logits (count, 32) = dots of q8 keys with queries. queries (count, dim) i16, scales (count) f32; keys: codes of the
 * block, keyScales (32) f32. Quads of tokens without a bit in `mask` are left out.
 */
export function logitsQ8(
  logits: usize, queries: usize, scales: usize, count: i32, keys: usize, keyScales: usize, dim: usize, mask: u32,
): void {
  for (let n = 0; n < count; n += 2) {
    const two = n + 1 < count;
    for (let quad: usize = 0; quad < 8; quad++) {
      if (((mask >> (<u32>quad << 2)) & 15) == 0) continue;
      const out = logits + (quad << 4);
      const k = keys + (quad << 2) * dim;
      if (two) quadQ8(out, queries, scales, k, keyScales + (quad << 4), dim, true);
      else quadQ8(out, queries, scales, k, keyScales + (quad << 4), dim, false);
    }
    logits += BLOCK * 8;
    queries += dim << 2;
    scales += 8;
  }
}

// @ts-ignore: decorator
@inline
function quadF32(out: usize, q: usize, keys: usize, scale: f32, dim: usize, two: bool): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  const row = dim << 2;
  const end = keys + row;
  for (let k0 = keys; k0 < end; k0 += 16, q += 16) {
    const k1 = k0 + row, k2 = k1 + row, k3 = k2 + row;
    const x0 = v128.load(k0), x1 = v128.load(k1), x2 = v128.load(k2), x3 = v128.load(k3);
    const y = v128.load(q);
    a0 = madd(x0, y, a0);
    a1 = madd(x1, y, a1);
    a2 = madd(x2, y, a2);
    a3 = madd(x3, y, a3);
    if (two) {
      const z = v128.load(q + row);
      b0 = madd(x0, z, b0);
      b1 = madd(x1, z, b1);
      b2 = madd(x2, z, b2);
      b3 = madd(x3, z, b3);
    }
  }
  v128.store(out, f32x4.mul(floatSums(a0, a1, a2, a3), f32x4.splat(scale)));
  if (two) v128.store(out, f32x4.mul(floatSums(b0, b1, b2, b3), f32x4.splat(scale)), BLOCK * 4);
}

/** logits (count, 32) = scale · dots of keys (32, dim) f32 with queries (count, dim) f32. `mask` as above. */
export function logitsF32(
  logits: usize, queries: usize, count: i32, keys: usize, scale: f32, dim: usize, mask: u32,
): void {
  for (let n = 0; n < count; n += 2) {
    const two = n + 1 < count;
    for (let quad: usize = 0; quad < 8; quad++) {
      if (((mask >> (<u32>quad << 2)) & 15) == 0) continue;
      const out = logits + (quad << 4);
      const k = keys + (quad << 4) * dim;
      if (two) quadF32(out, queries, k, scale, dim, true);
      else quadF32(out, queries, k, scale, dim, false);
    }
    logits += BLOCK * 8;
    queries += dim << 3;
  }
}

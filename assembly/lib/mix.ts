// acc = fade · acc + Σ_t weight_t · value_t, token by token: the sum of a channel runs in the same order whatever is
// computed beside it, so a row's bits do not depend on its neighbours.
import { BLOCK } from './dots';
import { madd } from './exp';

/** Bytes from one query's weights to the next one's. */
const WEIGHTS: usize = <usize>BLOCK << 2;

/** One query, or two: 16 channels at a time. Values are int8 codes or f32. */
// @ts-ignore: decorator
@inline
function mixFew(acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize, codes: bool, two: bool): void {
  const row = codes ? dim : dim << 2;
  const below = dim << 2;
  const f = v128.load32_splat(fades);
  const g = two ? v128.load32_splat(fades, 4) : f;
  values += from * row;
  for (let c: usize = 0; c < dim; c += 16, acc += 64, values += codes ? 16 : 64) {
    let a0 = f32x4.mul(v128.load(acc), f), a1 = f32x4.mul(v128.load(acc, 16), f);
    let a2 = f32x4.mul(v128.load(acc, 32), f), a3 = f32x4.mul(v128.load(acc, 48), f);
    let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    if (two) {
      const other = acc + below;
      b0 = f32x4.mul(v128.load(other), g);
      b1 = f32x4.mul(v128.load(other, 16), g);
      b2 = f32x4.mul(v128.load(other, 32), g);
      b3 = f32x4.mul(v128.load(other, 48), g);
    }
    let v = values;
    for (let w = weights + (from << 2), end = weights + (to << 2); w < end; w += 4, v += row) {
      let v0: v128, v1: v128, v2: v128, v3: v128;
      if (codes) {
        const x = v128.load8x8_s(v), y = v128.load8x8_s(v, 8);
        v0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x));
        v1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x));
        v2 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(y));
        v3 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(y));
      } else {
        v0 = v128.load(v);
        v1 = v128.load(v, 16);
        v2 = v128.load(v, 32);
        v3 = v128.load(v, 48);
      }
      const p = v128.load32_splat(w);
      a0 = madd(v0, p, a0);
      a1 = madd(v1, p, a1);
      a2 = madd(v2, p, a2);
      a3 = madd(v3, p, a3);
      if (two) {
        const q = v128.load32_splat(w, WEIGHTS);
        b0 = madd(v0, q, b0);
        b1 = madd(v1, q, b1);
        b2 = madd(v2, q, b2);
        b3 = madd(v3, q, b3);
      }
    }
    v128.store(acc, a0);
    v128.store(acc, a1, 16);
    v128.store(acc, a2, 32);
    v128.store(acc, a3, 48);
    if (two) {
      const other = acc + below;
      v128.store(other, b0);
      v128.store(other, b1, 16);
      v128.store(other, b2, 32);
      v128.store(other, b3, 48);
    }
  }
}

/** Three queries, or four: 8 channels at a time. */
// @ts-ignore: decorator
@inline
function mixMany(acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize, codes: bool, four: bool): void {
  const row = codes ? dim : dim << 2;
  const below = dim << 2;
  values += from * row;
  for (let c: usize = 0; c < dim; c += 8, acc += 32, values += codes ? 8 : 32) {
    const second = acc + below, third = second + below, fourth = third + below;
    let f = v128.load32_splat(fades);
    let a0 = f32x4.mul(v128.load(acc), f), a1 = f32x4.mul(v128.load(acc, 16), f);
    f = v128.load32_splat(fades, 4);
    let b0 = f32x4.mul(v128.load(second), f), b1 = f32x4.mul(v128.load(second, 16), f);
    f = v128.load32_splat(fades, 8);
    let c0 = f32x4.mul(v128.load(third), f), c1 = f32x4.mul(v128.load(third, 16), f);
    let d0 = a0, d1 = a0;
    if (four) {
      f = v128.load32_splat(fades, 12);
      d0 = f32x4.mul(v128.load(fourth), f);
      d1 = f32x4.mul(v128.load(fourth, 16), f);
    }
    let v = values;
    for (let w = weights + (from << 2), end = weights + (to << 2); w < end; w += 4, v += row) {
      let v0: v128, v1: v128;
      if (codes) {
        const x = v128.load8x8_s(v);
        v0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x));
        v1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x));
      } else {
        v0 = v128.load(v);
        v1 = v128.load(v, 16);
      }
      let p = v128.load32_splat(w);
      a0 = madd(v0, p, a0);
      a1 = madd(v1, p, a1);
      p = v128.load32_splat(w, WEIGHTS);
      b0 = madd(v0, p, b0);
      b1 = madd(v1, p, b1);
      p = v128.load32_splat(w, 2 * WEIGHTS);
      c0 = madd(v0, p, c0);
      c1 = madd(v1, p, c1);
      if (four) {
        p = v128.load32_splat(w, 3 * WEIGHTS);
        d0 = madd(v0, p, d0);
        d1 = madd(v1, p, d1);
      }
    }
    v128.store(acc, a0);
    v128.store(acc, a1, 16);
    v128.store(second, b0);
    v128.store(second, b1, 16);
    v128.store(third, c0);
    v128.store(third, c1, 16);
    if (four) {
      v128.store(fourth, d0);
      v128.store(fourth, d1, 16);
    }
  }
}

// @ts-ignore: decorator
@inline
function mixAny(acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize, count: i32, codes: bool): void {
  while (count >= 4) {
    mixMany(acc, weights, fades, values, dim, from, to, codes, true);
    acc += dim << 4;
    weights += WEIGHTS << 2;
    fades += 16;
    count -= 4;
  }
  if (count == 3) mixMany(acc, weights, fades, values, dim, from, to, codes, false);
  else if (count == 2) mixFew(acc, weights, fades, values, dim, from, to, codes, true);
  else if (count == 1) mixFew(acc, weights, fades, values, dim, from, to, codes, false);
}

/**
 * acc (count, dim) = fades (count) · acc + Σ weights (count, 32) · values (32, dim) f32, over tokens [from, to).
 */
export function mixF32(acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize, count: i32): void {
  mixAny(acc, weights, fades, values, dim, from, to, count, false);
}

/** The same with values (32, dim) int8. */
export function mixCodes(acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize, count: i32): void {
  mixAny(acc, weights, fades, values, dim, from, to, count, true);
}

/** out (count) f32 = codes (count) int8; count is a multiple of 16. */
export function widenCodes(out: usize, codes: usize, count: usize): void {
  for (const end = codes + count; codes < end; codes += 8, out += 32) {
    const x = v128.load8x8_s(codes);
    v128.store(out, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x)));
    v128.store(out, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x)), 16);
  }
}

// acc = fade · acc + Σ_t weight_t · value_t for values in f16 and q4, token by token: the sum of a channel runs in the same order whatever is
// computed beside it, so a row's bits do not depend on its neighbours. Values are read as they are stored, or from a
// block that was widened to f32 once: the numbers are the same. assembly/mix.ts makes functions of these bodies.
import { BLOCK } from './dots';
import { madd } from './exp';
import { halves } from './halves';
import { codeBytes, F16, groupsOf, Q4 } from './page';

/** Besides the codecs of pages: values that were widened to f32. */
export const F32: i32 = 4;
/** Bytes from one query's weights to the next one's. */
export const WEIGHTS: usize = <usize>BLOCK << 2;

/** Bytes of `channels` channels of one token. */
// @ts-ignore: decorator
@inline
function bytesOf(kind: i32, channels: i32): usize {
  return <usize>(kind == F32 ? channels << 2 : codeBytes(kind, channels));
}

/** 16 codes of 4 bits in the low 8 bytes of x, as bytes in the order of their channels. */
// @ts-ignore: decorator
@inline
function nibbles(x: v128): v128 {
  const low = v128.and(x, i8x16.splat(15));
  const high = v128.and(i16x8.shr_u(x, 4), i8x16.splat(15));
  return v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Eight channels at `v`: halves, or codes in 16-bit lanes. Nothing for f32. */
// @ts-ignore: decorator
@inline
function eight(kind: i32, v: usize): v128 {
  if (kind == F16) return v128.load(v);
  if (kind == Q4) return i16x8.extend_low_i8x16_u(nibbles(v128.load32_zero(v)));
  return i32x4.splat(0);
}

// @ts-ignore: decorator
@inline
function four(kind: i32, x: v128, scale: v128, minimum: v128): v128 {
  if (kind == F16) return halves(x);
  // code · scale is exact, so fusing would change nothing.
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(x), scale), minimum);
}

/** The first four of the `eight` channels at `v`, f32. */
// @ts-ignore: decorator
@inline
function low(kind: i32, v: usize, x: v128, scale: v128, minimum: v128): v128 {
  return kind == F32 ? v128.load(v) : four(kind, i32x4.extend_low_i16x8_s(x), scale, minimum);
}

// @ts-ignore: decorator
@inline
function high(kind: i32, v: usize, x: v128, scale: v128, minimum: v128): v128 {
  return kind == F32 ? v128.load(v, 16) : four(kind, i32x4.extend_high_i16x8_s(x), scale, minimum);
}

/** One query, or two: 16 channels at a time. */
// @ts-ignore: decorator
@inline
export function mixFew(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize, dim: i32,
  from: usize, to: usize, kind: i32, two: bool,
): void {
  const row = bytesOf(kind, dim);
  const step = bytesOf(kind, 8);
  const groups = <usize>groupsOf(dim) << 2;
  const below = <usize>dim << 2;
  const f = v128.load32_splat(fades);
  const g = two ? v128.load32_splat(fades, 4) : f;
  for (let c = 0; c < dim; c += 16, acc += 64) {
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
    let v = values + from * row + bytesOf(kind, c);
    let group = from * groups + (<usize>(c >> 5) << 2);
    for (let w = weights + (from << 2), end = weights + (to << 2); w < end; w += 4, v += row) {
      let s = f, m = f;
      if (kind == Q4) {
        s = v128.load32_splat(scales + group);
        m = v128.load32_splat(minima + group);
        group += groups;
      }
      let x: v128, y: v128;
      if (kind == Q4) {
        const codes = nibbles(v128.load64_zero(v));
        x = i16x8.extend_low_i8x16_u(codes);
        y = i16x8.extend_high_i8x16_u(codes);
      } else {
        x = eight(kind, v);
        y = eight(kind, v + step);
      }
      const v0 = low(kind, v, x, s, m), v1 = high(kind, v, x, s, m);
      const v2 = low(kind, v + step, y, s, m), v3 = high(kind, v + step, y, s, m);
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
export function mixMany(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize, dim: i32,
  from: usize, to: usize, kind: i32, fourth: bool,
): void {
  const row = bytesOf(kind, dim);
  const groups = <usize>groupsOf(dim) << 2;
  const below = <usize>dim << 2;
  const f = v128.load32_splat(fades), g = v128.load32_splat(fades, 4), h = v128.load32_splat(fades, 8);
  const i = fourth ? v128.load32_splat(fades, 12) : f;
  for (let c = 0; c < dim; c += 8, acc += 32) {
    const acc1 = acc + below, acc2 = acc1 + below, acc3 = acc2 + below;
    let a0 = f32x4.mul(v128.load(acc), f), a1 = f32x4.mul(v128.load(acc, 16), f);
    let b0 = f32x4.mul(v128.load(acc1), g), b1 = f32x4.mul(v128.load(acc1, 16), g);
    let c0 = f32x4.mul(v128.load(acc2), h), c1 = f32x4.mul(v128.load(acc2, 16), h);
    let d0 = a0, d1 = a0;
    if (fourth) {
      d0 = f32x4.mul(v128.load(acc3), i);
      d1 = f32x4.mul(v128.load(acc3, 16), i);
    }
    let v = values + from * row + bytesOf(kind, c);
    let group = from * groups + (<usize>(c >> 5) << 2);
    for (let w = weights + (from << 2), end = weights + (to << 2); w < end; w += 4, v += row) {
      let s = f, m = f;
      if (kind == Q4) {
        s = v128.load32_splat(scales + group);
        m = v128.load32_splat(minima + group);
        group += groups;
      }
      const x = eight(kind, v);
      const v0 = low(kind, v, x, s, m), v1 = high(kind, v, x, s, m);
      let p = v128.load32_splat(w);
      a0 = madd(v0, p, a0);
      a1 = madd(v1, p, a1);
      p = v128.load32_splat(w, WEIGHTS);
      b0 = madd(v0, p, b0);
      b1 = madd(v1, p, b1);
      p = v128.load32_splat(w, 2 * WEIGHTS);
      c0 = madd(v0, p, c0);
      c1 = madd(v1, p, c1);
      if (fourth) {
        p = v128.load32_splat(w, 3 * WEIGHTS);
        d0 = madd(v0, p, d0);
        d1 = madd(v1, p, d1);
      }
    }
    v128.store(acc, a0);
    v128.store(acc, a1, 16);
    v128.store(acc1, b0);
    v128.store(acc1, b1, 16);
    v128.store(acc2, c0);
    v128.store(acc2, c1, 16);
    if (fourth) {
      v128.store(acc3, d0);
      v128.store(acc3, d1, 16);
    }
  }
}

// @ts-ignore: decorator
@inline
function widenAny(
  out: usize, codes: usize, scales: usize, minima: usize, dim: i32, from: usize, to: usize, kind: i32,
): void {
  const groups = <usize>groupsOf(dim) << 2;
  let v = codes + from * bytesOf(kind, dim);
  out += from * bytesOf(F32, dim);
  for (let group = from * groups; from < to; from++, group += groups) {
    for (let c = 0; c < dim; c += 8, v += bytesOf(kind, 8), out += 32) {
      let s = f32x4.splat(1), m = s;
      if (kind == Q4) {
        s = v128.load32_splat(scales + group + (<usize>(c >> 5) << 2));
        m = v128.load32_splat(minima + group + (<usize>(c >> 5) << 2));
      }
      const x = eight(kind, v);
      v128.store(out, low(kind, v, x, s, m));
      v128.store(out, high(kind, v, x, s, m), 16);
    }
  }
}

/** out (32, dim) f32 = tokens [from, to) of a block as `mix` reads them. */
export function widen(
  out: usize, codes: usize, scales: usize, minima: usize, dim: i32, from: usize, to: usize, kind: i32,
): void {
  if (kind == Q4) widenAny(out, codes, scales, minima, dim, from, to, Q4);
  else widenAny(out, codes, scales, minima, dim, from, to, F16);
}

// The inner loops of `matmul`: groups of 4 rows × 8 outputs and single rows × 16 outputs. Whatever the tile, an output is
// the sum over blocks, in ascending order, of an exact integer dot product times (weight scale · activation scale); or,
// for F32, the sum over inputs in ascending order. So a row comes out the same in every tile.
//
// Loop bodies are short on purpose: engines move all loads of a body to its front, and what then does not fit into 16
// registers is spilled. Longer bodies and more rows were slower.
import { madd } from './exp';
import { PANEL_BLOCK, Q4_BYTES, Q8_BYTES, RUN, RUNS } from './layout';

/** Weights of four outputs, `at` bytes on: the run of the first half, then that of the second. */
// @ts-ignore: decorator
@inline
function first(isQ8: bool, codes: usize, at: usize): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return isQ8 ? v128.load(codes + at) : v128.and(v128.load(codes + at), i8x16.splat(15));
  }
  if (isQ8) return v128.load_ext<i8>(codes + at);
  return v128.and(v128.load_ext<u8>(codes + at), i16x8.splat(15));
}

// @ts-ignore: decorator
@inline
function second(isQ8: bool, codes: usize, at: usize): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (isQ8) return v128.load(codes + at + 16 * RUN);
    return v128.and(i16x8.shr_u(v128.load(codes + at), 4), i8x16.splat(15));
  }
  return isQ8 ? v128.load_ext<i8>(codes + at + 16 * RUN) : i16x8.shr_u(v128.load_ext<u8>(codes + at), 4);
}

/** sum + x · w, integers. */
// @ts-ignore: decorator
@inline
function dot(x: v128, w: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, w, sum);
  return i32x4.add(sum, i32x4.dot_i16x8_s(x, w));
}

/** total + sum · (scales · scale). Never fused, so that both builds round alike. */
// @ts-ignore: decorator
@inline
function scaled(total: v128, sum: v128, scales: v128, scale: usize): v128 {
  const factor = f32x4.mul(scales, v128.load32_splat(scale));
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sum), factor));
}

/** Four finite f16 as f32. The load moves the sign bit up; a scale is never infinite, as `pack` has checked. */
// @ts-ignore: decorator
@inline
function scales4(at: usize): v128 {
  const bits = i32x4.shl(v128.load_ext<i16>(at), 13);
  return f32x4.mul(v128.and(bits, i32x4.splat(0x8fffffff)), f32x4.splat(5.192296858534828e33));
}

/** Store those of four outputs that exist, plus their bias (0: there is none). */
// @ts-ignore: decorator
@inline
function put(out: usize, sums: v128, bias: usize, outputs: i32): void {
  // Reads past the end of a bias stay inside its allocation, which is a multiple of 64 bytes.
  if (bias) sums = f32x4.add(sums, v128.load(bias));
  if (outputs >= 4) {
    v128.store(out, sums);
  } else {
    if (outputs > 0) v128.store_lane<u32>(out, sums, 0);
    if (outputs > 1) v128.store_lane<u32>(out + 4, sums, 1);
    if (outputs > 2) v128.store_lane<u32>(out + 8, sums, 2);
  }
}

/** Four rows × vectors v and v + 1 of the tile at w. `out`, `bias` and `outputs` are those of the whole tile. */
// @ts-ignore: decorator
@inline
export function quantisedGroup(
  isQ8: bool, out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  const end = panel + (k >>> 5) * 4 * PANEL_BLOCK;
  for (; panel < end; panel += 4 * PANEL_BLOCK) {
    let codes = w + 32 + v * 4 * RUN;
    let x = panel + 32;
    let s0 = v128.load32_splat(panel), s1 = v128.load32_splat(panel + 4);
    let s2 = v128.load32_splat(panel + 8), s3 = v128.load32_splat(panel + 12);
    let t0 = s0, t1 = s1, t2 = s2, t3 = s3;
    for (let q: usize = 0; q < RUNS; ++q) {
      let x0 = v128.load32_splat(x), x1 = v128.load32_splat(x + 4);
      let x2 = v128.load32_splat(x + 8), x3 = v128.load32_splat(x + 12);
      let part = first(isQ8, codes, 0);
      s0 = dot(x0, part, s0);
      s1 = dot(x1, part, s1);
      s2 = dot(x2, part, s2);
      s3 = dot(x3, part, s3);
      part = first(isQ8, codes, 4 * RUN);
      t0 = dot(x0, part, t0);
      t1 = dot(x1, part, t1);
      t2 = dot(x2, part, t2);
      t3 = dot(x3, part, t3);
      x0 = v128.load32_splat(x + 16);
      x1 = v128.load32_splat(x + 20);
      x2 = v128.load32_splat(x + 24);
      x3 = v128.load32_splat(x + 28);
      part = second(isQ8, codes, 0);
      s0 = dot(x0, part, s0);
      s1 = dot(x1, part, s1);
      s2 = dot(x2, part, s2);
      s3 = dot(x3, part, s3);
      part = second(isQ8, codes, 4 * RUN);
      t0 = dot(x0, part, t0);
      t1 = dot(x1, part, t1);
      t2 = dot(x2, part, t2);
      t3 = dot(x3, part, t3);
      x += 32;
      codes += isQ8 ? 32 * RUN : 16 * RUN;
    }
    let scales = scales4(w + v * 8);
    a0 = scaled(a0, s0, scales, panel + 16);
    a1 = scaled(a1, s1, scales, panel + 20);
    a2 = scaled(a2, s2, scales, panel + 24);
    a3 = scaled(a3, s3, scales, panel + 28);
    scales = scales4(w + v * 8 + 8);
    b0 = scaled(b0, t0, scales, panel + 16);
    b1 = scaled(b1, t1, scales, panel + 20);
    b2 = scaled(b2, t2, scales, panel + 24);
    b3 = scaled(b3, t3, scales, panel + 28);
    w += isQ8 ? Q8_BYTES : Q4_BYTES;
  }
  putGroup(out, stride, v, bias, outputs, a0, a1, a2, a3, b0, b1, b2, b3);
}

// @ts-ignore: decorator
@inline
function putGroup(
  out: usize, stride: usize, v: usize, bias: usize, outputs: i32,
  a0: v128, a1: v128, a2: v128, a3: v128, b0: v128, b1: v128, b2: v128, b3: v128,
): void {
  out += v * 16;
  outputs -= <i32>v * 4;
  if (bias) bias += v * 16;
  const next = bias ? bias + 16 : 0;
  put(out, a0, bias, outputs);
  put(out + 16, b0, next, outputs - 4);
  out += stride;
  put(out, a1, bias, outputs);
  put(out + 16, b1, next, outputs - 4);
  out += stride;
  put(out, a2, bias, outputs);
  put(out + 16, b2, next, outputs - 4);
  out += stride;
  put(out, a3, bias, outputs);
  put(out + 16, b3, next, outputs - 4);
}

/** One row × the 16 outputs of the tile at w. */
// @ts-ignore: decorator
@inline
export function quantisedRow(
  isQ8: bool, out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32,
): void {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  const end = panel + (k >>> 5) * PANEL_BLOCK;
  for (; panel < end; panel += PANEL_BLOCK) {
    let codes = w + 32;
    let x = panel + 8;
    let s = v128.load32_splat(panel);
    let t = s, u = s, v = s;
    for (let q: usize = 0; q < RUNS; ++q) {
      let y = v128.load32_splat(x);
      s = dot(y, first(isQ8, codes, 0), s);
      t = dot(y, first(isQ8, codes, 4 * RUN), t);
      u = dot(y, first(isQ8, codes, 8 * RUN), u);
      v = dot(y, first(isQ8, codes, 12 * RUN), v);
      y = v128.load32_splat(x + 4);
      s = dot(y, second(isQ8, codes, 0), s);
      t = dot(y, second(isQ8, codes, 4 * RUN), t);
      u = dot(y, second(isQ8, codes, 8 * RUN), u);
      v = dot(y, second(isQ8, codes, 12 * RUN), v);
      x += 8;
      codes += isQ8 ? 32 * RUN : 16 * RUN;
    }
    a = scaled(a, s, scales4(w), panel + 4);
    b = scaled(b, t, scales4(w + 8), panel + 4);
    c = scaled(c, u, scales4(w + 16), panel + 4);
    d = scaled(d, v, scales4(w + 24), panel + 4);
    w += isQ8 ? Q8_BYTES : Q4_BYTES;
  }
  putRow(out, bias, outputs, a, b, c, d);
}

// @ts-ignore: decorator
@inline
function putRow(out: usize, bias: usize, outputs: i32, a: v128, b: v128, c: v128, d: v128): void {
  put(out, a, bias, outputs);
  put(out + 16, b, bias ? bias + 16 : 0, outputs - 4);
  put(out + 32, c, bias ? bias + 32 : 0, outputs - 8);
  put(out + 48, d, bias ? bias + 48 : 0, outputs - 12);
}

/** Four rows × vectors v and v + 1 of the tile at w. */
// @ts-ignore: decorator
@inline
export function floatGroup(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  w += v * 16;
  for (const end = panel + k * 16; panel < end; panel += 16) {
    const x0 = v128.load32_splat(panel), x1 = v128.load32_splat(panel + 4);
    const x2 = v128.load32_splat(panel + 8), x3 = v128.load32_splat(panel + 12);
    let part = v128.load(w);
    a0 = madd(x0, part, a0);
    a1 = madd(x1, part, a1);
    a2 = madd(x2, part, a2);
    a3 = madd(x3, part, a3);
    part = v128.load(w + 16);
    b0 = madd(x0, part, b0);
    b1 = madd(x1, part, b1);
    b2 = madd(x2, part, b2);
    b3 = madd(x3, part, b3);
    w += 64;
  }
  putGroup(out, stride, v, bias, outputs, a0, a1, a2, a3, b0, b1, b2, b3);
}

/** One row × the 16 outputs of the tile at w. */
// @ts-ignore: decorator
@inline
export function floatRow(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  for (const end = panel + k * 4; panel < end; panel += 4) {
    const x = v128.load32_splat(panel);
    a = madd(x, v128.load(w), a);
    b = madd(x, v128.load(w + 16), b);
    c = madd(x, v128.load(w + 32), c);
    d = madd(x, v128.load(w + 48), d);
    w += 64;
  }
  putRow(out, bias, outputs, a, b, c, d);
}

// One step of online softmax: 32 logits of one query become weights. Everything stays in registers between its one load
// and its one store: this is the part of attention that does not shrink with the width of heads.
import { exp2 } from './exp';

const LOWEST: f32 = -Infinity;
/** Greatest code of a weight: 32 · 32767 · 127 stays below 2³¹. */
export const MOST: f32 = 32767;
/** Adding it rounds 0 ≤ x < 2²² to an integer (ties to even), which then stands in the low bits of the sum. */
export const ROUND: f32 = 12582912;

// @ts-ignore: decorator
@inline
function maxLane(x: v128): f32 {
  const pair = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}

/** Logits where `all` has one of the bits of `lanes`, −Infinity elsewhere. */
// @ts-ignore: decorator
@inline
function masked(logits: usize, all: v128, lanes: v128): v128 {
  return v128.bitselect(v128.load(logits), f32x4.splat(LOWEST), i32x4.eq(v128.and(all, lanes), lanes));
}

/** x · inverse to the nearest integer, i32. */
// @ts-ignore: decorator
@inline
function code(x: v128, inverse: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(x, inverse), f32x4.splat(ROUND)), f32x4.splat(ROUND));
}

/** out = 16 codes, i16; in the relaxed build their upper bytes, and 32 bytes on the lower ones. */
// @ts-ignore: decorator
@inline
export function storeCodes(out: usize, low: v128, high: v128): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const bytes = i16x8.splat(255);
    v128.store(out, i8x16.narrow_i16x8_u(i16x8.shr_u(low, 8), i16x8.shr_u(high, 8)));
    v128.store(out, i8x16.narrow_i16x8_u(v128.and(low, bytes), v128.and(high, bytes)), 32);
  } else {
    v128.store(out, low);
    v128.store(out, high, 16);
  }
}

/** out = 32 codes of 15 bits for products that are not below 0; answers what a code of 1 stands for. */
// @ts-ignore: decorator
@inline
function encode(out: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): f32 {
  const most = maxLane(
    f32x4.max(f32x4.max(f32x4.max(a, b), f32x4.max(c, d)), f32x4.max(f32x4.max(e, f), f32x4.max(g, h))),
  );
  const some = most > 1e-30;
  const inverse = f32x4.splat(some ? MOST / most : 0);
  storeCodes(
    out,
    i16x8.narrow_i32x4_s(code(a, inverse), code(b, inverse)),
    i16x8.narrow_i32x4_s(code(c, inverse), code(d, inverse)),
  );
  storeCodes(
    out + (ASC_FEATURE_RELAXED_SIMD ? 16 : 32),
    i16x8.narrow_i32x4_s(code(e, inverse), code(f, inverse)),
    i16x8.narrow_i32x4_s(code(g, inverse), code(h, inverse)),
  );
  return some ? most / MOST : 0;
}

/**
 * logits (32), in units of ln 2, become weights 2^(logit − top), and 0 where `mask` has no bit. With valueScales (32) they
 * become 32 codes of 15 bits: weight · scale over the greatest such product, and what a code of 1 stands for is stored at
 * `step` (0 if all products are 0, or so small beside a weight of 1 that they vanish).
 * top, sum: the running maximum and sum; fade: what the sums so far are multiplied by. Returns false, and changes
 * nothing that counts, when no logit comes within `skipBelow` of the maximum so far.
 */
export function soften(
  logits: usize, top: usize, sum: usize, fade: usize, step: usize, mask: u32, valueScales: usize, skipBelow: f32,
): bool {
  let a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128;
  if (mask == 0xffffffff) {
    a = v128.load(logits), b = v128.load(logits, 16), c = v128.load(logits, 32), d = v128.load(logits, 48);
    e = v128.load(logits, 64), f = v128.load(logits, 80), g = v128.load(logits, 96), h = v128.load(logits, 112);
  } else {
    const low = i32x4.splat(<i32>mask), high = i32x4.splat(<i32>(mask >>> 16));
    a = masked(logits, low, i32x4(1, 2, 4, 8)), b = masked(logits + 16, low, i32x4(16, 32, 64, 128));
    c = masked(logits + 32, low, i32x4(256, 512, 1024, 2048));
    d = masked(logits + 48, low, i32x4(4096, 8192, 16384, 32768));
    e = masked(logits + 64, high, i32x4(1, 2, 4, 8)), f = masked(logits + 80, high, i32x4(16, 32, 64, 128));
    g = masked(logits + 96, high, i32x4(256, 512, 1024, 2048));
    h = masked(logits + 112, high, i32x4(4096, 8192, 16384, 32768));
  }
  const before = load<f32>(top);
  const here = maxLane(
    f32x4.max(f32x4.max(f32x4.max(a, b), f32x4.max(c, d)), f32x4.max(f32x4.max(e, f), f32x4.max(g, h))),
  );
  if (here < before - skipBelow) return false;
  const now = max<f32>(before, here);
  const faded = before == now ? <f32>1 : f32x4.extract_lane(exp2(f32x4.splat(before - now)), 0);
  const peak = f32x4.splat(now);
  a = exp2(f32x4.sub(a, peak)), b = exp2(f32x4.sub(b, peak)), c = exp2(f32x4.sub(c, peak));
  d = exp2(f32x4.sub(d, peak)), e = exp2(f32x4.sub(e, peak)), f = exp2(f32x4.sub(f, peak));
  g = exp2(f32x4.sub(g, peak)), h = exp2(f32x4.sub(h, peak));
  // In this order, so that quads without weights may as well be left out.
  let total = f32x4.add(f32x4.add(f32x4.add(a, b), c), d);
  total = f32x4.add(f32x4.add(f32x4.add(f32x4.add(total, e), f), g), h);
  const pair = f32x4.add(total, v128.shuffle<f32>(total, total, 2, 3, 0, 1));
  store<f32>(sum, load<f32>(sum) * faded + (f32x4.extract_lane(pair, 0) + f32x4.extract_lane(pair, 1)));
  store<f32>(top, now);
  store<f32>(fade, faded);
  if (!valueScales) {
    v128.store(logits, a), v128.store(logits, b, 16), v128.store(logits, c, 32), v128.store(logits, d, 48);
    v128.store(logits, e, 64), v128.store(logits, f, 80), v128.store(logits, g, 96), v128.store(logits, h, 112);
    return true;
  }
  a = f32x4.mul(a, v128.load(valueScales)), b = f32x4.mul(b, v128.load(valueScales, 16));
  c = f32x4.mul(c, v128.load(valueScales, 32)), d = f32x4.mul(d, v128.load(valueScales, 48));
  e = f32x4.mul(e, v128.load(valueScales, 64)), f = f32x4.mul(f, v128.load(valueScales, 80));
  g = f32x4.mul(g, v128.load(valueScales, 96)), h = f32x4.mul(h, v128.load(valueScales, 112));
  store<f32>(step, encode(logits, a, b, c, d, e, f, g, h));
  return true;
}

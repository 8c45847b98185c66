// Weights of attention as codes for values whose scales are of groups of channels, and what weights give to the minima of groups.
import { greatest4, totals4 } from './lanes';
import { MOST, ROUND, storeCodes } from './soften';
import { WEIGHTS } from './mix';

/** x · y · inverse to the nearest integer, i32. */
// @ts-ignore: decorator
@inline
function code(x: usize, y: usize, inverse: v128): v128 {
  const product = f32x4.mul(f32x4.mul(v128.load(x), v128.load(y)), inverse);
  return i32x4.sub(f32x4.add(product, f32x4.splat(ROUND)), f32x4.splat(ROUND));
}

// @ts-ignore: decorator
@inline
function encode(out: usize, w: usize, s: usize, inverse: usize): void {
  const by = v128.load32_splat(inverse);
  for (let half: usize = 0; half < 128; half += 64, w += 64, s += 64, out += ASC_FEATURE_RELAXED_SIMD ? 16 : 32) {
    storeCodes(
      out,
      i16x8.narrow_i32x4_s(code(w, s, by), code(w + 16, s + 16, by)),
      i16x8.narrow_i32x4_s(code(w + 32, s + 32, by), code(w + 48, s + 48, by)),
    );
  }
}

/**
 * For one query or two, and one group or two: codes (groups, queries) = 32 codes of 15 bits of weights · scales over the greatest such product, each
 * WEIGHTS bytes long; steps: (groups, queries) f32, what a code of 1 stands for (0 if all products are 0, or so small that they
 * vanish); then as many lows: Σ weights · minima, quad by quad, so that quads without weights may as well be left out. weights: of
 * queries, WEIGHTS bytes apart; scales, minima: of groups, f32 (groups, 32).
 */
export function encodeGroups(
  codes: usize, steps: usize, weights: usize, scales: usize, minima: usize, two: bool, twoGroups: bool,
): void {
  const other = two ? WEIGHTS : 0, next = twoGroups ? WEIGHTS : 0;
  let a = f32x4.splat(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
  for (let at: usize = 0; at < 128; at += 16) {
    const w = v128.load(weights + at), v = v128.load(weights + other + at);
    let s = v128.load(scales + at);
    a = f32x4.max(a, f32x4.mul(w, s)), b = f32x4.max(b, f32x4.mul(v, s));
    s = v128.load(scales + next + at);
    c = f32x4.max(c, f32x4.mul(w, s)), d = f32x4.max(d, f32x4.mul(v, s));
    s = v128.load(minima + at);
    e = f32x4.add(e, f32x4.mul(w, s)), f = f32x4.add(f, f32x4.mul(v, s));
    s = v128.load(minima + next + at);
    g = f32x4.add(g, f32x4.mul(w, s)), h = f32x4.add(h, f32x4.mul(v, s));
  }
  const greatest = greatest4(a, b, c, d);
  const some = f32x4.gt(greatest, f32x4.splat(1e-30));
  // First what to multiply with, where steps then stand.
  v128.store(steps, v128.and(f32x4.div(f32x4.splat(MOST), greatest), some));
  encode(codes, weights, scales, steps);
  if (two) encode(codes + WEIGHTS, weights + WEIGHTS, scales, steps + 4);
  if (twoGroups) {
    encode(codes + 2 * WEIGHTS, weights, scales + WEIGHTS, steps + 8);
    if (two) encode(codes + 3 * WEIGHTS, weights + WEIGHTS, scales + WEIGHTS, steps + 12);
  }
  v128.store(steps, v128.and(f32x4.div(greatest, f32x4.splat(MOST)), some));
  v128.store(steps, totals4(e, f, g, h), 16);
}

// Powers of two and logarithms for softmax.

/** a · b + c: fused in the relaxed build, two roundings in the other. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

export const LN2: f64 = 0.6931471805599453;

/** Adding it to |t| < 2²² rounds t to an integer, which then stands in the low bits of the sum. */
const ROUND: f32 = 12582912;

/**
 * 2ᵗ for t ≤ 0, relative error at most 2.5e-7 and none at 0; exactly 0 below −125 (near where f32 goes subnormal) and
 * for NaN. 2ᵗ = 2ⁿ · 2ᶠ with n the integer nearest to t; 2ᶠ on [−½, ½] by 1 + a minimax polynomial of degree 5 without
 * a constant (relative error 9.2e-8); n is added to the exponent.
 */
// @ts-ignore: decorator
@inline
export function exp2(t: v128): v128 {
  const sum = f32x4.add(t, f32x4.splat(ROUND));
  const f = f32x4.sub(t, f32x4.sub(sum, f32x4.splat(ROUND)));
  let y = madd(f32x4.splat(0.0013264745867399403), f, f32x4.splat(0.009671512527540298));
  y = madd(y, f, f32x4.splat(0.055507336919540344));
  y = madd(y, f, f32x4.splat(0.24022242085918294));
  y = madd(y, f, f32x4.splat(0.6931469776109858));
  y = madd(y, f, f32x4.splat(1));
  return v128.and(i32x4.add(y, i32x4.shl(sum, 23)), f32x4.ge(t, f32x4.splat(-125)));
}

/** ln of a finite x ≥ 2⁻¹²⁶, in f64: x = 2ⁿ · m with m in [√½, √2), ln m = 2 artanh((m − 1) / (m + 1)). */
export function ln(x: f32): f64 {
  const bits = reinterpret<u32>(x);
  let n = <i32>(bits >> 23) - 127;
  let m = <f64>reinterpret<f32>((bits & 0x7fffff) | 0x3f800000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    n++;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let sum: f64 = 0;
  // |s| < 0.172: ten terms leave less than 1e-17.
  for (let k = 19; k > 0; k -= 2) sum = sum * z + 1.0 / <f64>k;
  return <f64>n * LN2 + 2 * s * sum;
}

// exp and log for softmax.

/** a · b + c: fused in the relaxed build, two roundings in the other. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/**
 * exp of x ≤ 0, relative error about 1.2e-7; exactly 0 below −87 (where f32 would go subnormal) and for NaN.
 * exp x = 2ⁿ · exp r with n = x / ln 2 to the nearest, ln 2 in two parts, and the degree-5 minimax polynomial of Cephes.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  let r = madd(n, f32x4.splat(-0.693359375), x);
  r = madd(n, f32x4.splat(2.12194440e-4), r);
  let y = madd(f32x4.splat(1.9875691500e-4), r, f32x4.splat(1.3981999507e-3));
  y = madd(y, r, f32x4.splat(8.3334519073e-3));
  y = madd(y, r, f32x4.splat(4.1665795894e-2));
  y = madd(y, r, f32x4.splat(1.6666665459e-1));
  y = madd(y, r, f32x4.splat(5.0000001201e-1));
  y = madd(y, f32x4.mul(r, r), f32x4.add(r, f32x4.splat(1)));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.and(f32x4.mul(y, power), f32x4.ge(x, f32x4.splat(-87)));
}

/** ln of a finite x ≥ 2⁻¹²⁶, in f64: x = 2ⁿ · m with m in [√½, √2), ln m = 2 artanh((m − 1) / (m + 1)). */
export function ln(x: f32): f64 {
  let bits = reinterpret<u32>(x);
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
  return <f64>n * 0.6931471805599453 + 2 * s * sum;
}

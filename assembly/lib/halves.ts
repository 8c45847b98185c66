// Four f16 values at once.

/** Four consecutive halves at `at` as f32. Stored halves are finite, so infinity is not looked for. */
// @ts-ignore: decorator
@inline
export function halves4(at: usize): v128 {
  const bits = i32x4.extend_low_i16x8_u(v128.load64_zero(at));
  const rest = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  // 2^112 · the pattern read as f32 is the half's value, subnormal halves included.
  const value = f32x4.mul(rest, f32x4.splat(5.192296858534828e33));
  return v128.or(value, i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16));
}

// Four f16 values at once. Halves in pages and summaries are finite, so infinity is not looked for.

/**
 * Four halves, sign-extended to 32 bits, as f32. The bits move to their place in an f32, whose exponent is then 112 too
 * small; multiplying makes up for it, exactly and for subnormal halves too.
 */
// @ts-ignore: decorator
@inline
export function halves(bits: v128): v128 {
  const moved = v128.and(i32x4.shl(bits, 13), i32x4.splat(0x8fffe000));
  return f32x4.mul(moved, f32x4.splat(5.192296858534828e33));
}

/** Four consecutive halves at `at` as f32. */
// @ts-ignore: decorator
@inline
export function halves4(at: usize): v128 {
  return halves(v128.load16x4_s(at));
}

/** a · b + c: fused where the build has it. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Store those of four outputs that exist, plus their bias (0: there is none). */
// @ts-ignore: decorator
@inline
export function put(out: usize, sums: v128, bias: usize, at: usize, outputs: i32): void {
  // Reads past the end of a bias stay inside its allocation, which is a multiple of 64 bytes.
  if (bias) sums = f32x4.add(sums, v128.load(bias + at));
  if (outputs >= 4) {
    v128.store(out, sums);
  } else {
    if (outputs > 0) v128.store_lane<u32>(out, sums, 0);
    if (outputs > 1) v128.store_lane<u32>(out + 4, sums, 1);
    if (outputs > 2) v128.store_lane<u32>(out + 8, sums, 2);
  }
}

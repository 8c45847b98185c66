// Half precision in plain SIMD: WebAssembly has no f16 type. All of these are exact (decode) or rounded to nearest,
// ties to even (encode), for subnormals, infinities and NaN too.

/** 2^112: lifts the exponent bias of f16 (15) to that of f32 (127). */
// @ts-ignore: decorator
@inline
const LIFT: f32 = 5.192296858534828e33;

// @ts-ignore: decorator
@inline
export function f16ToF32(bits: u32): f32 {
  const magnitude = bits & 0x7fff;
  const lifted = reinterpret<u32>(reinterpret<f32>(magnitude << 13) * LIFT);
  const exact = magnitude > 0x7bff ? lifted | 0x7f800000 : lifted;
  return reinterpret<f32>(exact | ((bits & 0x8000) << 16));
}

/** Four f16 bit patterns, one in the low half of each u32 lane (the high halves must be zero), to four f32. */
// @ts-ignore: decorator
@inline
export function f16x4ToF32x4(v: v128): v128 {
  const magnitude = v128.and(v, i32x4.splat(0x7fff));
  const lifted = f32x4.mul(i32x4.shl(magnitude, 13), f32x4.splat(LIFT));
  const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x7bff)), i32x4.splat(0x7f800000));
  const sign = i32x4.shl(v128.xor(v, magnitude), 16);
  return v128.or(v128.or(lifted, special), sign);
}

/** The f16 bit pattern nearest to x. Values that round past 65504 become infinite; NaN becomes the quiet NaN 0x7e00. */
// @ts-ignore: decorator
@inline
export function f32ToF16(x: f32): u32 {
  const bits = reinterpret<u32>(x);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  // Below 2^-14 the unit in the last place of f16 is 2^-24, which is that of f32 at 0.5: adding 0.5 rounds there.
  if (magnitude < 0x38800000) {
    return sign | (reinterpret<u32>(reinterpret<f32>(magnitude) + 0.5) - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

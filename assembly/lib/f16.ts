// Half precision, one number at a time: WebAssembly has no f16 type. Decoding is exact, encoding rounds to nearest, ties
// to even; subnormals, infinities and NaN too.

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

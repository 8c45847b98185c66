// Bits of the f16 nearest to x, ties to even; beyond the largest finite one, infinity. x is a number.
fn to_half(x: f32) -> u32 {
  let word = bitcast<u32>(x);
  let sign = (word >> 16u) & 0x8000u;
  let rest = word & 0x7fffffffu;
  if (rest >= 0x477ff000u) {
    return sign | 0x7c00u;
  }
  if (rest < 0x38800000u) {
    return sign | u32(round(abs(x) * 16777216.0));
  }
  return sign | ((rest + 0xfffu + ((rest >> 13u) & 1u) - (112u << 23u)) >> 13u);
}

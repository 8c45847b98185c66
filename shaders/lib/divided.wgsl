// a / b rounded as f32 is, in integers: WGSL's own division may be off by 2.5 units in the last place, and what is stored
// must have the same bytes on every device. b > 0, both finite. What f32 has no normal number for is 0, with the sign of a.
fn divided(a: f32, b: f32) -> f32 {
  let sign = bitcast<u32>(a) & 0x80000000u;
  let above = bitcast<u32>(a) & 0x7fffffffu;
  let below = bitcast<u32>(b);
  if (above < 0x800000u) {
    return bitcast<f32>(sign);
  }
  var rest = (above & 0x7fffffu) | 0x800000u;
  let m = (below & 0x7fffffu) | 0x800000u;
  var exponent = i32(above >> 23u) - i32(below >> 23u) + 127;
  if (rest < m) {
    rest <<= 1u;
    exponent -= 1;
  }
  var q = 0u;
  for (var i = 0u; i < 25u; i += 1u) {
    q <<= 1u;
    if (rest >= m) {
      rest -= m;
      q |= 1u;
    }
    rest <<= 1u;
  }
  var mantissa = q >> 1u;
  if ((q & 1u) == 1u && (rest != 0u || (mantissa & 1u) == 1u)) {
    mantissa += 1u;
  }
  if (exponent < 1) {
    return bitcast<f32>(sign);
  }
  return bitcast<f32>(sign | min((u32(exponent) << 23u) + mantissa - 0x800000u, 0x7f800000u));
}

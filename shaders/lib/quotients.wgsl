// Divisions rounded as f32 is, in integers: WGSL's own may be off by 2.5 units in the last place, and then the int8 codes
// of activations would differ from device to device.

// g / 127; g is the bits of a finite number, at least 2⁻¹²⁰.
fn by_127(g: u32) -> f32 {
  let m = ((g & 0x7fffffu) | 0x800000u) << 8u;
  let q = m / 127u; // 25 or 26 bits
  let drop = select(1u, 2u, q >= (1u << 25u));
  let low = q & ((1u << drop) - 1u);
  let middle = 1u << (drop - 1u);
  var mantissa = q >> drop;
  let tie = low == middle && q * 127u == m;
  if (low > middle || (low == middle && !tie) || (tie && (mantissa & 1u) == 1u)) {
    mantissa += 1u;
  }
  let exponent = i32(g >> 23u) + i32(drop) - 8;
  if (exponent < 1) {
    return bitcast<f32>(mantissa >> u32(1 - exponent));
  }
  return bitcast<f32>((u32(exponent) << 23u) + mantissa - 0x800000u);
}

// a / b of the bits of positive numbers, neither them nor the quotient near the ends of what f32 holds.
fn divided(a: u32, b: u32) -> f32 {
  let m = (b & 0x7fffffu) | 0x800000u;
  var rest = (a & 0x7fffffu) | 0x800000u;
  var exponent = 127u + (a >> 23u) - (b >> 23u);
  if (rest < m) {
    rest <<= 1u;
    exponent -= 1u;
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
  return bitcast<f32>((exponent << 23u) + mantissa - 0x800000u);
}

// 127 / g; g is the bits of a finite number, at least 2⁻¹²⁰.
fn of_127(g: u32) -> f32 {
  return divided(0x42fe0000u, g);
}

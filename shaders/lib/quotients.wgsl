// include: lib/divided.wgsl
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

// 127 / g; g is the bits of a finite number, at least 2⁻¹²⁰.
fn of_127(g: u32) -> f32 {
  return divided(127.0, bitcast<f32>(g));
}

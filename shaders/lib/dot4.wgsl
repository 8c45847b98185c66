// Σ of the products of four int8 each.
fn dot4(a: u32, b: u32) -> i32 {
  var sum = 0i;
  for (var shift = 0u; shift < 32u; shift += 8u) {
    sum += (i32(a << (24u - shift)) >> 24u) * (i32(b << (24u - shift)) >> 24u);
  }
  return sum;
}

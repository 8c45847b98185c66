// Σ of the products of four int8 each, where the language has an instruction for it.
fn dot4(a: u32, b: u32) -> i32 {
  return dot4I8Packed(a, b);
}

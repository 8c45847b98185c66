// 2ᵗ for t ≤ 0, relative error at most 2.5e-7; 0 below −125. n is the integer nearest to t; 2^(t − n) by the polynomial of
// assembly/lib/exp.ts. The built-in exp2 may be off by hundreds of units in the last place.
fn exp2_of(t: f32) -> f32 {
  let n = round(t);
  let f = t - n;
  var y = fma(0.0013264745867399403, f, 0.009671512527540298);
  y = fma(y, f, 0.055507336919540344);
  y = fma(y, f, 0.24022242085918294);
  y = fma(y, f, 0.6931469776109858);
  y = fma(y, f, 1.0);
  let scaled = bitcast<f32>(bitcast<u32>(y) + (bitcast<u32>(i32(n)) << 23u));
  return select(0.0, scaled, t >= -125.0);
}

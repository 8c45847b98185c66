// Attention page by page: what a page gives to a query, and how that joins what the pages before gave. Weights are powers
// of two relative to the greatest logit of the page; logits are in units of ln 2.
const NEVER = -3.0e38; // a logit of nothing

// What sums before, and those of the page, are multiplied by; one of them is 1.
fn fades_of(before: f32, here: f32) -> vec2f {
  let top = max(before, here);
  return vec2f(exp2_of(before - top), exp2_of(here - top));
}

// ln of 2^top · sum.
fn log_sum(top: f32, sum: f32) -> f32 {
  let word = bitcast<u32>(sum);
  if (!(sum > 0.0)) {
    return bitcast<f32>(0xff800000u | (word & 0u)); // −∞, which no constant may be
  }
  // sum = 2ⁿ · m with m in [√½, √2); ln m = 2 · artanh((m − 1) / (m + 1)).
  let n = i32(word - 0x3f3504f3u) >> 23u;
  let m = bitcast<f32>(word - (bitcast<u32>(n) << 23u));
  let s = (m - 1.0) / (m + 1.0);
  let z = s * s;
  var y = fma(0.1111111111111111, z, 0.14285714285714285);
  y = fma(y, z, 0.2);
  y = fma(y, z, 0.3333333333333333);
  y = fma(y * z, s, s);
  return fma(top + f32(n), 0.6931471805599453, 2.0 * y);
}

// out = x / √(mean(x²) + eps) · gain, row by row. A workgroup has one row; its 64 threads sum every 64th square, then the
// sums are added up in pairs.
struct Params {
  outAt: u32,
  xAt: u32,     // in x, or, where that is `out` itself, in out
  cols: u32,
  inPlace: u32,
  eps: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>; // (rows, cols)
@group(1) @binding(1) var<storage, read_write> x: array<f32>;   // (rows, cols)
@group(1) @binding(2) var<storage, read> gain: array<f32>;      // (cols)
var<workgroup> sums: array<f32, 64>;

fn input(at: u32) -> f32 {
  if (p.inPlace != 0u) {
    return out[p.xAt + at];
  }
  return x[p.xAt + at];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let begin = group.x * p.cols;
  var sum = 0.0;
  for (var c = lane; c < p.cols; c += 64u) {
    let value = input(begin + c);
    sum = fma(value, value, sum);
  }
  sums[lane] = sum;
  for (var step = 32u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) {
      sums[lane] += sums[lane + step];
    }
  }
  workgroupBarrier();
  let mean = sums[0] / f32(p.cols) + p.eps;
  // One step of Newton's: the built-in may be off by two units in the last place.
  let guess = inverseSqrt(mean);
  let inverse = guess * fma(-0.5 * mean * guess, guess, 1.5);
  for (var c = lane; c < p.cols; c += 64u) {
    out[p.outAt + begin + c] = input(begin + c) * inverse * gain[c];
  }
}

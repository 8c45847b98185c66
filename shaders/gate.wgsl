// out = act(out) · up. silu(x) = x · σ(x); gelu(x) = x · σ(2 · √(2/π) · (x + 0.044715 · x³)), the tanh form of GELU
// (arXiv 1606.08415 §2). One thread for each number.
// include: lib/exp2.wgsl
struct Params {
  outAt: u32,
  upAt: u32,
  count: u32,
  gelu: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;
@group(1) @binding(1) var<storage, read_write> up: array<f32>;

// Of e^−|z| only, so that nothing overflows.
fn sigmoid(z: f32) -> f32 {
  let e = exp2_of(max(abs(z) * -1.4426950408889634, -126.0));
  return select(1.0, e, z < 0.0) / (1.0 + e);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < p.count; i += groups.x * 64u) {
    let x = out[p.outAt + i];
    var z = x;
    if (p.gelu != 0u) {
      // Beyond ±20 σ is 0 or 1, and x³ would overflow.
      let near = clamp(x, -20.0, 20.0);
      z = near * fma(near * near, 0.044715, 1.0) * 1.5957691216057308;
    }
    out[p.outAt + i] = x * sigmoid(z) * up[p.upAt + i];
  }
}

// out = cap · tanh(out / cap). One thread for each number.
// include: lib/exp2.wgsl
// include: lib/tanh.wgsl
struct Params {
  outAt: u32,
  count: u32,
  cap: f32,
  inverse: f32, // 1 / cap
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < p.count; i += groups.x * 64u) {
    let x = out[p.outAt + i];
    let size = bitcast<u32>(x) & 0x7fffffffu;
    // NaN stays: a device may take it for granted that there is none.
    if (size <= 0x7f800000u) {
      out[p.outAt + i] = p.cap * tanh_of(clamp(x, -3.0e38, 3.0e38) * p.inverse);
    }
  }
}

// out = out + x. One thread for each number.
struct Params {
  outAt: u32,
  xAt: u32,
  count: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;
@group(1) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < p.count; i += groups.x * 64u) {
    out[p.outAt + i] += x[p.xAt + i];
  }
}

// What matmul computed part by part, added up in order. One thread for each output of each row.
struct Params {
  outAt: u32,
  outCols: u32,
  rows: u32,
  outputs: u32,
  parts: u32,
  biasAt: u32, // none: 0xffffffff
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;   // (rows, outCols)
@group(1) @binding(1) var<storage, read_write> sums: array<f32>;  // (parts, rows, outputs)
@group(1) @binding(2) var<storage, read> bias: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let count = p.rows * p.outputs;
  for (var i = id.x; i < count; i += groups.x * 64u) {
    var total = 0.0;
    for (var part = 0u; part < p.parts; part += 1u) {
      total += sums[part * count + i];
    }
    if (p.biasAt != 0xffffffffu) {
      total += bias[p.biasAt + i % p.outputs];
    }
    out[p.outAt + (i / p.outputs) * p.outCols + i % p.outputs] = total;
  }
}

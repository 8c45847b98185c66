// Rotates the pairs of x in place. One thread for each pair.
struct Params {
  xAt: u32,
  anglesAt: u32,
  rows: u32,
  heads: u32,    // rows that share a row of angles
  headDim: u32,
  pairs: u32,
  adjacent: u32, // 1: channels 2i and 2i + 1, 0: i and i + pairs
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> x: array<f32>;      // (rows, headDim)
@group(1) @binding(1) var<storage, read_write> angles: array<f32>; // (rows / heads, 2 · pairs): cosines, then sines

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < p.rows * p.pairs; i += groups.x * 64u) {
    let row = i / p.pairs;
    let pair = i % p.pairs;
    let first = p.xAt + row * p.headDim + select(pair, 2u * pair, p.adjacent != 0u);
    let second = first + select(p.pairs, 1u, p.adjacent != 0u);
    let turn = p.anglesAt + (row / p.heads) * 2u * p.pairs + pair;
    let a = x[first];
    let b = x[second];
    let cosine = angles[turn];
    let sine = angles[turn + p.pairs];
    x[first] = a * cosine - b * sine;
    x[second] = a * sine + b * cosine;
  }
}

// Takes the means of one layer as they were stored. One thread for each word; their boundaries are there already.
// include: lib/boundaries.wgsl
struct Params {
  limit: u32, // the last boundary that the pages before may have decided
  rawAt: u32, // in `raw`
  words: u32, // of all the means
  meanWords: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> means: array<u32>;
@group(1) @binding(1) var<storage, read> boundaries: array<u32>;
@group(1) @binding(2) var<storage, read> raw: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = (boundaries_up_to(p.limit) - 1u) * p.meanWords;
  for (var i = id.x; i < p.words; i += groups.x * 64u) {
    means[at + i] = raw[p.rawAt + i];
  }
}

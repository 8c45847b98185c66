// out = stored keys of whole pages as numbers, rotated: what sketches are made of. A workgroup has one key: x of the grid is
// the token, y the KV head, z the page.
// include: lib/half.wgsl
// include: lib/stored-keys.wgsl
// include: lib/rotate.wgsl
struct Params {
  keys: Keys,
  heads: u32,
  page: u32,  // of z = 0
  width: u32, // of a rotated block of channels; 0: stored keys are rotated already
  norm: f32,  // 1 / √width
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;   // (pages, heads, 64, dim)
@group(1) @binding(1) var<storage, read_write> pages: array<u32>;
@group(1) @binding(2) var<storage, read> table: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let dim = p.keys.dim;
  let token = 64u * (p.page + group.z) + group.x;
  let block = block_at(p.keys, group.y, token);
  let scale = key_scale(p.keys, block, token);
  for (var w = lane; w < dim / 4u; w += 64u) {
    let four = key_four(p.keys, block, token, scale, w);
    x[4u * w] = four.x;
    x[4u * w + 1u] = four.y;
    x[4u * w + 2u] = four.z;
    x[4u * w + 3u] = four.w;
  }
  workgroupBarrier();
  rotate(dim, p.width, lane);
  let norm = select(1.0, p.norm, p.width > 0u);
  let at = ((group.z * p.heads + group.y) * 64u + group.x) * dim;
  for (var c = lane; c < dim; c += 64u) {
    out[at + c] = x[c] * norm;
  }
}

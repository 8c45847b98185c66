// Logits of chunks: mean query of the tile · sum/√length of a chunk's keys. A thread has one chunk; y of the grid is the
// query head, z the tile.
// include: lib/boundaries.wgsl
struct Params {
  heads: u32,
  group: u32,   // query heads of a KV head
  dim: u32,
  stride: u32,  // of a head's logits
  tableAt: u32, // three words a tile: limit, first row, rows
  scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> logits: array<f32>; // (tiles, heads, stride)
@group(1) @binding(1) var<storage, read_write> q: array<f32>;      // (tiles, heads, dim), means
@group(1) @binding(2) var<storage, read> means: array<u32>;        // (chunks, KV heads, dim / 2), pairs of f16
@group(1) @binding(3) var<storage, read> boundaries: array<u32>;
@group(1) @binding(4) var<storage, read> lists: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = boundaries_up_to(lists[p.tableAt + 3u * id.z]) - 1u;
  if (id.x >= n) {
    return;
  }
  let query = (id.z * p.heads + id.y) * p.dim;
  let at = (id.x * (p.heads / p.group) + id.y / p.group) * (p.dim / 2u);
  var sum = vec2f(0.0);
  for (var w = 0u; w < p.dim / 2u; w += 1u) {
    sum = fma(vec2f(q[query + 2u * w], q[query + 2u * w + 1u]), unpack2x16float(means[at + w]), sum);
  }
  logits[(id.z * p.heads + id.y) * p.stride + id.x] = p.scale * (sum.x + sum.y);
}

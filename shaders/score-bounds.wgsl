// Logits of sub-blocks: what q·k cannot exceed over their keys, by the bounds of their channels. A workgroup has 16 pages (x
// of the grid), a query head (y) and a tile (z), a thread one sub-block.
// include: lib/half.wgsl
// include: lib/rotate.wgsl
struct Params {
  heads: u32,
  group: u32,   // query heads of a KV head
  dim: u32,
  stride: u32,  // of a head's logits
  tableAt: u32, // three words a tile: sub-blocks, first row, nothing
  scale: f32,
  qAt: u32,
  cols: u32,
  width: u32,   // of a rotated block of channels
  norm: f32,    // 1 / √width
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> logits: array<f32>; // (tiles, heads, stride)
@group(1) @binding(1) var<storage, read_write> q: array<f32>;
@group(1) @binding(2) var<storage, read> bounds: array<u32>;       // (pages, KV heads, 4, 2, dim / 2), pairs of f16
@group(1) @binding(3) var<storage, read> lists: array<u32>;

fn pair_of(word: u32) -> vec2f {
  return vec2f(half(word & 0xffffu), half(word >> 16u));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = p.tableAt + 3u * group.z;
  let row = p.qAt + lists[tile + 1u] * p.cols + group.y * p.dim;
  for (var c = lane; c < p.dim; c += 64u) {
    x[c] = q[row + c];
  }
  workgroupBarrier();
  rotate(p.dim, p.width, lane);
  let block = 64u * group.x + lane;
  if (block >= lists[tile]) {
    return;
  }
  let pairs = p.dim / 2u;
  let at = (((block / 4u) * (p.heads / p.group) + group.y / p.group) * 4u + block % 4u) * 2u * pairs;
  var sum = vec2f(0.0);
  for (var w = 0u; w < pairs; w += 1u) {
    let asked = vec2f(x[2u * w], x[2u * w + 1u]) * p.norm;
    sum += max(asked * pair_of(bounds[at + w]), asked * pair_of(bounds[at + pairs + w]));
  }
  logits[(group.z * p.heads + group.y) * p.stride + block] = p.scale * (sum.x + sum.y);
}

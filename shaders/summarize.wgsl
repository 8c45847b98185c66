// sum/√length of the keys of chunks, f16 (DHSA, arXiv 2510.24606 §3). Keys are added as stored, in ascending order; q8 keys
// are rotated back once, as a sum. A workgroup has one chunk of one KV head: x of the grid counts the chunks that may have
// been closed since the last call, y the heads.
// include: lib/half.wgsl
// include: lib/to-half.wgsl
// include: lib/divided.wgsl
// include: lib/stored-keys.wgsl
// include: lib/boundaries.wgsl
// include: lib/rotate.wgsl
struct Params {
  keys: Keys,
  heads: u32,
  limit: u32,   // the last boundary that was known at the last call
  longest: u32, // of the roots
  width: u32,   // of a rotated block of channels; 0: keys are not rotated
  norm: f32,    // 1 / √width
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> means: array<u32>; // (chunks, heads, dim / 2), pairs
@group(1) @binding(1) var<storage, read_write> pages: array<u32>;
@group(1) @binding(2) var<storage, read> boundaries: array<u32>;
@group(1) @binding(3) var<storage, read> roots: array<f32>;       // √length, rounded as f32 is
@group(1) @binding(4) var<storage, read> table: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let chunk = boundaries_up_to(p.limit) - 1u + group.x;
  if (chunk + 1u >= boundaries[0]) {
    return;
  }
  let start = boundaries[1u + chunk];
  let end = boundaries[2u + chunk];
  let dim = p.keys.dim;
  for (var w = lane; w < dim / 4u; w += 64u) {
    var sum = vec4f(0.0);
    for (var token = start; token < end; token += 1u) {
      let block = block_at(p.keys, group.y, token);
      sum += key_four(p.keys, block, token, key_scale(p.keys, block, token), w);
    }
    x[4u * w] = sum.x;
    x[4u * w + 1u] = sum.y;
    x[4u * w + 2u] = sum.z;
    x[4u * w + 3u] = sum.w;
  }
  workgroupBarrier();
  rotate(dim, p.width, lane);
  let norm = select(1.0, p.norm, p.width > 0u);
  let root = roots[min(end - start, p.longest)];
  for (var w = lane; w < dim / 2u; w += 64u) {
    let low = to_half(divided(x[2u * w] * norm, root));
    let high = to_half(divided(x[2u * w + 1u] * norm, root));
    means[(chunk * p.heads + group.y) * (dim / 2u) + w] = low | (high << 16u);
  }
}

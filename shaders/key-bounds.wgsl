// What no key of a sub-block lies outside of: the least and the greatest of every channel, of whole pages, in halves that are
// rounded outwards (src/kv/chunks.ts has the bytes). A workgroup has one KV head of a page (x and y of the grid), a thread a
// pair of channels at a time.
// include: lib/half.wgsl
// include: lib/to-half.wgsl
struct Params {
  heads: u32,
  dim: u32,
  page: u32, // of x = 0, in `out`
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>;  // (pages, heads, 4, 2, dim / 2), pairs of f16
@group(1) @binding(1) var<storage, read_write> keys: array<f32>; // (pages, heads, 64, dim), rotated

// The greatest f16 that is finite and not above x; zero is +0.
fn half_below(x: f32) -> u32 {
  var bits = to_half(x);
  if (bits == 0x8000u) {
    bits = 0u;
  }
  if (half(bits) > x) {
    if (bits == 0u) {
      bits = 0x8001u;
    } else {
      bits = select(bits - 1u, bits + 1u, bits >= 0x8000u);
    }
  }
  return (bits & 0x8000u) | min(bits & 0x7fffu, 0x7bffu);
}

// The least f16 that is finite and not below x.
fn half_above(x: f32) -> u32 {
  let below = half_below(-x);
  return select(below ^ 0x8000u, 0u, below == 0u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pairs = p.dim / 2u;
  let to = ((p.page + group.x) * p.heads + group.y) * 8u * pairs;
  let first = (group.x * p.heads + group.y) * 64u * p.dim;
  for (var i = lane; i < 4u * pairs; i += 64u) {
    let block = i / pairs;
    let pair = i % pairs;
    var at = first + 16u * block * p.dim + 2u * pair;
    var least = vec2f(keys[at], keys[at + 1u]);
    var greatest = least;
    for (var key = 1u; key < 16u; key += 1u) {
      at += p.dim;
      let x = vec2f(keys[at], keys[at + 1u]);
      least = min(least, x);
      greatest = max(greatest, x);
    }
    out[to + 2u * block * pairs + pair] = half_below(least.x) | (half_below(least.y) << 16u);
    out[to + (2u * block + 1u) * pairs + pair] = half_above(greatest.x) | (half_above(greatest.y) << 16u);
  }
}

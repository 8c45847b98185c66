// Contrast of the gaps between tokens: 1 − cos(mean of the `window` keys left of a gap, mean of those right of it), all KV
// heads concatenated, in steps of 2⁻¹⁶; −1 where fewer than `window` tokens lie left of it. The f32 sums of a head are
// those of assembly/segment.ts in the same order; what it does in f64 is done in twofold numbers here.
// A workgroup has the 64 gaps of a page's window, gap i between tokens g − 1 and g with g = 64 · page − window + i.
// include: lib/half.wgsl
// include: lib/stored-keys.wgsl
// include: lib/twofold.wgsl
struct Params {
  keys: Keys,
  heads: u32,
  window: u32,
  page: u32, // of the first workgroup
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;   // (pages, 64)
@group(1) @binding(1) var<storage, read_write> pages: array<u32>;
@group(1) @binding(2) var<storage, read> table: array<u32>;

fn lanes(total: vec2f, x: vec4f) -> vec2f {
  return twofold_sum(total, twofold_sum(sum_of(x.x, x.y), sum_of(x.z, x.w)));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let page = p.page + group.x;
  if (page == 0u && lane < 2u * p.window) {
    out[group.x * 64u + lane] = -1.0;
    return;
  }
  let gap = 64u * page + lane - p.window;
  var dot = vec2f(0.0);
  var left = vec2f(0.0);
  var right = vec2f(0.0);
  for (var head = 0u; head < p.heads; head += 1u) {
    var dots = vec4f(0.0);
    var lefts = vec4f(0.0);
    var rights = vec4f(0.0);
    for (var w = 0u; w < p.keys.dim / 4u; w += 1u) {
      var l = vec4f(0.0);
      var r = vec4f(0.0);
      for (var i = 0u; i < p.window; i += 1u) {
        let before = gap - p.window + i;
        let at = block_at(p.keys, head, before);
        l += key_four(p.keys, at, before, key_scale(p.keys, at, before), w);
        let after = gap + i;
        let place = block_at(p.keys, head, after);
        r += key_four(p.keys, place, after, key_scale(p.keys, place, after), w);
      }
      dots += l * r;
      lefts += l * l;
      rights += r * r;
    }
    dot = lanes(dot, dots);
    left = lanes(left, lefts);
    right = lanes(right, rights);
  }
  var value = 0.0;
  if (left.x > 0.0 && right.x > 0.0) {
    let cosine = twofold_quotient(dot, twofold_product(twofold_root(left), twofold_root(right)));
    let steps = twofold_sum(vec2f(1.0, 0.0), -cosine) * 65536.0;
    let near = round(steps.x);
    let beyond = (steps.x - near) + steps.y;
    value = max(0.0, near + select(0.0, 1.0, beyond > 0.5) - select(0.0, 1.0, beyond < -0.5)) / 65536.0;
  }
  out[group.x * 64u + lane] = value;
}

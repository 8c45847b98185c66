// out = rows `ids` of the table, each number times `scale`. One thread for each number; those whose row lies in another
// slice leave it alone. One pipeline for all formats: a few rows are no work.
// include: lib/half.wgsl
// include: lib/curve.wgsl
// include: lib/weight.wgsl
struct Params {
  @size(32) place: Layout,
  outAt: u32,
  rows: u32,
  cols: u32,
  idsAt: u32,
  first: u32,   // row of the table that the slice begins with
  count: u32,   // rows of the slice
  bits: u32,    // of a code; 32 and 16: elements
  grain: u32,   // inputs that share a scale
  flags: u32,   // 1: curved, 2: minimums, 4: factors, 8: bf16
  plus: i32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>; // (rows, cols)
@group(1) @binding(1) var<storage, read> weight: array<u32>;    // a slice
@group(1) @binding(2) var<storage, read> ids: array<u32>;

fn code_of(row: u32, i: u32) -> i32 {
  let l = p.place;
  if (p.bits == 8u) {
    return signed_byte(weight[word_at(0u, l.panel, l.codeWords, row, i / 4u)], i & 3u);
  }
  // The first half of a grain is in the low nibbles, the second in the high ones.
  let inside = i % p.grain;
  let byte = (i / p.grain) * (p.grain / 2u) + inside % (p.grain / 2u);
  let word = weight[word_at(0u, l.panel, l.codeWords, row, byte / 4u)] >> (8u * (byte & 3u));
  let nibble = select(word & 15u, (word >> 4u) & 15u, inside >= p.grain / 2u);
  if ((p.flags & 1u) != 0u) {
    return signed_byte(curve(nibble), 0u);
  }
  return i32(nibble) - p.plus;
}

fn number_at(row: u32, i: u32) -> f32 {
  let l = p.place;
  if (p.bits == 32u) {
    return bitcast<f32>(weight[word_at(0u, l.panel, l.codeWords, row, i)]);
  }
  if (p.bits == 16u) {
    let pair = weight[word_at(0u, l.panel, l.codeWords, row, i / 2u)];
    let bits = (pair >> (16u * (i & 1u))) & 0xffffu;
    if ((p.flags & 8u) != 0u) {
      return bitcast<f32>(bits << 16u);
    }
    return half(bits);
  }
  let minimums = (p.flags & 2u) != 0u;
  let factors = (p.flags & 4u) != 0u;
  let grain = i / p.grain;
  let unit = select(grain, i / 256u, factors);
  var scale = 0.0;
  var minimum = 0.0;
  if (minimums) {
    let word = weight[word_at(l.halvesAt, l.panel, l.halfWords, row, unit)];
    scale = half(word & 0xffffu);
    minimum = half(word >> 16u);
  } else {
    let word = weight[word_at(l.halvesAt, l.panel, l.halfWords, row, unit / 2u)];
    scale = half((word >> ((unit & 1u) * 16u)) & 0xffffu);
  }
  if (factors) {
    let words = 64u / p.grain; // of a unit's scales
    let at = unit * select(words, 2u * words, minimums) + (grain % (4u * words)) / 4u;
    scale *= f32(signed_byte(weight[word_at(l.smallsAt, l.panel, l.smallWords, row, at)], grain & 3u));
    if (minimums) {
      minimum *= f32(signed_byte(weight[word_at(l.smallsAt, l.panel, l.smallWords, row, at + words)], grain & 3u));
    }
  }
  let product = scale * f32(code_of(row, i));
  if (minimums) {
    return product - minimum;
  }
  return product;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < p.rows * p.cols; i += groups.x * 64u) {
    let row = ids[p.idsAt + i / p.cols] - p.first;
    if (row < p.count) {
      out[p.outAt + i] = number_at(row, i % p.cols) * p.scale;
    }
  }
}

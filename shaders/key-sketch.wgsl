// Sketches of whole pages: src/kv/chunks.ts has the bytes, test/reference/chunks.ts the sums, in this order. A workgroup has
// one KV head of a page (x and y of the grid), a thread one token. A product that is added to something is put down first:
// fused with the addition it would have other bits.
// include: lib/half.wgsl
// include: lib/to-half.wgsl
// include: lib/divided.wgsl
// include: lib/quotients.wgsl
struct Params {
  heads: u32,
  dim: u32,
  page: u32, // of x = 0, in `out`
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>;  // (pages, heads), both records of each
@group(1) @binding(1) var<storage, read_write> keys: array<f32>; // (pages, heads, 64, dim), rotated
override CHANNELS: u32 = 1024; // that there is room for
var<workgroup> centre: array<f32, CHANNELS>;
var<workgroup> signs: array<atomic<u32>, 2u * CHANNELS>; // of a plane
var<workgroup> sizes: array<f32, 64>;
var<workgroup> codes: array<u32, 64>;
var<workgroup> most: atomic<u32>;

fn finite_half(x: f32) -> u32 {
  return min(to_half(x), 0x7bffu);
}

fn four_at(key: u32, w: u32) -> vec4f {
  let at = 4u * w;
  let four = vec4f(keys[key + at], keys[key + at + 1u], keys[key + at + 2u], keys[key + at + 3u]);
  return four - vec4f(centre[at], centre[at + 1u], centre[at + 2u], centre[at + 3u]);
}

// What is left of four channels without a plane.
fn left_of(x: vec4f, size: f32) -> vec4f {
  return select(x - size, x + size, x < vec4f(0.0));
}

fn mean_of(sums: vec4f) -> f32 {
  return divided((sums.x + sums.y) + (sums.z + sums.w), f32(p.dim));
}

fn code_of(size: f32, unit: f32) -> f32 {
  if (unit > 0.0) {
    return min(32767.0, round(divided(size, unit)));
  }
  return 0.0;
}

// The signs of channels 4w … 4w + 3 of a token: half of a byte.
fn take_signs(token: u32, w: u32, x: vec4f) {
  let negative = select(vec4u(0u), vec4u(1u, 2u, 4u, 8u), x < vec4f(0.0));
  let bits = (negative.x | negative.y | negative.z | negative.w) << (4u * (w & 1u));
  atomicOr(&signs[(token / 16u) * (p.dim / 2u) + 4u * (w / 2u) + (token % 16u) / 4u], bits << (8u * (token & 3u)));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let dim = p.dim;
  let record = ((p.page + group.x) * p.heads + group.y) * (dim / 4u + 4u + 2u * (32u + 2u * dim));
  let first = (group.x * p.heads + group.y) * 64u * dim;
  for (var c = lane; c < dim; c += 64u) {
    var sum = 0.0;
    for (var token = 0u; token < 64u; token += 1u) {
      sum += keys[first + token * dim + c];
    }
    centre[c] = sum * 0.015625;
    atomicMax(&most, bitcast<u32>(centre[c]) & 0x7fffffffu);
  }
  workgroupBarrier();
  let greatest = atomicLoad(&most);
  var scaleBits = 0u;
  if (greatest >= 0x03800000u) { // 2⁻¹²⁰
    scaleBits = finite_half(by_127(greatest));
  }
  let scale = half(scaleBits);
  for (var w = lane; w < dim / 4u; w += 64u) {
    var word = 0u;
    for (var i = 0u; i < 4u; i += 1u) {
      var code = 0.0;
      if (scale > 0.0) {
        code = clamp(round(divided(centre[4u * w + i], scale)), -127.0, 127.0);
      }
      centre[4u * w + i] = code * scale;
      word |= (bitcast<u32>(i32(code)) & 0xffu) << (8u * i);
    }
    out[record + w] = word;
  }
  workgroupBarrier();
  if (lane == 0u) {
    atomicStore(&most, 0u);
  }
  workgroupBarrier();

  let key = first + lane * dim;
  var sums = vec4f(0.0);
  for (var w = 0u; w < dim / 4u; w += 1u) {
    sums += abs(four_at(key, w));
  }
  var size = mean_of(sums);
  atomicMax(&most, bitcast<u32>(size));
  workgroupBarrier();
  let unitBits = finite_half(bitcast<f32>(atomicLoad(&most)));
  let unit = half(unitBits) * 0.00006103515625; // 2⁻¹⁴
  if (lane == 0u) {
    out[record + dim / 4u] = scaleBits | (unitBits << 16u);
  } else if (lane < 4u) {
    out[record + dim / 4u + lane] = 0u;
  }

  var taken = 0.0;
  for (var plane = 0u; plane < 2u; plane += 1u) {
    let at = record + dim / 4u + 4u + plane * (32u + 2u * dim);
    let code = code_of(size, unit);
    codes[lane] = u32(code);
    sizes[lane] = code * unit;
    for (var i = lane; i < 2u * dim; i += 64u) {
      atomicStore(&signs[i], 0u);
    }
    workgroupBarrier();
    if (lane < 32u) {
      out[at + lane] = codes[2u * lane] | (codes[2u * lane + 1u] << 16u);
    }
    let own = sizes[lane];
    sums = vec4f(0.0);
    for (var w = 0u; w < dim / 4u; w += 1u) {
      var x = four_at(key, w);
      if (plane == 1u) {
        x = left_of(x, taken);
      }
      take_signs(lane, w, x);
      sums += abs(left_of(x, own));
    }
    size = mean_of(sums);
    taken = own;
    workgroupBarrier();
    for (var i = lane; i < 2u * dim; i += 64u) {
      out[at + 32u + i] = atomicLoad(&signs[i]);
    }
    workgroupBarrier();
  }
}

// Queries as stored keys meet them, four of them side by side. For q8 keys: rotated as they are, then codes of 14 bits with
// a scale of their own, each code in two bytes, 128 · high + low; word w of a quad is four highs and four lows. For q4 keys:
// the rotated numbers, for f16 keys the numbers themselves, channel by channel. A workgroup has one query: x of the grid is its place in the tile, y
// the tile, z the KV head.
// include: lib/divided.wgsl
// include: lib/rotate.wgsl
// include: lib/slots.wgsl
struct Params {
  @size(32) slots: Slots,
  qAt: u32,
  dim: u32,
  width: u32,    // of a rotated block of channels; 0: keys are not rotated
  norm: f32,     // 1 / √width
  scale: f32,    // of logits
  scalesAt: u32, // in out, in words
  coded: u32,    // 1: keys are q8
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>;
@group(1) @binding(1) var<storage, read_write> q: array<f32>; // (rows, heads · dim)
var<workgroup> most: atomic<u32>; // greatest magnitude, as bits

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let query = query_of(p.slots, group.z, group.y, group.x);
  let slot = (group.z * p.slots.tiles + group.y) * p.slots.slots + group.x;
  let source = p.qAt + (query.row * p.slots.heads + query.head) * p.dim;
  for (var c = lane; c < p.dim; c += LANES) {
    // A padded slot asks for nothing.
    x[c] = 0.0;
    if (query.exists) {
      x[c] = q[source + c];
    }
  }
  workgroupBarrier();
  if (p.width > 0u) {
    rotate(p.dim, p.width, lane);
    for (var c = lane; c < p.dim; c += LANES) {
      x[c] *= p.norm;
    }
    workgroupBarrier();
  }
  if (p.coded == 0u) {
    for (var c = lane; c < p.dim; c += LANES) {
      out[((slot / 4u) * p.dim + c) * 4u + slot % 4u] = bitcast<u32>(x[c]);
    }
    if (lane == 0u) {
      out[p.scalesAt + slot] = bitcast<u32>(p.scale);
    }
    return;
  }
  for (var c = lane; c < p.dim; c += LANES) {
    atomicMax(&most, bitcast<u32>(x[c]) & 0x7fffffffu);
  }
  workgroupBarrier();
  let greatest = atomicLoad(&most);
  var step = 0.0;
  var inverse = 0.0;
  if (greatest >= 0x7f800000u) {
    step = bitcast<f32>(greatest | 0x7fc00000u);
  } else if (greatest >= 0x0d800000u) { // 2⁻¹⁰⁰
    step = divided(bitcast<f32>(greatest), 8191.0);
    inverse = divided(8191.0, bitcast<f32>(greatest));
  }
  for (var w = lane; w < p.dim / 4u; w += LANES) {
    var high = 0u;
    var low = 0u;
    for (var byte = 0u; byte < 4u; byte += 1u) {
      let code = i32(clamp(round(x[4u * w + byte] * inverse), -8191.0, 8191.0));
      let upper = (code + 64) >> 7u;
      high |= (bitcast<u32>(upper) & 0xffu) << (8u * byte);
      low |= (bitcast<u32>(code - 128 * upper) & 0xffu) << (8u * byte);
    }
    let at = ((slot / 4u) * (p.dim / 4u) + w) * 8u + slot % 4u;
    out[at] = high;
    out[at + 4u] = low;
  }
  if (lane == 0u) {
    out[p.scalesAt + slot] = bitcast<u32>(step * p.scale);
  }
}

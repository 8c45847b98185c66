// A query as sketches and codes are asked: rotated, as integers up to ±8191, and what is looked up for the signs of four
// channels, as integers up to ±15. A workgroup has what one asking head (y) of a tile (x) asks.
// include: lib/divided.wgsl
// include: lib/rotate.wgsl
struct Params {
  qAt: u32,
  cols: u32,
  dim: u32,
  together: u32, // heads that ask by the sum of their queries
  tableAt: u32,  // three words a tile, the second: the row that asks
  width: u32,    // of a rotated block of channels
  norm: f32,     // 1 / √width
  scale: f32,
  unit: f32,     // what a step of a weighed sum is worth, beside the scales
}
@group(0) @binding(0) var<uniform> p: Params;
// (tiles, askers): codes (dim), lookups (dim / 4, 16 bytes), what a code and a step are worth, 2 words that nobody reads
@group(1) @binding(0) var<storage, read_write> out: array<u32>;
@group(1) @binding(1) var<storage, read_write> q: array<f32>;
@group(1) @binding(2) var<storage, read> lists: array<u32>;
var<workgroup> most: atomic<u32>;
var<workgroup> mostFour: atomic<u32>;

// greatest / most; 0 where that is nothing beside a number, or none.
fn inverse_of(greatest: f32, most: u32) -> f32 {
  if (most < 0x0d800000u || most >= 0x7f800000u) { // 2⁻¹⁰⁰
    return 0.0;
  }
  return divided(greatest, bitcast<f32>(most));
}

fn lookup(group: u32, signs: u32, inverse: f32) -> u32 {
  var sum = 0.0;
  for (var i = 0u; i < 4u; i += 1u) {
    let value = x[4u * group + i];
    sum += select(value, -value, ((signs >> i) & 1u) == 1u);
  }
  return bitcast<u32>(i32(round(sum * inverse))) & 0xffu;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let dim = p.dim;
  let row = p.qAt + lists[p.tableAt + 3u * group.x + 1u] * p.cols + group.y * p.together * dim;
  for (var c = lane; c < dim; c += LANES) {
    var sum = q[row + c];
    for (var i = 1u; i < p.together; i += 1u) {
      sum += q[row + i * dim + c];
    }
    x[c] = sum;
  }
  workgroupBarrier();
  rotate(dim, p.width, lane);
  for (var c = lane; c < dim; c += LANES) {
    x[c] = x[c] * p.norm;
    atomicMax(&most, bitcast<u32>(x[c]) & 0x7fffffffu);
  }
  workgroupBarrier();
  for (var four = lane; four < dim / 4u; four += LANES) {
    let sum = abs(x[4u * four]) + abs(x[4u * four + 1u]) + abs(x[4u * four + 2u]) + abs(x[4u * four + 3u]);
    atomicMax(&mostFour, bitcast<u32>(sum) & 0x7fffffffu);
  }
  workgroupBarrier();
  let greatest = atomicLoad(&most);
  let greatestFour = atomicLoad(&mostFour);
  let at = (group.x * groups.y + group.y) * (2u * dim + 4u);
  let inverse = inverse_of(8191.0, greatest);
  let inverseFour = inverse_of(15.0, greatestFour);
  for (var c = lane; c < dim; c += LANES) {
    out[at + c] = 0u;
    out[at + dim + c] = 0u;
    if (inverse != 0.0) {
      out[at + c] = bitcast<u32>(i32(round(x[c] * inverse)));
    }
    if (inverseFour != 0.0) {
      let first = 4u * (c & 3u);
      var word = 0u;
      for (var i = 0u; i < 4u; i += 1u) {
        word |= lookup(c / 4u, first + i, inverseFour) << (8u * i);
      }
      out[at + dim + c] = word;
    }
  }
  if (lane == 0u) {
    var code = 0u;
    var step = 0u;
    if (greatest >= 0x7f800000u || greatestFour >= 0x7f800000u) {
      code = 0x7fc00000u;
    } else {
      code = bitcast<u32>(divided(bitcast<f32>(greatest), 8191.0) * p.scale);
      step = bitcast<u32>(divided(bitcast<f32>(greatestFour), 15.0) * p.scale * p.unit);
    }
    out[at + 2u * dim] = code;
    out[at + 2u * dim + 1u] = step;
  }
}

// The softmax of a run of `logits` (bits of f32), by 256 threads. −Infinity stands for what takes no part; numbers that are
// none, and infinite ones, are looked for by their bits, since a device may take it for granted that there are none.
// include: lib/exp2.wgsl
const NOTHING = 0xff800000u; // −Infinity
const BROKEN = 0x7fc00000u;  // not a number

// Of a run: what its exponentials are of, and what they are multiplied by.
struct Softmax {
  top: f32,
  share: f32,
  broken: bool,
}
var<workgroup> greatest: atomic<u32>;
var<workgroup> broken: atomic<u32>;
var<workgroup> sums: array<f32, 256>;

fn is_number(bits: u32) -> bool {
  return (bits & 0x7f800000u) != 0x7f800000u;
}

fn exponential(x: f32) -> f32 {
  return exp2_of(x * 1.4426950408889634);
}

fn four_of(at: u32, step: u32) -> vec4f {
  return vec4f(sums[at], sums[at + step], sums[at + 2u * step], sums[at + 3u * step]);
}

// The sum of sixteen sums, `step` apart, by halves: those of all threads are added up in the order of a binary tree.
fn tree_of(at: u32, step: u32) -> f32 {
  let four = (four_of(at, step) + four_of(at + 8u * step, step)) + (four_of(at + 4u * step, step) + four_of(at + 12u * step, step));
  let two = four.xy + four.zw;
  return two.x + two.y;
}

fn softmax_of(at: u32, n: u32, lane: u32) -> Softmax {
  if (lane == 0u) {
    atomicStore(&greatest, 0u);
    atomicStore(&broken, 0u);
  }
  workgroupBarrier();
  var most = 0u;
  for (var i = lane; i < n; i += 256u) {
    let bits = logits[at + i];
    if (is_number(bits)) {
      most = max(most, select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u));
    } else if (bits != NOTHING) {
      atomicStore(&broken, 1u);
    }
  }
  atomicMax(&greatest, most);
  workgroupBarrier();
  let key = atomicLoad(&greatest);
  let top = bitcast<f32>(select(~key, key & 0x7fffffffu, (key >> 31u) == 1u));
  var sum = 0.0;
  for (var i = lane; i < n; i += 256u) {
    let bits = logits[at + i];
    if (is_number(bits)) {
      sum += exponential(bitcast<f32>(bits) - top);
    }
  }
  sums[lane] = sum;
  workgroupBarrier();
  var some = 0.0;
  if (lane < 16u) {
    some = tree_of(lane, 16u);
  }
  workgroupBarrier();
  if (lane < 16u) {
    sums[lane] = some;
  }
  workgroupBarrier();
  let total = tree_of(0u, 1u);
  let is = Softmax(top, 1.0 / max(total, 1.0), atomicLoad(&broken) != 0u);
  workgroupBarrier();
  return is;
}

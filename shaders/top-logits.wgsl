// The greatest of many numbers, in rounds: a workgroup sorts 1024 of them and hands on its first `count`, until one workgroup
// has what is left. With them goes the sum of e^(x − greatest) over all numbers that a workgroup stands for.
// include: lib/exp2.wgsl
const SORTED = 1024u;
const THREADS = 256u;

struct Params {
  at: u32,      // of the first number
  n: u32,       // numbers; later, groups of the round before
  count: u32,
  numbers: u32, // 1: the first round
  outAt: u32,
  last: u32,    // 1: what is written is what was asked for
}
@group(0) @binding(0) var<uniform> p: Params;
// Of every group: the sum, how many rows are filled, then rows of a number and its place. Places are f32 in the last round.
@group(1) @binding(0) var<storage, read_write> out: array<u32>;
@group(1) @binding(1) var<storage, read_write> found: array<u32>;
var<workgroup> keys: array<u32, 1024>;
var<workgroup> places: array<u32, 1024>;
var<workgroup> sums: array<f32, 256>;

// Greater where the number is; 0 for NaN and −∞, which take no part.
fn key_of(number: u32) -> u32 {
  if ((number & 0x7fffffffu) > 0x7f800000u || number == 0xff800000u) {
    return 0u;
  }
  if (number == 0x80000000u) {
    return number;
  }
  return select(number | 0x80000000u, ~number, (number >> 31u) == 1u);
}

fn number_of(key: u32) -> u32 {
  return select(~key, key & 0x7fffffffu, (key >> 31u) == 1u);
}

fn stands_before(a: u32, b: u32) -> bool {
  return keys[a] > keys[b] || (keys[a] == keys[b] && places[a] < places[b]);
}

// e^(x − greatest); 0 where there is no x.
fn share_of(key: u32, greatest: u32) -> f32 {
  if (key == 0u) {
    return 0.0;
  }
  return exp2_of((bitcast<f32>(number_of(key)) - bitcast<f32>(number_of(greatest))) * 1.4426950408889634);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let width = 2u * (p.count + 1u);
  let together = SORTED / p.count; // groups of the round before that one group takes
  let first = group.x * together;
  for (var i = lane; i < SORTED; i += THREADS) {
    var key = 0u;
    var place = 0xffffffffu;
    if (p.numbers == 1u) {
      let number = group.x * SORTED + i;
      if (number < p.n) {
        key = key_of(found[p.at + number]);
        place = number;
      }
    } else if (i < together * p.count && first + i / p.count < p.n) {
      let at = (first + i / p.count) * width;
      if (i % p.count < found[at + 1u]) {
        key = key_of(found[at + 2u + 2u * (i % p.count)]);
        place = found[at + 3u + 2u * (i % p.count)];
      }
    }
    keys[i] = key;
    places[i] = place;
  }
  // Bitonic: runs of `size` are sorted, one upwards and one downwards by turns.
  for (var size = 2u; size <= SORTED; size *= 2u) {
    for (var stride = size / 2u; stride > 0u; stride /= 2u) {
      workgroupBarrier();
      for (var pair = lane; pair < SORTED / 2u; pair += THREADS) {
        let low = (pair / stride) * 2u * stride + pair % stride;
        let high = low + stride;
        if (stands_before(high, low) == ((low & size) == 0u)) {
          let key = keys[low];
          let place = places[low];
          keys[low] = keys[high];
          places[low] = places[high];
          keys[high] = key;
          places[high] = place;
        }
      }
    }
  }
  workgroupBarrier();

  let greatest = keys[0];
  var sum = 0.0;
  if (p.numbers == 1u) {
    for (var i = lane; i < SORTED; i += THREADS) {
      sum += share_of(keys[i], greatest);
    }
  } else {
    for (var i = lane; i < together && first + i < p.n; i += THREADS) {
      let at = (first + i) * width;
      if (found[at + 1u] > 0u) {
        sum += bitcast<f32>(found[at]) * share_of(key_of(found[at + 2u]), greatest);
      }
    }
  }
  sums[lane] = sum;
  for (var step = THREADS / 2u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) {
      sums[lane] += sums[lane + step];
    }
  }
  workgroupBarrier();

  let to = p.outAt + group.x * width;
  if (lane < p.count) {
    let key = keys[lane];
    if (key != 0u) {
      out[to + 2u + 2u * lane] = number_of(key);
      out[to + 3u + 2u * lane] = select(places[lane], bitcast<u32>(f32(places[lane])), p.last == 1u);
    }
    if (key != 0u && (lane + 1u == p.count || keys[lane + 1u] == 0u)) {
      out[to + 1u] = select(lane + 1u, bitcast<u32>(f32(lane + 1u)), p.last == 1u);
    }
  }
  if (lane == 0u) {
    out[to] = bitcast<u32>(sums[0]);
    if (greatest == 0u) {
      out[to + 1u] = 0u;
    }
  }
}

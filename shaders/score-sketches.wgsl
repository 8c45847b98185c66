// Logits of sub-blocks: the greatest q·k over their 16 keys, as one plane or two of the keys' sketches have it (bytes:
// src/kv/chunks.ts). A workgroup has a page (x) of one KV head (y) for one tile (z), a thread one key of it. With candidates,
// sub-blocks that none of their ranges overlap get −Infinity.
// include: lib/half.wgsl
// include: lib/named.wgsl
const NOTHING = 0xff800000u; // −Infinity
const BROKEN = 0x7fc00000u;  // not a number

struct Params {
  plan: PlanShape, // of the candidates; rows 0: there are none
  dim: u32,
  kvHeads: u32,
  planes: u32,
  askers: u32,    // of a KV head
  perList: u32,   // KV heads of a list
  room: i32,      // sums are multiplied by it, then weighed by 15-bit fractions
  tableAt: u32,   // three words a tile: sub-blocks, first row, tile of the candidates
  outAt: u32,
  tileStep: u32,  // in `out`, from tile to tile
  askerStep: u32, // and from asking head to asking head
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>;
@group(1) @binding(1) var<storage, read_write> queries: array<u32>; // as sketch-query.wgsl makes them
@group(1) @binding(2) var<storage, read> sketches: array<u32>;
@group(1) @binding(3) var<storage, read> plan: array<u32>;
@group(1) @binding(4) var<storage, read> lists: array<u32>;
override CHANNELS: u32 = 1024; // that there is room for
var<workgroup> lookups: array<u32, CHANNELS>;
var<workgroup> weighed: array<i32, 64>;
var<workgroup> centre: atomic<i32>;

fn signed_byte(word: u32, byte: u32) -> i32 {
  return i32(word << (24u - 8u * byte)) >> 24u;
}

fn entry(four: u32, signs: u32) -> i32 {
  return signed_byte(lookups[4u * four + signs / 4u], signs & 3u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let page = group.x;
  let dim = p.dim;
  let tile = p.tableAt + 3u * group.z;
  if (4u * page >= lists[tile]) {
    return;
  }
  let to = p.outAt + group.z * p.tileStep + group.y * p.askers * p.askerStep + 4u * page;
  var named = true;
  if (p.plan.rows > 0u) {
    let row = (group.y / p.perList) * p.plan.tiles + lists[tile + 2u];
    let count = plan[row];
    let first = range_after(p.plan, row, count, 64u * page);
    if (first == count || plan[range_at(p.plan, row, min(first, p.plan.capacity - 1u))] >= 64u * page + 64u) {
      if (lane < 4u) {
        for (var i = 0u; i < p.askers; i += 1u) {
          out[to + i * p.askerStep + lane] = NOTHING;
        }
      }
      return;
    }
    let begin = 64u * page + (lane & ~15u);
    named = false;
    for (var range = first; range < count; range += 1u) {
      let at = range_at(p.plan, row, range);
      if (plan[at] >= begin + 16u) {
        break;
      }
      named = named || plan[at + 1u] > begin;
    }
  }
  let record = (page * p.kvHeads + group.y) * (dim / 4u + 4u + 2u * (32u + 2u * dim));
  let planes = record + dim / 4u + 4u;
  for (var i = 0u; i < p.askers; i += 1u) {
    let query = ((group.z * p.kvHeads + group.y) * p.askers + i) * (2u * dim + 4u);
    if (lane == 0u) {
      atomicStore(&centre, 0);
    }
    for (var c = lane; c < dim; c += 64u) {
      lookups[c] = queries[query + dim + c];
    }
    workgroupBarrier();
    var product = 0i;
    for (var c = lane; c < dim; c += 64u) {
      product += bitcast<i32>(queries[query + c]) * signed_byte(sketches[record + c / 4u], c & 3u);
    }
    atomicAdd(&centre, product);
    var total = 0i;
    for (var plane = 0u; plane < p.planes; plane += 1u) {
      let at = planes + plane * (32u + 2u * dim);
      let signs = at + 32u + (lane / 16u) * (dim / 2u) + (lane % 16u) / 4u;
      var sum = 0i;
      for (var eight = 0u; eight < dim / 8u; eight += 1u) {
        let byte = (sketches[signs + 4u * eight] >> (8u * (lane & 3u))) & 0xffu;
        sum += entry(2u * eight, byte & 15u) + entry(2u * eight + 1u, byte >> 4u);
      }
      let scale = i32((sketches[at + lane / 2u] >> (16u * (lane & 1u))) & 0xffffu);
      total += (sum * p.room * scale + 16384) >> 15u;
    }
    weighed[lane] = clamp(total, -32768, 32767);
    workgroupBarrier();
    if ((lane & 15u) == 0u) {
      var most = weighed[lane];
      for (var other = 1u; other < 16u; other += 1u) {
        most = max(most, weighed[lane + other]);
      }
      let worth = queries[query + 2u * dim];
      var bits = NOTHING;
      if (named) {
        bits = BROKEN;
        if (worth != BROKEN) {
          let scales = sketches[record + dim / 4u];
          let start = f32(atomicLoad(&centre)) * half(scales & 0xffffu) * bitcast<f32>(worth);
          let step = half(scales >> 16u) * bitcast<f32>(queries[query + 2u * dim + 1u]);
          bits = bitcast<u32>(start + f32(most) * step);
        }
      }
      out[to + i * p.askerStep + lane / 16u] = bits;
    }
    workgroupBarrier();
  }
}

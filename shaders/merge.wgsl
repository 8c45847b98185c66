// What attend.wgsl with SPLIT wrote down of every page, joined page by page. A workgroup has one query: x of the grid is
// its place in the tile, y the tile, z the KV head; a thread has every 64th channel.
// include: lib/exp2.wgsl
// include: lib/slots.wgsl
// include: lib/merged.wgsl
const BEGINS = 1u;
const ENDS = 2u;
const SUMS = 4u;

struct Params {
  @size(32) slots: Slots,
  dim: u32,     // of values
  outAt: u32,
  sumsAt: u32,
  carryAt: u32,
  flags: u32,
  room: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;     // (rows, heads · dim)
@group(1) @binding(1) var<storage, read_write> given: array<u32>;   // numbers of pages, then top, sum and mixed values of each
@group(1) @binding(2) var<storage, read_write> sumsOut: array<f32>; // (rows, heads)
@group(1) @binding(3) var<storage, read_write> carry: array<f32>;   // (rows · heads, dim + 2)

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let s = p.slots;
  let query = query_of(s, group.z, group.y, group.x);
  if (!query.exists) {
    return;
  }
  let slot = (group.z * s.tiles + group.y) * s.slots + group.x;
  let width = p.dim + 2u;
  let records = s.kvHeads * s.tiles * s.slots + slot * p.room * width;
  let count = given[slot];
  let index = query.row * s.heads + query.head;
  let carried = p.carryAt + index * width;
  let begins = (p.flags & BEGINS) != 0u;
  let ends = (p.flags & ENDS) != 0u;
  var top = NEVER;
  var sum = 0.0;
  for (var c = lane; c < p.dim; c += 64u) {
    var mixed = 0.0;
    top = NEVER;
    sum = 0.0;
    if (begins) {
      top = carry[carried];
      sum = carry[carried + 1u];
      mixed = carry[carried + 2u + c];
    }
    for (var i = 0u; i < count; i += 1u) {
      let at = records + i * width;
      let here = bitcast<f32>(given[at]);
      let fade = fades_of(top, here);
      top = max(top, here);
      sum = fma(sum, fade.x, bitcast<f32>(given[at + 1u]) * fade.y);
      mixed = fma(mixed, fade.x, bitcast<f32>(given[at + 2u + c]) * fade.y);
    }
    if (ends) {
      out[p.outAt + index * p.dim + c] = mixed / sum;
    } else {
      carry[carried + 2u + c] = mixed;
    }
  }
  // Not before all threads have read what the pass before wrote there.
  storageBarrier();
  if (lane > 0u) {
    return;
  }
  if (!ends) {
    carry[carried] = top;
    carry[carried + 1u] = sum;
  } else if ((p.flags & SUMS) != 0u) {
    sumsOut[p.sumsAt + index] = log_sum(top, sum);
  }
}

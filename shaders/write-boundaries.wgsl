// Takes boundaries as they were stored, in one workgroup. What lies past `limit` is forgotten first.
// include: lib/boundaries.wgsl
struct Params {
  limit: u32, // the last boundary that the pages before may have decided
  count: u32, // that come
  rawAt: u32, // in `raw`
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> boundaries: array<u32>;
@group(1) @binding(1) var<storage, read> raw: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  let before = boundaries_up_to(p.limit);
  // Nobody looks any more.
  storageBarrier();
  for (var i = lane; i < p.count; i += 64u) {
    boundaries[1u + before + i] = raw[p.rawAt + i];
  }
  if (lane == 0u) {
    boundaries[0] = before + p.count;
  }
}

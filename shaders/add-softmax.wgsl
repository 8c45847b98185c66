// scores = Σ over the heads of a list of the softmax of their logits. A workgroup has one row: list · tiles + tile.
// include: lib/boundaries.wgsl
// include: lib/softmax.wgsl
struct Params {
  rows: u32,
  tiles: u32,
  heads: u32,   // that have logits
  perList: u32, // of them
  stride: u32,
  tableAt: u32, // three words a tile, the first: how many there are, or, indexed, the last boundary it may know
  indexed: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> scores: array<u32>; // numbers of chunks (rows), then scores (rows, stride)
@group(1) @binding(1) var<storage, read_write> logits: array<u32>; // (tiles, heads, stride)
@group(1) @binding(2) var<storage, read> boundaries: array<u32>;
@group(1) @binding(3) var<storage, read> lists: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let tile = row % p.tiles;
  var n = lists[p.tableAt + 3u * tile];
  if (p.indexed != 0u) {
    n = boundaries_up_to(n) - 1u;
  }
  let to = p.rows + row * p.stride;
  for (var i = 0u; i < p.perList; i += 1u) {
    let at = (tile * p.heads + (row / p.tiles) * p.perList + i) * p.stride;
    let is = softmax_of(at, n, lane);
    for (var c = lane; c < n; c += 256u) {
      let bits = logits[at + c];
      var score = NOTHING;
      if (bits != NOTHING) {
        score = BROKEN;
        var before = 0u;
        if (i > 0u) {
          before = scores[to + c];
        }
        if (!is.broken && is_number(before)) {
          score = bitcast<u32>(bitcast<f32>(before) + exponential(bitcast<f32>(bits) - is.top) * is.share);
        }
      }
      scores[to + c] = score;
    }
  }
  if (lane == 0u) {
    scores[row] = n;
  }
}

// Probabilities of one row of each tile: the softmax of its logits over tokens. A workgroup has one query head (x of the grid)
// of one tile (y). Where nothing is named, and behind the row, they are 0.
// include: lib/softmax.wgsl
struct Params {
  heads: u32,
  span: u32,     // of logits
  position: u32, // of row 0
  round: u32,    // the row of each tile
  tableAt: u32,  // three words a tile: unused, the row that asks, rows
  outAt: u32,
  cols: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>;    // (rows · heads, cols), bits of f32
@group(1) @binding(1) var<storage, read_write> logits: array<u32>; // (tiles, heads, span)
@group(1) @binding(2) var<storage, read> lists: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let table = p.tableAt + 3u * group.y;
  if (p.round >= lists[table + 2u]) {
    return;
  }
  let row = lists[table + 1u];
  let tokens = p.position + row + 1u;
  let at = (group.y * p.heads + group.x) * p.span;
  let is = softmax_of(at, tokens, lane);
  let to = p.outAt + (row * p.heads + group.x) * p.cols;
  for (var token = lane; token < p.cols; token += 256u) {
    var bits = 0u;
    if (token < tokens && logits[at + token] != NOTHING) {
      bits = BROKEN;
      if (!is.broken) {
        bits = bitcast<u32>(exponential(min(0.0, bitcast<f32>(logits[at + token]) - is.top)) * is.share);
      }
    }
    out[to + token] = bits;
  }
}

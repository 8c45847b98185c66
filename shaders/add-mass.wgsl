// scores += the mass of each chunk in the softmax of one row's logits over tokens, for every head of a list. A workgroup has
// one row of the scores: list · tiles + tile. Chunks of which no token has a logit stay, or become, −Infinity.
// include: lib/boundaries.wgsl
// include: lib/softmax.wgsl
struct Params {
  rows: u32,
  tiles: u32,
  heads: u32,
  perList: u32,
  stride: u32,   // of scores
  span: u32,     // of logits
  position: u32, // of row 0
  round: u32,    // the row of each tile
  tableAt: u32,  // three words a tile: limit, the row that asks, rows
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> scores: array<u32>; // numbers of chunks (rows), then scores (rows, stride)
@group(1) @binding(1) var<storage, read_write> logits: array<u32>; // (tiles, heads, span)
@group(1) @binding(2) var<storage, read> boundaries: array<u32>;
@group(1) @binding(3) var<storage, read> lists: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let tile = row % p.tiles;
  let table = p.tableAt + 3u * tile;
  if (p.round >= lists[table + 2u]) {
    return;
  }
  let n = boundaries_up_to(lists[table]) - 1u;
  let tokens = p.position + lists[table + 1u] + 1u;
  let to = p.rows + row * p.stride;
  for (var i = 0u; i < p.perList; i += 1u) {
    let at = (tile * p.heads + (row / p.tiles) * p.perList + i) * p.span;
    let is = softmax_of(at, tokens, lane);
    for (var c = lane; c < n; c += 256u) {
      var score = NOTHING;
      if (i > 0u || p.round > 0u) {
        score = scores[to + c];
      }
      var sum = 0.0;
      var named = false;
      for (var token = boundaries[1u + c]; token < min(boundaries[2u + c], tokens); token += 1u) {
        let bits = logits[at + token];
        if (bits != NOTHING) {
          named = true;
          sum += exponential(min(0.0, bitcast<f32>(bits) - is.top));
        }
      }
      if (named) {
        let before = select(score, 0u, score == NOTHING);
        score = BROKEN;
        if (!is.broken && is_number(before)) {
          score = bitcast<u32>(bitcast<f32>(before) + sum * is.share);
        }
      }
      scores[to + c] = score;
    }
  }
  if (lane == 0u) {
    scores[row] = n;
  }
}

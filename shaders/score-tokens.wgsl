// Logits of the tokens that a plan names, of one row of each tile: exact q·k of stored keys. A thread has one token; x of the
// grid is the page, y the query head, z the tile. What is not named, or comes after the row, gets −Infinity.
// include: lib/half.wgsl
// include: lib/stored-keys.wgsl
// include: lib/named.wgsl
const NOTHING = 0xff800000u; // −Infinity
const BROKEN = 0x7fc00000u;  // not a number

struct Params {
  keys: Keys,
  plan: PlanShape,
  heads: u32,
  group: u32,    // query heads of a KV head
  perList: u32,  // query heads of a list
  span: u32,     // logits of a head
  qAt: u32,
  cols: u32,
  position: u32, // of row 0
  round: u32,    // the row of each tile
  tableAt: u32,  // in `lists`, three words a tile: limit, the row that asks, rows
  scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>;     // (tiles, heads, span)
@group(1) @binding(1) var<storage, read_write> pages: array<u32>;
@group(1) @binding(2) var<storage, read_write> q: array<f32>;       // (rows, cols)
@group(1) @binding(3) var<storage, read_write> queries: array<u32>; // as sketch-query.wgsl makes them
@group(1) @binding(4) var<storage, read> table: array<u32>;
@group(1) @binding(5) var<storage, read> plan: array<u32>;
@group(1) @binding(6) var<storage, read> lists: array<u32>;

fn logit(tile: u32, head: u32, row: u32, token: u32) -> u32 {
  let k = p.keys;
  if (table[token / 64u] == 0xffffffffu) {
    return BROKEN;
  }
  let block = block_at(k, head / p.group, token);
  if (k.codec == 0u) {
    let at = p.qAt + row * p.cols + head * k.dim;
    var sum = vec4f(0.0);
    for (var w = 0u; w < k.dim / 4u; w += 1u) {
      let c = at + 4u * w;
      sum = fma(vec4f(q[c], q[c + 1u], q[c + 2u], q[c + 3u]), key_four(k, block, token, 1.0, w), sum);
    }
    return bitcast<u32>((sum.x + sum.y + (sum.z + sum.w)) * p.scale);
  }
  let at = (tile * p.heads + head) * (2u * k.dim + 4u);
  let worth = queries[at + 2u * k.dim];
  if (worth == BROKEN) {
    return BROKEN;
  }
  if (k.codec == 2u) {
    var weighted = vec4f(0.0);
    for (var w = 0u; w < k.dim / 4u; w += 1u) {
      let c = at + 4u * w;
      let codes = bitcast<vec4i>(vec4u(queries[c], queries[c + 1u], queries[c + 2u], queries[c + 3u]));
      weighted = fma(vec4f(codes), key_four(k, block, token, 1.0, w), weighted);
    }
    return bitcast<u32>((weighted.x + weighted.y + (weighted.z + weighted.w)) * bitcast<f32>(worth));
  }
  var sum = 0i;
  for (var w = 0u; w < k.dim / 4u; w += 1u) {
    let word = pages[block + (token % 64u) * (k.dim / 4u) + w];
    for (var i = 0u; i < 4u; i += 1u) {
      sum += bitcast<i32>(queries[at + 4u * w + i]) * (i32(word << (24u - 8u * i)) >> 24u);
    }
  }
  return bitcast<u32>(f32(sum) * (key_scale(k, block, token) * bitcast<f32>(worth)));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tile = p.tableAt + 3u * id.z;
  let row = lists[tile + 1u];
  let token = id.x;
  if (p.round >= lists[tile + 2u] || token > p.position + row) {
    return;
  }
  let planned = (id.y / p.perList) * p.plan.tiles + id.z;
  let count = plan[planned];
  let range = range_after(p.plan, planned, count, token);
  var bits = NOTHING;
  if (range < count && plan[range_at(p.plan, planned, range)] <= token) {
    bits = logit(id.z, id.y, row, token);
  }
  out[(id.z * p.heads + id.y) * p.span + token] = bits;
}

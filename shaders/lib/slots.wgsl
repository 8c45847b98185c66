// Where queries stand. Those of a KV head and a tile are side by side, row by row, the query heads of a row together, and
// are padded to `slots`, so that four of them, a quad, are always of one tile.
struct Slots {
  position: u32, // of the call's first row
  rows: u32,
  tileRows: u32,
  tiles: u32,
  heads: u32,
  kvHeads: u32,
  slots: u32,    // of a tile, a multiple of those of a workgroup
}

struct Query {
  row: u32,      // of the call
  head: u32,
  position: u32,
  exists: bool,
}

// Query heads of a row that have room in a tile: of the KV head that most of them share.
fn group_of(s: Slots) -> u32 {
  return (s.heads + s.kvHeads - 1u) / s.kvHeads;
}

// [first, end) of a tile's rows, as positions.
fn tile_span(s: Slots, tile: u32) -> vec2u {
  let begin = (s.position / s.tileRows + tile) * s.tileRows;
  return vec2u(max(s.position, begin), min(s.position + s.rows, begin + s.tileRows));
}

fn query_of(s: Slots, kvHead: u32, tile: u32, n: u32) -> Query {
  let group = group_of(s);
  let span = tile_span(s, tile);
  let position = span.x + n / group;
  // Query head h reads KV head ⌊h · kvHeads / heads⌋.
  let first = (kvHead * s.heads + s.kvHeads - 1u) / s.kvHeads;
  let end = ((kvHead + 1u) * s.heads + s.kvHeads - 1u) / s.kvHeads;
  let head = first + n % group;
  return Query(position - s.position, head, position, position < span.y && head < end);
}

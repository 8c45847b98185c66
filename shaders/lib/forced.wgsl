// What a tile reads whatever has scores, [0, sinks) and [forced, end), and what it may choose besides. Read from
// `boundaries` (their number, then the boundaries) and `table` (five words a tile).
// include: lib/boundaries.wgsl
struct Keep {
  tableAt: u32,
  sinks: u32,
  whole: u32,   // sub-blocks of so many tokens are chosen; 1: chunks, or nothing
  indexed: u32, // there are boundaries
  share: u32,   // of all scores, in steps of 2⁻¹⁶, that is enough; 0: whatever the budget has room for
}

struct Forced {
  n: u32,      // chunks or sub-blocks that have been closed for the tile
  sinks: u32,
  forced: u32,
  end: u32,
  left: u32,   // of the budget; 0 where everything is read
}

fn forced_of(keep: Keep, tile: u32) -> Forced {
  let at = keep.tableAt + 5u * tile;
  let latest = table[at]; // where the tail begins at the latest
  let limit = table[at + 1u]; // the last boundary that the tile may know
  let reach = table[at + 2u]; // the end of the rows that choose
  let budget = table[at + 4u];
  var is = Forced(0u, 0u, 0u, table[at + 3u], 0u);
  var known = limit;
  if (keep.indexed != 0u) {
    is.n = boundaries_up_to(limit) - 1u;
    known = boundaries[1u + is.n];
  } else if (keep.whole > 1u) {
    is.n = limit / keep.whole;
  }
  is.sinks = min((keep.sinks + keep.whole - 1u) / keep.whole * keep.whole, reach);
  if (budget >= reach && keep.share == 0u) {
    is.n = 0u;
    return is;
  }
  is.forced = min(known, latest) / keep.whole * keep.whole;
  let taken = select(is.sinks + reach - is.forced, reach, is.sinks >= is.forced);
  let most = min(budget, reach);
  is.left = select(most - taken, 0u, taken > most);
  return is;
}

// Attention over a plan: softmax(scale · q·Kᵀ) · V over the ranges a tile reads, causal inside them, with a running
// maximum and sum (online softmax; FlashAttention-2, arXiv 2307.08691). Keys come in blocks of 32 aligned to absolute
// positions, and every row meets the same blocks in the same order, so its bits depend on its ranges and the pages only.
//
// The arguments lie in memory, in words of four bytes, so that one record serves every thread:
//    0 out           (rows, heads, valueDim) f32
//    1 q             (rows, heads, keyDim) f32
//    2 table         u32 addresses of pages
//    3 counts, 4 ranges, 5 capacity, 6 lists   the plan: row r = list · tiles + tile has counts[r] ranges, u32 pairs at
//                    ranges + r · capacity · 8
//    7 position, 8 rows, 9 tileRows
//   10 heads, 11 kvHeads, 12 keyDim, 13 valueDim, 14 keyCodec, 15 valueCodec
//   16 window        a row at p reads keys in (p − window, p]; 2³⁰ for no window
//   17 lse           0, or (rows, heads) f32
//   18 scale f32, 19 softcap f32 (0 for none), 20 skipBelow f32 (Infinity for never)
//   21 from, 22 to  keys at positions [from, to) are read, multiples of 64
//   23 begin        0, or (rows, heads, valueDim + 2) f32: where the pass before left off
//   24 carry        0, or as many numbers that are written in place of out and lse
//   25 whole        items before this one are whole; 26 parts: into how many, by query heads, every later one is divided
//   27 lifts        0, or f32 at lifts + r · capacity · 4: what is added to the logits of a range's keys, in units of ln 2
import { attendRow, TOGETHER } from './lib/attend-row';
import { attendTile } from './lib/attend-tile';
import { LN2 } from './lib/exp';
import { blockBytes, Q8 } from './lib/page';
import { address, number, word } from './lib/words';

export { attendScratch } from './lib/attend-tile';

// @ts-ignore: decorator
@inline
function tilesOf(position: i32, rows: i32, tileRows: i32): i32 {
  return rows > 0 ? (position + rows - 1) / tileRows - position / tileRows + 1 : 0;
}

/**
 * (row, key) pairs that `ranges`, cut to [from, to), give to rows [position, position + rows): keys after a row or
 * outside its window do not count.
 */
function pairsOf(ranges: usize, count: i32, position: i32, rows: i32, window: i32, from: i32, to: i32): f64 {
  let pairs: i64 = 0;
  // The oldest key that every row may read.
  const common = position + rows - window;
  for (let i = 0; i < count; i++) {
    const start = max(from, load<i32>(ranges + (<usize>i << 3)));
    const end = min(to, load<i32>(ranges + (<usize>i << 3), 4));
    if (start >= end) continue;
    if (end <= position + 1 && start >= common) {
      pairs += <i64>(end - start) * <i64>rows;
      continue;
    }
    for (let at = position; at < position + rows; at++) {
      pairs += max(0, min(end, at + 1) - max(start, at + 1 - window));
    }
  }
  return <f64>pairs;
}

/** (row, key) pairs that `attend` reads with these arguments, over all lists. */
export function attendPairs(args: usize): f64 {
  const position = word(args, 7), rows = word(args, 8), tileRows = word(args, 9);
  const tiles = tilesOf(position, rows, tileRows);
  const firstTile = position / tileRows;
  let sum: f64 = 0;
  for (let row = 0; row < word(args, 6) * tiles; row++) {
    const tile = firstTile + row % tiles;
    const start = max(position, tile * tileRows);
    const tileSize = min(position + rows, (tile + 1) * tileRows) - start;
    const ranges = address(args, 4) + <usize>row * (<usize>word(args, 5) << 3);
    const count = load<i32>(address(args, 3) + (<usize>row << 2));
    sum += pairsOf(ranges, count, start, tileSize, word(args, 16), word(args, 21), word(args, 22));
  }
  return sum;
}

/**
 * Pieces [from, to) of the work that `args` describes: whole items, then parts of items; item = KV head · tiles + tile.
 * They are independent and may run in any order, on any thread, each with a scratch of its own: `attendScratch` of the
 * largest tile and group. Keys are read once for each part: it pays where a thread would else have nothing to do.
 */
export function attend(args: usize, from: i32, to: i32, scratch: usize): void {
  const position = word(args, 7), rows = word(args, 8), tileRows = word(args, 9);
  const heads = word(args, 10), kvHeads = word(args, 11);
  const keyDim = word(args, 12), valueDim = word(args, 13);
  const keyCodec = word(args, 14), valueCodec = word(args, 15);
  const firstTile = position / tileRows;
  const tiles = tilesOf(position, rows, tileRows);
  const qRow = <usize>(heads * keyDim << 2);
  const outRow = <usize>(heads * valueDim << 2);
  const lse = address(args, 17);
  const lseRow = <usize>heads << 2;
  const begin = address(args, 23), carry = address(args, 24);
  const carryRow = <usize>(heads * (valueDim + 2) << 2);
  const keyBytes = blockBytes(keyCodec, keyDim);
  const headBytes = keyBytes + blockBytes(valueCodec, valueDim);
  // Inside, logits are in units of ln 2: softmax is then made of powers of two.
  const scale = <f32>(<f64>number(args, 18) / LN2);
  const cap = <f32>(<f64>number(args, 19) / LN2);
  const skipBelow = <f32>(<f64>number(args, 20) / LN2);
  const whole = word(args, 25);
  for (let piece = from; piece < to; piece++) {
    const parts = piece < whole ? 1 : word(args, 26);
    const item = piece < whole ? piece : whole + (piece - whole) / parts;
    const part = piece < whole ? 0 : (piece - whole) % parts;
    const head = item / tiles;
    const tile = item % tiles;
    // The query heads h with ⌊h · kvHeads / heads⌋ = head; of their parts the larger ones come first.
    const ofHead = (head * heads + kvHeads - 1) / kvHeads;
    const all = ((head + 1) * heads + kvHeads - 1) / kvHeads - ofHead;
    const firstHead = ofHead + (part * all + parts - 1) / parts;
    const group = ofHead + ((part + 1) * all + parts - 1) / parts - firstHead;
    if (group == 0) continue;
    const start = max(position, (firstTile + tile) * tileRows);
    const tileSize = min(position + rows, (firstTile + tile + 1) * tileRows) - start;
    const row = (word(args, 6) == 1 ? 0 : head) * tiles + tile;
    const before = <usize>(start - position);
    const carried = before * carryRow + <usize>(firstHead * (valueDim + 2) << 2);
    const ranges = address(args, 4) + <usize>row * (<usize>word(args, 5) << 3);
    const lifts = address(args, 27) ? address(args, 27) + <usize>row * (<usize>word(args, 5) << 2) : 0;
    const count = load<i32>(address(args, 3) + (<usize>row << 2));
    // The bits are the same. Whole blocks are faster in a tile, unless its queries come in threes.
    const byQuads = count > 1 || all % 3 == 0;
    if (byQuads && tileSize == 1 && keyCodec == Q8 && valueCodec == Q8) {
      const sets = (group + <i32>TOGETHER - 1) / <i32>TOGETHER;
      for (let set = 0; set < sets; set++) {
        const first = set * group / sets, some = (set + 1) * group / sets - first;
        const skip = <usize>(first * (valueDim + 2) << 2);
        attendRow(
          address(args, 0) + before * outRow + <usize>((firstHead + first) * valueDim << 2),
          address(args, 1) + before * qRow + <usize>((firstHead + first) * keyDim << 2),
          lse ? lse + before * lseRow + (<usize>(firstHead + first) << 2) : 0,
          some, start,
          address(args, 2), <usize>(head * headBytes), <usize>(head * headBytes + keyBytes), keyDim, valueDim,
          ranges, lifts, count, word(args, 16), scale, cap, skipBelow, scratch,
          word(args, 21), word(args, 22), begin ? begin + carried + skip : 0, carry ? carry + carried + skip : 0,
        );
      }
      continue;
    }
    attendTile(
      address(args, 0) + before * outRow + <usize>(firstHead * valueDim << 2), outRow,
      address(args, 1) + before * qRow + <usize>(firstHead * keyDim << 2), qRow,
      lse ? lse + before * lseRow + (<usize>firstHead << 2) : 0, lseRow,
      tileSize, group, start,
      address(args, 2), <usize>(head * headBytes), <usize>(head * headBytes + keyBytes),
      keyDim, valueDim, keyCodec, valueCodec,
      ranges, lifts, count, word(args, 16), scale, cap, skipBelow, scratch,
      word(args, 21), word(args, 22), begin ? begin + carried : 0, carry ? carry + carried : 0, carryRow,
    );
  }
}

// Attention over a plan: softmax(scale · q·Kᵀ) · V over the ranges a tile reads, causal inside them, with a running
// maximum and sum (online softmax; FlashAttention-2, arXiv 2307.08691). Keys come in blocks of 32 aligned to absolute
// positions, and every row meets the same blocks in the same order, so its bits depend on its ranges and the pages only.
import { attendTile } from './lib/attend-tile';
import { LN2 } from './lib/exp';
import { blockBytes } from './lib/page';

export { attendScratch } from './lib/attend-tile';

/** (row, key) pairs that `ranges` give to rows [position, position + rows), keys after a row left out. */
function pairsOf(ranges: usize, count: i32, position: i32, rows: i32): f64 {
  let pairs: i64 = 0;
  for (let i = 0; i < count; i++) {
    const start = load<i32>(ranges + (<usize>i << 3));
    const end = load<i32>(ranges + (<usize>i << 3), 4);
    if (end <= position + 1) {
      pairs += <i64>(end - start) * <i64>rows;
      continue;
    }
    for (let row = max(0, start - position); row < rows; row++) pairs += min(end, position + row + 1) - start;
  }
  return <f64>pairs;
}

/**
 * out (rows, heads, valueDim), q (rows, heads, keyDim) f32. table: u32 addresses of pages. The plan: row
 * r = list · tiles + tile has counts[r] ranges at ranges + r · capacity · 8; `pairs` is an f64 counter that is added to.
 * skipBelow: Infinity never skips. lse: 0 or (rows, heads). scratch: `attendScratch` of the largest tile and group.
 */
export function attend(
  out: usize, q: usize, table: usize,
  counts: usize, ranges: usize, capacity: i32, lists: i32, pairs: usize,
  position: i32, rows: i32, tileRows: i32,
  heads: i32, kvHeads: i32, keyDim: i32, valueDim: i32, keyCodec: i32, valueCodec: i32,
  scale: f32, skipBelow: f32, lse: usize, scratch: usize,
): void {
  if (rows <= 0) return;
  const firstTile = position / tileRows;
  const tiles = (position + rows - 1) / tileRows - firstTile + 1;
  const qRow = <usize>(heads * keyDim << 2);
  const outRow = <usize>(heads * valueDim << 2);
  const lseRow = <usize>heads << 2;
  const keyBytes = blockBytes(keyCodec, keyDim);
  const headBytes = keyBytes + blockBytes(valueCodec, valueDim);
  // Inside, logits are in units of ln 2: softmax is then made of powers of two.
  const scale2 = <f32>(<f64>scale / LN2);
  const skip2 = <f32>(<f64>skipBelow / LN2);
  let sum: f64 = 0;
  for (let head = 0; head < kvHeads; head++) {
    // The query heads h with ⌊h · kvHeads / heads⌋ = head.
    const firstHead = (head * heads + kvHeads - 1) / kvHeads;
    const group = ((head + 1) * heads + kvHeads - 1) / kvHeads - firstHead;
    for (let tile = 0; tile < tiles; tile++) {
      const start = max(position, (firstTile + tile) * tileRows);
      const tileSize = min(position + rows, (firstTile + tile + 1) * tileRows) - start;
      const row = (lists == 1 ? 0 : head) * tiles + tile;
      const some = load<i32>(counts + (<usize>row << 2));
      const at = ranges + <usize>row * (<usize>capacity << 3);
      if (head < lists) sum += pairsOf(at, some, start, tileSize);
      if (group == 0) continue;
      const before = <usize>(start - position);
      attendTile(
        out + before * outRow + <usize>(firstHead * valueDim << 2), outRow,
        q + before * qRow + <usize>(firstHead * keyDim << 2), qRow,
        lse ? lse + before * lseRow + (<usize>firstHead << 2) : 0, lseRow,
        tileSize, group, start,
        table, <usize>(head * headBytes), <usize>(head * headBytes + keyBytes),
        keyDim, valueDim, keyCodec, valueCodec, at, some, scale2, skip2, scratch,
      );
    }
  }
  store<f64>(pairs, load<f64>(pairs) + sum);
}

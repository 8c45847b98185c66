// How interesting a chunk is, from the mean of its keys (DHSA).
import { halves4 } from './lib/halves';
import { addSoftmax } from './lib/softmax';
import { address, number, word } from './lib/words';

// This kernel and that of score-sketches.ts score items [from, to) of the work that `args` describes; item = list ·
// tiles + tile. Items are independent: they may run in any order, on any thread, each with a scratch of its own.
//
//    0  scores of item 0, f32      7  lists                          14  tiles: u32 (chunks, first row, rows) of each
//    1  f32 from item to item      8  tiles                          15  candidates: u32 numbers of ranges, or 0
//    2  q (rows, heads, dim) f32   9  summaries of KV head 0         16  their ranges, u32 pairs
//    3  bytes of a row of q       10  means: bytes from one to the   17  ranges there is room for in an item
//    4  heads                         next; sketches: from a head's  18  scale, f32
//                                     first records to its second
//    5  KV heads                  11  bytes from head to head
//    6  dim                       12  boundaries, u32
//                                 13  planes
//
// A KV head's scores are Σ over its query heads of the softmax over the chunks; those of a list, Σ over its KV heads.

/** Means (f16) of chunks against the mean of the tile's rows. scratch: (group · (chunks + 3) + 2 · dim) · 4 bytes. */
export function scoreMeans(args: usize, from: i32, to: i32, scratch: usize): void {
  const kvHeads = word(args, 5), dim = word(args, 6), tiles = word(args, 8);
  const group = word(args, 4) / kvHeads;
  const shared = kvHeads / word(args, 7);
  const query = scratch;
  const mean = query + (<usize>dim << 2);
  const logits = mean + (<usize>dim << 2);
  for (let item = from; item < to; item++) {
    const tile = address(args, 14) + <usize>(item % tiles) * 12;
    const n = word(tile, 0);
    if (n == 0) continue;
    const row = <usize>((n + 3) & -4) << 2;
    const scores = address(args, 0) + (<usize>item * <usize>word(args, 1) << 2);
    for (let i = 0; i < shared; i++) {
      const kvHead = (item / tiles) * shared + i;
      for (let head = 0; head < group; head++) {
        const q = address(args, 2) + <usize>word(tile, 1) * <usize>word(args, 3);
        meanRow(query, q + <usize>((kvHead * group + head) * dim << 2), word(tile, 2), word(args, 3), dim);
        let summary = address(args, 9) + <usize>kvHead * <usize>word(args, 11);
        const out = logits + <usize>head * row;
        for (let chunk: usize = 0; chunk < <usize>n; chunk++, summary += <usize>word(args, 10)) {
          store<f32>(out + (chunk << 2), number(args, 18) * dot(query, summary, dim));
        }
      }
      addSoftmax(scores, logits, group, n, i > 0);
    }
  }
}

/** out (dim) f32 = mean of `rows` rows, `stride` bytes apart, added in ascending order. */
// @ts-ignore: decorator
@inline
function meanRow(out: usize, q: usize, rows: i32, stride: i32, dim: i32): void {
  const count = f32x4.splat(<f32>rows);
  for (const end = out + (<usize>dim << 2); out < end; out += 16, q += 16) {
    let sum = v128.load(q);
    for (let row = 1; row < rows; row++) sum = f32x4.add(sum, v128.load(q + <usize>(row * stride)));
    v128.store(out, f32x4.div(sum, count));
  }
}

/** f32 · f16 (dim). */
// @ts-ignore: decorator
@inline
function dot(a: usize, b: usize, dim: i32): f32 {
  const end = a + (<usize>dim << 2);
  let sum = f32x4.splat(0);
  for (; a < end; a += 16, b += 8) sum = f32x4.add(sum, f32x4.mul(v128.load(a), halves4(b)));
  return (
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) +
    (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
  );
}

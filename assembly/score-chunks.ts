// How interesting a chunk is, from its summaries alone: the mean of its keys (DHSA), or sketches of every key.
import { halves4 } from './lib/halves';
import { greatestLogits, spansScratch } from './lib/sketch-logits';
import { addSoftmax } from './lib/softmax';
import { address, number, word } from './lib/words';

// Both kernels score items [from, to) of the work that `args` describes; item = list · tiles + tile. Items are
// independent: they may run in any order, on any thread, each with a scratch of its own.
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

/** Bytes of scratch of `scoreSketches` for `group` query heads of a KV head and up to n chunks. */
export function sketchScratch(group: i32, n: i32, dim: i32): usize {
  const row = <usize>((n + 3) & -4) << 2;
  return (<usize>group + 4) * row + (<usize>dim << 2) + spansScratch(group, dim);
}

/**
 * Items [from, to) of the work above: chunks by the greatest logit of their tokens, estimated
 * from the first planes (word 13) of the sketches, over all rows of the tile. With one plane the query heads of a KV head
 * ask together, by the sum of their queries. With candidates, only chunks that one of their ranges overlaps are scored;
 * the others become −∞.
 */
export function scoreSketches(args: usize, from: i32, to: i32, scratch: usize): void {
  const kvHeads = word(args, 5), dim = word(args, 6), tiles = word(args, 8);
  const group = word(args, 4) / kvHeads;
  const shared = kvHeads / word(args, 7);
  const asking = word(args, 13) > 1 ? group : 1;
  const named = address(args, 15);
  for (let item = from; item < to; item++) {
    const tile = address(args, 14) + <usize>(item % tiles) * 12;
    const n = word(tile, 0);
    if (n == 0) continue;
    const row = <usize>((n + 3) & -4) << 2;
    const scores = address(args, 0) + (<usize>item * <usize>word(args, 1) << 2);
    let spans = address(args, 12), stride: usize = 4, wanted = n, masses = scores;
    const numbers = scratch;
    if (named) {
      masses = numbers + row;
      spans = masses + row;
      stride = 8;
      const ranges = address(args, 16) + (<usize>item * <usize>word(args, 17) << 3);
      const count = word(named + (<usize>item << 2), 0);
      wanted = nameChunks(spans, numbers, address(args, 12), n, ranges, count);
    }
    const together = scratch + 4 * row;
    const logits = together + (<usize>dim << 2);
    const rest = logits + <usize>asking * row;
    for (let i = 0; i < shared && wanted > 0; i++) {
      const kvHead = (item / tiles) * shared + i;
      const sketches = address(args, 9) + <usize>kvHead * <usize>word(args, 11);
      for (let at = logits; at < rest; at += 4) store<f32>(at, -Infinity);
      for (let r = 0; r < word(tile, 2); r++) {
        let q = address(args, 2) + <usize>(word(tile, 1) + r) * <usize>word(args, 3);
        q += <usize>(kvHead * group * dim << 2);
        if (asking < group) {
          sumRows(together, q, group, dim);
          q = together;
        }
        const second = word(args, 13) > 1 ? sketches + <usize>word(args, 10) : 0;
        greatestLogits(logits, spans, stride, wanted, q, asking, sketches, second, dim, number(args, 18), rest);
      }
      addSoftmax(masses, logits, asking, wanted, i > 0);
    }
    if (named) {
      for (let c: usize = 0; c < row; c += 4) store<f32>(scores + c, -Infinity);
      for (let i: usize = 0; i < <usize>wanted << 2; i += 4) {
        store<f32>(scores + (<usize>word(numbers + i, 0) << 2), load<f32>(masses + i));
      }
    }
  }
}

/** out (dim) f32 = sum of consecutive rows, added in ascending order. */
// @ts-ignore: decorator
@inline
function sumRows(out: usize, q: usize, rows: i32, dim: i32): void {
  const stride = <usize>dim << 2;
  for (const end = out + stride; out < end; out += 16, q += 16) {
    let sum = v128.load(q);
    for (let row: usize = 1; row < <usize>rows; row++) sum = f32x4.add(sum, v128.load(q + row * stride));
    v128.store(out, sum);
  }
}

/** The chunks that a range overlaps, as u32 pairs and their numbers; gives how many. */
// @ts-ignore: decorator
@inline
function nameChunks(spans: usize, numbers: usize, boundaries: usize, n: i32, ranges: usize, count: i32): i32 {
  let chunk = 0;
  const first = numbers;
  for (let range = 0; range < count; range++, ranges += 8) {
    while (chunk < n && word(boundaries + (<usize>chunk << 2), 1) <= word(ranges, 0)) chunk++;
    for (; chunk < n && word(boundaries + (<usize>chunk << 2), 0) < word(ranges, 1); chunk++) {
      store<u64>(spans, load<u64>(boundaries + (<usize>chunk << 2)));
      store<u32>(numbers, chunk);
      spans += 8;
      numbers += 4;
    }
  }
  return <i32>((numbers - first) >> 2);
}

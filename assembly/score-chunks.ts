// How interesting a run of keys is, from summaries alone: a chunk by the mean of its keys (DHSA), a sub-block of 16 by
// sketches of every key.
import { halves4 } from './lib/halves';
import { firstLogits } from './lib/first-logits';
import { namedLogits } from './lib/named-logits';
import { centreBytes, planeBytes } from './lib/sketch';
import { logitsScratch } from './lib/sketch-query';
import { addSoftmax } from './lib/softmax';
import { address, number, word } from './lib/words';

// Both kernels score items [from, to) of the work that `args` describes; item = list · tiles + tile, or, of sketches,
// (list · tiles + tile) · parts + part: a few lists would leave some of many threads without work. Items are
// independent: they may run in any order, on any thread, each with a scratch of its own.
//
//    0  scores of item 0, f32      7  lists                          14  tiles: u32 (chunks or sub-blocks, first row, rows; of
//    1  f32 from item to item      8  tiles                              sketches the candidates' tile) of each
//    2  q (rows, heads, dim) f32   9  summaries of KV head 0         15  candidates: u32 numbers of ranges, or 0
//    3  bytes of a row of q       10  means: bytes from one to the   16  their ranges, u32 pairs
//    4  heads                         next; sketches: from a head's  17  ranges there is room for in an item
//                                     first records to its second    18  scale, f32
//    5  KV heads                  11  bytes from head to head        19  tiles of the candidates
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
      addSoftmax(scores, logits, group, row, n, i > 0);
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

/** Bytes of scratch of `scoreSketches` for `group` query heads of a KV head and up to n sub-blocks. */
export function sketchScratch(group: i32, n: i32, dim: i32): usize {
  const row = <usize>((n + 3) & -4) << 2;
  return (<usize>group + 2) * row + (<usize>dim << 2) + logitsScratch(group, dim) + 16;
}

/**
 * Pieces [from, to) of the work above, of tiles of one row: all sub-blocks of a tile's n / 4 pages, by the greatest logit of
 * their tokens. With one plane (word 13) the query heads of a KV head ask together, by the sum of their queries, and where
 * they are all that asks their logits are the scores: a softmax would not change the order. With two, only sub-blocks that
 * one of the candidates overlaps are scored, if there are any candidates; the others become −∞.
 */
export function scoreSketches(args: usize, from: i32, to: i32, scratch: usize): void {
  const kvHeads = word(args, 5), dim = word(args, 6), tiles = word(args, 8);
  const group = word(args, 4) / kvHeads;
  const shared = kvHeads / word(args, 7);
  const together = word(args, 13) == 1;
  const parts = word(args, 20);
  for (let piece = from; piece < to; piece++) {
    const item = piece / parts, part = piece % parts;
    const tile = address(args, 14) + <usize>(item % tiles) * 12;
    const n = word(tile, 0);
    if (n == 0) continue;
    const row = <usize>n << 2;
    const scores = address(args, 0) + (<usize>item * <usize>word(args, 1) << 2);
    const numbers = scratch;
    const masses = numbers + row;
    const sum = masses + row;
    const logits = sum + (<usize>dim << 2);
    const rest = logits + <usize>group * row;
    // Without candidates one range names all.
    let ranges = rest, count = 1;
    store<u32>(rest, 0);
    store<u32>(rest, n << 4, 4);
    if (address(args, 15)) {
      const named = <usize>((item / tiles) * word(args, 19) + word(tile, 2));
      ranges = address(args, 16) + (named * <usize>word(args, 17) << 3);
      count = word(address(args, 15) + (named << 2), 0);
    }
    let named = 0;
    for (let i = 0; i < shared; i++) {
      const kvHead = (item / tiles) * shared + i;
      const first = address(args, 9) + <usize>kvHead * <usize>word(args, 11);
      const q = address(args, 2) + <usize>word(tile, 1) * <usize>word(args, 3) + <usize>(kvHead * group * dim << 2);
      if (together) {
        sumRows(sum, q, group, dim);
        const page = (n >> 2) * part / parts, end = (n >> 2) * (part + 1) / parts;
        const out = (shared == 1 ? scores : logits) + (<usize>page << 4);
        const record = first + <usize>page * (centreBytes(dim) + planeBytes(dim));
        firstLogits(out, sum, record, end - page, dim, number(args, 18), rest + 16);
        if (shared > 1) addSoftmax(scores, logits, 1, row, n, i > 0);
      } else {
        const second = first + <usize>word(args, 10);
        named = namedLogits(
          logits, row, numbers, ranges, count, n, q, group, first, second, dim, number(args, 18), rest + 16,
        );
        if (named > 0) addSoftmax(masses, logits, group, row, named, i > 0);
      }
    }
    if (together) continue;
    for (let c: usize = 0; c < row; c += 16) v128.store(scores + c, f32x4.splat(-Infinity));
    for (let i: usize = 0; i < <usize>named << 2; i += 4) {
      store<f32>(scores + (<usize>word(numbers + i, 0) << 2), load<f32>(masses + i));
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

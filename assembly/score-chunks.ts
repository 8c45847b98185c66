// How interesting a chunk is, from its summaries alone: the mean of its keys (DHSA), or sketches of every key.
import { hadamard } from './lib/hadamard';
import { halves4 } from './lib/halves';
import { PAGE } from './lib/page';
import { quantizeQuery } from './lib/query';
import { centreBytes, lookups, planeBytes, PLANES, SUB_BLOCK, sumSigns } from './lib/sketch';
import { addSoftmax } from './lib/softmax';
import { address, number, word } from './lib/words';

// Both kernels score items [from, to) of the work that `args` describes; item = list · tiles + tile. Items are
// independent: they may run in any order, on any thread, each with a scratch of its own.
//
//    0  scores of item 0, f32      7  lists                          14  tiles: u32 (chunks, first row, rows) of each
//    1  f32 from item to item      8  tiles                          15  candidates: u32 numbers of ranges, or 0
//    2  q (rows, heads, dim) f32   9  summaries of KV head 0         16  their ranges, u32 pairs
//    3  bytes of a row of q       10  bytes from chunk (page) to     17  ranges there is room for in an item
//    4  heads                         chunk (page) of the summaries  18  scale, f32
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
  return <usize>group * (row + <usize>(6 * dim + PAGE * 4 + 16)) + row + <usize>(8 * dim + 256);
}

/**
 * Chunks by the greatest logit of their tokens, estimated from the first `planes` planes of the sketches, over all rows
 * of the tile. With one plane the query heads of a KV head ask together, by the sum of their queries. With candidates,
 * only chunks that one of their ranges overlaps are scored; the others become −∞.
 */
export function scoreSketches(args: usize, from: i32, to: i32, scratch: usize): void {
  const kvHeads = word(args, 5), dim = word(args, 6), tiles = word(args, 8);
  const group = word(args, 4) / kvHeads;
  const shared = kvHeads / word(args, 7);
  const boundaries = address(args, 12);
  for (let item = from; item < to; item++) {
    const tile = address(args, 14) + <usize>(item % tiles) * 12;
    const n = word(tile, 0);
    if (n == 0) continue;
    const row = <usize>((n + 3) & -4) << 2;
    const asking = word(args, 13) > 1 ? group : 1;
    const wanted = scratch;
    const together = wanted + row;
    const logits = together + (<usize>dim << 2);
    const rest = logits + <usize>asking * row;
    const scores = address(args, 0) + (<usize>item * <usize>word(args, 1) << 2);
    const named = address(args, 15);
    memory.fill(wanted, named ? 0 : 1, n);
    if (named) {
      const ranges = address(args, 16) + (<usize>item * <usize>word(args, 17) << 3);
      nameChunks(wanted, boundaries, n, ranges, word(named + (<usize>item << 2), 0));
    }
    for (let i = 0; i < shared; i++) {
      const kvHead = (item / tiles) * shared + i;
      const sketches = address(args, 9) + <usize>kvHead * <usize>word(args, 11);
      for (let at = logits; at < rest; at += 4) store<f32>(at, -Infinity);
      for (let r = 0; r < word(tile, 2); r++) {
        const q = address(args, 2) + <usize>(word(tile, 1) + r) * <usize>word(args, 3);
        let heads = q + <usize>(kvHead * group * dim << 2);
        if (asking < group) {
          sumRows(together, heads, group, dim);
          heads = together;
        }
        greatestLogits(
          logits, row, wanted, heads, asking, sketches, word(args, 10), boundaries, n, word(args, 13), dim,
          number(args, 18), rest,
        );
      }
      addSoftmax(scores, logits, asking, n, i > 0);
    }
    if (named) {
      for (let c: usize = 0; c < <usize>n; c++) if (!load<u8>(wanted + c)) store<f32>(scores + (c << 2), -Infinity);
    }
  }
}

/** wanted (n) u8 = 1 where one of the ranges overlaps the chunk; 0 stays elsewhere. */
// @ts-ignore: decorator
@inline
function nameChunks(wanted: usize, boundaries: usize, n: i32, ranges: usize, count: i32): void {
  let chunk: usize = 0;
  for (let range = 0; range < count; range++, ranges += 8) {
    while (chunk < <usize>n && word(boundaries + (chunk << 2), 1) <= word(ranges, 0)) chunk++;
    for (; chunk < <usize>n && word(boundaries + (chunk << 2), 0) < word(ranges, 1); chunk++) {
      store<u8>(wanted + chunk, 1);
    }
  }
}

/** logits [head][chunk] = the greater of what is there and of the chunk's tokens, for one row of q (group, dim). */
function greatestLogits(
  logits: usize, row: usize, wanted: usize, q: usize, group: i32, sketches: usize, pageStride: i32, boundaries: usize,
  n: i32, planes: i32, dim: i32, scale: f32, scratch: usize,
): void {
  const tableBytes = <usize>dim << 2;
  const rotated = scratch;
  const scales = rotated + tableBytes;
  const sums = scales + <usize>(PLANES * 64);
  const steps = sums + <usize>(32 * PLANES);
  const queries = steps + (<usize>group << 4);
  const tables = queries + (<usize>(group * dim) << 1);
  const tokens = tables + <usize>group * tableBytes;
  for (let head: usize = 0; head < <usize>group; head++) {
    memory.copy(rotated, q + head * tableBytes, tableBytes);
    hadamard(rotated, dim);
    const step = quantizeQuery(queries + head * (<usize>dim << 1), rotated, dim);
    store<f32>(steps + (head << 4), step * scale);
    store<f32>(steps + (head << 4), lookups(tables + head * tableBytes, rotated, dim) * scale, 4);
  }

  let first: usize = 0;
  for (let start = 0; first < <usize>n; start += PAGE, sketches += <usize>pageStride) {
    const end = start + PAGE;
    // Sub-blocks of the page that hold tokens of a wanted chunk.
    let blocks = 0;
    for (let c = first; c < <usize>n && word(boundaries + (c << 2), 0) < end; c++) {
      if (!load<u8>(wanted + c)) continue;
      const low = (max(word(boundaries + (c << 2), 0), start) - start) / SUB_BLOCK;
      const high = (min(word(boundaries + (c << 2), 1), end) - 1 - start) / SUB_BLOCK;
      blocks |= (2 << high) - (1 << low);
    }
    if (blocks) {
      for (let head: usize = 0; head < <usize>group; head++) {
        const centred = centreDot(queries + head * (<usize>dim << 1), sketches, dim);
        const centreScale = f32x4.extract_lane(halves4(sketches + <usize>dim), 0);
        store<f32>(steps + (head << 4), centred * centreScale * load<f32>(steps + (head << 4)), 8);
      }
      for (let block = 0; block < PAGE / SUB_BLOCK; block++) {
        if (!(blocks & (1 << block))) continue;
        const planesAt = sketches + centreBytes(dim);
        for (let plane = 0; plane < planes; plane++) {
          const from = planesAt + <usize>plane * planeBytes(dim) + <usize>(block * 32);
          for (let at: usize = 0; at < 64; at += 16) {
            v128.store(scales + <usize>(plane << 6) + at, halves4(from + (at >> 1)));
          }
        }
        const signs = planesAt + <usize>(2 * PAGE) + <usize>(block * 2 * dim);
        for (let head: usize = 0; head < <usize>group; head++) {
          const out = tokens + (head << 8) + <usize>(block << 6);
          const table = tables + head * tableBytes;
          sumSigns(sums, table, signs, dim);
          if (planes > 1) sumSigns(sums + 32, table, signs + planeBytes(dim), dim);
          estimate(out, sums, scales, steps + (head << 4), planes);
        }
      }
    }
    for (; first < <usize>n; first++) {
      const chunkStart = word(boundaries + (first << 2), 0), chunkEnd = word(boundaries + (first << 2), 1);
      if (chunkStart >= end) break;
      if (load<u8>(wanted + first)) {
        const low = max(chunkStart, start), high = min(chunkEnd, end);
        for (let head: usize = 0; head < <usize>group; head++) {
          const at = logits + head * row + (first << 2);
          const most = greatest(tokens + (head << 8) + (<usize>(low - start) << 2), high - low);
          store<f32>(at, max<f32>(load<f32>(at), most));
        }
      }
      if (chunkEnd > end) break;
    }
  }
}

/** i16 · i8 (dim). */
// @ts-ignore: decorator
@inline
function centreDot(query: usize, codes: usize, dim: i32): f32 {
  let sum = i32x4.splat(0);
  for (const end = codes + <usize>dim; codes < end; codes += 8, query += 16) {
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load8x8_s(codes), v128.load(query)));
  }
  return <f32>(
    i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3)
  );
}

/** out (16) f32 = the centre's logit + step · Σ over planes of scale · sum. steps: f32, the step second, the centre third. */
// @ts-ignore: decorator
@inline
function estimate(out: usize, sums: usize, scales: usize, steps: usize, planes: i32): void {
  const step = v128.load32_splat(steps, 4), base = v128.load32_splat(steps, 8);
  for (let at: usize = 0; at < 64; at += 16) {
    let sum = f32x4.mul(f32x4.convert_i32x4_s(v128.load16x4_s(sums + (at >> 1))), v128.load(scales + at));
    if (planes > 1) {
      const second = f32x4.convert_i32x4_s(v128.load16x4_s(sums + (at >> 1), 32));
      sum = f32x4.add(sum, f32x4.mul(second, v128.load(scales + at, 64)));
    }
    v128.store(out + at, f32x4.add(base, f32x4.mul(sum, step)));
  }
}

/** The greatest of `count` f32, at least one. */
// @ts-ignore: decorator
@inline
function greatest(at: usize, count: i32): f32 {
  if (count < 4) {
    let most = load<f32>(at);
    for (let i = 1; i < count; i++) most = max<f32>(most, load<f32>(at + (<usize>i << 2)));
    return most;
  }
  const last = at + (<usize>(count - 4) << 2);
  let most = v128.load(last);
  for (; at < last; at += 16) most = f32x4.max(most, v128.load(at));
  return max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
}

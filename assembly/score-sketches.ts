// How interesting a chunk is, from sketches of every key: what rows of their own choose by.
import { hadamard } from './lib/hadamard';
import { halves4 } from './lib/halves';
import { PAGE } from './lib/page';
import { quantizeQuery } from './lib/query';
import {
  centreBytes, greatest, headroom, lookups, planeBytes, SUB_BLOCK, sumPage, sumSigns, weigh,
} from './lib/sketch';
import { addSoftmax } from './lib/softmax';
import { address, number, word } from './lib/words';

/** Pages that are looked up before their spans are: 64 sub-blocks, a bit each. */
const BATCH: i32 = 16;

/** Bytes of scratch of `scoreSketches` for `group` query heads of a KV head and up to n chunks. */
export function sketchScratch(group: i32, n: i32, dim: i32): usize {
  const row = <usize>((n + 3) & -4) << 2;
  return (<usize>group + 4) * row + <usize>group * <usize>(6 * dim + 16) + <usize>(8 * dim + 2 * PAGE * (BATCH + 4));
}

/**
 * Items [from, to) of the work that score-chunks.ts describes: chunks by the greatest logit of their tokens, estimated
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

/**
 * logits [head][span] = the greater of what is there and of the span's tokens, for one row of q (group, dim). spans: n
 * times from, to: u32 `stride` bytes apart, ascending. second: the head's second records, or 0 to ask one plane.
 */
function greatestLogits(
  logits: usize, spans: usize, stride: usize, n: i32, q: usize, group: i32, first: usize, second: usize, dim: i32,
  scale: f32, scratch: usize,
): void {
  const row = <usize>((n + 3) & -4) << 2;
  const tableBytes = <usize>dim << 2;
  const steps = scratch;
  const lines = steps + (<usize>group << 4);
  const sums = lines + BATCH * 8;
  const tokens = sums + 2 * PAGE;
  const queries = tokens + 2 * PAGE * BATCH + 16;
  const tables = queries + (<usize>(group * dim) << 1);
  const rotated = tables + <usize>group * tableBytes;
  const shift = headroom(dim);
  const room: f32 = 2 / <f32>(1 << shift);
  for (let head: usize = 0; head < <usize>group; head++) {
    memory.copy(rotated, q + head * tableBytes, tableBytes);
    hadamard(rotated, dim);
    const step = quantizeQuery(queries + head * (<usize>dim << 1), rotated, dim);
    store<f32>(steps + (head << 4), step * scale);
    store<f32>(steps + (head << 4), lookups(tables + head * tableBytes, rotated, dim) * scale * room, 4);
  }

  let start = 0;
  for (let i = 0; i < n; ) {
    start = max(start, word(spans + <usize>i * stride, 0) & -PAGE);
    const end = start + PAGE * BATCH;
    // Sub-blocks that hold tokens of a span, a bit each, and the first span after the batch.
    let blocks: u64 = 0;
    let next = i;
    let reach = 0;
    for (; next < n; next++) {
      const span = spans + <usize>next * stride;
      if (word(span, 0) >= end) break;
      reach = word(span, 1);
      const low = (max(word(span, 0), start) - start) / SUB_BLOCK;
      const high = (min(reach, end) - 1 - start) / SUB_BLOCK;
      blocks |= ((<u64>2) << high) - ((<u64>1) << low);
    }
    const page = <usize>(start / PAGE);
    const one = first + page * (centreBytes(dim) + planeBytes(dim));
    const other = second ? second + page * planeBytes(dim) : 0;
    for (let head: usize = 0; head < <usize>group; head++) {
      const query = queries + head * (<usize>dim << 1), table = tables + head * tableBytes;
      weighBatch(tokens, lines, one, other, blocks, query, table, steps + (head << 4), sums, shift, dim);
      let at = logits + head * row + (<usize>i << 2);
      for (let c = i; c < next; c++, at += 4) {
        const span = spans + <usize>c * stride;
        const stop = min(word(span, 1), end) - start;
        let most = load<f32>(at);
        for (let low = max(word(span, 0), start) - start; low < stop; ) {
          const high = min(stop, (low | (PAGE - 1)) + 1);
          const line = lines + (<usize>(low / PAGE) << 3);
          const weighed = <f32>greatest(tokens + (<usize>low << 1), high - low);
          most = max<f32>(most, load<f32>(line) + weighed * load<f32>(line, 4));
          low = high;
        }
        store<f32>(at, most);
      }
    }
    // The last span may go on in the next batch.
    i = reach > end ? next - 1 : next;
    start = end;
  }
}

/**
 * Of the pages that have a bit in `blocks`: tokens, i16, the weighed sums; lines, f32 pairs a page: a token's logit is the
 * first + its sum · the second.
 */
// @ts-ignore: decorator
@inline
function weighBatch(
  tokens: usize, lines: usize, one: usize, other: usize, blocks: u64, query: usize, table: usize, steps: usize,
  sums: usize, shift: i32, dim: i32,
): void {
  for (; blocks != 0; blocks >>= 4, lines += 8, tokens += 2 * PAGE) {
    if (blocks & 15) {
      const scales = halves4(one + <usize>dim);
      store<f32>(lines, centreDot(query, one, dim) * f32x4.extract_lane(scales, 0) * load<f32>(steps));
      store<f32>(lines, f32x4.extract_lane(scales, 1) * load<f32>(steps, 4), 4);
      const plane = one + centreBytes(dim);
      if (!other) {
        sumPage(sums, table, plane + 2 * PAGE, dim);
        weigh(tokens, sums, plane, shift, PAGE, false);
      } else {
        for (let block: usize = 0; block < <usize>(PAGE / SUB_BLOCK); block++) {
          if (!(blocks & (1 << block))) continue;
          const signs = <usize>(2 * PAGE) + block * (<usize>dim << 1);
          const out = tokens + (block << 5);
          sumSigns(sums, table, plane + signs, dim);
          weigh(out, sums, plane + (block << 5), shift, SUB_BLOCK, false);
          sumSigns(sums, table, other + signs, dim);
          weigh(out, sums, other + (block << 5), shift, SUB_BLOCK, true);
        }
      }
    }
    one += centreBytes(dim) + planeBytes(dim);
    if (other) other += planeBytes(dim);
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

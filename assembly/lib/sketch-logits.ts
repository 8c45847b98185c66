// Logits of spans of tokens from sketches of their keys: the greatest of each span.
import { hadamard } from './hadamard';
import { halves4 } from './halves';
import { PAGE } from './page';
import { quantizeQuery } from './query';
import { centreBytes, greatest, headroom, lookups, planeBytes, SUB_BLOCK, sumPage, sumSigns, weigh } from './sketch';
import { word } from './words';

/** Pages that are looked up before their spans are: 64 sub-blocks, a bit each. */
const BATCH: i32 = 16;

/** Bytes of scratch of `greatestLogits` for `group` queries. */
export function spansScratch(group: i32, dim: i32): usize {
  return <usize>(group * (6 * dim + 16) + 4 * dim + 2 * PAGE * (BATCH + 3));
}

/**
 * logits [head][span] = the greater of what is there and of the span's tokens, for one row of q (group, dim). spans: n
 * times from, to: u32 `stride` bytes apart, ascending. second: the head's second records, or 0 to ask one plane.
 */
export function greatestLogits(
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

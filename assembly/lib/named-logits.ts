// Logits of the sub-blocks that ranges name, from both planes of their keys' sketches: the greatest of each, over its 16
// tokens.
import { halves4 } from './halves';
import { PAGE } from './page';
import { sums4 } from './query';
import { BLOCKS, centreBytes, eight, FIT, greatest4, headroom, planeBytes, SUB_BLOCK, weighed } from './sketch';
import { prepare, queryBytes } from './sketch-query';
import { word } from './words';

/** Sub-blocks that are fetched together. */
const BATCH: i32 = 16;

/**
 * logits [head], rows of `row` bytes: those of the sub-blocks that `ranges` overlap, below `blocks`, from both records,
 * in ascending order; their numbers go to `numbers`. Gives how many. q: (group, dim).
 */
export function namedLogits(
  logits: usize, row: usize, numbers: usize, ranges: usize, count: i32, blocks: i32, q: usize, group: i32,
  first: usize, second: usize, dim: i32, scale: f32, scratch: usize,
): i32 {
  const bytes = queryBytes(dim);
  const queries = scratch + bytes;
  for (let head: usize = 0; head < <usize>group; head++) {
    prepare(queries + head * bytes, q + head * (<usize>dim << 2), dim, scale, scratch);
  }
  const named = numbersOf(numbers, ranges, count, blocks);
  const room = i16x8.splat(<i16>(<i32>1 << headroom(dim)));
  // What is named lies scattered: many lines are asked for at once, before any of them is waited for.
  let touched = i8x16.splat(0);
  for (let from = 0; from < named; from += BATCH) {
    const to = min(from + BATCH, named);
    for (let i = from; i < to; i++) {
      touched = v128.xor(touched, linesOf(first, second, word(numbers + (<usize>i << 2), 0), dim));
    }
    for (let head = 0; head < group; head += 3) {
      threeLogits(
        logits + <usize>head * row, row, numbers, from, to, queries + <usize>head * bytes, min(3, group - head),
        first, second, room, dim,
      );
    }
  }
  // Nobody reads it; loads of which nothing is made may be left out.
  v128.store(scratch, touched);
  return named;
}

/** numbers = the sub-blocks below `blocks` that ranges overlap; gives how many. */
// @ts-ignore: decorator
@inline
function numbersOf(numbers: usize, ranges: usize, count: i32, blocks: i32): i32 {
  let named = 0, block = 0;
  for (let range = 0; range < count; range++, ranges += 8) {
    block = max(block, word(ranges, 0) / SUB_BLOCK);
    const end = min(blocks, (word(ranges, 1) + SUB_BLOCK - 1) / SUB_BLOCK);
    for (; block < end; block++, named++) store<u32>(numbers + (<usize>named << 2), block);
  }
  return named;
}

/** A part of every cache line of a sub-block's two planes, and of its page's centre. */
// @ts-ignore: decorator
@inline
function linesOf(first: usize, second: usize, block: i32, dim: i32): v128 {
  const page = <usize>(block / BLOCKS), part = <usize>(block % BLOCKS);
  const record = first + page * (centreBytes(dim) + planeBytes(dim));
  const one = record + centreBytes(dim);
  const other = second + page * planeBytes(dim);
  let all = v128.xor(v128.load(one + (part << 5)), v128.load(other + (part << 5)));
  let at: usize = 2 * PAGE + part * (<usize>dim << 1);
  const end = at + (<usize>dim << 1);
  for (; at < end; at += 64) all = v128.xor(all, v128.xor(v128.load(one + at), v128.load(other + at)));
  all = v128.xor(all, v128.xor(v128.load(one + end - 16), v128.load(other + end - 16)));
  for (let centre = record; centre < one; centre += 64) all = v128.xor(all, v128.load(centre));
  return all;
}

/** Logits of up to three heads, of the sub-blocks numbered [from, to) in `numbers`. */
function threeLogits(
  logits: usize, row: usize, numbers: usize, from: i32, to: i32, query: usize, heads: i32, first: usize, second: usize,
  room: v128, dim: i32,
): void {
  const bytes = queryBytes(dim);
  const query1 = heads > 1 ? query + bytes : query;
  const query2 = heads > 2 ? query1 + bytes : query1;
  const table = <usize>dim << 1, worth = <usize>(6 * dim);
  const centreWorth = lanesOf(load<f32>(query + worth), load<f32>(query1 + worth), load<f32>(query2 + worth));
  const planeWorth = lanesOf(load<f32>(query + worth, 4), load<f32>(query1 + worth, 4), load<f32>(query2 + worth, 4));
  let page = -1;
  let one: usize = 0, other: usize = 0;
  let start = centreWorth, step = planeWorth;
  for (let i = from; i < to; i++) {
    const block = word(numbers + (<usize>i << 2), 0);
    if (block / BLOCKS != page) {
      page = block / BLOCKS;
      const record = first + <usize>page * (centreBytes(dim) + planeBytes(dim));
      one = record + centreBytes(dim);
      other = second + <usize>page * planeBytes(dim);
      const scales = halves4(record + <usize>dim);
      const dots = f32x4.convert_i32x4_s(centreDots(query, query1, query2, record, dim));
      start = f32x4.mul(f32x4.mul(dots, v128.shuffle<i32>(scales, scales, 0, 0, 0, 0)), centreWorth);
      step = f32x4.mul(v128.shuffle<i32>(scales, scales, 1, 1, 1, 1), planeWorth);
    }
    const part = block % BLOCKS;
    const most =
      heads == 1 ? blockMost(query + table, one, other, part, room, dim)
      : blockMost3(query + table, query1 + table, query2 + table, one, other, part, room, dim);
    const line = f32x4.add(start, f32x4.mul(most, step));
    const at = logits + (<usize>i << 2);
    v128.store32_lane(at, line, 0);
    if (heads > 1) v128.store32_lane(at + row, line, 1);
    if (heads > 2) v128.store32_lane(at + 2 * row, line, 2);
  }
}

// @ts-ignore: decorator
@inline
function lanesOf(a: f32, b: f32, c: f32): v128 {
  return f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(a), 1, b), 2, c);
}

/** Products of three queries' codes with a page's centre: one in each lane. */
// @ts-ignore: decorator
@inline
function centreDots(query: usize, query1: usize, query2: usize, record: usize, dim: i32): v128 {
  let a = i32x4.splat(0), b = a, c = a;
  for (let at: usize = 0; at < <usize>dim; at += 8) {
    const codes = v128.load8x8_s(record + at);
    a = i32x4.add(a, i32x4.dot_i16x8_s(codes, v128.load(query + (at << 1))));
    b = i32x4.add(b, i32x4.dot_i16x8_s(codes, v128.load(query1 + (at << 1))));
    c = i32x4.add(c, i32x4.dot_i16x8_s(codes, v128.load(query2 + (at << 1))));
  }
  return sums4(a, b, c, c);
}

/** The greatest weighed sum of a sub-block over both planes, in every lane. */
function blockMost(table: usize, one: usize, other: usize, part: i32, room: v128, dim: i32): v128 {
  const mask = i8x16.splat(15);
  let low = i16x8.splat(0), high = low;
  let plane = one;
  for (let n = 0; n < 2; n++, plane = other) {
    let a0 = i16x8.splat(0), a1 = a0;
    let signs = plane + 2 * PAGE + <usize>(part * (dim << 1));
    let t = table;
    for (let left = dim; left > 0; left -= FIT) {
      let a = i8x16.splat(0);
      for (const end = signs + (<usize>min(left, FIT) << 1); signs < end; signs += 16, t += 32) {
        const x = v128.load(signs);
        a = i8x16.add(a, eight(t, v128.and(x, mask), v128.and(i16x8.shr_u(x, 4), mask)));
      }
      a0 = i16x8.add(a0, i16x8.extend_low_i8x16_s(a));
      a1 = i16x8.add(a1, i16x8.extend_high_i8x16_s(a));
    }
    const scales = plane + (<usize>part << 5);
    low = i16x8.add_sat_s(low, weighed(a0, room, scales));
    high = i16x8.add_sat_s(high, weighed(a1, room, scales + 16));
  }
  const most = i16x8.max_s(low, high);
  return greatest4(most, most, most, most);
}

/** As `blockMost`, for three queries, which share the unpacking of the signs: one in each lane. */
function blockMost3(
  table: usize, table1: usize, table2: usize, one: usize, other: usize, part: i32, room: v128, dim: i32,
): v128 {
  const mask = i8x16.splat(15);
  let p0 = i16x8.splat(0), p1 = p0, q0 = p0, q1 = p0, r0 = p0, r1 = p0;
  let plane = one;
  for (let n = 0; n < 2; n++, plane = other) {
    let a0 = i16x8.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0;
    let signs = plane + 2 * PAGE + <usize>(part * (dim << 1));
    let at: usize = 0;
    for (let left = dim; left > 0; left -= FIT) {
      let a = i8x16.splat(0), b = a, c = a;
      for (const end = signs + (<usize>min(left, FIT) << 1); signs < end; signs += 16, at += 32) {
        const x = v128.load(signs);
        const low = v128.and(x, mask), high = v128.and(i16x8.shr_u(x, 4), mask);
        a = i8x16.add(a, eight(table + at, low, high));
        b = i8x16.add(b, eight(table1 + at, low, high));
        c = i8x16.add(c, eight(table2 + at, low, high));
      }
      a0 = i16x8.add(a0, i16x8.extend_low_i8x16_s(a));
      a1 = i16x8.add(a1, i16x8.extend_high_i8x16_s(a));
      b0 = i16x8.add(b0, i16x8.extend_low_i8x16_s(b));
      b1 = i16x8.add(b1, i16x8.extend_high_i8x16_s(b));
      c0 = i16x8.add(c0, i16x8.extend_low_i8x16_s(c));
      c1 = i16x8.add(c1, i16x8.extend_high_i8x16_s(c));
    }
    const scales = plane + (<usize>part << 5);
    p0 = i16x8.add_sat_s(p0, weighed(a0, room, scales));
    p1 = i16x8.add_sat_s(p1, weighed(a1, room, scales + 16));
    q0 = i16x8.add_sat_s(q0, weighed(b0, room, scales));
    q1 = i16x8.add_sat_s(q1, weighed(b1, room, scales + 16));
    r0 = i16x8.add_sat_s(r0, weighed(c0, room, scales));
    r1 = i16x8.add_sat_s(r1, weighed(c1, room, scales + 16));
  }
  const c = i16x8.max_s(r0, r1);
  return greatest4(i16x8.max_s(p0, p1), i16x8.max_s(q0, q1), c, c);
}

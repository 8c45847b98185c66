// Logits of sub-blocks from sketches of their keys: the greatest of each, over its 16 tokens, for one row of q.
import { hadamard } from './hadamard';
import { halves4 } from './halves';
import { PAGE } from './page';
import { quantizeQuery } from './query';
import { centreBytes, eight, FIT, greatest4, headroom, lookups, planeBytes, SUB_BLOCK, weighed } from './sketch';
import { word } from './words';

/** Sub-blocks of a page. */
const BLOCKS: i32 = PAGE / SUB_BLOCK;

// A query in scratch: codes i16 (dim), table i8 (dim / 4, 16), then what a code of the centre's sum and a step of the
// table's are worth, f32 each, and 8 bytes.

// @ts-ignore: decorator
@inline
function queryBytes(dim: i32): usize {
  return <usize>(6 * dim + 16);
}

/** Bytes of scratch of `firstLogits` and `namedLogits` for `group` queries. */
export function logitsScratch(group: i32, dim: i32): usize {
  return <usize>(group + 1) * queryBytes(dim) + <usize>(group << 3);
}

/** out = the query as sketches are asked. spare: dim f32. */
function prepare(out: usize, q: usize, dim: i32, scale: f32, spare: usize): void {
  memory.copy(spare, q, <usize>dim << 2);
  hadamard(spare, dim);
  const table = out + (<usize>dim << 1);
  const worth = out + <usize>(6 * dim);
  const room: f32 = 2 / <f32>(1 << headroom(dim));
  store<f32>(worth, quantizeQuery(out, spare, dim) * scale);
  store<f32>(worth, lookups(table, spare, dim) * scale * room, 4);
}

/** What a page's logits begin with: the product with its centre. */
// @ts-ignore: decorator
@inline
function centreLogit(query: usize, record: usize, dim: i32): f32 {
  let sum = i32x4.splat(0);
  let codes = record;
  for (const end = codes + <usize>dim; codes < end; codes += 8, query += 16) {
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load8x8_s(codes), v128.load(query)));
  }
  const dot = <f32>(
    i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3)
  );
  return dot * f32x4.extract_lane(halves4(record + <usize>dim), 0);
}

// @ts-ignore: decorator
@inline
function planesScale(record: usize, dim: i32): f32 {
  return f32x4.extract_lane(halves4(record + <usize>dim), 1);
}

/** logits (4 · pages) = those of all sub-blocks of pages [0, pages), from the first records alone. */
export function firstLogits(
  logits: usize, q: usize, first: usize, pages: i32, dim: i32, scale: f32, scratch: usize,
): void {
  const query = scratch + queryBytes(dim);
  prepare(query, q, dim, scale, scratch);
  const table = query + (<usize>dim << 1);
  const worth = query + <usize>(6 * dim);
  const shift = headroom(dim);
  const record = centreBytes(dim) + planeBytes(dim);
  for (let page = 0; page < pages; page++, first += record, logits += 16) {
    const start = f32x4.splat(centreLogit(query, first, dim) * load<f32>(worth));
    const step = f32x4.splat(planesScale(first, dim) * load<f32>(worth, 4));
    const most = pageMost(table, first + centreBytes(dim), shift, dim);
    v128.store(logits, f32x4.add(start, f32x4.mul(most, step)));
  }
}

/** The greatest weighed sum of each of a page's four sub-blocks. */
// @ts-ignore: decorator
@inline
function pageMost(table: usize, plane: usize, shift: i32, dim: i32): v128 {
  const next = <usize>dim << 1;
  const mask = i8x16.splat(15);
  let a0 = i16x8.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  let signs = plane + 2 * PAGE;
  for (let left = dim; left > 0; left -= FIT) {
    let a = i8x16.splat(0), b = a, c = a, d = a;
    for (const end = signs + (<usize>min(left, FIT) << 1); signs < end; signs += 16, table += 32) {
      const w = v128.load(signs), x = v128.load(signs + next);
      a = i8x16.add(a, eight(table, v128.and(w, mask), v128.and(i16x8.shr_u(w, 4), mask)));
      b = i8x16.add(b, eight(table, v128.and(x, mask), v128.and(i16x8.shr_u(x, 4), mask)));
      const y = v128.load(signs + 2 * next), z = v128.load(signs + 3 * next);
      c = i8x16.add(c, eight(table, v128.and(y, mask), v128.and(i16x8.shr_u(y, 4), mask)));
      d = i8x16.add(d, eight(table, v128.and(z, mask), v128.and(i16x8.shr_u(z, 4), mask)));
    }
    a0 = i16x8.add(a0, i16x8.extend_low_i8x16_s(a));
    a1 = i16x8.add(a1, i16x8.extend_high_i8x16_s(a));
    b0 = i16x8.add(b0, i16x8.extend_low_i8x16_s(b));
    b1 = i16x8.add(b1, i16x8.extend_high_i8x16_s(b));
    c0 = i16x8.add(c0, i16x8.extend_low_i8x16_s(c));
    c1 = i16x8.add(c1, i16x8.extend_high_i8x16_s(c));
    d0 = i16x8.add(d0, i16x8.extend_low_i8x16_s(d));
    d1 = i16x8.add(d1, i16x8.extend_high_i8x16_s(d));
  }
  return greatest4(
    i16x8.max_s(weighed(a0, shift, plane), weighed(a1, shift, plane + 16)),
    i16x8.max_s(weighed(b0, shift, plane + 32), weighed(b1, shift, plane + 48)),
    i16x8.max_s(weighed(c0, shift, plane + 64), weighed(c1, shift, plane + 80)),
    i16x8.max_s(weighed(d0, shift, plane + 96), weighed(d1, shift, plane + 112)),
  );
}

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
  const lines = queries + <usize>group * bytes;
  for (let head: usize = 0; head < <usize>group; head++) {
    prepare(queries + head * bytes, q + head * (<usize>dim << 2), dim, scale, scratch);
  }
  const shift = headroom(dim);
  const tables = queries + (<usize>dim << 1);
  let named: usize = 0;
  // What is named lies scattered: the next sub-block is on its way to the cache while one is weighed.
  let touched = i8x16.splat(0);
  let block = 0;
  let page = -1;
  let one: usize = 0, other: usize = 0;
  for (let range = 0; range < count; range++, ranges += 8) {
    block = max(block, word(ranges, 0) / SUB_BLOCK);
    const end = min(blocks, (word(ranges, 1) + SUB_BLOCK - 1) / SUB_BLOCK);
    for (; block < end; block++, named++) {
      let next = block + 1;
      if (next == end && range + 1 < count) next = max(next, word(ranges, 2) / SUB_BLOCK);
      if (next < blocks) {
        touched = v128.xor(touched, linesOf(first, second, next, dim, next / BLOCKS != block / BLOCKS));
      }
      if (block / BLOCKS != page) {
        page = block / BLOCKS;
        const record = first + <usize>page * (centreBytes(dim) + planeBytes(dim));
        one = record + centreBytes(dim);
        other = second + <usize>page * planeBytes(dim);
        const step = planesScale(record, dim);
        for (let head: usize = 0; head < <usize>group; head++) {
          const query = queries + head * bytes;
          const worth = query + <usize>(6 * dim);
          store<f32>(lines + (head << 3), centreLogit(query, record, dim) * load<f32>(worth));
          store<f32>(lines + (head << 3), step * load<f32>(worth, 4), 4);
        }
      }
      const part = block % BLOCKS;
      const at = logits + (named << 2);
      for (let head = 0; head < group; ) {
        const table = tables + <usize>head * bytes;
        const left = group - head;
        const most =
          left == 1 ? blockMost(table, one, other, part, shift, dim)
          : blockMost3(table, table + bytes, table + (left == 2 ? bytes : 2 * bytes), one, other, part, shift, dim);
        putLogit(at, row, lines, head, f32x4.extract_lane(most, 0));
        if (left > 1) putLogit(at, row, lines, head + 1, f32x4.extract_lane(most, 1));
        if (left > 2) putLogit(at, row, lines, head + 2, f32x4.extract_lane(most, 2));
        head += min(left, 3);
      }
      store<u32>(numbers + (named << 2), block);
    }
  }
  // Nobody reads it; loads of which nothing is made may be left out.
  v128.store(scratch, touched);
  return <i32>named;
}

/** A part of every cache line of a sub-block's two planes, and, where its page is `another`, of the page's centre. */
// @ts-ignore: decorator
@inline
function linesOf(first: usize, second: usize, block: i32, dim: i32, another: bool): v128 {
  const page = <usize>(block / BLOCKS), part = <usize>(block % BLOCKS);
  const record = first + page * (centreBytes(dim) + planeBytes(dim));
  const one = record + centreBytes(dim);
  const other = second + page * planeBytes(dim);
  let all = v128.xor(v128.load(one + (part << 5)), v128.load(other + (part << 5)));
  let at: usize = 2 * PAGE + part * (<usize>dim << 1);
  for (const end = at + (<usize>dim << 1); at < end; at += 64) {
    all = v128.xor(all, v128.xor(v128.load(one + at), v128.load(other + at)));
  }
  if (another) for (let centre = record; centre < one; centre += 64) all = v128.xor(all, v128.load(centre));
  return all;
}

// @ts-ignore: decorator
@inline
function putLogit(at: usize, row: usize, lines: usize, head: i32, most: f32): void {
  const line = lines + (<usize>head << 3);
  store<f32>(at + <usize>head * row, load<f32>(line) + most * load<f32>(line, 4));
}

/** The greatest weighed sum of a sub-block over both planes, in every lane. */
function blockMost(table: usize, one: usize, other: usize, part: i32, shift: i32, dim: i32): v128 {
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
    low = i16x8.add_sat_s(low, weighed(a0, shift, scales));
    high = i16x8.add_sat_s(high, weighed(a1, shift, scales + 16));
  }
  const most = i16x8.max_s(low, high);
  return greatest4(most, most, most, most);
}

/** As `blockMost`, for three queries, which share the unpacking of the signs: one in each lane. */
function blockMost3(
  table: usize, table1: usize, table2: usize, one: usize, other: usize, part: i32, shift: i32, dim: i32,
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
    p0 = i16x8.add_sat_s(p0, weighed(a0, shift, scales));
    p1 = i16x8.add_sat_s(p1, weighed(a1, shift, scales + 16));
    q0 = i16x8.add_sat_s(q0, weighed(b0, shift, scales));
    q1 = i16x8.add_sat_s(q1, weighed(b1, shift, scales + 16));
    r0 = i16x8.add_sat_s(r0, weighed(c0, shift, scales));
    r1 = i16x8.add_sat_s(r1, weighed(c1, shift, scales + 16));
  }
  const c = i16x8.max_s(r0, r1);
  return greatest4(i16x8.max_s(p0, p1), i16x8.max_s(q0, q1), c, c);
}

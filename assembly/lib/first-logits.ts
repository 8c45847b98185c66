// Logits of all sub-blocks, from the first plane of their keys' sketches: the greatest of each, over its 16 tokens.
import { halves4 } from './halves';
import { PAGE } from './page';
import { centreBytes, eight, FIT, greatest4, headroom, planeBytes, weighed } from './sketch';
import { prepare, queryBytes } from './sketch-query';

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

/**
 * Runs of pages that are read in turns. A processor reads ahead of every run by itself, and only so far: of one run alone
 * the next lines come too late.
 */
const RUNS: i32 = 4;

/** logits (4 · pages) = those of all sub-blocks of pages [0, pages), from the first records alone. */
export function firstLogits(
  logits: usize, q: usize, first: usize, pages: i32, dim: i32, scale: f32, scratch: usize,
): void {
  const query = scratch + queryBytes(dim);
  prepare(query, q, dim, scale, scratch);
  const table = query + (<usize>dim << 1);
  const worth = query + <usize>(6 * dim);
  const room = i16x8.splat(<i16>(<i32>1 << headroom(dim)));
  const bytes = centreBytes(dim) + planeBytes(dim);
  const run = (pages + RUNS - 1) / RUNS;
  for (let turn = 0; turn < run; turn++) {
    for (let page = turn; page < pages; page += run) {
      const record = first + <usize>page * bytes;
      const start = f32x4.splat(centreLogit(query, record, dim) * load<f32>(worth));
      const step = f32x4.splat(planesScale(record, dim) * load<f32>(worth, 4));
      const most = pageMost(table, record + centreBytes(dim), room, dim);
      v128.store(logits + (<usize>page << 4), f32x4.add(start, f32x4.mul(most, step)));
    }
  }
}

/** The greatest weighed sum of each of a page's four sub-blocks. */
// @ts-ignore: decorator
@inline
function pageMost(table: usize, plane: usize, room: v128, dim: i32): v128 {
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
    i16x8.max_s(weighed(a0, room, plane), weighed(a1, room, plane + 16)),
    i16x8.max_s(weighed(b0, room, plane + 32), weighed(b1, room, plane + 48)),
    i16x8.max_s(weighed(c0, room, plane + 64), weighed(c1, room, plane + 80)),
    i16x8.max_s(weighed(d0, room, plane + 96), weighed(d1, room, plane + 112)),
  );
}

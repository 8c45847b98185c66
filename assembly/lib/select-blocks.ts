// The best sub-blocks of a tile, as ranges: the score at which the budget is spent is found by counting, without sorting.
import { put } from './put-range';
import { SUB_BLOCK } from './sketch';

/** Sixteen scores, which a pass over them looks at in one go. */
const PASS: usize = 64;

/**
 * As `selectChunks`, of sub-blocks: `sinks` and `forced` are multiples of their size, `forced` is not past the last one that
 * has a score. Of the budget's last tokens no part of a sub-block is made.
 */
export function selectBlocks(
  out: usize, scores: usize, sinks: i32, forced: i32, end: i32, budget: i32, scratch: usize,
): i32 {
  let last = put(out, out, 0, min(sinks, end));
  const from = sinks / SUB_BLOCK, to = forced / SUB_BLOCK;
  const most = budget / SUB_BLOCK;
  if (most > 0 && most >= to - from) last = put(out, last, sinks, forced);
  else if (most > 0) {
    const values = scratch + 16;
    copyScores(values, scores, from, to);
    let left = leastScore(scratch, values, to, most);
    const least = load<f32>(scratch);
    // Among equals the later ones come first.
    let cut = to;
    for (; left > 0; left--) {
      do cut--;
      while (load<f32>(values + (<usize>cut << 2)) != least);
    }
    last = putBlocks(out, last, values, to, least, cut);
  }
  last = put(out, last, forced, end);
  return <i32>((last - out) >> 3);
}

/** Bytes of n scores and what fills the last pass. */
// @ts-ignore: decorator
@inline
function passes(n: i32): usize {
  return ((<usize>n << 2) + PASS - 1) & ~(PASS - 1);
}

/** values = scores [from, to), NaN as −∞. What fills the whole passes, before and after, is NaN, which no comparison meets. */
// @ts-ignore: decorator
@inline
function copyScores(values: usize, scores: usize, from: i32, to: i32): void {
  const least = f32x4.splat(-Infinity), none = f32x4.splat(NaN);
  const begin = <usize>from << 2, end = <usize>to << 2;
  for (let at = begin & -16; at < end; at += 16) {
    v128.store(values + at, f32x4.pmax(least, v128.load(scores + at)));
  }
  for (let at: usize = 0; at < begin; at += 4) store<f32>(values + at, NaN);
  let at = end;
  for (; at & 15; at += 4) store<f32>(values + at, NaN);
  for (; at < passes(to); at += 16) v128.store(values + at, none);
}

/**
 * Written to `least`: a score such that `most` are above it, or so many that the least ones of those equal to it make up the
 * rest; gives how many of these are taken. There are more than `most` among the n values; where no more than that are above
 * −∞, the score is −∞. Found by halving the numbers that order scores as their bits do, between the greatest and the least.
 */
// @ts-ignore: decorator
@inline
function leastScore(least: usize, values: usize, n: i32, most: i32): i32 {
  const bottom = f32x4.splat(-Infinity), top = f32x4.splat(Infinity);
  const end = values + passes(n);
  let greatest = bottom, smallest = top, finite = i32x4.splat(0);
  for (let p = values; p < end; p += 16) {
    const x = v128.load(p);
    const some = f32x4.gt(x, bottom);
    finite = i32x4.sub(finite, some);
    greatest = f32x4.pmax(greatest, x);
    smallest = f32x4.pmin(smallest, v128.bitselect(x, top, some));
  }
  store<f32>(least, -Infinity);
  if (lanes(finite) <= most) return most - lanes(finite);
  let low = orderOf(-maxLane(f32x4.neg(smallest)));
  let high = orderOf(maxLane(greatest));
  let left = most;
  while (low < high) {
    const middle = low + <i32>(<u32>(high - low) >> 1);
    const above = countAbove(values, end, scoreOf(middle));
    if (above > most) low = middle + 1;
    else {
      high = middle;
      left = most - above;
      if (left == 0) break;
    }
  }
  store<f32>(least, scoreOf(high));
  return left;
}

// @ts-ignore: decorator
@inline
function lanes(x: v128): i32 {
  return (
    i32x4.extract_lane(x, 0) + i32x4.extract_lane(x, 1) + i32x4.extract_lane(x, 2) + i32x4.extract_lane(x, 3)
  );
}

// @ts-ignore: decorator
@inline
function maxLane(x: v128): f32 {
  const pair = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}

/** A number that is greater where the score is, and next to the numbers of the scores next to it. */
// @ts-ignore: decorator
@inline
function orderOf(score: f32): i32 {
  return ordered(reinterpret<i32>(score));
}

// @ts-ignore: decorator
@inline
function scoreOf(order: i32): f32 {
  return reinterpret<f32>(ordered(order));
}

// @ts-ignore: decorator
@inline
function ordered(bits: i32): i32 {
  return bits ^ ((bits >> 31) & i32.MAX_VALUE);
}

function countAbove(values: usize, end: usize, score: f32): i32 {
  const least = f32x4.splat(score);
  let a = i32x4.splat(0), b = a, c = a, d = a;
  for (; values < end; values += PASS) {
    a = i32x4.sub(a, f32x4.gt(v128.load(values), least));
    b = i32x4.sub(b, f32x4.gt(v128.load(values, 16), least));
    c = i32x4.sub(c, f32x4.gt(v128.load(values, 32), least));
    d = i32x4.sub(d, f32x4.gt(v128.load(values, 48), least));
  }
  return lanes(i32x4.add(i32x4.add(a, b), i32x4.add(c, d)));
}

/** A bit for each of sixteen values: whether it is above the score. */
// @ts-ignore: decorator
@inline
function bitsAbove(values: usize, score: v128): u64 {
  const low = i16x8.narrow_i32x4_s(f32x4.gt(v128.load(values), score), f32x4.gt(v128.load(values, 16), score));
  const high = i16x8.narrow_i32x4_s(f32x4.gt(v128.load(values, 32), score), f32x4.gt(v128.load(values, 48), score));
  return <u64>i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
}

/** Appends the sub-blocks below `n` whose scores are above `least`, or equal to it and not before `cut`. */
// @ts-ignore: decorator
@inline
function putBlocks(out: usize, last: usize, values: usize, n: i32, least: f32, cut: i32): usize {
  const threshold = f32x4.splat(least);
  let start = 0, stop = last > out ? <i32>load<u32>(last - 4) : -1;
  for (let base = 0; base < n; base += 64) {
    let bits: u64 = 0;
    for (let block = base; block < min(n, base + 64); block += 16) {
      bits |= bitsAbove(values + (<usize>block << 2), threshold) << (block - base);
    }
    for (let block = max(base, cut); block < min(n, base + 64); block++) {
      if (load<f32>(values + (<usize>block << 2)) == least) bits |= <u64>1 << (block - base);
    }
    // One that follows the last one makes its range longer; no branch, for nobody can foretell it.
    for (; bits; bits &= bits - 1) {
      const at = (base + <i32>ctz(bits)) * SUB_BLOCK;
      const apart = at != stop;
      start = apart ? at : start;
      last += <usize>apart << 3;
      stop = at + SUB_BLOCK;
      store<u32>(last - 8, start);
      store<u32>(last - 4, stop);
    }
  }
  return last;
}

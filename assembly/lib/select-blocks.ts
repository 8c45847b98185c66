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
 * The score at which `most` are reached, written to `least`; gives how many are left after all greater ones. There are more
 * than `most` among the n values; where no more than that are above −∞, the score is −∞. Found by halving the numbers that
 * order scores as their bits do, between the greatest and the least; scores that are out of question are dropped on the way.
 */
// @ts-ignore: decorator
@inline
function leastScore(least: usize, values: usize, n: i32, most: i32): i32 {
  const bottom = f32x4.splat(-Infinity), top = f32x4.splat(Infinity);
  let end = values + passes(n);
  let greatest = bottom, smallest = top, finite = i32x4.splat(0);
  for (let p = values; p < end; p += 16) {
    const x = v128.load(p);
    const some = f32x4.gt(x, bottom);
    finite = i32x4.sub(finite, some);
    greatest = f32x4.pmax(greatest, x);
    smallest = f32x4.pmin(smallest, v128.bitselect(x, top, some));
  }
  let within = lanes(finite);
  store<f32>(least, -Infinity);
  if (within <= most) return most - within;
  let low = orderOf(-maxLane(f32x4.neg(smallest)));
  let high = orderOf(maxLane(greatest));
  let left = most, beyond = 0;
  let close = end;
  // It is one of [low, high], as are `within` of the values, of which `left` are to be taken; `beyond` are above.
  while (low < high) {
    if (end - values > PASS && <usize>within << 7 <= end - values) {
      end = keepBetween(close, values, end, scoreOf(low), scoreOf(high));
      values = close;
      close = end;
      beyond = 0;
    }
    const middle = low + <i32>(<u32>(high - low) >> 1);
    const above = countAbove(values, end, scoreOf(middle)) - beyond;
    if (above >= left) {
      low = middle + 1;
      within = above;
    } else {
      high = middle;
      within -= above;
      left -= above;
      beyond += above;
    }
  }
  store<f32>(least, scoreOf(low));
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

/** out = those of the values that are in [low, high], in whole passes; gives their end. */
function keepBetween(out: usize, values: usize, end: usize, low: f32, high: f32): usize {
  const least = f32x4.splat(low), most = f32x4.splat(high);
  const start = out;
  for (; values < end; values += 16) {
    const x = v128.load(values);
    for (let bits = i32x4.bitmask(v128.and(f32x4.ge(x, least), f32x4.le(x, most))); bits; bits &= bits - 1) {
      store<f32>(out, load<f32>(values + (<usize>ctz(bits) << 2)));
      out += 4;
    }
  }
  for (; (out - start) & (PASS - 1); out += 4) store<f32>(out, NaN);
  return out;
}

/** Appends the sub-blocks below `n` whose scores are above `least`, or equal to it and not before `cut`. */
// @ts-ignore: decorator
@inline
function putBlocks(out: usize, last: usize, values: usize, n: i32, least: f32, cut: i32): usize {
  const threshold = f32x4.splat(least);
  let start = -1;
  for (let base = 0; base < n; base += 64) {
    let bits: u64 = 0;
    for (let block = base; block < min(n, base + 64); block += 4) {
      const four = v128.load(values + (<usize>block << 2));
      let taken = i32x4.bitmask(f32x4.gt(four, threshold));
      const equal = i32x4.bitmask(f32x4.eq(four, threshold));
      if (equal && block + 4 > cut) taken |= equal & (15 << max(0, cut - block));
      bits |= <u64>taken << (block - base);
    }
    // Below what was looked at, bits say what the search goes through.
    for (;;) {
      if (start < 0) {
        if (bits == 0) break;
        start = base + <i32>ctz(bits);
        bits |= bits - 1;
      } else {
        if (~bits == 0) break;
        const end = <i32>ctz(~bits);
        last = put(out, last, start * SUB_BLOCK, (base + end) * SUB_BLOCK);
        start = -1;
        bits &= bits + 1;
      }
    }
  }
  return start < 0 ? last : put(out, last, start * SUB_BLOCK, n * SUB_BLOCK);
}

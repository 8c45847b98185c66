// How many tokens the best chunks have that together hold a share of all scores: a budget, found without sorting.
import { SUB_BLOCK } from './sketch';

/**
 * scores (n) of the chunks boundaries[c]…boundaries[c + 1], or of sub-blocks where there are no boundaries. `share` in steps
 * of 2⁻¹⁶. What sinks and forced tail cover costs nothing and counts where all of a chunk is covered; of equal scores the later
 * chunk comes first. Scores are counted in whole steps of a power of two, so that their sums are the same in any order.
 * scratch: n u32.
 */
export function massTokens(
  scores: usize, boundaries: usize, n: i32, sinks: i32, forced: i32, share: i32, scratch: usize,
): i32 {
  let top: u32 = 0;
  for (let c = 0; c < n; c++) top = max<u32>(top, massOf(scores, c));
  // 2⁻⁶⁰: beside that nothing is a mass.
  if (top < 0x21800000) return 0;
  const coarse = 29 + 127 - (n > 1 ? 32 - <i32>clz(n - 1) : 0) - <i32>(top >> 23);
  let all: u32 = 0;
  for (let c = 0; c < n; c++) all += stepsOf(massOf(scores, c), coarse) + 1;
  const fine = coarse + <i32>clz(all) - 1;
  let held: u32 = 0;
  all = 0;
  for (let c = 0; c < n; c++) {
    const steps = stepsOf(massOf(scores, c), fine);
    all += steps;
    const covered = costOf(boundaries, c, sinks, forced) == 0;
    if (covered) held += steps;
    store<u32>(scratch + (<usize>c << 2), covered ? 0 : steps);
  }
  const need = (all >>> 16) * <u32>share + (((all & 0xffff) * <u32>share + 0xffff) >>> 16);
  if (held >= need) return 0;

  // The least score that is taken, as its bits: positive numbers are in the order of those.
  let low: u32 = 1, high = top;
  while (low < high) {
    const middle = low + (high - low + 1) / 2;
    if (held + stepsFrom(scores, scratch, n, middle) >= need) low = middle;
    else high = middle - 1;
  }
  held += stepsFrom(scores, scratch, n, low + 1);
  let tokens = 0;
  for (let c = 0; c < n; c++) if (massOf(scores, c) > low) tokens += costOf(boundaries, c, sinks, forced);
  for (let c = n - 1; c >= 0 && held < need; c--) {
    if (massOf(scores, c) != low) continue;
    held += load<u32>(scratch + (<usize>c << 2));
    tokens += costOf(boundaries, c, sinks, forced);
  }
  return tokens;
}

/** The bits of a score; 0 for what is no number, nothing, or less. */
// @ts-ignore: decorator
@inline
function massOf(scores: usize, chunk: i32): u32 {
  const bits = load<u32>(scores + (<usize>chunk << 2));
  return bits < 0x7f800000 ? bits : 0;
}

/** A score in whole steps of 2^−exponent. */
// @ts-ignore: decorator
@inline
function stepsOf(mass: u32, exponent: i32): u32 {
  const scale = reinterpret<f64>(<u64>(exponent + 1023) << 52);
  return <u32>(<f64>reinterpret<f32>(mass) * scale);
}

/** Steps of what costs anything and has at least such a score. */
function stepsFrom(scores: usize, steps: usize, n: i32, least: u32): u32 {
  let sum: u32 = 0;
  for (let c = 0; c < n; c++) if (massOf(scores, c) >= least) sum += load<u32>(steps + (<usize>c << 2));
  return sum;
}

/** Tokens of a chunk that neither sinks nor tail cover. */
// @ts-ignore: decorator
@inline
function costOf(boundaries: usize, chunk: i32, sinks: i32, forced: i32): i32 {
  const start = boundaries ? <i32>load<u32>(boundaries + (<usize>chunk << 2)) : chunk * SUB_BLOCK;
  const end = boundaries ? <i32>load<u32>(boundaries + (<usize>chunk << 2), 4) : start + SUB_BLOCK;
  return max(min<i32>(end, forced) - max<i32>(start, sinks), 0);
}

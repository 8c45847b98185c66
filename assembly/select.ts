// From scores to ranges: whole chunks in descending score order until a budget is spent, without sorting.
import { massTokens } from './lib/mass-tokens';
import { put } from './lib/put-range';
import { selectBlocks } from './lib/select-blocks';
import { address, word } from './lib/words';

/** Bits of a key that a pass looks at; the last one looks at the ten that remain. */
const DIGIT: u32 = 11;
const BINS: usize = 2048;

/** Bytes of scratch of `select` for up to n chunks or sub-blocks. */
export function selectScratch(n: i32): usize {
  return (BINS << 2) + <usize>n * 12 + 16;
}

/**
 * Plans of items [from, to); item = list · tiles + tile. args, in words: 0 numbers of ranges, 1 the ranges, 2 ranges
 * there is room for in an item, 3 tiles, 4 scores or 0, 5 f32 from item to item, 6 boundaries, or 0 where sub-blocks are
 * chosen, 7 the tiles: u32 (chunks or sub-blocks, sinks, forced, end, budget) of each, 8 the share of the scores
 * that is enough, in steps of 2⁻¹⁶, or 0. Items are independent; each needs a scratch of its own.
 */
export function select(args: usize, from: i32, to: i32, scratch: usize): void {
  for (let item = from; item < to; item++) {
    const tile = address(args, 7) + <usize>(item % word(args, 3)) * 20;
    const out = address(args, 1) + (<usize>item * <usize>word(args, 2) << 3);
    const scores = address(args, 4) + (<usize>item * <usize>word(args, 5) << 2);
    const sinks = word(tile, 1), forced = word(tile, 2), end = word(tile, 3), share = word(args, 8);
    let budget = word(tile, 4);
    if (share > 0 && budget > 0) {
      budget = min(budget, massTokens(scores, address(args, 6), word(tile, 0), sinks, forced, share, scratch));
    }
    const count = address(args, 6)
      ? selectChunks(out, scores, address(args, 6), word(tile, 0), sinks, forced, end, budget, scratch)
      : selectBlocks(out, scores, sinks, forced, end, budget, scratch);
    store<u32>(address(args, 0) + (<usize>item << 2), count);
  }
}

/**
 * Writes the ranges of one tile (u32 pairs at `out`) and gives their number: [0, sinks), the best chunks, [forced, end).
 *
 * scores (n) f32 of the chunks boundaries[c]…boundaries[c + 1] (u32). `forced` is not past the last of them.
 * `budget`: tokens that may be taken from them; what sinks and forced tail cover costs nothing. Descending score,
 * later chunks first among equals, NaN as −∞; the first chunk that does not fit is cut at its start and ends the
 * choice. The lowest score still taken is found by a radix descent over histograms of tokens.
 */
function selectChunks(
  out: usize, scores: usize, boundaries: usize, n: i32, sinks: i32, forced: i32, end: i32, budget: i32,
  scratch: usize,
): i32 {
  let last = put(out, out, 0, min(sinks, end));
  if (budget > 0 && n > 0) {
    const keys = scratch + (BINS << 2);
    const costs = keys + (<usize>n << 2);
    const close = costs + (<usize>n << 2);
    const total = prepare(scratch, keys, costs, scores, boundaries, n, sinks, forced);
    let least: u32 = 0;
    let left = budget;
    let cut = -1;
    if (total > budget) {
      left = threshold(scratch, keys, costs, close, n, budget);
      least = load<u32>(scratch);
      // Among chunks at the threshold the later ones come first.
      let whole = n;
      for (; whole > 0; whole--) {
        if (load<u32>(keys + (<usize>(whole - 1) << 2)) != least) continue;
        const cost = <i32>load<u32>(costs + (<usize>(whole - 1) << 2));
        if (cost > left) break;
        left -= cost;
      }
      cut = whole - 1;
    }
    for (let chunk = 0; chunk < n; chunk++) {
      const key = load<u32>(keys + (<usize>chunk << 2));
      if (key < least || (key == least && chunk < cut)) continue;
      const start = max<i32>(<i32>load<u32>(boundaries + (<usize>chunk << 2)), sinks);
      const stop = min<i32>(<i32>load<u32>(boundaries + (<usize>chunk << 2), 4), forced);
      last = put(out, last, chunk == cut ? max(start, stop - left) : start, stop);
    }
  }
  last = put(out, last, forced, end);
  return <i32>((last - out) >> 3);
}

/**
 * keys: u32 in the order of the scores, NaN = −∞, −0 = 0. costs: tokens neither sinks nor tail cover. histogram: costs
 * by the keys' upper digit. Gives their sum.
 */
// @ts-ignore: decorator
@inline
function prepare(
  histogram: usize, keys: usize, costs: usize, scores: usize, boundaries: usize, n: i32, sinks: i32, forced: i32,
): i32 {
  memory.fill(histogram, 0, BINS << 2);
  let total = 0;
  for (let chunk = 0; chunk < n; chunk++) {
    const at = <usize>chunk << 2;
    const score = load<f32>(scores + at) + 0;
    const bits = reinterpret<u32>(score != score ? -Infinity : score);
    const key = bits & 0x80000000 ? ~bits : bits | 0x80000000;
    store<u32>(keys + at, key);
    const start = max<i32>(<i32>load<u32>(boundaries + at), sinks);
    const cost = max(min<i32>(<i32>load<u32>(boundaries + at, 4), forced) - start, 0);
    store<u32>(costs + at, cost);
    count(histogram, key >> (32 - DIGIT), cost);
    total += cost;
  }
  return total;
}

// @ts-ignore: decorator
@inline
function count(histogram: usize, digit: u32, cost: u32): void {
  const bin = histogram + (<usize>digit << 2);
  store<u32>(bin, load<u32>(bin) + cost);
}

/**
 * The key at which the budget runs out, written to `histogram`[0]; gives what is left of the budget after all greater
 * keys. The costs sum to more than the budget. close: room for n numbers of chunks.
 */
// @ts-ignore: decorator
@inline
function threshold(histogram: usize, keys: usize, costs: usize, close: usize, n: i32, budget: i32): i32 {
  let left = budget;
  let prefix: u32 = 0;
  let some = 0;
  for (let shift: u32 = 32 - DIGIT; ; ) {
    let digit: u32 = <u32>BINS - 1;
    for (; digit > 0; digit--) {
      const tokens = <i32>load<u32>(histogram + (<usize>digit << 2));
      if (tokens > left) break;
      left -= tokens;
    }
    prefix |= digit << shift;
    if (shift == 0) break;
    // Only chunks whose keys begin like this are still in question.
    const from = some > 0 ? some : n;
    const all = some == 0;
    some = 0;
    for (let i = 0; i < from; i++) {
      const chunk = all ? i : load<i32>(close + (<usize>i << 2));
      if ((load<u32>(keys + (<usize>chunk << 2)) ^ prefix) >> shift) continue;
      store<i32>(close + (<usize>some << 2), chunk);
      some++;
    }
    const next = shift > DIGIT ? shift - DIGIT : 0;
    const mask: u32 = (1 << (shift - next)) - 1;
    memory.fill(histogram, 0, BINS << 2);
    for (let i = 0; i < some; i++) {
      const at = <usize>load<i32>(close + (<usize>i << 2)) << 2;
      count(histogram, (load<u32>(keys + at) >> next) & mask, load<u32>(costs + at));
    }
    shift = next;
  }
  store<u32>(histogram, prefix);
  return left;
}

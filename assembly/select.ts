// From scores to ranges: whole chunks in descending score order until a budget is spent, without sorting.

/**
 * Writes the ranges of one tile (u32 pairs at `out`) and gives their number: [0, sinks), the best chunks, [forced, end).
 *
 * scores (n) f32 of the chunks boundaries[c]…boundaries[c + 1] (u32). `forced` is not past the last of them.
 * `budget`: tokens that may be taken from them; what sinks and forced tail cover costs nothing. Descending score,
 * later chunks first among equals, NaN as −∞; the first chunk that does not fit is cut at its start and ends the
 * choice. The lowest score still taken is found by a radix descent over histograms of tokens, four passes.
 * scratch: 1024 + 8 · n bytes.
 */
export function selectChunks(
  out: usize, scores: usize, boundaries: usize, n: i32, sinks: i32, forced: i32, end: i32, budget: i32,
  scratch: usize,
): i32 {
  let last = put(out, out, 0, min(sinks, end));
  if (budget > 0 && n > 0) {
    const keys = scratch + 1024;
    const costs = keys + (<usize>n << 2);
    const total = prepare(keys, costs, scores, boundaries, n, sinks, forced);
    let least: u32 = 0;
    let left = budget;
    let whole = 0;
    let cut = -1;
    if (total > budget) {
      left = threshold(scratch, keys, costs, n, budget);
      least = load<u32>(scratch);
      // Among chunks at the threshold the later ones come first.
      for (whole = n; whole > 0; whole--) {
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

/** Appends [start, stop) after the ranges out…last, merged with the last one where they touch. */
// @ts-ignore: decorator
@inline
function put(out: usize, last: usize, start: i32, stop: i32): usize {
  if (stop <= start) return last;
  if (last > out && <i32>load<u32>(last - 4) >= start) {
    store<u32>(last - 4, stop);
    return last;
  }
  store<u32>(last, start);
  store<u32>(last, stop, 4);
  return last + 8;
}

/** keys: u32 in the order of the scores, NaN = −∞, −0 = 0. costs: tokens neither sinks nor tail cover. Gives their sum. */
// @ts-ignore: decorator
@inline
function prepare(keys: usize, costs: usize, scores: usize, boundaries: usize, n: i32, sinks: i32, forced: i32): i32 {
  let total = 0;
  for (let chunk = 0; chunk < n; chunk++) {
    const at = <usize>chunk << 2;
    const score = load<f32>(scores + at) + 0;
    const bits = reinterpret<u32>(score != score ? -Infinity : score);
    store<u32>(keys + at, bits & 0x80000000 ? ~bits : bits | 0x80000000);
    const start = max<i32>(<i32>load<u32>(boundaries + at), sinks);
    const cost = max(min<i32>(<i32>load<u32>(boundaries + at, 4), forced) - start, 0);
    store<u32>(costs + at, cost);
    total += cost;
  }
  return total;
}

/**
 * The key at which the budget runs out, written to `histogram`[0]; gives what is left of the budget after all greater
 * keys. The costs sum to more than the budget.
 */
// @ts-ignore: decorator
@inline
function threshold(histogram: usize, keys: usize, costs: usize, n: i32, budget: i32): i32 {
  let prefix: u32 = 0;
  let left = budget;
  for (let shift: u32 = 24; ; shift -= 8) {
    memory.fill(histogram, 0, 1024);
    const mask: u32 = shift == 24 ? 0 : <u32>0xffffffff << (shift + 8);
    for (let at: usize = 0; at < <usize>n << 2; at += 4) {
      const key = load<u32>(keys + at);
      if ((key & mask) != prefix) continue;
      const bin = histogram + (<usize>((key >> shift) & 255) << 2);
      store<u32>(bin, load<u32>(bin) + load<u32>(costs + at));
    }
    let digit: u32 = 255;
    for (; digit > 0; digit--) {
      const tokens = <i32>load<u32>(histogram + (<usize>digit << 2));
      if (tokens > left) break;
      left -= tokens;
    }
    prefix |= digit << shift;
    if (shift == 0) break;
  }
  store<u32>(histogram, prefix);
  return left;
}

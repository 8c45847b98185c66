/**
 * The ranges that two lists have in common, pairs of start and end, written to `out`; gives their number. What is kept has no
 * end, from the last range on, or from the first one that reaches `tile`, and there it begins with the tile at the latest.
 * `lifts`: where those of `out` go, and those of `named`.
 */
export const keepRanges = (
  out: Uint32Array,
  named: Uint32Array,
  kept: Uint32Array,
  tile: number,
  lifts?: readonly [out: Float32Array, named: Float32Array],
): number => {
  let at = 0;
  for (let n = 0, k = 0; n < named.length; ) {
    const open = k + 2 === kept.length || kept[k + 1]! >= tile;
    const start = Math.max(named[n]!, open ? Math.min(kept[k]!, tile) : kept[k]!);
    const end = open ? named[n + 1]! : Math.min(named[n + 1]!, kept[k + 1]!);
    if (start < end) {
      if (lifts) lifts[0][at / 2] = lifts[1][n / 2]!;
      out[at++] = start;
      out[at++] = end;
    }
    if (open || named[n + 1]! <= kept[k + 1]!) n += 2;
    else k += 2;
  }
  return at / 2;
};

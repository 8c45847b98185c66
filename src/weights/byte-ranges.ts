/** Bytes `[start, end)` of a file. */
export type ByteRange = readonly [start: number, end: number];

/** Ascending, disjoint ranges with `[start, end)` added; ranges that touch become one. */
export const addRange = (ranges: readonly ByteRange[], start: number, end: number): ByteRange[] => {
  if (end <= start) return [...ranges];
  const before = ranges.filter((range) => range[1] < start);
  const after = ranges.filter((range) => range[0] > end);
  const touched = ranges.filter((range) => range[1] >= start && range[0] <= end);
  const from = Math.min(start, ...touched.map((range) => range[0]));
  const to = Math.max(end, ...touched.map((range) => range[1]));
  return [...before, [from, to], ...after];
};

/** Bytes that are there without a gap, from the first. */
export const frontierOf = (ranges: readonly ByteRange[]): number => (ranges[0]?.[0] === 0 ? ranges[0][1] : 0);

/** Bytes that are there in all. */
export const countBytes = (ranges: readonly ByteRange[]): number =>
  ranges.reduce((sum, [start, end]) => sum + end - start, 0);

/** What is missing of a file of `size` bytes, ascending, in ranges of at most `most`. */
export const missingRanges = (ranges: readonly ByteRange[], size: number, most: number): ByteRange[] => {
  const missing: ByteRange[] = [];
  let at = 0;
  for (const [start, end] of [...ranges, [size, size] as const]) {
    for (; at < start; at = Math.min(at + most, start)) missing.push([at, Math.min(at + most, start)]);
    at = end;
  }
  return missing;
};

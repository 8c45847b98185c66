/** 95 % intervals of means over texts: questions about one text are not independent, texts are. */

export const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, x) => sum + x, 0) / Math.max(1, numbers.length);

/** Student's t over the texts' means; not a number where there is one text only. */
export const interval = (numbers: readonly number[]): readonly [low: number, high: number] => {
  const n = numbers.length;
  const m = mean(numbers);
  if (n < 2) return [Number.NaN, Number.NaN];
  const deviation = Math.sqrt(numbers.reduce((sum, x) => sum + (x - m) ** 2, 0) / (n - 1));
  // Student’s t, two-sided 95 %, within 1.1 % from five degrees of freedom on.
  const t = 1.96 + 2.4 / (n - 1) + 2.6 / (n - 1) ** 2;
  const half = (t * deviation) / Math.sqrt(n);
  return [m - half, m + half];
};

/** Wilson's interval of a share of `count` items, which does not shrink to nothing at 0 or 1. */
export const wilson = (right: number, count: number): readonly [low: number, high: number] => {
  const z2 = 1.96 ** 2;
  const centre = (right + z2 / 2) / (count + z2);
  const half = (1.96 / (count + z2)) * Math.sqrt((right * (count - right)) / count + z2 / 4);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
};

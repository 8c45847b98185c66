const STEPS = 64;
const TABLE_END = 64;
const TABLE = Float64Array.from({ length: TABLE_END * STEPS }, (_, i) => Math.exp(-i / STEPS));

/**
 * e^−x for x ≥ 0, to 1e-11 of its value: a table and four terms of the series. Vocabularies have 256k logits, and
 * Math.exp takes several times as long (`node bench/run.mjs text`).
 */
export const decay = (x: number): number => {
  if (!(x < TABLE_END)) return Math.exp(-x);
  const step = Math.floor(x * STEPS);
  const rest = x - step / STEPS;
  return TABLE[step]! * (1 - rest * (1 - rest * (1 / 2 - rest * (1 / 6 - rest / 24))));
};

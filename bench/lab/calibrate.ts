/** Below it a head reads everything. SALE (arXiv 2505.24179 §3.4). */
const LEAST_THRESHOLD = 1e-4;

/** The thresholds that are tried: each half of the one before. */
export const thresholdLadder = (first: number): number[] => {
  const ladder: number[] = [];
  for (let threshold = first; threshold >= LEAST_THRESHOLD; threshold /= 2) ladder.push(threshold);
  return ladder;
};

/** The first threshold of `ladder` whose error, at the same place of `errors`, is no more than `allowed`; 0 where none's is. */
export const calibrated = (ladder: readonly number[], errors: readonly number[], allowed: number): number =>
  ladder[errors.findIndex((error) => error <= allowed)] ?? 0;

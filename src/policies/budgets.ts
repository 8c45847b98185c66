import { choosable, type Forced } from './keep-best.js';

/**
 * Tokens for each layer, on average `budget`: falling in equal steps from the first layer to the last, which has a
 * `steepness`-th of the average (PyramidKV, arXiv 2406.02069 §3.2: 20).
 */
export const pyramid = (budget: number, layers: number, steepness: number): number[] => {
  if (layers === 1) return [budget];
  const last = budget / steepness;
  const first = 2 * budget - last;
  return Array.from({ length: layers }, (_, layer) =>
    Math.round(first - ((first - last) * layer) / (layers - 1)),
  );
};

/**
 * Tokens for each head of a layer, on average `budget`: a `share` of what lies beyond the forced ones goes where the layer's
 * best scores are, the rest to all heads alike (Ada-KV, arXiv 2407.11550 §3.3, algorithm 1 with its safeguard: 0.2).
 */
export const quotas = (
  scores: readonly Float32Array[],
  budget: number,
  forced: Forced,
  share: number,
): number[] => {
  const [from, to] = choosable(forced);
  const fixed = from + forced.tokens - to;
  const each = Math.max(0, budget - fixed);
  const wanted = Math.min(scores.length * (to - from), each * scores.length);
  if (wanted === 0) return scores.map(() => budget);
  const all = new Float32Array(scores.length * (to - from));
  for (const [head, own] of scores.entries()) all.set(own.subarray(from, to), head * (to - from));
  const least = all.sort()[all.length - wanted]!;
  return scores.map((own) => {
    let above = 0;
    for (let t = from; t < to; t++) if (own[t]! >= least) above++;
    return fixed + Math.round(share * above + (1 - share) * each);
  });
};

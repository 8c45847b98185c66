import { PAGE, type Range } from '../backends/backend.js';
import { storedHead } from '../kv/stored-head.js';
import { createKeyFeatures } from './less-features.js';
import { checkKernels, type LessKernels, queryFeatures } from './less-kernels.js';
import type { Amends, RetentionParts } from './policy.js';

/** What stands for the tokens of one KV head that were dropped. */
interface State {
  /** 1 for each of them. */
  readonly dropped: Uint8Array;
  /** Σ ψ(k): (rank). */
  readonly weights: Float64Array;
  /** Σ ψ(k) · v: (rank, valueDim). */
  readonly values: Float64Array;
}

/** Pages whose keys meet the kernels at once. */
const PAGES = 16;

const droppedOf = (kept: readonly Range[], tokens: number): Uint8Array => {
  const dropped = new Uint8Array(tokens).fill(1);
  for (const [start, end] of kept) dropped.fill(0, start, end);
  return dropped;
};

/** Adds ψ, (tokens, rank), to `weights`, and its products with these tokens' values to `values`. */
const addWeighted = (
  weights: Float64Array,
  values: Float64Array,
  psi: Float32Array,
  own: Float32Array,
): void => {
  const rank = weights.length;
  const dim = values.length / rank;
  for (let r = 0; r < rank; r++) {
    for (let n = 0; n * rank < psi.length; n++) {
      const weight = psi[n * rank + r]!;
      weights[r]! += weight;
      if (weight === 0) continue;
      for (let c = 0; c < dim; c++) values[r * dim + c]! += weight * own[n * dim + c]!;
    }
  }
};

/**
 * LESS (arXiv 2402.09398 §3.2): trained kernels φ and ψ, of which φ(q) · ψ(k) is about what a dropped key weighs in a row of attention, so
 * that all of them are one state: Σ ψ(k) and Σ ψ(k) · v. Where we leave the paper: keys and values stay, so that
 * the state is of what a choice drops, whatever came before; kernels of keys are of KV heads, those of queries of query
 * heads. Throws `input/option` where the kernels are another model's.
 */
export const less =
  (kernels: LessKernels) =>
  (parts: RetentionParts): Amends => {
    const { backend, layers } = parts;
    const { rank, dim } = kernels;
    checkKernels(kernels, parts);
    let states: State[][] = [];

    const nothing = (valueDim: number): State => ({
      dropped: new Uint8Array(0),
      weights: new Float64Array(rank),
      values: new Float64Array(rank * valueDim),
    });

    /** `state` with more that was dropped; a new one where some of it is kept again. */
    const grown = async (state: State | undefined, layer: number, head: number, dropped: Uint8Array) => {
      const kv = layers[layer]!;
      const { valueDim } = kv.shape;
      const from = state?.dropped.every((gone, t) => gone <= dropped[t]!) ? state : nothing(valueDim);
      const [weights, values] = [from.weights.slice(), from.values.slice()];
      const features = createKeyFeatures(backend, kernels, kv.shape, layer, head);
      const [keys, own] = [new Float32Array(PAGES * PAGE * dim), new Float32Array(PAGES * PAGE * valueDim)];
      try {
        for (let first = 0; first < dropped.length; first += PAGES * PAGE) {
          let count = 0;
          for (let start = first; start < Math.min(first + PAGES * PAGE, dropped.length); start += PAGE) {
            const end = Math.min(start + PAGE, dropped.length);
            const added = [...dropped.subarray(start, end).keys()].filter(
              (t) => dropped[start + t] && !from.dropped[start + t],
            );
            if (added.length === 0) continue;
            const stored = storedHead(await backend.readPage(kv, start / PAGE), kv.shape, head);
            for (const token of added) {
              stored.key(token, keys.subarray(count * dim, (count + 1) * dim));
              stored.value(token, own.subarray(count * valueDim, (count + 1) * valueDim));
              count++;
            }
          }
          if (count === 0) continue;
          const psi = await features.of(keys.subarray(0, count * dim));
          addWeighted(weights, values, psi, own);
        }
      } finally {
        features.free();
      }
      return { dropped, weights, values };
    };

    return {
      plans: false,
      touches: (layer) => states[layer]!.some(({ weights }) => weights.some((weight) => weight > 0)),
      clear() {
        states = [];
      },
      async chosen(kept, { tokens }) {
        for (const [layer, rows] of kept.entries()) {
          const own: State[] = [];
          for (const [head, ranges] of rows.entries())
            own.push(await grown(states[layer]?.[head], layer, head, droppedOf(ranges, tokens)));
          states[layer] = own;
        }
      },
      amend({ layer, head, kvHead, query, logSumExp }, result) {
        const { weights, values } = states[layer]![kvHead]!;
        const phi = queryFeatures(kernels, layer, head, query);
        const mass = phi.reduce((sum, x, r) => sum + x * weights[r]!, 0);
        if (mass === 0) return;
        const most = Math.max(logSumExp, Math.log(mass));
        const [own, other] = [Math.exp(logSumExp - most), Math.exp(-most)];
        const total = own + mass * other;
        for (let c = 0; c < result.length; c++) {
          let sum = 0;
          for (let r = 0; r < rank; r++) sum += phi[r]! * values[r * result.length + c]!;
          result[c] = (result[c]! * own + sum * other) / total;
        }
      },
    };
  };

import { queriesOf } from '../model/forward.js';
import type { Watch } from './sources.js';

/** Adds up what rows look at, token by token. */
export interface AttentionSum {
  readonly watch: Watch;
  /** Most rows of a call whose probabilities have room beside `tokens` tokens. At least 1. */
  mostRows(heads: number, tokens: number): number;
  /** By token: probabilities summed over heads, on average over rows and layers. */
  mean(): Float64Array;
}

/** Bytes that probabilities of one call may take. */
const ROOM = 32e6;

/** Of layers [from, to) that read whole texts; the same rows in each of them. */
export const sumAttention = ([from, to]: readonly [number, number]): AttentionSum => {
  let sums = new Float64Array(0);
  let softmaxes = 0;
  /** Calls and layers that were added: a device that is lost in between lets rows come again. */
  const added = new Set<string>();
  return {
    mostRows: (heads, tokens) => Math.max(1, Math.floor(ROOM / (4 * heads * tokens))),
    async watch(call, layer) {
      const { backend, state, config, tiles } = call;
      if (layer < from || layer >= to || config.attention[layer]!.window !== undefined) return;
      const once = `${tiles.position} ${layer}`;
      if (added.has(once)) return;
      const tokens = tiles.position + tiles.rows;
      const rows = tiles.rows * config.heads;
      const out = backend.tensor('attention', rows, tokens);
      try {
        backend.observe(
          out,
          queriesOf(call, layer),
          state.layers[layer]!,
          state.plans[layer]!,
          config.attentionScale,
        );
        const weights = await backend.read(out);
        if (sums.length < tokens) {
          const longer = new Float64Array(tokens);
          longer.set(sums);
          sums = longer;
        }
        for (let row = 0; row < rows; row++)
          for (let t = 0; t < tokens; t++) sums[t]! += weights[row * tokens + t]!;
        softmaxes += tiles.rows;
        added.add(once);
      } finally {
        backend.free(out);
      }
    },
    mean: () => sums.map((sum) => sum / Math.max(1, softmaxes)),
  };
};

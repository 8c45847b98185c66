import { PAGE } from '../backends/backend.js';
import { createPageNotes, type PageNotes } from './page-notes.js';
import type { PredictInput } from './predictor.js';
import { turnBack } from './turn-back.js';

/** By layer, what gates make of a page's stored keys, which are turned back to what they were before rotation. */
export const seerNotes = <G extends { readonly kvHeads: number; readonly dim: number }>(
  gates: G,
  keysOf: (gates: G, layer: number, keys: Float32Array, page: number) => Float32Array[],
): ((input: PredictInput) => PageNotes<Float32Array[]>) => {
  const byLayer: PageNotes<Float32Array[]>[] = [];
  return ({ layer, turned }) =>
    (byLayer[layer] ??= createPageNotes(1, (keys, _, page) => {
      turnBack(keys, gates.dim, gates.kvHeads, page * PAGE, turned);
      return keysOf(gates, layer, keys, page);
    }));
};

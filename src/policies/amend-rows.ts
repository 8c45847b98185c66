import { type Range, type Tensor, tileCount } from '../backends/backend.js';
import type { Amendment, Amends, Observed, RetentionParts } from './policy.js';

/** What a policy changes of attention, from a choice on until everything is kept again. */
export interface AmendsRows {
  chosen(kept: readonly (readonly (readonly Range[])[])[], observed: Observed): Promise<void>;
  clear(): void;
  amendment(layer: number, rows: number): Amendment | undefined;
  release(): void;
}

/** Reads what attention wrote, lets `amends` change it row by row and head by head, and writes it back. */
export const createAmendsRows = (parts: RetentionParts, amends: Amends): AmendsRows => {
  const { backend, layers, heads } = parts;
  let out: Tensor | undefined;
  let active = false;
  const roomFor = (rows: number): Tensor => {
    if (!out || out.rows < rows) {
      if (out) backend.free(out);
      out = backend.tensor('kept log-sum-exps', rows, heads);
    }
    return backend.view(out, rows, heads);
  };

  return {
    async chosen(kept, observed) {
      await amends.chosen(kept, observed);
      active = true;
    },
    clear() {
      amends.clear?.();
      active = false;
    },
    amendment(layer, rows) {
      if (!active || !amends.touches(layer)) return undefined;
      const logSumExp = roomFor(rows);
      return {
        logSumExp,
        async amend(q, attended, plan) {
          const { keyDim, valueDim, kvHeads } = layers[layer]!.shape;
          const queries = await backend.read(q);
          const results = (await backend.read(attended)).slice();
          const sums = await backend.read(logSumExp);
          const named = amends.plans ? await backend.readPlan(plan) : [];
          const { tiles, lists } = plan;
          const rangesOf = (row: number, kvHead: number): readonly Range[] => {
            const tile =
              Math.floor((tiles.position + row) / tiles.tileRows) -
              Math.floor(tiles.position / tiles.tileRows);
            return named[(kvHead % lists) * tileCount(tiles) + tile] ?? [];
          };
          for (let at = 0; at < q.rows * heads; at++) {
            const head = at % heads;
            const kvHead = Math.floor((head * kvHeads) / heads);
            amends.amend(
              {
                ...{ layer, head, kvHead, logSumExp: sums[at]! },
                query: queries.subarray(at * keyDim, (at + 1) * keyDim),
                ranges: rangesOf(Math.floor(at / heads), kvHead),
              },
              results.subarray(at * valueDim, (at + 1) * valueDim),
            );
          }
          backend.upload(attended, results);
        },
      };
    },
    release() {
      if (out) backend.free(out);
    },
  };
};

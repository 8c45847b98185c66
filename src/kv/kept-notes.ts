import type { KvLayer } from '../backends/backend.js';
import type { KeepNotes } from '../predictors/predictor.js';

/**
 * What a method notes of stored keys, run by run of whole pages, and would have to make again on every visit. Notes say of which
 * keys they are, so that those of others are never used, wherever they come from.
 */
export interface KeptNotes {
  /** All that shapes them beside the keys: part of the key under which they rest. */
  readonly name: string;
  /** Pages of a run. */
  readonly pages: number;
  /** Those of a run in these layers, if all are of the keys that are there now; no bytes if none of them was made here. */
  read(layers: readonly KvLayer[], run: number): Uint8Array<ArrayBuffer> | undefined;
  /** What `read` gave of the same run. Bytes that make no sense are left alone. */
  write(layers: readonly KvLayer[], run: number, bytes: Uint8Array): void;
}

export const keepNotes =
  (notes: KeptNotes): KeepNotes =>
  (chain, pages) => {
    /** Runs that were handed over, or rest there. */
    const done = new Set<number>();
    const segmentOf = (run: number): number => Math.ceil(((run + 1) * notes.pages) / pages) - 1;
    const nameOf = (run: number): string => `${notes.name} at=${run}`;
    /** Runs that end before segment `to` and are not done. */
    const open = (to: number): number[] =>
      Array.from({ length: Math.floor((to * pages) / notes.pages) }, (_, run) => run).filter(
        (run) => !done.has(run),
      );

    return {
      async restore(ids, from, to, layers) {
        const runs = open(to).filter((run) => segmentOf(run) >= from);
        const found = await chain.readBeside(
          ids,
          runs.map((run) => ({ segment: segmentOf(run), name: nameOf(run) })),
        );
        for (const [i, run] of runs.entries()) {
          const bytes = found[i];
          if (!bytes) continue;
          notes.write(layers, run, bytes);
        }
      },
      async save(ids, segments, layers) {
        for (const run of open(segments)) {
          const bytes = notes.read(layers, run);
          if (!bytes) continue;
          done.add(run);
          if (bytes.length > 0) await chain.saveBeside(ids, segmentOf(run), nameOf(run), bytes);
        }
      },
      forget(segments) {
        for (const run of done) if (segmentOf(run) >= segments) done.delete(run);
      },
    };
  };

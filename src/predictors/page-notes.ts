import type { Backend, KvLayer, KvShape } from '../backends/backend.js';
import { digest } from '../kv/digest.js';
import { storedKeys } from './stored-keys.js';

/** What a method notes of runs of whole pages, by layer. Kept on the CPU (`Needs.host`). */
export interface PageNotes<T> {
  /** Of pages [run · pages, (run + 1) · pages), all in memory. */
  of(backend: Backend, kv: KvLayer, run: number): T;
}

/**
 * Notes that `make` takes from the keys of a run, (pages · PAGE, kvHeads · keyDim). They are a function of the stored keys and
 * of nothing else, so that a text which comes from a store, or is cut and read again, is read in the same way: pages are
 * digested each time, and noted again where they hold something else.
 */
export const createPageNotes = <T>(
  pages: number,
  make: (keys: Float32Array, shape: KvShape, run: number) => T,
): PageNotes<T> => {
  const known = new WeakMap<KvLayer, { sum: number; note: T }[]>();
  return {
    of(backend, kv, run) {
      const notes = known.get(kv) ?? [];
      known.set(kv, notes);
      let sum = 0;
      for (let page = run * pages; page < (run + 1) * pages; page++) {
        sum = digest(backend.peekPage!(kv, page), sum)[0]!;
      }
      const found = notes[run];
      if (found?.sum === sum) return found.note;
      const note = make(storedKeys(backend, kv, run * pages, (run + 1) * pages), kv.shape, run);
      notes[run] = { sum, note };
      return note;
    },
  };
};

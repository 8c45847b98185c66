import { type Backend, type KvLayer, type KvShape, PAGE } from '../backends/backend.js';
import { keyBytes, keysAt } from '../codecs/page-format.js';
import { storedKeys } from './stored-keys.js';

/** What a method notes of runs of whole pages, by layer. Kept on the CPU (`Needs.host`). */
export interface PageNotes<T> {
  /** Of pages [run · pages, (run + 1) · pages), all in memory. */
  of(backend: Backend, kv: KvLayer, run: number): T;
}

/** A checksum of the keys of a page (FNV-1a over 32-bit words). */
const sumOf = (shape: KvShape, bytes: Uint8Array, start: number): number => {
  let sum = start;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let head = 0; head < shape.kvHeads; head++) {
    const end = keysAt(shape, head) + keyBytes(shape);
    for (let at = keysAt(shape, head); at < end; at += 4) {
      sum = Math.imul(sum ^ view.getUint32(at, true), 0x01000193);
    }
  }
  return sum;
};

/**
 * Notes that `make` takes from the keys of a run, (pages · PAGE, kvHeads · keyDim). They are a function of the stored keys and
 * of nothing else, so that a text which comes from a store, or is cut and read again, is read in the same way: pages are
 * summed up each time, and noted again where they hold something else.
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
      let sum = PAGE;
      for (let page = run * pages; page < (run + 1) * pages; page++) {
        sum = sumOf(kv.shape, backend.peekPage!(kv, page), sum);
      }
      const found = notes[run];
      if (found?.sum === sum) return found.note;
      const note = make(storedKeys(backend, kv, run * pages, (run + 1) * pages), kv.shape, run);
      notes[run] = { sum, note };
      return note;
    },
  };
};

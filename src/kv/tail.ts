import { type Backend, PAGE } from '../backends/backend.js';
import type { Archive } from './archive.js';
import { type PagedState, readRecords, writeRecords } from './pager.js';
import type { KvRecord } from './records.js';

/** The pages after the last whole segment of text: a session's own, stored as they were computed. */
export interface Tail {
  /**
   * Records of the pages [canonical, cached) in runs of a segment, to be stored after the first `keep` records of the
   * last time, which still hold.
   */
  read(tokens: ArrayLike<number>, canonical: number, cached: number, state: PagedState): Promise<NewRecords>;
  /** Put stored records behind `cached` tokens; resolves to the tokens that are then in the pages. */
  write(records: readonly KvRecord[], cached: number, state: PagedState): number;
  /** Pages beyond `tokens` will hold something else. */
  forget(tokens: number): void;
}

export interface NewRecords {
  readonly keep: number;
  readonly records: readonly KvRecord[];
}

export const createTail = (backend: Backend, archive: Archive, segmentTokens: number): Tail => {
  /** Where the runs read last time began, and up to where they still hold. */
  let start = -1;
  let holds = 0;

  /** Whether records hold the tokens [from, end) in all layers, as this device lays pages out. */
  const isRun = (run: readonly KvRecord[], from: number, end: number, state: PagedState): boolean =>
    run.every(({ layers, firstPage, pages }, n) => {
      const group = archive.groups[n]!;
      if (layers.from !== group.from || layers.to !== group.to || firstPage * PAGE !== from) return false;
      const count = Math.ceil(end / PAGE) - firstPage;
      return pages.every(
        (layer, l) => layer.length === count && layer[0]!.length === state.layers[layers.from + l]!.pageBytes,
      );
    });

  return {
    async read(tokens, canonical, cached, state) {
      if (canonical !== start) holds = canonical;
      start = canonical;
      const kept = Math.max(0, Math.floor((holds - canonical) / segmentTokens));
      const records: KvRecord[] = [];
      for (let from = canonical + kept * segmentTokens; from < cached; from += segmentTokens) {
        const end = Math.min(from + segmentTokens, cached);
        records.push(
          ...(await readRecords(backend, archive, state, Array.prototype.slice.call(tokens, 0, end), {
            from: from / PAGE,
            to: Math.ceil(end / PAGE),
            wholeTo: Math.floor(end / PAGE),
          })),
        );
      }
      holds = cached;
      return { keep: kept * archive.groups.length, records };
    },

    write(records, cached, state) {
      let end = cached;
      start = cached;
      for (let i = 0; i + archive.groups.length <= records.length; i += archive.groups.length) {
        const run = records.slice(i, i + archive.groups.length);
        const next = end + run[0]!.tokens.length;
        if (!isRun(run, end, next, state) || !writeRecords(backend, state, run, Math.floor(next / PAGE)))
          break;
        end = next;
      }
      holds = end;
      return end;
    },

    forget(tokens) {
      holds = Math.min(holds, tokens);
    },
  };
};

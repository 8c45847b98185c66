import { PAGE } from '../backends/backend.js';
import type { Archive } from './archive.js';
import type { Manifest } from './manifest.js';
import { attachRun, type PagedState, readRun } from './pager.js';
import type { NewRun, RunHead } from './records.js';
import { runKeys } from './session-keys.js';
import type { StoredRun } from './stored-run.js';

/** The pages after the last whole segment of text: a session's own, stored as they were computed. */
export interface Tail {
  /**
   * The pages [canonical, cached) in runs of a segment, to be stored after the first `keep` runs of the last time,
   * which still hold.
   */
  read(tokens: ArrayLike<number>, canonical: number, cached: number, state: PagedState): Promise<NewRuns>;
  /** Put stored runs behind `cached` tokens; resolves to the tokens that are then in the pages. */
  write(
    runs: readonly { readonly run: StoredRun; readonly head: RunHead }[],
    cached: number,
    state: PagedState,
  ): Promise<number>;
  /** What was read last is stored, as `manifest` says: its pages may lose their memory. */
  stored(manifest: Manifest, state: PagedState): void;
  /** Pages beyond `tokens` will hold something else. */
  forget(tokens: number): void;
}

export interface NewRuns {
  readonly keep: number;
  readonly runs: readonly NewRun[];
}

export const createTail = (archive: Archive, segmentTokens: number): Tail => {
  /** Where the runs read last time began, and up to where they still hold. */
  let start = -1;
  let holds = 0;

  return {
    async read(tokens, canonical, cached, state) {
      if (canonical !== start) holds = canonical;
      start = canonical;
      const keep = Math.max(0, Math.floor((holds - canonical) / segmentTokens));
      const runs: NewRun[] = [];
      await state.residency.load(canonical + keep * segmentTokens, cached);
      for (let from = canonical + keep * segmentTokens; from < cached; from += segmentTokens) {
        const end = Math.min(from + segmentTokens, cached);
        runs.push(
          await readRun(archive, state, Array.prototype.slice.call(tokens, 0, end), {
            from: from / PAGE,
            to: Math.ceil(end / PAGE),
            wholeTo: Math.floor(end / PAGE),
          }),
        );
      }
      holds = cached;
      return { keep, runs };
    },

    async write(runs, cached, state) {
      let end = cached;
      start = cached;
      for (const { run, head } of runs) {
        if (run.firstPage * PAGE !== end) break;
        if (!attachRun(state, run, head)) break;
        end += run.tokens;
      }
      holds = end;
      return end;
    },

    stored({ tail, canonical }, { residency }) {
      let firstPage = canonical / PAGE;
      for (const { name, tokens } of tail) {
        residency.stored({ firstPage, tokens, keys: runKeys(name, archive.groups.length) });
        firstPage += Math.ceil(tokens / PAGE);
      }
    },

    forget(tokens) {
      holds = Math.min(holds, tokens);
    },
  };
};

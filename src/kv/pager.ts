import { type Backend, type ChunkIndex, type KvLayer, PAGE } from '../backends/backend.js';
import type { LonghandError } from '../errors.js';
import type { KeepNotes } from '../predictors/predictor.js';
import type { Archive } from './archive.js';
import { type KvRecord, type NewRun, pagesOf, type RunHead } from './records.js';
import type { Residency } from './residency.js';
import type { StoredRun } from './stored-run.js';

/** The device side of what is kept: pages of every layer, and the chunk index if there is one. */
export interface PagedState {
  /** What holds it. */
  readonly backend: Backend;
  readonly layers: readonly KvLayer[];
  readonly chunks: ChunkIndex | undefined;
  readonly residency: Residency;
  /** Give up what the chunk index holds beyond `tokens`, if there is one. */
  cutChunks(tokens: number): void;
}

/** How far a restore came. */
export interface RestoredTokens {
  /** Tokens that are now in the pages; at least those that were. */
  readonly tokens: number;
  /** Whether more may be stored behind the segment where it stopped. */
  readonly more: boolean;
}

/** Moves pages of one context between the device and the archive. */
export interface Pager {
  readonly archive: Archive;
  /**
   * Attach the whole segments of `text` that are stored, from `cached` on; before it the pages are right.
   */
  restore(
    text: ArrayLike<number>,
    cached: number,
    state: PagedState,
    signal?: AbortSignal,
  ): Promise<RestoredTokens>;
  /** Hand the whole segments before `until` to the archive that it was not handed yet. */
  save(tokens: ArrayLike<number>, until: number, state: PagedState): Promise<void>;
  /** Pages beyond `tokens` will hold something else. */
  forget(tokens: number): void;
  /** Leading tokens whose pages were handed to the archive, whatever it does with them. */
  readonly handedTokens: number;
  /** Leading tokens whose pages the archive has, or was handed to store. */
  readonly storedTokens: number;
  /** The context is gone. */
  close(): void;
}

/** Pages [from, to) as they are to be stored; they may end in the middle of the last page's tokens. */
export const readRun = async (
  archive: Archive,
  state: PagedState,
  tokens: ArrayLike<number>,
  pages: { readonly from: number; readonly to: number; readonly wholeTo: number },
): Promise<NewRun> => {
  const { from, to, wholeTo } = pages;
  const { backend } = state;
  const chunks = state.chunks
    ? await backend.readChunks(state.chunks, from, Math.max(from, wholeTo))
    : new Uint8Array(0);
  const records: KvRecord[] = [];
  for (const group of archive.groups) {
    const layers = { from: group.from, to: group.to };
    const own = pagesOf(group, to - from);
    const firstPage = from + own.from;
    const read: Uint8Array[][] = [];
    for (let layer = layers.from; layer < layers.to; layer++) {
      const kv = state.layers[layer]!;
      const some: Uint8Array[] = [];
      for (let page = firstPage; page < from + own.to; page++) {
        some.push(await backend.readPage(kv, page));
      }
      read.push(some);
    }
    records.push({ layers, firstPage, pages: read });
  }
  const ids = Uint32Array.from(Array.prototype.slice.call(tokens, from * PAGE, to * PAGE));
  return { head: { firstPage: from, tokens: ids, chunks }, records };
};

/**
 * Put a stored run behind what the pages hold: its pages are cold, its chunks at once in the index, which has room for `room`
 * pages then. Whether it could be believed: the backend refuses chunks that make no sense.
 */
export const attachRun = (state: PagedState, run: StoredRun, head: RunHead, room?: number): boolean => {
  const { backend } = state;
  const { firstPage, tokens } = run;
  const wholeTo = firstPage + Math.floor(tokens / PAGE);
  if (state.chunks && wholeTo > firstPage) {
    try {
      backend.writeChunks(state.chunks, firstPage, wholeTo, head.chunks, room);
    } catch (error) {
      if ((error as Partial<LonghandError> | null)?.code !== 'storage/corrupt') throw error;
      return false;
    }
  }
  for (const kv of state.layers) {
    // What a half-read run left there is not all that is stored.
    backend.mapPages(kv, Math.min(kv.pages, firstPage));
    backend.mapPages(kv, firstPage + Math.ceil(tokens / PAGE), true);
  }
  state.residency.stored(run);
  return true;
};

/** Segments behind a text for which its chunk index has room when it is attached. */
const SEGMENTS_MORE = 2;

/** `notes`: what else rests with the pages, and is put back with them. */
export const createPager = (archive: Archive, segmentTokens: number, notes?: KeepNotes): Pager => {
  const pages = segmentTokens / PAGE;
  const chain = archive.chain();
  const keeper = notes?.(chain, pages);
  /** Segments that the archive was handed, or gave. */
  let handed = 0;
  /** Those of them that it did not drop. */
  let stored = 0;

  return {
    archive,
    async restore(text, cached, state, signal) {
      const from = Math.floor(cached / segmentTokens);
      // A question and an answer come behind it.
      const room = Math.ceil(text.length / PAGE) + SEGMENTS_MORE * pages;
      const { segments, reason } = await chain.attach(text, {
        from,
        signal,
        onRun: (run, head) => {
          if (run.firstPage / pages === from) state.cutChunks(from * segmentTokens);
          return attachRun(state, run, head, room);
        },
      });
      const more = reason !== 'end' && reason !== 'unavailable';
      if (segments === 0) return { tokens: cached, more };
      handed = Math.max(handed, from + segments);
      stored = Math.max(stored, from + segments);
      await keeper?.restore(text, from, from + segments, state.layers);
      return { tokens: (from + segments) * segmentTokens, more };
    },

    async save(tokens, until, state) {
      while ((handed + 1) * segmentTokens <= until) {
        const from = handed * pages;
        const to = from + pages;
        const { head, records } = await readRun(archive, state, tokens, { from, to, wholeTo: to });
        await chain.save(handed, tokens, head, records, state.residency.stored);
        if (archive.state === 'ok' && stored === handed) stored += 1;
        handed += 1;
      }
      await keeper?.save(tokens, Math.min(stored, Math.floor(until / segmentTokens)), state.layers);
    },

    forget(tokens) {
      chain.forget(tokens);
      handed = Math.min(handed, Math.floor(tokens / segmentTokens));
      stored = Math.min(stored, handed);
      keeper?.forget(handed);
    },

    get handedTokens() {
      return handed * segmentTokens;
    },

    get storedTokens() {
      return stored * segmentTokens;
    },

    close: chain.close,
  };
};

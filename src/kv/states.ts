import { type Backend, type KvLayer, PAGE } from '../backends/backend.js';
import type { StoredRun } from './stored-run.js';

/** Whether the pages of a layer are states: few of them have memory, and only the last page of a run is stored. */
export const recurs = ({ shape }: KvLayer): boolean => shape.state !== undefined;

/** The page with the state that rows from `position` on go on from; −1 where they begin with none. */
export const stateBefore = (position: number): number => Math.ceil(position / PAGE) - 1;

/** States that a layer holds at once: where it goes on, and where its last tile and what may be gone back to began. */
export const STATES_HELD = 3;

/** Which states of a context are to be had. */
export interface States {
  /** The last position up to `position` behind which a layer has its state, or the store does. */
  upTo(kv: KvLayer, position: number): number;
  /** Where the stored run ends whose last page this is. 0: it is none. */
  restsAt(page: number): number;
  /**
   * Pages with memory from which rows will hardly go on: neither where the layer is, nor where the tiles begin of that place
   * and of `oldest`, nor states from `settled` on that are still to be stored.
   */
  stale(kv: KvLayer, oldest: number, settled: number): number[];
}

/** `runOf`: the run that a page rests in, where it may lose its memory. */
export const createStates = (runOf: (page: number) => StoredRun | undefined, pagesOfRun: number): States => {
  const restsAt = (page: number): number => {
    const run = runOf(page);
    const end = run ? run.firstPage * PAGE + run.tokens : 0;
    return stateBefore(end) === page ? end : 0;
  };
  return {
    restsAt,
    upTo(kv, position) {
      for (let at = position; at > 0; ) {
        const page = stateBefore(at);
        if (kv.isCold(page) ? restsAt(page) === at : at % PAGE === 0 || kv.met === at) return at;
        at = page * PAGE;
      }
      return 0;
    },
    stale(kv, oldest, settled) {
      const tileBefore = (position: number): number => Math.floor(position / PAGE) - 1;
      const kept = [kv.pages - 1, tileBefore(kv.met ?? 0), tileBefore(oldest)];
      const found: number[] = [];
      for (let page = 0; page < kv.pages; page++) {
        const waits = (page + 1) % pagesOfRun === 0 && (page + 1) * PAGE > settled && !runOf(page);
        if (!kv.isCold(page) && !kept.includes(page) && !waits) found.push(page);
      }
      return found;
    },
  };
};

/** Copies of the states behind one place in a context, which is gone back to: in the middle of a page rows overwrite them. */
export interface KeptStates {
  readonly bytes: number;
  /** Those behind `tokens`, instead of those before, where the layers are there. */
  keep(tokens: number): void;
  /** The layers have pages up to `tokens`: put back what was kept there. What lies behind is of other tokens from now on. */
  back(tokens: number): void;
}

export const createKeptStates = (backend: Backend, layers: readonly KvLayer[]): KeptStates => {
  const own = layers.filter(recurs);
  let at = -1;
  let copies: Uint8Array[] = [];
  const drop = (): void => {
    at = -1;
    copies = [];
  };
  return {
    get bytes() {
      return copies.reduce((sum, { length }) => sum + length, 0);
    },
    keep(tokens) {
      if (at === tokens) return;
      drop();
      const page = stateBefore(tokens);
      const isThere = (kv: KvLayer): boolean => kv.met === tokens && page < kv.pages && !kv.isCold(page);
      if (tokens % PAGE === 0 || !own.every(isThere)) return;
      at = tokens;
      copies = own.map((kv) => backend.peekPage!(kv, page).slice());
    },
    back(tokens) {
      if (tokens < at) drop();
      if (tokens !== at) return;
      for (const [n, kv] of own.entries()) {
        if (kv.pages === stateBefore(tokens) + 1) backend.writePage(kv, kv.pages - 1, copies[n]!, tokens);
      }
    },
  };
};

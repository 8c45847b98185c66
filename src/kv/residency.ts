import { type Backend, type KvLayer, PAGE, type Plan } from '../backends/backend.js';
import type { Budget, Holder } from './budget.js';
import { createEviction } from './eviction.js';
import { createFetch, type Paging, type Rest } from './fetch.js';
import { createKeptPages, type KeptPages } from './kept-pages.js';
import { namedPages, type Pass, passesOf } from './passes.js';
import { shareOut, wishesOf } from './quotas.js';
import { createStates, recurs, stateBefore } from './states.js';
import type { StoredRun } from './stored-run.js';

/** Which pages of one context have memory. The others rest in the store, or are of no more use. */
export interface Residency {
  readonly paging: Paging;
  readonly kept: KeptPages;
  /** A run rests in the store: its pages may lose their memory. */
  stored(run: StoredRun): void;
  /** Runs with tokens beyond these are no more what is stored. */
  forget(tokens: number): void;
  /** The last position, up to `position`, from which reading can go on: behind it no page is missing for good. */
  reach(position: number): number;
  /**
   * Make room for a call that reads [position, end), and bring back what it goes on from: the open page, and what the
   * chunk index still reads. Nothing to wait for while all fits.
   */
  begin(position: number, end: number): Promise<void> | undefined;
  /** Whether all pages are there that a call from `position` on may name in this layer. */
  isWhole(layer: number, position: number): boolean;
  /**
   * Cut a layer's plan into passes that fit, and bring the pages of each into memory when its turn comes. `undefined`: all
   * of the plan is there, as `atOnce` demands even where it does not fit.
   */
  passes(layer: number, plan: Plan, atOnce?: boolean): AsyncGenerator<Pass | undefined, void, void>;
  /**
   * Layers that slide give up what no row from `oldest` on reads: pages that rest in the store, and those before
   * `settled`, which never will.
   */
  slide(oldest: number, settled: number): void;
  /** Bring the pages of tokens [from, to) back, as far as rows from `position` (default: `from`) on read. */
  load(from: number, to: number, position?: number): Promise<void>;
  release(): void;
}

export interface ResidencyOptions {
  readonly backend: Backend;
  readonly layers: readonly KvLayer[];
  /** By layer: how far back it reads, if it slides. */
  readonly windows: readonly (number | undefined)[];
  readonly segmentTokens: number;
  readonly budget: Budget;
  readonly rest: Rest | undefined;
  /** All pages must be in memory, whatever the budget. */
  readonly whole: boolean;
  /** Bytes held beside the device's, and bytes that growing may take for a moment. */
  bytes(): { readonly beside: number; readonly reserve: number };
  /** The first token that going on behind `tokens` still reads. */
  openFrom(tokens: number): Promise<number>;
}

export const createResidency = (options: ResidencyOptions): Residency => {
  const { backend, layers, windows, segmentTokens, budget, rest } = options;
  const pagesOfRun = segmentTokens / PAGE;
  const runs = new Map<number, StoredRun>();
  /** Runs that the store lost once: it is not asked for them a second time. */
  const distrusted = new Set<number>();
  const paging: Paging = { touched: 0, missed: 0, ahead: 0, records: 0, bytes: 0 };

  const runOf = (page: number): StoredRun | undefined => {
    const run = runs.get(Math.floor(page / pagesOfRun));
    return run && (page - run.firstPage) * PAGE < run.tokens ? run : undefined;
  };
  const mayGo = (page: number): boolean =>
    runOf(page) !== undefined && !distrusted.has(Math.floor(page / pagesOfRun));
  const states = createStates((page) => (mayGo(page) ? runOf(page) : undefined), pagesOfRun);
  const eviction = createEviction(backend, layers, mayGo);
  const kept = createKeptPages(backend, layers, (page) => !options.whole && mayGo(page));

  const holder: Holder = {
    get held() {
      return layers.reduce((sum, kv) => sum + kv.resident * kv.pageBytes, 0);
    },
    get beside() {
      return options.bytes().beside + eviction.bytes;
    },
    get reserve() {
      return options.bytes().reserve;
    },
    giveUp: eviction.giveUp,
  };
  const leave = budget.join(holder);

  /** The first page of a layer that rows from `position` on read. */
  const oldestPage = (layer: number, position: number): number => {
    const window = windows[layer];
    return window === undefined ? 0 : Math.floor(Math.max(0, position + 1 - window) / PAGE);
  };
  /** Beginning of the run that a page or position lies in. */
  const runStart = (position: number): number => Math.floor(position / segmentTokens) * segmentTokens;

  /** Pages of each layer that may be held at once, when the context has pages up to `end`. */
  const share = (end: number): void => {
    const pages = Math.ceil(end / PAGE);
    const wishes = wishesOf(layers, windows, pages, pagesOfRun, eviction.wishOf);
    const wanted = wishes.reduce((sum, wish) => sum + wish.pages * wish.pageBytes, 0);
    const room = budget.roomFor(holder, wanted);
    const slides = (layer: number): boolean => windows[layer] !== undefined || recurs(layers[layer]!);
    eviction.quotas = shareOut(wishes, options.whole ? wanted : room, slides);
  };

  /** Room for `more` pages in a layer, beside those that `keep` names; over the budget if it must be. */
  const makeRoom = async (layer: number, more: number, keep: (page: number) => boolean): Promise<void> => {
    if (recurs(layers[layer]!) || eviction.makeRoom(layer, more, keep)) return;
    // What is being written can go once it is stored.
    await rest?.drained();
    eviction.makeRoom(layer, more, keep);
  };

  const fetch = createFetch({ layers, rest, pagesOfRun, inFlight: budget.inFlight }, paging, {
    runOf,
    distrust: (run) => distrusted.add(run.firstPage / pagesOfRun),
    // What comes along is kept where there is room for it.
    takes: (layer) => windows[layer] === undefined && eviction.hasRoom(layer),
    write: (layer, page, bytes) => backend.writePage(layers[layer]!, page, bytes, states.restsAt(page)),
  });

  /**
   * Read what layers from `from` on will probably name: what they named last, or, where they have named nothing yet, where
   * attention rests. Nobody waits for it, it is held beside the pages, and what is not named after all is dropped.
   */
  const readAhead = (from: number): void => {
    for (const [layer, kv] of layers.entries()) {
      if (layer < from || kv.resident === kv.pages || recurs(kv)) continue;
      const named = eviction.lastNamed(layer);
      const likely = named.length > 0 ? named : [0];
      const mayCome = (page: number): boolean => mayGo(page) && kept.mayName(layer, page);
      const cold = likely.filter((page) => page < kv.pages && kv.isCold(page) && mayCome(page));
      if (cold.length > 0 && !fetch.ahead(layer, cold)) return;
    }
  };

  /** Bring pages [from, to) of all layers, as far as they read that far back. */
  const load = async (from: number, to: number, position: number): Promise<void> => {
    const wanted = new Map<number, Set<number>>();
    for (const [layer, kv] of layers.entries()) {
      const cold = new Set<number>();
      for (let page = Math.max(from, oldestPage(layer, position)); page < Math.min(to, kv.pages); page++) {
        if (kv.isCold(page) && (!recurs(kv) || states.restsAt(page) > 0)) cold.add(page);
      }
      if (cold.size === 0) continue;
      await makeRoom(layer, cold.size, (page) => page >= from && page < to);
      wanted.set(layer, cold);
    }
    if (wanted.size > 0) await fetch.now(wanted);
  };

  const isWhole = (layer: number, position: number): boolean => {
    const kv = layers[layer]!;
    if (kv.resident === kv.pages) return true;
    if (windows[layer] === undefined && !kept.isLess(layer)) return false;
    for (let page = oldestPage(layer, position); page < kv.pages; page++) {
      if (kv.isCold(page) && kept.mayName(layer, page)) return false;
    }
    return true;
  };

  const open = async (position: number, end: number): Promise<void> => {
    const oldest = Math.floor(Math.min(await options.openFrom(position), runStart(position)) / PAGE);
    const state = layers.some(recurs) ? stateBefore(position) : oldest;
    const from = options.whole ? 0 : Math.max(0, Math.min(oldest, state));
    const to = Math.ceil(position / PAGE);
    const more = Math.ceil(end / PAGE) - to;
    for (const layer of layers.keys()) await makeRoom(layer, more, (page) => page >= from);
    await load(from, to, position);
    if (rest) readAhead(0);
  };

  return {
    paging,
    kept,
    stored(run) {
      runs.set(run.firstPage / pagesOfRun, run);
    },
    forget(tokens) {
      for (const [n, run] of runs) if (run.firstPage * PAGE >= tokens) runs.delete(n);
    },
    reach(position) {
      let last = position;
      for (let found = -1; found !== last; ) {
        found = last;
        for (const [layer, kv] of layers.entries()) {
          if (recurs(kv)) last = states.upTo(kv, last);
          const from = Math.floor(Math.min(runStart(last), oldestPage(layer, last) * PAGE) / PAGE);
          for (let page = from; windows[layer] !== undefined && page * PAGE < last; page++) {
            if (kv.isCold(page) && !runOf(page)) last = page * PAGE;
          }
        }
      }
      return last;
    },
    begin(position, end) {
      fetch.drop();
      eviction.tick();
      share(end);
      const fits = layers.every((kv, layer) => {
        if (recurs(kv)) return position === 0 || !kv.isCold(stateBefore(position));
        return kv.resident === kv.pages && Math.ceil(end / PAGE) <= eviction.quotas[layer]!;
      });
      // Pages that are appended to are not what is stored any more.
      const opened = (): void => void runs.delete(Math.floor(position / segmentTokens));
      if (fits) opened();
      return fits ? undefined : open(position, end).then(opened);
    },
    isWhole,
    async *passes(layer, plan, atOnce = false) {
      const kv = layers[layer]!;
      const named = backend.namedPages?.(plan) ?? namedPages(await backend.readPlan(plan));
      eviction.named(layer, named);
      paging.touched += named.length;
      if (!named.some((page) => kv.isCold(page))) {
        fetch.drop(layer);
        yield undefined;
        return;
      }
      const room = atOnce ? named.length : eviction.capacity(layer);
      const limits = { pages: room, missing: named.length > room ? Math.max(1, room >> 2) : room };
      const passes = passesOf(named, mayGo, (page) => kv.isCold(page), limits);
      for (const pass of passes) {
        const cold = new Set(pass.pages.filter((page) => kv.isCold(page)));
        paging.missed += cold.size;
        if (cold.size > 0) {
          const now = new Set(pass.pages);
          eviction.passed(layer, pass.from / PAGE);
          await makeRoom(layer, cold.size, (page) => now.has(page));
          const fetched = fetch.now(new Map([[layer, cold]]));
          // Behind these reads, and while this layer computes.
          if (pass.last) readAhead(layer + 1);
          await fetched;
        }
        if (pass.last) fetch.drop(layer);
        yield pass.first && pass.last ? undefined : pass;
      }
    },
    slide(oldest, settled) {
      for (const [layer, kv] of layers.entries()) {
        if (recurs(kv)) backend.dropPages(kv, states.stale(kv, oldest, settled));
        if (windows[layer] === undefined || kv.resident === 0) continue;
        const until = Math.floor(Math.min(oldestPage(layer, oldest) * PAGE, runStart(oldest)) / PAGE);
        const stale: number[] = [];
        for (let page = 0; page < Math.min(until, kv.pages); page++) {
          if (!kv.isCold(page) && (mayGo(page) || (page + 1) * PAGE <= settled)) stale.push(page);
        }
        backend.dropPages(kv, stale);
      }
    },
    load: (from, to, position = from) => load(Math.floor(from / PAGE), Math.ceil(to / PAGE), position),
    release() {
      fetch.drop();
      leave();
    },
  };
};

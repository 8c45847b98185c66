import type { Backend, KvLayer } from '../backends/backend.js';

/**
 * Which pages give way when a layer holds more than its quota: first those that were named least recently; of a plan that
 * does not fit, those that were just read, the last ones first, because the next plan will want the first ones first.
 */
export interface Eviction {
  /** Pages that each layer may hold. */
  quotas: readonly number[];
  /** Bytes that this takes itself. */
  readonly bytes: number;
  /** A call begins. */
  tick(): void;
  /** The running call names these pages of a layer. */
  named(layer: number, pages: readonly number[]): void;
  /** What a layer's plan named last. */
  lastNamed(layer: number): readonly number[];
  /** How many pages a layer's plans name, of late: the most, which fades. */
  wishOf(layer: number): number;
  /** The running plan has been read up to this page. */
  passed(layer: number, page: number): void;
  /** Pages a plan may have in memory at once beside those that cannot go. At least 1. */
  capacity(layer: number): number;
  hasRoom(layer: number): boolean;
  /** Drop pages so that `more` fit into the quota, none that `keep` keeps. Whether they fit. */
  makeRoom(layer: number, more: number, keep: (page: number) => boolean): boolean;
  /** Pages by which a layer would be over its quota with `more`. */
  excess(layer: number, more: number): number;
  /** Drop pages of about so many bytes, from all layers alike. */
  giveUp(bytes: number): void;
}

const MARK_BYTES = 8;
/** What is left of a wish after a call: a plan of many rows is soon forgotten, and rooms do not change at every step. */
const FADING = 15 / 16;

export const createEviction = (
  backend: Backend,
  layers: readonly KvLayer[],
  mayGo: (page: number) => boolean,
): Eviction => {
  let clock = 0;
  /** By layer and page: the call that last named it. */
  const marks = layers.map((): number[] => []);
  const passedTo = layers.map(() => 0);
  const last = layers.map((): readonly number[] => []);
  const wishes = layers.map(() => 0);
  let quotas: readonly number[] = layers.map(() => Number.POSITIVE_INFINITY);

  const resident = function* (kv: KvLayer): Generator<number> {
    for (let page = 0; page < kv.pages; page++) if (!kv.isCold(page)) yield page;
  };

  /** Lower goes earlier. */
  const rank = (layer: number, page: number): number => {
    const mark = marks[layer]![page] ?? 0;
    if (mark < clock) return mark;
    return (page < passedTo[layer]! ? clock + 1 : clock + 2) - page / 2 ** 30;
  };

  const drop = (layer: number, count: number, keep: (page: number) => boolean): void => {
    if (count <= 0) return;
    const kv = layers[layer]!;
    const free = [...resident(kv)].filter((page) => mayGo(page) && !keep(page));
    free.sort((a, b) => rank(layer, a) - rank(layer, b));
    backend.dropPages(kv, free.slice(0, count));
  };

  const excess = (layer: number, more: number): number =>
    Math.max(0, layers[layer]!.resident + more - quotas[layer]!);

  return {
    get quotas() {
      return quotas;
    },
    set quotas(pages) {
      quotas = pages;
    },
    get bytes() {
      return [...marks, ...last].reduce((sum, pages) => sum + pages.length * MARK_BYTES, 0);
    },
    tick() {
      passedTo.fill(0);
      for (const [layer, kv] of layers.entries()) {
        const own = marks[layer]!;
        own.length = Math.min(own.length, kv.pages);
        // New pages were made, or attached, in the call before.
        while (own.length < kv.pages) own.push(clock);
      }
      clock += 1;
    },
    named(layer, pages) {
      for (const page of pages) marks[layer]![page] = clock;
      last[layer] = pages;
      wishes[layer] = Math.max(pages.length, Math.floor(wishes[layer]! * FADING));
    },
    lastNamed: (layer) => last[layer]!,
    wishOf: (layer) => wishes[layer]!,
    passed(layer, page) {
      passedTo[layer] = page;
    },
    capacity(layer) {
      let fixed = 0;
      for (const page of resident(layers[layer]!)) if (!mayGo(page)) fixed++;
      return Math.max(1, quotas[layer]! - fixed);
    },
    hasRoom: (layer) => layers[layer]!.resident < quotas[layer]!,
    makeRoom(layer, more, keep) {
      drop(layer, excess(layer, more), keep);
      return excess(layer, more) === 0;
    },
    excess,
    giveUp(bytes) {
      const total = layers.reduce((sum, kv) => sum + kv.resident * kv.pageBytes, 0);
      const share = total === 0 ? 0 : Math.min(1, bytes / total);
      for (const [layer, kv] of layers.entries()) drop(layer, Math.ceil(kv.resident * share), () => false);
    },
  };
};

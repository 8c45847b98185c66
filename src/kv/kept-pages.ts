import { type Backend, type KvLayer, PAGE, type Range } from '../backends/backend.js';

/** Which pages plans may name at all. */
export interface KeptPages {
  /** Plans of a layer name none but these tokens and what comes behind the last of them; `undefined`: they may name any. */
  keep(layer: number, kept: readonly Range[] | undefined): void;
  mayName(layer: number, page: number): boolean;
  /** Whether there are pages of a layer that plans may not name. */
  isLess(layer: number): boolean;
}

/** What no plan names leaves memory at once, where `mayGo` says that it rests in the store. */
export const createKeptPages = (
  backend: Pick<Backend, 'dropPages'>,
  layers: readonly KvLayer[],
  mayGo: (page: number) => boolean,
): KeptPages => {
  /** By layer: a one for each page before the first that is kept whatever its number. */
  const kept: (Uint8Array | undefined)[] = [];
  return {
    keep(layer, ranges) {
      kept[layer] = undefined;
      const kv = layers[layer]!;
      const pages = Math.floor((ranges?.at(-1)?.[0] ?? 0) / PAGE);
      if (!ranges || pages === 0) return;
      const marks = new Uint8Array(pages);
      for (const [start, end] of ranges) marks.fill(1, Math.floor(start / PAGE), Math.ceil(end / PAGE));
      const useless: number[] = [];
      for (let page = 0; page < Math.min(pages, kv.pages); page++) {
        if (marks[page] === 0 && !kv.isCold(page) && mayGo(page)) useless.push(page);
      }
      backend.dropPages(kv, useless);
      if (marks.includes(0)) kept[layer] = marks;
    },
    mayName: (layer, page) => kept[layer]?.[page] !== 0,
    isLess: (layer) => kept[layer] !== undefined,
  };
};

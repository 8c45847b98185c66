import { type KvLayer, PAGE } from '../backends/backend.js';
import { recurs, STATES_HELD } from './states.js';

/** What a layer would like to hold. */
export interface LayerWish {
  /** Pages it has, or as many of them as its window reads. */
  readonly pages: number;
  /** Pages that its plans named last. */
  readonly named: number;
  readonly pageBytes: number;
}

/** What layers would like to hold of so many pages. `windows`: how far back they read, if they slide; `namedOf`: see above. */
export const wishesOf = (
  layers: readonly KvLayer[],
  windows: readonly (number | undefined)[],
  pages: number,
  pagesOfRun: number,
  namedOf: (layer: number) => number,
): LayerWish[] =>
  layers.map((kv, layer) => {
    const { pageBytes } = kv;
    const window = windows[layer];
    if (window === undefined && !recurs(kv)) return { pageBytes, pages, named: namedOf(layer) };
    const most = window === undefined ? STATES_HELD : Math.ceil(window / PAGE) + 2 * pagesOfRun;
    return { pageBytes, pages: Math.min(pages, most), named: Math.min(pages, most) };
  });

/**
 * Pages that each layer may hold, within `bytes` in all. Layers that must be whole are; then come those that the plans of the
 * others name, of those that name least before the rest, since a plan that is there whole is read at once; what is left goes
 * where it can still be used.
 */
export const shareOut = (
  wishes: readonly LayerWish[],
  bytes: number,
  mustBeWhole: (layer: number) => boolean,
): number[] => {
  const wanted = wishes.reduce((sum, wish) => sum + wish.pages * wish.pageBytes, 0);
  if (wanted <= bytes) return wishes.map(({ pages }) => pages);
  const quotas = wishes.map(({ pages }, layer) => (mustBeWhole(layer) ? pages : 0));
  let room = Math.max(
    0,
    wishes.reduce((left, { pageBytes }, n) => left - quotas[n]! * pageBytes, bytes),
  );
  const others = [...wishes.entries()].filter(([layer]) => !mustBeWhole(layer));
  others.sort(([, a], [, b]) => a.named * a.pageBytes - b.named * b.pageBytes);
  for (const [n, [layer, { pages, named, pageBytes }]] of others.entries()) {
    // Who names too much for all takes no more than an equal part of what is left.
    quotas[layer] = Math.min(named, pages, Math.floor(room / (others.length - n) / pageBytes));
    room -= quotas[layer]! * pageBytes;
  }
  const missing = wishes.reduce((sum, { pages, pageBytes }, n) => sum + (pages - quotas[n]!) * pageBytes, 0);
  const ratio = missing === 0 ? 0 : Math.min(1, room / missing);
  return wishes.map(({ pages }, n) => quotas[n]! + Math.floor((pages - quotas[n]!) * ratio));
};

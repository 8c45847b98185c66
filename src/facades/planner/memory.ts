import type { KvOptions, ModelInfo, RetentionOptions } from '../../index.js';

/** How exactly pages are kept. */
export interface PageCodecs {
  readonly keys: ModelInfo['keys'];
  readonly values: ModelInfo['values'];
}

/** What pages take, and what they were measured with. */
export interface PageCosts extends PageCodecs {
  readonly sizes: ModelInfo['pageSizes'];
}

/** What of a text is in memory, and how exactly. */
export interface Holding {
  readonly kv: Pick<KvOptions, 'keys' | 'values' | 'keyChannels' | 'valueChannels'>;
  readonly retention?: RetentionOptions;
  /** Tokens that an answer may read. */
  readonly kept: number;
  /** Of pages: with `retention` at most, otherwise exactly. */
  readonly pageBytes: number;
}

const PAGE = 64;
/** What `snap-kv` keeps in any case: the first tokens, and the last 32. */
const FORCED = 4 + 32;
/** Pages that these lie in. */
const FORCED_PAGES = 3;
/** Below so many tokens of a text nothing is worth asking. */
const LEAST_KEPT = 256;

/** Of all pages of a text, in layers that read everything. */
export const pageBytesOf = (tokens: number, { sizes, keys, values }: PageCosts): number =>
  Math.ceil(tokens / PAGE) * (sizes.keys[keys] + sizes.values[values]);

/**
 * What to give up, in this order: bits of values, but `q2` only where the model was loaded with it (so it was tried), bits of keys
 * where it was loaded with keys in `q4` (so it bears them);
 * what still does not fit is another way, since tokens are given up last (quantised pruning: *More Tokens, Lower Precision*,
 * arXiv 2412.12706).
 */
const ladder = ({ keys, values }: PageCosts): readonly PageCodecs[] => [
  { keys: 'q8', values: 'q8' },
  { keys: 'q8', values: 'q4' },
  ...(values === 'q2' ? [{ keys: 'q8', values: 'q2' } as const] : []),
  ...(keys === 'q4' ? [{ keys: 'q4', values: 'q4' } as const] : []),
  ...(keys === 'q4' && values === 'q2' ? [{ keys: 'q4', values: 'q2' } as const] : []),
];

/** The most exact codecs that `room` bytes have all of a text in; else the least exact ones. */
export const holdAll = (tokens: number, pages: PageCosts, room: number): Holding => {
  const rungs = ladder(pages);
  const bytes = (codecs: PageCodecs): number => pageBytesOf(tokens, { ...pages, ...codecs });
  const kv = rungs.find((one) => bytes(one) <= room) ?? rungs.at(-1)!;
  return { kv: { ...kv, ...pages.sizes.narrowed }, kept: tokens, pageBytes: bytes(kv) };
};

/**
 * The part of a text that `room` bytes hold while an answer is written, in the least exact codecs, so that it is as many tokens
 * as can be: whole pages, each KV head its own. Undefined where that is next to nothing.
 */
export const holdSome = (tokens: number, pages: PageCosts, room: number): Holding | undefined => {
  const codecs = ladder(pages).at(-1)!;
  const kv = { ...codecs, ...pages.sizes.narrowed };
  const page = pageBytesOf(PAGE, { ...pages, ...codecs });
  const own = Math.floor((room / page - FORCED_PAGES) / pages.sizes.heads);
  const budget = own * PAGE + FORCED;
  if (budget < LEAST_KEPT || budget >= tokens) return undefined;
  return {
    ...{ kv, kept: budget, retention: { policy: 'snap-kv', grain: PAGE, budget } },
    pageBytes: (own * pages.sizes.heads + FORCED_PAGES) * page,
  };
};

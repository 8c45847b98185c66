import { decay } from './decay.js';
import { createShortlist, type Shortlist, type ShortlistOptions } from './shortlist.js';
import { MASS_ERROR, type TopLogits } from './top-logits.js';

/** As a shortlist of the whole vocabulary has it, from the most likely tokens alone. */
export interface TopShortlist {
  /** How many of them are asked for. */
  readonly count: number;
  /** Whether nothing beyond them can matter. */
  readonly enough: (top: TopLogits) => boolean;
  /** Only where they are enough. The list's `ids` are places in `ids` and `logits`. */
  readonly of: (top: TopLogits) => TopChoice;
}

export interface TopChoice extends Pick<TopLogits, 'ids' | 'logits'> {
  readonly list: Shortlist;
}

/** Most tokens of a top-k that are found on the device. */
const MOST = 128;
/** Tokens that are asked for where it depends on their probabilities how many may be drawn. */
const OFTEN_ENOUGH = 64;

/** How many of the leading tokens together reach `mass`: at least one; one more than there are where they do not. */
const reach = (logits: Float32Array, mass: number): number => {
  let sum = 0;
  for (let kept = 1; kept <= logits.length; kept++) {
    sum += decay(logits[0]! - logits[kept - 1]!);
    if (sum >= mass) return kept;
  }
  return logits.length + 1;
};

/** Undefined where any token may be drawn, or too many. */
export type TopShortlistOf = (options: ShortlistOptions) => TopShortlist | undefined;

export const createTopShortlist: TopShortlistOf = (options) => {
  const { topK = 0, topP = 1, minP = 0 } = options;
  if (topK > 0) {
    if (topK > MOST) return undefined;
    const shortlist = createShortlist(options);
    return {
      count: topK,
      enough: ({ whole, ids }) => whole || ids.length >= topK,
      of: ({ ids, logits }) => ({ ids, logits, list: shortlist(logits) }),
    };
  }
  if (topP < 1) {
    const shortlist = createShortlist({ ...options, topP: 1, topK: Number.MAX_SAFE_INTEGER });
    // Where the sum is known to so many digits, so must be where it is reached.
    const kept = ({ logits, mass }: TopLogits, error: number): number =>
      reach(logits, topP * mass * (1 + error));
    return {
      count: OFTEN_ENOUGH,
      enough: (top) => {
        const most = kept(top, MASS_ERROR);
        return most <= top.logits.length && most === kept(top, -MASS_ERROR);
      },
      of: (top) => {
        const logits = top.logits.subarray(0, kept(top, 0));
        return { ids: top.ids, logits, list: shortlist(logits) };
      },
    };
  }
  if (minP <= 0) return undefined;
  const shortlist = createShortlist(options);
  return {
    count: OFTEN_ENOUGH,
    enough: ({ whole, logits }) => whole || logits.at(-1)! < logits[0]! + Math.log(minP),
    // Drawn in the order of ids, as from all.
    of: (top) => {
      const order = [...top.ids.keys()].sort((a, b) => top.ids[a]! - top.ids[b]!);
      const logits = Float32Array.from(order, (place) => top.logits[place]!);
      return { ids: Uint32Array.from(order, (place) => top.ids[place]!), logits, list: shortlist(logits) };
    },
  };
};

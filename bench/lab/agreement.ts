import type { Context } from '../../src/context.js';
import type { Model } from '../../src/index.js';
import { mean } from './intervals.js';
import { logSoftmax } from './log-softmax.js';

/** How far a method's next token is from that of dense attention along a book. */
export interface Agreement {
  readonly length: number;
  readonly method: string;
  /** Mean of KL(dense ‖ method) in nats, over `places`. */
  readonly divergence: number;
  /** Share of places whose likeliest token is the same. */
  readonly same: number;
  /** Perplexity of the book's own next tokens, with dense attention and with the method. */
  readonly perplexity: { readonly dense: number; readonly method: number };
  readonly places: number;
}

const likeliest = (numbers: ArrayLike<number>): number => {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[best]!) best = i;
  return best;
};

/** Logits behind the first `length` tokens and at every `step`-th place after them. Every place is a row of its own. */
const alongIt = async (
  context: Context,
  ids: readonly number[],
  length: number,
  places: number,
  step: number,
) => {
  const found: Float64Array[] = [];
  await context.append(ids.slice(0, length));
  for (let place = 0; place < places; place++) {
    const at = length + place * step;
    await context.append(ids.slice(at, at + step - 1));
    await context.append(ids.slice(at + step - 1, at + step));
    found.push(logSoftmax(await context.logits()));
  }
  return found;
};

/** The models have the same weights; `other` was loaded with the method's attention. Reads from token `from` of the book on. */
export const agreement = async (
  dense: Model,
  other: Model,
  book: readonly number[],
  method: string,
  length: number,
  { places = 200, step = 8, from = 0 } = {},
): Promise<Agreement> => {
  const ids = book.slice(from, from + length + places * step + 1);
  const along = async (model: Model): Promise<Float64Array[]> => {
    const context = await model.context();
    const found = await alongIt(context, ids, length, places, step);
    await context.close();
    return found;
  };
  const [wanted, given] = [await along(dense), await along(other)];
  const divergence = wanted.map((p, i) =>
    p.reduce((sum, log, token) => sum + (log > -50 ? Math.exp(log) * (log - given[i]![token]!) : 0), 0),
  );
  const nexts = wanted.map((_, i) => ids[length + (i + 1) * step]!);
  const perplexity = (found: readonly Float64Array[]): number =>
    Math.exp(-mean(found.map((log, i) => log[nexts[i]!]!)));
  return {
    ...{ length, method, places, divergence: mean(divergence) },
    same: mean(wanted.map((p, i) => Number(likeliest(p) === likeliest(given[i]!)))),
    perplexity: { dense: perplexity(wanted), method: perplexity(given) },
  };
};

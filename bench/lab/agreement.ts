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

/** Log-probabilities of next tokens at places along a book, and the tokens that come next there. */
export interface Along {
  readonly found: readonly Float64Array[];
  readonly nexts: readonly number[];
}

/** Tokens of a question: more than policies watch. */
const QUESTION = 64;

/** At every `step`-th place behind the first `length` tokens, which are read as a text, the last of them as a question; those behind them as an answer is. */
export const alongBook = async (
  model: Model,
  book: readonly number[],
  length: number,
  { places = 200, step = 8 } = {},
): Promise<Along> => {
  const context = await model.context();
  const found: Float64Array[] = [];
  await context.append(book.slice(0, length - QUESTION));
  await context.append(book.slice(length - QUESTION, length), { as: 'question' });
  for (let at = length; at < length + places * step; at += step) {
    await context.append(book.slice(at, at + step), { as: 'answer' });
    found.push(logSoftmax(await context.logits()));
  }
  await context.close();
  return { found, nexts: found.map((_, place) => book[length + (place + 1) * step]!) };
};

/** `dense` and `given` are of the same places. */
export const agreement = (dense: Along, given: Along, method: string, length: number): Agreement => {
  const divergence = dense.found.map((p, i) =>
    p.reduce((sum, log, token) => sum + (log > -50 ? Math.exp(log) * (log - given.found[i]![token]!) : 0), 0),
  );
  const perplexity = ({ found, nexts }: Along): number =>
    Math.exp(-mean(found.map((log, i) => log[nexts[i]!]!)));
  return {
    ...{ length, method, places: dense.found.length, divergence: mean(divergence) },
    same: mean(dense.found.map((p, i) => Number(likeliest(p) === likeliest(given.found[i]!)))),
    perplexity: { dense: perplexity(dense), method: perplexity(given) },
  };
};

import type { Model } from '../../src/index.js';
import { logSoftmax } from './log-softmax.js';

/** e to the mean loss in nats of the tokens [from, from + places) of a text, each behind all that stand before it. */
export const perplexity = async (
  model: Model,
  ids: readonly number[],
  { from, places }: { readonly from: number; readonly places: number },
): Promise<number> => {
  const context = await model.context();
  await context.append(ids.slice(0, from));
  let loss = 0;
  for (let at = from; at < from + places; at++) {
    loss -= logSoftmax(await context.logits())[ids[at]!]!;
    await context.append(ids.slice(at, at + 1));
  }
  await context.close();
  return Math.exp(loss / places);
};

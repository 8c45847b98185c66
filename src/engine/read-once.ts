import { Context } from '../generate/context.js';
import type { Reader } from '../generate/reader.js';

/** Reads ids, and one more as if it were the first of an answer, in a context that nobody else sees. */
export const readOnce = async (
  reader: Reader,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<void> => {
  const context = new Context(reader);
  try {
    await context.append(ids, false, { signal });
    context.push(ids[0]!);
    await context.logits({ signal });
  } finally {
    context.close();
  }
};

import { Context } from '../generate/context.js';
import type { Reader } from '../generate/reader.js';
import type { Retain } from '../policies/policy.js';

/** Reads ids, and one more as if it were the first of an answer, in a context that nobody else sees, with what `retain` looks at. */
export const readOnce = async (
  reader: Reader,
  ids: readonly number[],
  retain: Retain,
  signal?: AbortSignal,
): Promise<void> => {
  const context = new Context(reader, undefined, undefined, { retain });
  try {
    await context.append(ids, false, { signal });
    context.push(ids[0]!);
    await context.logits({ signal });
  } finally {
    context.close();
  }
};

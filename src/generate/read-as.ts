import type { Context } from './context.js';
import type { AppendHooks } from './reader.js';

/** What appended tokens are read as. */
export type ReadAs = 'text' | 'question' | 'answer';

/** Appends ids; those of an answer one by one, as they are generated. All or nothing. */
export const readAs = async (
  context: Context,
  ids: readonly number[],
  as: ReadAs,
  hooks: AppendHooks,
): Promise<void> => {
  if (as !== 'answer') return context.append(ids, as === 'question', hooks);
  const before = { tokens: context.tokens.length };
  try {
    for (const id of ids) {
      context.push(id);
      await context.catchUp(hooks);
    }
  } catch (error) {
    if (!context.closed) context.rewind(before);
    throw error;
  }
};

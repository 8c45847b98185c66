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
  context.checkRoom(ids.length);
  const total = context.tokens.length + ids.length;
  const onProgress = (done: number): void => hooks.onProgress?.(done, total);
  await context.orAsBefore(async () => {
    for (const id of ids) {
      context.push(id);
      await context.catchUp({ ...hooks, onProgress });
    }
  });
};

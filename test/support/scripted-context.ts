import type { Context } from '../../src/generate/context.js';

/** A context that reads nothing and says what it is told to: the next id of the script, then `stop`, for ever. */
export const scriptedContext = (vocab: number, stop: number) => {
  const tokens: number[] = [];
  let script: number[] = [];
  const context = {
    tokens,
    meter: { recomputedTokens: 0 },
    bookmark: () => ({ tokens: tokens.length }),
    rewind: (to: { tokens: number }) => {
      tokens.length = to.tokens;
    },
    append: async (ids: ArrayLike<number>) => {
      tokens.push(...Array.from(ids));
    },
    catchUp: async () => undefined,
    logits: async () => {
      const logits = new Float32Array(vocab);
      logits[script[0] ?? stop] = 9;
      return logits;
    },
    push: (id: number) => {
      tokens.push(id);
      script = script.slice(1);
    },
  };
  return {
    context: context as unknown as Context,
    tokens,
    say: (ids: readonly number[]) => {
      script = [...ids];
    },
  };
};

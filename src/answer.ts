import type { Finish } from './generate/conversation.js';

/** Text on its way: iterate over its pieces, or wait for the whole. The pieces are kept, so a loop may come late. */
export interface TextPieces extends AsyncIterable<string> {
  /** All of it. */
  text(): Promise<string>;
}

/** An answer on its way. Leaving its loop stops it. */
export interface Answer extends TextPieces {
  /**
   * What the model thinks aloud before it answers; nothing where it does not. Its loop ends where the answer begins, so
   * one loop may follow the other. Leaving it early stops nothing.
   */
  readonly reasoning: TextPieces;
  /** How it ended and what it cost; rejects when the answer fails. */
  readonly finish: Promise<Finish>;
}

/** The answer that `run` gives piece by piece. Leaving the loop aborts what `run` was given. */
export const streamAnswer = (
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal, onText: (text: string, reasoning: boolean) => void) => Promise<Finish>,
): Answer => {
  const stop = new AbortController();
  // What AbortSignal.any does, for browsers that lack it.
  const follow = (): void => stop.abort(outer?.reason);
  if (outer?.aborted) follow();
  outer?.addEventListener('abort', follow, { once: true });
  const thoughts: string[] = [];
  const pieces: string[] = [];
  /** Loops that wait for the next piece. */
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const resume of waiting) resume();
    waiting.clear();
  };
  const change = (): Promise<void> => new Promise<void>((resolve) => waiting.add(resolve));
  let ended = false;
  const finish = run(stop.signal, (text, reasoning) => {
    (reasoning ? thoughts : pieces).push(text);
    wake();
  }).finally(() => {
    ended = true;
    outer?.removeEventListener('abort', follow);
    wake();
  });
  finish.catch(() => undefined);

  async function* each(of: readonly string[], isOver: () => boolean): AsyncGenerator<string> {
    for (let read = 0; ; ) {
      if (read < of.length) yield of[read++]!;
      else if (isOver()) break;
      else await change();
    }
    if (ended) await finish;
  }
  async function* iterate(): AsyncGenerator<string> {
    try {
      yield* each(pieces, () => ended);
    } finally {
      if (!ended) stop.abort();
      await finish.catch(() => undefined);
    }
  }
  const reasoning = (): AsyncGenerator<string> => each(thoughts, () => ended || pieces.length > 0);

  return {
    finish,
    text: async () => {
      await finish;
      return pieces.join('');
    },
    reasoning: {
      text: async () => {
        const all: string[] = [];
        for await (const piece of reasoning()) all.push(piece);
        return all.join('');
      },
      [Symbol.asyncIterator]: reasoning,
    },
    [Symbol.asyncIterator]: iterate,
  };
};

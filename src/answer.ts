import type { Finish } from './generate/conversation.js';

/** An answer on its way: iterate over its pieces, or wait for the whole. */
export interface Answer extends AsyncIterable<string> {
  /** All of it. */
  text(): Promise<string>;
  /** How it ended and what it cost; rejects when the answer fails. */
  readonly finish: Promise<Finish>;
}

/**
 * The answer that `run` gives piece by piece. The pieces are kept: `text` and the loop may come late. Leaving the loop
 * aborts what `run` was given.
 */
export const streamAnswer = (
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal, onText: (text: string) => void) => Promise<Finish>,
): Answer => {
  const stop = new AbortController();
  // What AbortSignal.any does, for browsers that lack it.
  const follow = (): void => stop.abort(outer?.reason);
  if (outer?.aborted) follow();
  outer?.addEventListener('abort', follow, { once: true });
  const pieces: string[] = [];
  /** Loops that wait for the next piece. */
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const resume of waiting) resume();
    waiting.clear();
  };
  let ended = false;
  const finish = run(stop.signal, (text) => {
    pieces.push(text);
    wake();
  }).finally(() => {
    ended = true;
    outer?.removeEventListener('abort', follow);
    wake();
  });
  finish.catch(() => undefined);

  async function* iterate(): AsyncGenerator<string> {
    try {
      for (let read = 0; ; ) {
        if (read < pieces.length) yield pieces[read++]!;
        else if (ended) break;
        else await new Promise<void>((resolve) => waiting.add(resolve));
      }
      await finish;
    } finally {
      if (!ended) stop.abort();
      await finish.catch(() => undefined);
    }
  }

  return {
    finish,
    text: async () => {
      await finish;
      return pieces.join('');
    },
    [Symbol.asyncIterator]: iterate,
  };
};

import type { Finish } from './generate/ask-settings.js';
import type { CallHead } from './generate/call-filter.js';
import type { OnText } from './generate/speech.js';

/** Text on its way: iterate over its pieces, or wait for the whole. The pieces are kept, so a loop may come late. */
export interface TextPieces extends AsyncIterable<string> {
  /** All of it. */
  text(): Promise<string>;
}

/** A piece of all that is said: of the answer, of thoughts, or of the arguments of a call, whose first piece is empty. */
export type AnswerPart =
  | { readonly kind: 'text' | 'reasoning'; readonly text: string }
  | ({ readonly kind: 'call'; readonly text: string } & CallHead);

/** An answer on its way. Leaving its loop stops it. */
export interface Answer extends TextPieces {
  /**
   * What the model thinks aloud before it answers; nothing where it does not. Its loop ends where the answer begins, so
   * one loop may follow the other. Leaving it early stops nothing.
   */
  readonly reasoning: TextPieces;
  /** Everything in the order in which it is said. Leaving its loop stops the answer. */
  readonly parts: AsyncIterable<AnswerPart>;
  /** How it ended and what it cost; rejects when the answer fails. */
  readonly finish: Promise<Finish>;
}

/** The answer that `run` gives piece by piece. Leaving the loop aborts what `run` was given. */
export const streamAnswer = (
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal, onText: OnText) => Promise<Finish>,
): Answer => {
  const stop = new AbortController();
  // What AbortSignal.any does, for browsers that lack it.
  const follow = (): void => stop.abort(outer?.reason);
  if (outer?.aborted) follow();
  outer?.addEventListener('abort', follow, { once: true });
  const thoughts: string[] = [];
  const pieces: string[] = [];
  const parts: AnswerPart[] = [];
  /** Loops that wait for the next piece. */
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const resume of waiting) resume();
    waiting.clear();
  };
  const change = (): Promise<void> => new Promise<void>((resolve) => waiting.add(resolve));
  let ended = false;
  const finish = run(stop.signal, (text, reasoning, call) => {
    if (call) parts.push({ kind: 'call', text, ...call });
    else {
      (reasoning ? thoughts : pieces).push(text);
      parts.push({ kind: reasoning ? 'reasoning' : 'text', text });
    }
    wake();
  }).finally(() => {
    ended = true;
    outer?.removeEventListener('abort', follow);
    wake();
  });
  finish.catch(() => undefined);

  async function* each<T>(of: readonly T[], isOver: () => boolean): AsyncGenerator<T> {
    for (let read = 0; ; ) {
      if (read < of.length) yield of[read++]!;
      else if (isOver()) break;
      else await change();
    }
    if (ended) await finish;
  }
  async function* iterate<T>(of: readonly T[]): AsyncGenerator<T> {
    try {
      yield* each(of, () => ended);
    } finally {
      if (!ended) stop.abort();
      await finish.catch(() => undefined);
    }
  }
  const reasoning = (): AsyncGenerator<string> =>
    each(thoughts, () => ended || parts.length > thoughts.length);

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
    parts: { [Symbol.asyncIterator]: () => iterate(parts) },
    [Symbol.asyncIterator]: () => iterate(pieces),
  };
};

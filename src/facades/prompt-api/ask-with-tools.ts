import type { AskOptions, Session, ToolResult } from '../../index.js';
import { runCalls } from '../run-calls.js';
import type { Callable } from './read-tools.js';

/** Rounds of calls in one answer; then it must do without. */
const MOST_ROUNDS = 8;

/** What stands in front of everything. */
export interface Opening {
  readonly system: string | undefined;
  readonly callable: Callable | undefined;
}

/** How a session is opened with it. */
export const sessionOf = ({ system, callable }: Opening) => ({
  ...(system !== undefined && { system }),
  ...(callable && { tools: callable.tools }),
});

/**
 * Asks, and does what is called for, until an answer calls nothing. Resolves to the messages that this took, the question one of
 * them. Errors: `SyntaxError` where an answer was cut inside of the form that was asked for, or inside of a call.
 */
export const askWithTools = async (
  session: Session,
  question: string,
  { begin, ...options }: AskOptions,
  callable: Callable | undefined,
  onPiece: (text: string) => void,
): Promise<number> => {
  const { signal = new AbortController().signal } = options;
  let asked: string | readonly ToolResult[] = question;
  for (let round = 0; ; round++) {
    const answer = session.ask(asked, {
      ...options,
      ...(begin !== undefined && round === 0 && { begin }),
      ...(round === MOST_ROUNDS && { toolChoice: 'none' }),
      continue: true,
    });
    for await (const piece of answer) onPiece(piece);
    const { calls = [], complete } = await answer.finish;
    if (complete === false)
      throw new DOMException(
        'The answer ended before it was whole. Allow more tokens, or ask for less.',
        'SyntaxError',
      );
    if (calls.length === 0 || !callable) return 2 * (round + 1);
    asked = await runCalls(calls, callable.run, signal);
    signal.throwIfAborted();
  }
};

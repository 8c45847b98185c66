import type { Answer, AskOptions, Model, Session, ToolResult } from '../index.js';
import type { Answered, Chat, Turn } from './chat-turns.js';

/** An open session, and what was said in it. */
interface Held {
  readonly session: Session;
  readonly system: string | undefined;
  /** Its tools, written out. */
  readonly tools: string;
  turns: readonly Turn[];
  /** The beginning of the next question, where it was read already. */
  begun: string;
  busy: boolean;
}

/** An answer under way. */
export interface Asked {
  readonly answer: Answer;
  /** Tokens of the whole prompt, and those of them that were not read for it; after the answer. */
  prompt(questionTokens: number): Promise<{ readonly tokens: number; readonly cached: number }>;
  /** The answer is over, or is not wanted any more and was stopped. */
  end(): Promise<void>;
}

/** Finds the session that knows most of a chat. */
export interface Conversations {
  ask(chat: Chat, options: AskOptions): Promise<Asked>;
  close(): Promise<void>;
}

/**
 * A question longer than this is read as text up to its last line: whole segments of text are kept by their content, so that
 * any session finds them again.
 */
const LONG_QUESTION = 2000;

/** The lines before the last, and the last one; nothing of a short text. */
const splitQuestion = (text: string): readonly [string, string] => {
  const at = text.length > LONG_QUESTION ? text.trimEnd().lastIndexOf('\n') : -1;
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : ['', text];
};

const isSame = (a: Turn, b: Turn | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

const answeredBy = async (answer: Answer): Promise<Answered> => {
  const { calls = [] } = await answer.finish;
  return { text: await answer.text(), calls };
};

/** Keeps up to `most` sessions open; the one that was used longest ago goes first. */
export const createConversations = (model: Model, most: number): Conversations => {
  /** In the order of use. */
  let open: Held[] = [];

  /** Whether what a session holds is how the chat begins. */
  const leadsTo = (held: Held, { system, tools, turns, question }: Chat): boolean => {
    const next = turns[held.turns.length]?.question ?? question;
    return (
      !held.busy &&
      held.system === system &&
      held.tools === JSON.stringify(tools) &&
      held.turns.length <= turns.length &&
      held.turns.every((turn, i) => isSame(turn, turns[i])) &&
      (held.begun === '' || (typeof next === 'string' && next.startsWith(`${held.begun}\n`)))
    );
  };
  const drop = async (held: Held): Promise<void> => {
    open = open.filter((one) => one !== held);
    await held.session.close();
  };
  const take = async (chat: Chat, signal: AbortSignal | undefined): Promise<Held> => {
    const length = ({ turns, begun }: Held): number => turns.length * 2 + (begun === '' ? 0 : 1);
    const [best] = open.filter((held) => leadsTo(held, chat)).sort((a, b) => length(b) - length(a));
    if (best) {
      open = [...open.filter((held) => held !== best), best];
      best.busy = true;
      return best;
    }
    const idle = open.find((held) => !held.busy);
    if (open.length >= most && idle) await drop(idle);
    const { system, tools } = chat;
    const session = await model.session({
      ...(system !== undefined && { system }),
      ...(tools.length > 0 && { tools }),
      ...(signal && { signal }),
    });
    const held: Held = { session, system, tools: JSON.stringify(tools), turns: [], begun: '', busy: true };
    open = [...open, held];
    return held;
  };

  return {
    async ask(chat, options) {
      const { signal } = options;
      const stops = signal ? { signal } : {};
      const held = await take(chat, signal);
      const { session } = held;
      try {
        const before = await session.stats();
        /** What of a question is not read yet. */
        const rest = (question: Turn['question']): string | readonly ToolResult[] =>
          held.begun === '' || typeof question !== 'string'
            ? question
            : question.slice(held.begun.length + 1);
        for (const turn of chat.turns.slice(held.turns.length)) {
          const { text, calls } = turn.answer;
          await session.tell(rest(turn.question), calls.length > 0 ? turn.answer : text, stops);
          held.turns = [...held.turns, turn];
          held.begun = '';
        }
        const asking = rest(chat.question);
        const [text, line] = typeof asking === 'string' ? splitQuestion(asking) : ['', asking];
        if (text !== '') {
          await session.append(text, stops);
          held.begun = held.begun === '' ? text : `${held.begun}\n${text}`;
        }
        const asked = await session.stats();
        // An answer that a stop string cuts is not what was generated: it is told with the next question.
        const isKept = options.stop === undefined;
        const answer = session.ask(line, { ...options, continue: isKept });
        return {
          answer,
          prompt: async (questionTokens) => {
            const { recomputedTokens } = await session.stats();
            const again = recomputedTokens - before.recomputedTokens;
            return {
              tokens: asked.tokens + questionTokens,
              cached: Math.max(0, before.tokens - again) + asked.reusedTokens - before.reusedTokens,
            };
          },
          end: async () => {
            // One that was stopped at its very end was said all the same. One that failed has left nothing.
            const said = await answeredBy(answer).catch(() => undefined);
            if (isKept && said !== undefined) {
              held.turns = [...chat.turns, { question: chat.question, answer: said }];
              held.begun = '';
            }
            held.busy = false;
          },
        };
      } catch (error) {
        await drop(held);
        throw error;
      }
    },
    close: async () => {
      for (const held of open) await drop(held);
    },
  };
};

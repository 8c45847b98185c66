import {
  type AskOptions,
  type CloneOptions,
  type Finish,
  LonghandError,
  type Message,
  type Session,
  type ToolCall,
  type ToolResult,
} from '../../index.js';
import { type RunTool, runCalls } from '../run-calls.js';

export interface ChatMessage extends Message {
  /** What the model thought aloud before it answered, as far as it was told on this visit. */
  readonly reasoning?: string;
  /** How the answer ended and what it cost, where it was said on this visit. */
  readonly finish?: Finish;
}

/** What a page shows. A new object after every change, so that it may be compared by identity. */
export interface ChatState {
  /** `reading`: a text, or a question before its first word. `answering`: the last message grows. */
  readonly status: 'ready' | 'reading' | 'answering' | 'error';
  /** A question that was not answered stands last; the next one takes its place. */
  readonly messages: readonly ChatMessage[];
  /** Tokens of a text that is read. */
  readonly progress?: { readonly loaded: number; readonly total: number };
  /** What went wrong last, with the status `error`. */
  readonly error?: unknown;
}

/** How questions are asked, unless a call says otherwise. */
export type ChatSettings = Omit<AskOptions, 'continue' | 'signal' | 'onProgress' | 'begin'>;

/** A chat's settings, and what runs the tools of its session. */
export interface ChatOptions extends ChatSettings {
  /**
   * Does what the model calls; its result goes back to the model, which answers on. What it throws is told as its result.
   * Default: calls stand in the last message, and that is all.
   */
  readonly run?: RunTool;
  /** Answers to one question that may call. Default 4; the one behind them may not. */
  readonly rounds?: number;
}

/**
 * A conversation with its session. Calls resolve when they are over, also where they failed or were stopped: the state
 * tells. Rejects only with `input/busy` while another call runs, and with `input/option` for messages that are not there.
 */
export interface Chat {
  readonly state: ChatState;
  /** Called at once, and after every change; the result ends that. */
  subscribe(listener: (state: ChatState) => void): () => void;
  /** Ask, and take the answer in piece by piece. */
  send(text: string, settings?: ChatSettings): Promise<void>;
  /** Read a text that the next question is about. */
  append(text: string): Promise<void>;
  /** End what runs. What was answered so far stays, and the model knows it as its answer. */
  stop(): void;
  /** Answer the last question again. */
  retry(settings?: ChatSettings): Promise<void>;
  /** Forget message `index`, a user's, and all behind it; ask this instead. */
  edit(index: number, text: string, settings?: ChatSettings): Promise<void>;
  /** Another chat with the first `count` messages (default: all), on a session of its own that is kept if it has an `id`. */
  clone(count?: number, options?: CloneOptions): Promise<Chat>;
  /** Stop, and close the session. */
  close(): Promise<void>;
}

/** A chat on a session: with what was said in it, if it was kept. */
export const createChat = async (session: Session, options: ChatOptions = {}): Promise<Chat> => {
  const { run: runTool, rounds = 4, ...settings } = options;
  let state: ChatState = { status: 'ready', messages: await session.messages() };
  /** Messages that the session has; the others are a question without an answer. */
  let said = state.messages.length;
  let running: AbortController | undefined;
  const listeners = new Set<(state: ChatState) => void>();
  const change = (next: ChatState): void => {
    state = next;
    for (const listener of [...listeners]) listener(state);
  };

  /** One call at a time. What it throws is shown, unless it was stopped. */
  const alone = async (run: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    if (running)
      throw new LonghandError(
        'input/busy',
        'The chat is busy. Wait until its status is `ready`, or stop it.',
      );
    const stop = new AbortController();
    running = stop;
    try {
      await run(stop.signal);
      change({ status: 'ready', messages: state.messages });
    } catch (error) {
      const { messages } = state;
      change(stop.signal.aborted ? { status: 'ready', messages } : { status: 'error', messages, error });
    } finally {
      running = undefined;
    }
  };

  /** One answer, to a question or to results of calls; the calls that it makes. */
  const answerTo = async (
    question: string | readonly ToolResult[],
    more: ChatSettings,
    signal: AbortSignal,
  ): Promise<readonly ToolCall[]> => {
    const asked: ChatMessage =
      typeof question === 'string'
        ? { role: 'user', text: question }
        : { role: 'tool', text: '', results: question };
    const before: readonly ChatMessage[] = [...state.messages.slice(0, said), asked];
    change({ status: 'reading', messages: before });
    let [text, reasoning] = ['', ''];
    const show = (end: Pick<ChatMessage, 'calls' | 'finish'> = {}): void => {
      const answer: ChatMessage = {
        role: 'assistant',
        text,
        ...(reasoning !== '' && { reasoning }),
        ...end,
      };
      change({ status: 'answering', messages: [...before, answer] });
    };
    const answer = session.ask(question, { ...settings, ...more, continue: true, signal });
    try {
      for await (const thought of answer.reasoning) {
        reasoning += thought;
        show();
      }
      for await (const piece of answer) {
        text += piece;
        show();
      }
      const finish = await answer.finish;
      show({ finish, ...(finish.calls && { calls: finish.calls }) });
    } catch (error) {
      // A session keeps nothing of an answer that was stopped: it is told what the page shows.
      if (!signal.aborted || text === '') {
        change({ ...state, messages: before });
        throw error;
      }
      await session.tell(question, text);
    }
    said = state.messages.length;
    return state.messages.at(-1)?.calls ?? [];
  };

  const ask = async (question: string, more: ChatSettings, signal: AbortSignal): Promise<void> => {
    let calls = await answerTo(question, more, signal);
    for (let round = 1; runTool && calls.length > 0 && !signal.aborted; round++) {
      const results = await runCalls(calls, runTool, signal);
      calls = await answerTo(results, { ...more, toolChoice: round < rounds ? 'auto' : 'none' }, signal);
    }
  };

  /** Forget all but the first `count` messages. */
  const rewind = async (count: number): Promise<void> => {
    await session.rewind(Math.min(count, said));
    said = Math.min(count, said);
  };
  /** The question before the last answer, or the one that has none. */
  const lastQuestion = (): number => state.messages.map(({ role }) => role).lastIndexOf('user');
  const questionAt = (index: number): string => {
    const message = state.messages[index];
    if (message?.role === 'user') return message.text;
    throw new LonghandError(
      'input/option',
      `There is no message of the user's at ${index}. Give the index of one.`,
      {
        option: 'index',
      },
    );
  };

  return {
    get state() {
      return state;
    },
    subscribe(listener) {
      listeners.add(listener);
      listener(state);
      return () => void listeners.delete(listener);
    },
    send: (text, more = {}) => alone((signal) => ask(text, more, signal)),
    append: (text) =>
      alone(async (signal) => {
        const messages: readonly ChatMessage[] = [...state.messages.slice(0, said), { role: 'user', text }];
        const read = state.messages.slice(0, said);
        change({ status: 'reading', messages: read });
        const onProgress: AskOptions['onProgress'] = (progress) =>
          change({ status: 'reading', messages: read, progress });
        await session.append(text, { signal, onProgress });
        // On a resumed session a text that is there already is recognised, and not added.
        const isNew = (await session.messages()).length > said;
        said += isNew ? 1 : 0;
        change({ status: 'reading', messages: isNew ? messages : read });
      }),
    stop: () => running?.abort(),
    async retry(more = {}) {
      const index = lastQuestion();
      const question = questionAt(index);
      await alone(async (signal) => {
        await rewind(index);
        await ask(question, more, signal);
      });
    },
    async edit(index, text, more = {}) {
      questionAt(index);
      await alone(async (signal) => {
        await rewind(index);
        await ask(text, more, signal);
      });
    },
    async clone(count = said, how = {}) {
      const copy = await session.clone(how);
      try {
        await copy.rewind(Math.min(count, said));
        return await createChat(copy, options);
      } catch (error) {
        await copy.close();
        throw error;
      }
    },
    async close() {
      running?.abort();
      listeners.clear();
      await session.close();
    },
  };
};

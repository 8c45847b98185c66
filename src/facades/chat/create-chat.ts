import {
  type AskOptions,
  type CloneOptions,
  LonghandError,
  type Message,
  type Session,
} from '../../index.js';

export interface ChatMessage extends Message {
  /** What the model thought aloud before it answered, as far as it was told on this visit. */
  readonly reasoning?: string;
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
export const createChat = async (session: Session, settings: ChatSettings = {}): Promise<Chat> => {
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

  const ask = async (question: string, more: ChatSettings, signal: AbortSignal): Promise<void> => {
    const before: readonly ChatMessage[] = [
      ...state.messages.slice(0, said),
      { role: 'user', text: question },
    ];
    change({ status: 'reading', messages: before });
    let [text, reasoning] = ['', ''];
    const show = (): void => {
      const answer: ChatMessage = { role: 'assistant', text, ...(reasoning !== '' && { reasoning }) };
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
      await answer.finish;
    } catch (error) {
      // A session keeps nothing of an answer that was stopped: it is told what the page shows.
      if (!signal.aborted || text === '') {
        change({ ...state, messages: before });
        throw error;
      }
      await session.tell(question, text);
    }
    if (text === '') show();
    said = state.messages.length;
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
        said = messages.length;
        change({ status: 'reading', messages });
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
    async clone(count = said, options = {}) {
      const copy = await session.clone(options);
      try {
        await copy.rewind(Math.min(count, said));
        return await createChat(copy, settings);
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

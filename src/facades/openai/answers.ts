import type { Finish, TokenLogprobs } from '../../index.js';
import type { Asked, Conversations } from './conversations.js';
import { readMessages } from './messages.js';
import { readParameters } from './parameters.js';
import type {
  Chance,
  Completion,
  CompletionChunk,
  CompletionRequest,
  FinishReason,
  Logprobs,
  Usage,
} from './protocol.js';
import { refusal } from './refusal.js';

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
}

const chanceOf = ({ text, logprob }: { text: string; logprob: number }): Chance => ({
  token: text,
  logprob,
  bytes: text.includes('\ufffd') ? null : [...new TextEncoder().encode(text)],
});
const logprobsOf = (all: readonly TokenLogprobs[] | undefined): Logprobs | null =>
  all
    ? {
        content: all.map((one) => ({ ...chanceOf(one), top_logprobs: one.top.map(chanceOf) })),
        refusal: null,
      }
    : null;
const reasonOf = ({ reason }: Finish): FinishReason => (reason === 'stop' ? 'stop' : 'length');

const usageOf = async (asked: Asked, finish: Finish): Promise<Usage> => {
  const { tokens, cached } = await asked.prompt(finish.questionTokens);
  return {
    prompt_tokens: tokens,
    completion_tokens: finish.answerTokens,
    total_tokens: tokens + finish.answerTokens,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: finish.reasoning?.tokens ?? 0 },
  };
};

/** Answers of a model in the shapes of chat completions. */
export const createAnswers = (name: string, conversations: Conversations) => {
  const begin = async (request: CompletionRequest, { signal }: RequestOptions) => {
    if (request.model !== name)
      throw refusal('model', `there is no model "${String(request.model)}" here, only "${name}".`);
    const options = readParameters(request);
    const asked = await conversations.ask(readMessages(request.messages), {
      ...options,
      ...(signal && { signal }),
    });
    const head = {
      id: `chatcmpl-${crypto.randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: name,
    };
    return { asked, head };
  };

  const whole = async (request: CompletionRequest, options: RequestOptions): Promise<Completion> => {
    const { asked, head } = await begin(request, options);
    try {
      const finish = await asked.answer.finish;
      const content = await asked.answer.text();
      const message = { role: 'assistant', content, refusal: null } as const;
      return {
        ...head,
        object: 'chat.completion',
        choices: [
          { index: 0, message, finish_reason: reasonOf(finish), logprobs: logprobsOf(finish.logprobs) },
        ],
        usage: await usageOf(asked, finish),
      };
    } finally {
      await asked.end();
    }
  };

  /** Leaving the loop stops the answer. */
  async function* stream(
    request: CompletionRequest,
    options: RequestOptions,
  ): AsyncGenerator<CompletionChunk> {
    const { asked, head } = await begin(request, options);
    const counts = request.stream_options?.include_usage ?? false;
    type Choice = CompletionChunk['choices'][number];
    const chunk = (
      delta: Choice['delta'],
      finish_reason: Choice['finish_reason'] = null,
      logprobs: Choice['logprobs'] = null,
    ): CompletionChunk => ({
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason, logprobs }],
      ...(counts && { usage: null }),
    });
    const pieces = asked.answer[Symbol.asyncIterator]();
    try {
      // What cannot be answered fails here, before anything of an answer was sent.
      let piece = await pieces.next();
      yield chunk({ role: 'assistant', content: '' });
      for (; !piece.done; piece = await pieces.next()) yield chunk({ content: piece.value });
      const finish = await asked.answer.finish;
      yield chunk({}, reasonOf(finish), logprobsOf(finish.logprobs));
      if (counts) {
        const usage = await usageOf(asked, finish);
        yield { ...head, object: 'chat.completion.chunk', choices: [], usage };
      }
    } finally {
      await pieces.return?.();
      await asked.end();
    }
  }
  return { whole, stream };
};

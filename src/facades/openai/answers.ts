import type { Finish, TokenLogprobs, ToolCall } from '../../index.js';
import type { Asked, Conversations } from '../conversations.js';
import { refusal } from '../refusal.js';
import { readMessages } from './messages.js';
import { readParameters, readTools } from './parameters.js';
import type {
  Chance,
  Completion,
  CompletionChunk,
  CompletionRequest,
  FinishReason,
  Logprobs,
  MessageToolCall,
  Usage,
} from './protocol.js';

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
const reasonOf = ({ reason, calls }: Finish): FinishReason => {
  if (reason !== 'stop') return 'length';
  return calls ? 'tool_calls' : 'stop';
};

const callsOf = (calls: readonly ToolCall[], ids: readonly string[]): MessageToolCall[] =>
  calls.map(({ name, arguments: given }, i) => ({
    id: ids[i]!,
    type: 'function',
    function: { name, arguments: JSON.stringify(given) },
  }));
const newId = (): string => `call_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;

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
    const tools = readTools(request);
    const options = readParameters(request, tools);
    const asked = await conversations.ask(readMessages(request.messages, tools), {
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
      const { calls = [] } = finish;
      const ids = calls.map(newId);
      const message = {
        role: 'assistant',
        content: content === '' && calls.length > 0 ? null : content,
        refusal: null,
        ...(calls.length > 0 && { tool_calls: callsOf(calls, ids) }),
      } as const;
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
    const parts = asked.answer.parts[Symbol.asyncIterator]();
    let calls = 0;
    try {
      // What cannot be answered fails here, before anything of an answer was sent.
      let part = await parts.next();
      yield chunk({ role: 'assistant', content: '' });
      for (; !part.done; part = await parts.next()) {
        const { value } = part;
        if (value.kind === 'text') yield chunk({ content: value.text });
        if (value.kind !== 'call') continue;
        const { index, name, text } = value;
        const isNew = index === calls;
        calls = index + 1;
        const head = isNew ? ({ id: newId(), type: 'function' } as const) : {};
        const called = { ...(isNew && { name }), arguments: text };
        yield chunk({ tool_calls: [{ index, ...head, function: called }] });
      }
      const finish = await asked.answer.finish;
      yield chunk({}, reasonOf(finish), logprobsOf(finish.logprobs));
      if (counts) {
        const usage = await usageOf(asked, finish);
        yield { ...head, object: 'chat.completion.chunk', choices: [], usage };
      }
    } finally {
      await parts.return?.();
      await asked.end();
    }
  }
  return { whole, stream };
};

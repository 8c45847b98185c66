/**
 * OpenAI's chat completions, answered by a model on this device.
 *
 * @packageDocumentation
 */
import type { Model } from '../../index.js';
import { createConversations } from '../conversations.js';
import { createAnswers, type RequestOptions } from './answers.js';
import { createFetch } from './fetch-handler.js';
import type { Completion, CompletionChunk, CompletionRequest, ModelCard } from './protocol.js';

export type { RequestOptions } from './answers.js';
export type * from './protocol.js';

export interface OpenAIOptions {
  /** What the model is called in requests. Default: its own name. */
  readonly id?: string;
  /** Sessions that stay open, so that a chat that goes on is not read again. Default 4. */
  readonly sessions?: number;
}

/** The part of OpenAI's interface that is here. */
export interface OpenAI {
  readonly chat: {
    readonly completions: {
      /**
       * Rejects with `input/option` for a parameter that would be ignored (`details.option` names it), and as `session.ask`
       * does.
       */
      create(
        request: CompletionRequest & { readonly stream: true },
        options?: RequestOptions,
      ): Promise<AsyncIterable<CompletionChunk>>;
      create(
        request: CompletionRequest & { readonly stream?: false | null },
        options?: RequestOptions,
      ): Promise<Completion>;
      create(
        request: CompletionRequest,
        options?: RequestOptions,
      ): Promise<Completion | AsyncIterable<CompletionChunk>>;
    };
  };
  readonly models: { list(): Promise<{ readonly object: 'list'; readonly data: readonly ModelCard[] }> };
  /** For the official client: `new OpenAI({ fetch: local.fetch, apiKey: 'none', dangerouslyAllowBrowser: true })`. */
  readonly fetch: typeof fetch;
  /** Close the sessions; the model stays open. */
  close(): Promise<void>;
}

/** Answer chat completions with `model`. A chat that goes on finds its session, however many there are at once. */
export const createOpenAI = (model: Model, options: OpenAIOptions = {}): OpenAI => {
  const { id = model.info.name, sessions = 4 } = options;
  const conversations = createConversations(model, sessions);
  const answers = createAnswers(id, conversations);
  const card: ModelCard = { id, object: 'model', created: 0, owned_by: 'longhand' };
  const create = async (
    request: CompletionRequest,
    called: RequestOptions = {},
  ): Promise<Completion | AsyncIterable<CompletionChunk>> => {
    if (!request.stream) return answers.whole(request, called);
    // Begun at once, so that what cannot be honoured rejects here and not in the loop.
    const chunks = answers.stream(request, called);
    const first = await chunks.next();
    let next: Promise<IteratorResult<CompletionChunk>> | undefined = Promise.resolve(first);
    // Leaving the loop ends the answer, also before its first turn: so no generator around it.
    const iterator: AsyncIterator<CompletionChunk> = {
      next: () => {
        const now = next ?? chunks.next();
        next = undefined;
        return now;
      },
      return: () => chunks.return(undefined),
    };
    return { [Symbol.asyncIterator]: () => iterator };
  };
  return {
    chat: { completions: { create: create as OpenAI['chat']['completions']['create'] } },
    models: { list: async () => ({ object: 'list', data: [card] }) },
    fetch: createFetch({ create, card }),
    close: () => conversations.close(),
  };
};

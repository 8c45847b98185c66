import type { LonghandError } from '../../index.js';
import type { RequestOptions } from './answers.js';
import type { Completion, CompletionChunk, CompletionRequest, ModelCard } from './protocol.js';

export interface Served {
  create(
    request: CompletionRequest,
    options: RequestOptions,
  ): Promise<Completion | AsyncIterable<CompletionChunk>>;
  readonly card: ModelCard;
}

const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

const failed = (status: number, message: string, code: string | null, param: unknown = null): Response =>
  json(
    {
      error: {
        message,
        type: status < 500 ? 'invalid_request_error' : 'server_error',
        param: typeof param === 'string' ? param : null,
        code,
      },
    },
    status,
  );

/** What went wrong, as a client of OpenAI expects it: what the caller may change is 4xx, so that it is not tried again. */
const failure = (error: unknown): Response => {
  const { code = 'internal', message, details } = error as Partial<LonghandError> & Error;
  if (code === 'input/too-long') return failed(400, message, 'context_length_exceeded', 'messages');
  if (code === 'input/option' && details?.option === 'model')
    return failed(404, message, 'model_not_found', 'model');
  const isAsked = /^(input|unsupported)\//.test(code) || code === 'model/template';
  return failed(isAsked ? 400 : 500, message, code, details?.option);
};

const events = (chunks: AsyncIterable<CompletionChunk>, stop: () => void): ReadableStream<Uint8Array> => {
  const encoder = new TextEncoder();
  const iterator = chunks[Symbol.asyncIterator]();
  const event = (value: unknown): Uint8Array => encoder.encode(`data: ${JSON.stringify(value)}\n\n`);
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        if (!done) return controller.enqueue(event(value));
        controller.enqueue(encoder.encode('data: [DONE]\n\n'));
        controller.close();
      } catch (error) {
        controller.enqueue(event(await failure(error).json()));
        controller.close();
      }
    },
    async cancel() {
      stop();
      await iterator.return?.();
    },
  });
};

/**
 * A `fetch` that answers `…/chat/completions` and `…/models` by itself, whatever the host, and reaches no network: give it
 * to the official client.
 */
export const createFetch =
  ({ create, card }: Served): typeof fetch =>
  async (input, init) => {
    const request = new Request(input, init);
    const path = new URL(request.url).pathname.replace(/\/+$/, '');
    const stop = new AbortController();
    const { signal } = init ?? {};
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => stop.abort(signal.reason), { once: true });
    if (path.endsWith('/models')) return json({ object: 'list', data: [card] });
    if (/\/models\/[^/]+$/.test(path)) {
      const id = decodeURIComponent(path.split('/').at(-1)!);
      return id === card.id
        ? json(card)
        : failed(404, `There is no model "${id}" here.`, 'model_not_found', 'model');
    }
    if (!path.endsWith('/chat/completions'))
      return failed(404, `Nothing answers at ${path} here.`, 'not_found');
    try {
      const body = (await request.json()) as CompletionRequest;
      const answer = await create(body, { signal: stop.signal });
      if (!(Symbol.asyncIterator in answer)) return json(answer);
      return new Response(
        events(answer, () => stop.abort()),
        {
          headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
        },
      );
    } catch (error) {
      signal?.throwIfAborted();
      return error instanceof SyntaxError ? failed(400, error.message, null) : failure(error);
    }
  };

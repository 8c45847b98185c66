/**
 * A language model of the AI SDK (`ai`), answered by a model on this device.
 *
 * @packageDocumentation
 */
import type { Finish, Model } from '../../index.js';
import { type Asked, createConversations } from '../conversations.js';
import { readChat } from '../read-chat.js';
import { partsOf } from './parts.js';
import type { CallOptions, Content, FinishReason, GenerateResult, StreamPart, Usage } from './protocol.js';
import { readPrompt } from './read-prompt.js';
import { readSettings } from './read-settings.js';

export type * from './protocol.js';

export interface LanguageModelOptions {
  /** What the model is called. Default: its own name. */
  readonly id?: string;
  /** Sessions that stay open, so that a chat that goes on is not read again. Default 4. */
  readonly sessions?: number;
  /** Of the specification: `v3` (default) for `ai` 6, which 7 takes too; `v4` for 7. */
  readonly version?: 'v3' | 'v4';
}

/** What `generateText`, `streamText` and the others take as `model`. */
export interface LanguageModel<Version extends 'v3' | 'v4' = 'v3' | 'v4'> {
  readonly specificationVersion: Version;
  readonly provider: 'longhand';
  readonly modelId: string;
  readonly supportedUrls: Record<string, RegExp[]>;
  doGenerate(options: CallOptions): Promise<GenerateResult>;
  doStream(options: CallOptions): Promise<{ stream: ReadableStream<StreamPart> }>;
  /** Close the sessions; the model stays open. */
  close(): Promise<void>;
}

const finishOf = ({ reason, calls }: Finish): FinishReason => ({
  unified: reason !== 'stop' ? 'length' : calls ? 'tool-calls' : 'stop',
  raw: reason,
});

const usageOf = async (asked: Asked, finish: Finish): Promise<Usage> => {
  const { tokens, cached } = await asked.prompt(finish.questionTokens);
  const reasoning = finish.reasoning?.tokens ?? 0;
  return {
    inputTokens: { total: tokens, noCache: tokens - cached, cacheRead: cached, cacheWrite: undefined },
    outputTokens: { total: finish.answerTokens, text: finish.answerTokens - reasoning, reasoning },
  };
};

const newId = (): string => crypto.randomUUID();

/** Answer with `model`. A chat that goes on finds its session, however many there are at once. */
export const createLanguageModel = <Version extends 'v3' | 'v4' = 'v3'>(
  model: Model,
  options: LanguageModelOptions & { readonly version?: Version } = {},
): LanguageModel<Version> => {
  const { id = model.info.name, sessions = 4, version = 'v3' } = options;
  const conversations = createConversations(model, sessions);
  const begin = async (call: CallOptions) => {
    const { ask, tools, warnings } = readSettings(call);
    const asked = await conversations.ask(readChat(call.prompt.map(readPrompt), tools), ask);
    return { asked, warnings, response: { id: newId(), timestamp: new Date(), modelId: id } };
  };
  return {
    specificationVersion: version as Version,
    provider: 'longhand',
    modelId: id,
    supportedUrls: {},
    close: () => conversations.close(),

    async doGenerate(call) {
      const { asked, warnings, response } = await begin(call);
      try {
        const { answer } = asked;
        const finish = await answer.finish;
        const [thoughts, text] = [await answer.reasoning.text(), await answer.text()];
        const content: Content[] = [
          ...(thoughts === '' ? [] : [{ type: 'reasoning', text: thoughts } as const]),
          ...(text === '' ? [] : [{ type: 'text', text } as const]),
          ...(finish.calls ?? []).map(({ name, arguments: given }) => {
            const input = JSON.stringify(given);
            return { type: 'tool-call', toolCallId: newId(), toolName: name, input } as const;
          }),
        ];
        const usage = await usageOf(asked, finish);
        return { content, finishReason: finishOf(finish), usage, warnings, response };
      } finally {
        await asked.end();
      }
    },

    async doStream(call) {
      const { asked, warnings, response } = await begin(call);
      const parts = partsOf(asked.answer, newId)[Symbol.asyncIterator]();
      // What cannot be answered rejects here, before anything of an answer was sent.
      let next: Promise<IteratorResult<StreamPart>> | undefined;
      try {
        next = Promise.resolve(await parts.next());
      } catch (error) {
        await asked.end();
        throw error;
      }
      const stream = new ReadableStream<StreamPart>({
        start(controller) {
          controller.enqueue({ type: 'stream-start', warnings });
          controller.enqueue({ type: 'response-metadata', ...response });
        },
        async pull(controller) {
          try {
            const { done, value } = await (next ?? parts.next());
            next = undefined;
            if (!done) return controller.enqueue(value);
            const finish = await asked.answer.finish;
            const usage = await usageOf(asked, finish);
            controller.enqueue({ type: 'finish', finishReason: finishOf(finish), usage });
          } catch (error) {
            controller.enqueue({ type: 'error', error });
          }
          await asked.end();
          controller.close();
        },
        async cancel() {
          await parts.return?.(undefined);
          await asked.end();
        },
      });
      return { stream };
    },
  };
};

/// <reference types="dom-chromium-ai" />
/** Compiled, not run: our class stands where code expects the platform's (`@types/dom-chromium-ai` 0.0.17). */
import { expect, test } from 'vitest';
import {
  type CreateOptions,
  createLanguageModel,
  type PromptInput,
  type PromptOptions,
} from '../../../src/facades/prompt-api/index.js';

/** Code that knows the platform's types only. */
const page = async (Model: typeof LanguageModel): Promise<string> => {
  if ((await Model.availability({ expectedInputs: [{ type: 'text', languages: ['en'] }] })) === 'unavailable')
    return '';
  const session: LanguageModel = await Model.create({
    initialPrompts: [
      { role: 'system', content: 'Answer from the text.' },
      { role: 'user', content: [{ type: 'text', value: 'A text.' }] },
    ],
    samplingMode: 'predictable',
    tools: [{ name: 'now', description: 'The time.', inputSchema: {}, execute: async () => 'noon' }],
    monitor: (m) => m.addEventListener('downloadprogress', ({ loaded }) => loaded),
    signal: AbortSignal.timeout(9),
  });
  session.addEventListener('contextoverflow', (event) => event.type);
  session.oncontextoverflow = null;
  await session.append([{ role: 'assistant', content: 'Yes.' }]);
  const stream: ReadableStream<string> = session.promptStreaming('Who?', {
    responseConstraint: { type: 'string' },
  });
  await stream.cancel();
  const left: number =
    session.contextWindow - session.contextUsage - (await session.measureContextUsage('Why?'));
  const clone: LanguageModel = await session.clone();
  clone.destroy();
  return left > 0 ? session.prompt([{ role: 'assistant', content: 'It was', prefix: true }]) : '';
};

test('the platform’s types fit ours, and ours fit where the platform’s are expected', () => {
  const Own = createLanguageModel({ model: new Blob() });
  const platform: typeof LanguageModel = Own as unknown as typeof LanguageModel;
  /** Without a cast, all that is not the constructor: an abstract class of the platform has none. */
  const statics: Pick<typeof LanguageModel, 'create' | 'availability' | 'params'> = Own;
  const create = (options: LanguageModelCreateOptions): CreateOptions => options;
  const input = (prompt: LanguageModelPrompt): PromptInput => prompt;
  const options = (more: LanguageModelPromptOptions): PromptOptions => more;
  expect([page, platform, statics, create, input, options].every((one) => typeof one === 'function')).toBe(
    true,
  );
});

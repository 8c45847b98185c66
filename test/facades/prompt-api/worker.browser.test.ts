/** The built facade in a page: it starts its own worker, keeps the model's file and a session on the device. */
import { expect, test } from 'vitest';
import type { createLanguageModel as Create } from '../../../src/facades/prompt-api/index.js';

const BUILT = '/dist/prompt-api.js';
// An address of its own: other files of tests keep the same model in the same browser.
const MODEL = '/examples/models/book-reader-5m-Q8_0.gguf?prompt-api';

test('a model is fetched once, answers in a worker, and a saved session comes back after another load', async () => {
  const { createLanguageModel } = (await import(/* @vite-ignore */ BUILT)) as {
    createLanguageModel: typeof Create;
  };
  const load = { kv: { database: 'prompt-api' } };
  const first = createLanguageModel({ model: MODEL, load, maxTokens: 12 });
  expect(await first.availability()).toBe('downloadable');
  const told: number[] = [];
  const options = {
    samplingMode: 'most-predictable',
    initialPrompts: [{ role: 'user', content: 'The value of mika is 4711.' }],
  } as const;
  const session = await first.create({
    ...options,
    monitor: (m) => m.addEventListener('downloadprogress', ({ loaded }: ProgressEvent) => told.push(loaded)),
  });
  expect([told[0], told.at(-1)]).toEqual([0, 1]);
  expect(told.length).toBeGreaterThan(2);
  const pieces: string[] = [];
  const reader = session.promptStreaming('What is the value of mika?').getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) pieces.push(piece.value);
  expect(pieces.length).toBeGreaterThan(2);
  expect(pieces.join('')).toContain('4711');

  const stop = new AbortController();
  const given = session.prompt('Who are you?', { signal: stop.signal });
  const reason = new Error('enough');
  stop.abort(reason);
  await expect(given).rejects.toBe(reason);
  const long = await session.prompt('x '.repeat(20_000)).catch((error) => error);
  expect(long).toMatchObject({ name: 'QuotaExceededError', quota: session.contextWindow });
  expect(long).toBeInstanceOf(DOMException);

  await session.longhand.save('kept');
  const { contextUsage } = session;
  await first.longhand.close();
  const second = createLanguageModel({ model: MODEL, load, maxTokens: 12 });
  expect(await second.availability()).toBe('available');
  const again = await second.longhand.restore('kept', options);
  expect(again.contextUsage).toBe(contextUsage);
  expect(await again.prompt('What is the value of mika?')).toContain('4711');
  again.destroy();
  await again.prompt('').catch(() => undefined);
  await second.longhand.close();
});

/** The `ai` package (6.0.326, and 7.0.173 where Node can run it) talks to the facade as to any other provider. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { createLanguageModel, type LanguageModel, type StreamPart } from '../../src/facades/ai-sdk/index.js';
import type { Model } from '../../src/index.js';
import { MODEL } from '../engine/bundled.js';
import { satisfies } from '../support/json-schema.js';
import { kernelsUrl } from '../support/kernels.js';

const FACTS =
  'Nothing else happened that day. The brass key is hidden in the attic. The value of nora is 4711.';
const QUESTION = 'What is the value of nora?';
const ANSWER = 'The value of nora is 4711.';
const parameters = {
  type: 'object',
  properties: { room: { enum: ['attic', 'cellar'] }, most: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['room', 'most'],
  additionalProperties: false,
};

let model: Model;
beforeAll(async () => {
  model = await load(MODEL, { kernelsUrl, threads: 1, kv: { store: 'memory' } });
});
afterAll(() => model.close());

const node = Number(process.versions.node.split('.')[0]);
// By their names alone: whoever has not installed them can compile everything else.
const VERSIONS = [
  { version: 'v3', packageName: 'ai' },
  ...(node >= 22 ? ([{ version: 'v4', packageName: 'ai-v7' }] as const) : []),
] as const;

describe.each(VERSIONS)('specification $version', ({ version, packageName }) => {
  // biome-ignore lint/suspicious/noExplicitAny: the package as its users have it
  let ai: any;
  let local: LanguageModel;
  beforeAll(async () => {
    ai = await import(/* @vite-ignore */ packageName);
    local = createLanguageModel(model, { version, sessions: 3 });
  });
  afterAll(() => local.close());
  const prompt = `${FACTS}\n${QUESTION}`;
  const find = (execute?: (given: object) => unknown) =>
    ai.tool({
      description: 'Looks in a room.',
      inputSchema: ai.jsonSchema(parameters),
      ...(execute && { execute }),
    });

  test('text, whole, with what it cost', async () => {
    const { text, finishReason, usage, warnings } = await ai.generateText({
      model: local,
      prompt,
      maxOutputTokens: 24,
    });
    expect({ text, finishReason }).toEqual({ text: ANSWER, finishReason: 'stop' });
    expect(usage.inputTokens).toBeGreaterThan(20);
    expect(usage.outputTokens).toBeGreaterThan(4);
    expect(usage.totalTokens).toBe(usage.inputTokens + usage.outputTokens);
    expect(warnings ?? []).toEqual([]);
    const cut = await ai.generateText({ model: local, prompt, maxOutputTokens: 2 });
    expect(cut.finishReason).toBe('length');
    const stopped = await ai.generateText({ model: local, prompt, stopSequences: [' is'] });
    expect(stopped.text).toBe('The value of nora');
  });

  test('text, streamed; a chat that goes on is not read again', async () => {
    const messages: object[] = [
      { role: 'system', content: 'Answer from the text.' },
      { role: 'user', content: prompt },
    ];
    const answer = ai.streamText({
      model: local,
      messages,
      maxOutputTokens: 24,
      allowSystemInMessages: true,
    });
    const pieces: string[] = [];
    for await (const piece of answer.textStream) pieces.push(piece);
    expect(pieces.join('')).toBe(ANSWER);
    expect(pieces.length).toBeGreaterThan(4);
    const before = (await answer.usage).inputTokens;
    messages.push(...(await answer.response).messages, {
      role: 'user',
      content: 'Where is the brass key hidden?',
    });
    const after = await ai.generateText({
      model: local,
      messages,
      maxOutputTokens: 24,
      allowSystemInMessages: true,
    });
    expect(after.text).toContain('attic');
    expect(after.usage.inputTokenDetails.cacheReadTokens).toBeGreaterThanOrEqual(before);
    expect(after.usage.inputTokenDetails.noCacheTokens).toBeLessThan(40);
  });

  test('objects of a schema, whole and streamed', async () => {
    const schema = ai.jsonSchema(parameters);
    const given = { model: local, prompt, maxOutputTokens: 100 };
    const { object } = await ai.generateObject({ ...given, schema });
    expect(satisfies(parameters, object)).toBe(true);
    const streamed = ai.streamObject({ ...given, schema });
    let seen = 0;
    for await (const _ of streamed.partialObjectStream) seen += 1;
    expect(await streamed.object).toEqual(object);
    expect(seen).toBeGreaterThan(1);
  });

  test('tools, in a loop', async () => {
    const seen: object[] = [];
    const execute = (given: object) => {
      seen.push(given);
      return { found: 'the brass key' };
    };
    const { steps, text } = await ai.generateText({
      model: local,
      prompt,
      maxOutputTokens: 200,
      tools: { find: find(execute) },
      toolChoice: { type: 'tool', toolName: 'find' },
      providerOptions: { longhand: { parallelCalls: false } },
      stopWhen: ai.stepCountIs?.(2) ?? ai.isStepCount(2),
      prepareStep: ({ stepNumber }: { stepNumber: number }) => (stepNumber > 0 ? { toolChoice: 'none' } : {}),
    });
    expect(seen).toHaveLength(1);
    expect(satisfies(parameters, seen[0])).toBe(true);
    expect(steps.map(({ finishReason }: { finishReason: string }) => finishReason)[0]).toBe('tool-calls');
    expect(steps).toHaveLength(2);
    expect(text.length).toBeGreaterThan(0);
    // What the first step read, the second has.
    expect(steps[1].usage.inputTokenDetails.cacheReadTokens).toBeGreaterThanOrEqual(
      steps[0].usage.inputTokens,
    );
  });

  test('calls, streamed', async () => {
    const { fullStream } = ai.streamText({
      model: local,
      prompt,
      maxOutputTokens: 200,
      tools: { find: find() },
      toolChoice: 'required',
      providerOptions: { longhand: { parallelCalls: false } },
    });
    const types: string[] = [];
    let input = '';
    let called: { input?: object } = {};
    for await (const part of fullStream) {
      if (types.at(-1) !== part.type) types.push(part.type);
      if (part.type === 'tool-input-delta') input += part.delta;
      if (part.type === 'tool-call') called = part;
    }
    const order = ['tool-input-start', 'tool-input-delta', 'tool-input-end', 'tool-call'];
    expect(types.filter((type) => order.includes(type))).toEqual(order);
    expect(JSON.parse(input)).toEqual(called.input);
    expect(satisfies(parameters, called.input)).toBe(true);
  });

  test('is stopped by a signal, and by leaving the stream', async () => {
    const stop = new AbortController();
    const waiting = ai.generateText({
      model: local,
      prompt,
      maxOutputTokens: 2000,
      abortSignal: stop.signal,
    });
    stop.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
    for await (const _ of ai.streamText({ model: local, prompt }).textStream) break;
    expect((await ai.generateText({ model: local, prompt, maxOutputTokens: 24 })).text).toBe(ANSWER);
  });

  test('says what it does not do', async () => {
    const silent = { model: local, maxRetries: 0 };
    const image = { type: 'image', image: new Uint8Array([137, 80, 78, 71]) };
    await expect(
      ai.generateText({ ...silent, messages: [{ role: 'user', content: [image] }] }),
    ).rejects.toMatchObject({ code: 'input/option', details: { option: 'messages[0].content[0]' } });
    await expect(
      ai.generateObject({ ...silent, prompt, schema: ai.jsonSchema({ not: {} }) }),
    ).rejects.toMatchObject({ code: 'unsupported/constraint' });
    const { warnings } = await local.doGenerate({
      prompt: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
      maxOutputTokens: 4,
      tools: [{ type: 'provider', name: 'search' }],
    });
    expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'tool search' }]);
  });

  test('parts come in blocks', async () => {
    const { stream } = await local.doStream({
      prompt: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
      maxOutputTokens: 24,
    });
    const parts: StreamPart[] = [];
    for await (const part of stream as unknown as AsyncIterable<StreamPart>) parts.push(part);
    const types = parts.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]);
    expect(types).toEqual([
      'stream-start',
      'response-metadata',
      'text-start',
      'text-delta',
      'text-end',
      'finish',
    ]);
  });
});

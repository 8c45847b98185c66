/** Calls of tools by the bundled model, which knows nothing of them: what must come out, comes out valid. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { Model, Tool } from '../../src/index.js';
import { satisfies } from '../support/json-schema.js';
import { kernelsUrl } from '../support/kernels.js';
import { MODEL, withFact } from './bundled.js';

const find = {
  name: 'find',
  description: 'Looks something up in a room.',
  parameters: {
    type: 'object',
    properties: { room: { enum: ['attic', 'cellar'] }, most: { type: 'integer', minimum: 1, maximum: 99 } },
    required: ['room', 'most'],
    additionalProperties: false,
  },
} satisfies Tool;
const TOOLS: readonly Tool[] = [find, { name: 'now' }];

let model: Model;
beforeAll(async () => {
  model = await load(MODEL, { kernelsUrl, threads: 1, kv: { store: 'memory' } });
});
afterAll(() => model.close());

test('a call that is required is valid, streams, and is answered', async () => {
  const session = await model.session({ system: 'Answer from the text.', tools: TOOLS });
  await session.append('The brass key is hidden in the attic. Nothing else happened that day.');
  const answer = session.ask('Where is the key?', {
    toolChoice: { name: 'find' },
    parallelCalls: false,
    continue: true,
    temperature: 1,
    seed: 3,
  });
  const streamed: string[] = [];
  for await (const part of answer.parts) {
    expect(part).toMatchObject({ kind: 'call', index: 0, name: 'find' });
    streamed.push(part.text);
  }
  const { calls, complete, reason } = await answer.finish;
  expect({ complete, reason, count: calls?.length, text: await answer.text() }).toEqual({
    complete: true,
    reason: 'stop',
    count: 1,
    text: '',
  });
  expect(satisfies(find.parameters, calls![0]!.arguments)).toBe(true);
  expect(JSON.parse(streamed.join(''))).toEqual(calls![0]!.arguments);
  const told = session.ask([{ name: 'find', content: 'The brass key is hidden in the attic.' }], {
    maxTokens: 8,
  });
  expect((await told.finish).answerTokens).toBeGreaterThan(0);
  await expect(session.ask([], {}).finish).rejects.toMatchObject({ code: 'input/option' });
  await session.close();
});

test('the same tools in front of a text find it again', async () => {
  const text = withFact(4000, 'The value of nora is 4711.');
  const read = async (tools: readonly Tool[]) => {
    const { restorableTokens } = await model.probe(text, { tools });
    const session = await model.session({ tools });
    await session.append(text);
    const { reusedTokens } = await session.stats();
    await session.close();
    return { restorableTokens, reusedTokens };
  };
  expect(await read(TOOLS)).toEqual({ restorableTokens: 0, reusedTokens: 0 });
  const again = await read(TOOLS);
  expect(again.reusedTokens).toBeGreaterThan(700);
  expect(again.restorableTokens).toBe(again.reusedTokens);
  expect((await read([find])).reusedTokens).toBe(0);
});

test('a kept session keeps its tools and its open calls', async () => {
  const first = await model.session({ id: 'tools', tools: TOOLS });
  const { calls } = await first.ask('Where?', {
    toolChoice: 'required',
    parallelCalls: false,
    continue: true,
  }).finish;
  expect(calls).toHaveLength(1);
  await first.close();
  await expect(model.session({ id: 'tools', tools: [find] })).rejects.toMatchObject({
    code: 'input/option',
    details: { option: 'tools' },
  });
  const again = await model.session({ id: 'tools', tools: TOOLS });
  const results = calls!.map(({ name }) => ({ name, content: 'nothing' }));
  expect((await again.ask(results, { maxTokens: 3 }).finish).answerTokens).toBeGreaterThan(0);
  expect((await again.ask('And now?', { toolChoice: { name: 'now' } }).finish).calls![0]!.name).toBe('now');
  await again.close();
});

test.each([
  ['tools', { tools: 'find' }],
  ['tools[0].name', { tools: [{ name: 'no name' }] }],
  ['tools[1].name', { tools: [{ name: 'a' }, { name: 'a' }] }],
  ['tools[0].parameters', { tools: [{ name: 'a', parameters: { type: 'string' } }] }],
  ['tools[0].run', { tools: [{ name: 'a', run: 1 }] }],
])('%s is refused', async (option, options) => {
  await expect(model.session(options as never)).rejects.toMatchObject({
    code: 'input/option',
    details: { option },
  });
});

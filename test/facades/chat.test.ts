import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { type Chat, type ChatState, createChat, type RunTool } from '../../src/facades/chat/index.js';
import type { Model, Tool, ToolCall } from '../../src/index.js';
import { MODEL } from '../engine/bundled.js';
import { read } from '../house/sources.js';
import { kernelsUrl } from '../support/kernels.js';

const FACT = 'The value of nora is 4711.';
const QUESTION = 'What is the value of nora?';
// By their names alone: whoever has not installed them can compile everything else.
const [VUE, SVELTE] = ['@vue/reactivity', 'svelte/compiler'];

let model: Model;
beforeAll(async () => {
  model = await load(MODEL, { kernelsUrl, threads: 1, maxTokens: 600, kv: { store: 'memory' } });
});
afterAll(() => model.close());
const open = async (id?: string): Promise<Chat> =>
  createChat(await model.session(id === undefined ? {} : { id }), { maxTokens: 12 });
const texts = ({ state }: Chat): string[] => state.messages.map(({ text }) => text);
/** Stops as soon as something was answered. */
const stopSoon = (chat: Chat): (() => void) =>
  chat.subscribe(({ status, messages }) => {
    if (status === 'answering' && messages.at(-1)!.text !== '') chat.stop();
  });

test('runs the tools that are called, and answers on', async () => {
  const tools: readonly Tool[] = [
    {
      name: 'find',
      parameters: {
        type: 'object',
        properties: { room: { enum: ['attic', 'cellar'] } },
        required: ['room'],
        additionalProperties: false,
      },
    },
  ];
  const ran: ToolCall[] = [];
  const run: RunTool = (call) => {
    ran.push(call);
    if (ran.length === 2) throw new Error('no light there');
    return FACT;
  };
  const options = { maxTokens: 120, run, rounds: 1, parallelCalls: false } as const;
  // Room for what the template says of tools.
  const model = await load(MODEL, { kernelsUrl, threads: 1, maxTokens: 3000, kv: { store: 'memory' } });
  const chat = await createChat(await model.session({ id: 'tools', tools }), options);
  await chat.send(QUESTION, { toolChoice: 'required' });
  expect(ran).toHaveLength(1);
  const [question, called, told, answer] = chat.state.messages;
  expect(question).toEqual({ role: 'user', text: QUESTION });
  expect(called).toMatchObject({ role: 'assistant', calls: ran, finish: { complete: true } });
  expect(told).toEqual({ role: 'tool', text: '', results: [{ name: 'find', content: FACT }] });
  expect(answer).toMatchObject({ role: 'assistant', finish: { reason: expect.any(String) } });
  // What a tool throws is its result, and the conversation goes on.
  await chat.retry({ toolChoice: { name: 'find' } });
  expect(chat.state.status).toBe('ready');
  expect(chat.state.messages[2]?.results).toEqual([{ name: 'find', content: 'Failed: no light there' }]);
  const shown = chat.state.messages.map(({ role }) => role);
  expect(shown).toEqual(['user', 'assistant', 'tool', 'assistant']);
  await chat.close();
  const again = await createChat(await model.session({ id: 'tools' }), options);
  expect(again.state.messages.map(({ role }) => role)).toEqual(shown);
  await model.close();
});

describe('a chat', () => {
  test('tells every change: the question, the answer as it grows, the end', async () => {
    const chat = await open();
    const states: ChatState[] = [];
    const unsubscribe = chat.subscribe((state) => states.push(state));
    expect(states).toEqual([{ status: 'ready', messages: [] }]);
    await chat.append(FACT);
    await chat.send(QUESTION);
    expect(texts(chat)).toEqual([FACT, QUESTION, FACT]);
    const statuses = states.map(({ status }) => status).filter((one, i, all) => one !== all[i - 1]);
    expect(statuses).toEqual(['ready', 'reading', 'ready', 'reading', 'answering', 'ready']);
    const grown = states
      .filter(({ status }) => status === 'answering')
      .map(({ messages }) => messages.at(-1)!.text);
    expect(grown.length).toBeGreaterThan(3);
    expect(grown.every((text, i) => text.startsWith(grown[i - 1] ?? ''))).toBe(true);
    expect(new Set(states).size).toBe(states.length);
    unsubscribe();
    const { length } = states;
    await chat.send('Who are you?');
    expect(states).toHaveLength(length);
    await chat.close();
  });

  test('goes on after a stop: what was shown is what the model knows', async () => {
    const chat = await open('stopped');
    await chat.append(FACT);
    const unsubscribe = stopSoon(chat);
    await chat.send(QUESTION);
    unsubscribe();
    expect(chat.state.status).toBe('ready');
    const [, question, partial] = texts(chat);
    expect(question).toBe(QUESTION);
    expect(FACT.startsWith(partial!) && partial !== '' && partial !== FACT).toBe(true);
    await chat.send('Who are you?');
    const shown = texts(chat);
    await chat.close();
    const again = await open('stopped');
    expect(texts(again)).toEqual(shown);
    await again.close();
  });

  test('asks again, edits, and clones at a message', async () => {
    const chat = await open();
    await chat.append(FACT);
    await chat.send(QUESTION);
    await chat.retry();
    expect(texts(chat)).toEqual([FACT, QUESTION, FACT]);
    await chat.send('Who are you?');
    const copy = await chat.clone(3, { id: 'copy' });
    expect(texts(copy)).toEqual([FACT, QUESTION, FACT]);
    await chat.edit(1, 'Where is the key?');
    expect(texts(chat).slice(0, 2)).toEqual([FACT, 'Where is the key?']);
    expect(texts(chat)).toHaveLength(3);
    expect(texts(copy)).toEqual([FACT, QUESTION, FACT]);
    await expect(chat.edit(2, 'x')).rejects.toMatchObject({ code: 'input/option' });
    await chat.close();
    await copy.close();
    expect((await model.sessions()).map(({ id }) => id)).toContain('copy');
  });

  test('shows what went wrong, and a question without an answer is asked again or replaced', async () => {
    const chat = await open();
    const long = 'The lamp is in the hall. '.repeat(200);
    await chat.send(long);
    expect(chat.state).toMatchObject({ status: 'error', error: { code: 'input/too-long' } });
    expect(texts(chat)).toEqual([long]);
    await chat.retry();
    expect(chat.state.status).toBe('error');
    await chat.send('Who are you?');
    expect(chat.state.status).toBe('ready');
    expect(texts(chat)[0]).toBe('Who are you?');
    const running = chat.send(QUESTION);
    await expect(chat.send(QUESTION)).rejects.toMatchObject({ code: 'input/busy' });
    chat.stop();
    await running;
    expect(texts(chat)).toHaveLength(3);
    await chat.close();
  });
});

describe('frameworks', () => {
  test('Vue follows it as its docs say', async () => {
    const vue = await import(/* @vite-ignore */ VUE!);
    const chat = await open();
    const scope = vue.effectScope();
    const state = scope.run(() => {
      const now = vue.shallowRef(chat.state);
      vue.onScopeDispose(chat.subscribe((next) => (now.value = next)));
      return now;
    });
    await chat.append(FACT);
    expect(state.value.messages).toEqual([{ role: 'user', text: FACT }]);
    scope.stop();
    await chat.send(QUESTION);
    expect(state.value.messages).toHaveLength(1);
    await chat.close();
  });

  test('Svelte compiles the component of the docs', async () => {
    const { compile } = await import(/* @vite-ignore */ SVELTE!);
    const [, source = ''] = /^```svelte\n([\s\S]*?)^```$/m.exec(read('docs/FACADES.md')) ?? [];
    expect(source).toContain('$chat');
    const { js, warnings } = compile(source, { generate: 'client' });
    expect(js.code).toContain('store_get');
    expect(warnings.filter(({ code }: { code: string }) => !code.startsWith('a11y'))).toEqual([]);
  });
});

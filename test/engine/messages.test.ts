/** What a session tells of its messages, and how it is taken back, measured and cloned. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { Model, Session } from '../../src/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { MODEL, withFact } from './bundled.js';

const FACT = 'The value of nora is 4711.';
const QUESTION = 'What is the value of nora?';
const text = withFact(3000, FACT);
const greedy = { continue: true, maxTokens: 24 } as const;

let model: Model;
beforeAll(async () => {
  model = await load(MODEL, { kernelsUrl, threads: 1, kv: { store: 'memory' } });
});
afterAll(() => model.close());

const refusal = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'nothing was refused',
    ({ code }) => code,
  );
const tokensOf = async (session: Session): Promise<number> => (await session.stats()).tokens;

describe('messages', () => {
  test('are told as they were said, long texts too, and by a session that is opened again', async () => {
    const session = await model.session({ id: 'told' });
    await session.append(text);
    const answer = await session.ask(QUESTION, greedy).text();
    await session.tell('And the key?', 'In the attic 🗝️.');
    await session.ask('Is that so?', { maxTokens: 4 }).text();
    const all = [
      { role: 'user', text },
      { role: 'user', text: QUESTION },
      { role: 'assistant', text: answer },
      { role: 'user', text: 'And the key?' },
      { role: 'assistant', text: 'In the attic 🗝️.' },
    ];
    expect(await session.messages()).toEqual(all);
    await session.close();
    const again = await model.session({ id: 'told' });
    expect(await again.messages()).toEqual(all);
    await again.rewind(3);
    await again.close();
    const shorter = await model.session({ id: 'told' });
    expect(await shorter.messages()).toEqual(all.slice(0, 3));
    await shorter.close();
    await model.deleteSession('told');
  });

  test('are forgotten from one on, and what is said then is as if nothing had been', async () => {
    const session = await model.session();
    await session.append(FACT);
    const first = await session.ask(QUESTION, greedy).text();
    const there = await tokensOf(session);
    await session.tell('Who keeps the lamp?', 'Nobody.');
    await session.ask('Where is the sea?', greedy).text();
    await session.rewind(3);
    expect(await tokensOf(session)).toBe(there);
    await session.rewind(1);
    expect(await session.ask(QUESTION, greedy).text()).toBe(first);
    expect(await refusal(session.rewind(2))).toBe('input/option');
    expect(await refusal(session.rewind(4))).toBe('input/option');
    await session.rewind(0);
    expect(await session.stats()).toMatchObject({ tokens: 0 });
    await session.append(FACT);
    expect(await session.ask(QUESTION, greedy).text()).toBe(first);
    await session.close();
  });

  test('are measured to the token before they are read', async () => {
    const session = await model.session({ system: 'Answer from the text.' });
    const turns = [
      { question: 'Who keeps the lamp?', answer: 'Nobody.' },
      { question: 'And the sea?', answer: 'It is blue.' },
    ];
    const told = await session.measure(turns);
    for (const { question, answer } of turns) await session.tell(question, answer);
    expect(await tokensOf(session)).toBe(told);
    const asked = await session.measure([{ question: QUESTION }]);
    const answer = session.ask(QUESTION, greedy);
    const { questionTokens } = await answer.finish;
    expect(questionTokens).toBe(asked);
    await session.close();
  });
});

test('what was appended can be the question itself', async () => {
  const session = await model.session();
  await session.append(`${FACT}\n${QUESTION}`);
  expect(await session.ask('', greedy).text()).toBe(FACT);
  expect(await session.messages()).toEqual([
    { role: 'user', text: `${FACT}\n${QUESTION}` },
    { role: 'assistant', text: FACT },
  ]);
  await session.rewind(1);
  expect(await session.ask('', greedy).text()).toBe(FACT);
  await session.close();
});

describe('a clone', () => {
  test('stands where its session does, goes its own way, and is kept if it is named', async () => {
    const session = await model.session();
    await session.append(text);
    await session.ask(QUESTION, greedy).text();
    const copy = await session.clone();
    expect(await tokensOf(copy)).toBe(await tokensOf(session));
    expect(await copy.messages()).toEqual(await session.messages());
    expect((await copy.stats()).reusedTokens).toBeGreaterThanOrEqual(512);
    const kept = await session.clone({ id: 'clone', title: 'A clone' });
    const next = { maxTokens: 6, continue: true } as const;
    const answers = await Promise.all([session, copy, kept].map((one) => one.ask('Why?', next).text()));
    expect(new Set(answers).size).toBe(1);
    await copy.rewind(0);
    expect(await kept.messages()).toHaveLength(5);
    await kept.close();
    expect(await refusal(session.clone({ id: 'clone' }))).toBe('input/exists');
    for (const one of [session, copy]) await one.close();
    expect((await model.sessions()).map(({ id, title }) => [id, title])).toEqual([['clone', 'A clone']]);
    const again = await model.session({ id: 'clone' });
    expect(await again.messages()).toHaveLength(5);
    await again.close();
  });
});

describe('an answer that was begun', () => {
  test('goes on from there, and is kept whole', async () => {
    const session = await model.session();
    await session.append(FACT);
    const rest = await session.ask(QUESTION, { ...greedy, begin: 'The value of nora' }).text();
    expect(rest).toBe(' is 4711.');
    expect((await session.messages()).at(-1)).toEqual({ role: 'assistant', text: FACT });
    await session.close();
  });

  test('goes on as a schema or a pattern asks for it, or is refused', async () => {
    const session = await model.session();
    const schema = { type: 'object', properties: { n: { type: 'integer', maximum: 99 } }, required: ['n'] };
    const begin = '{ "n": ';
    const rest = await session.ask(QUESTION, { schema, begin }).text();
    expect(JSON.parse(begin + rest)).toEqual({ n: expect.any(Number) });
    expect(await session.ask(QUESTION, { pattern: /Good (day|night)/, begin: 'Good ' }).text()).toMatch(
      /^(day|night)$/,
    );
    const wrong = session.ask(QUESTION, { pattern: /Good (day|night)/, begin: 'Bad ' });
    expect(await refusal(wrong.finish)).toBe('unsupported/constraint');
    expect(await refusal(session.ask(QUESTION, { reasoning: true, begin: 'x' }).finish)).toBe('input/option');
    await session.close();
  });
});

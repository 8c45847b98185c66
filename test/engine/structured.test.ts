/** Answers of a form, from the bundled model through the whole engine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { Model, Session } from '../../src/index.js';
import { satisfies } from '../support/json-schema.js';
import { kernelsUrl } from '../support/kernels.js';
import { reads } from '../unit/grammar/reading.js';
import { MODEL } from './bundled.js';

let model: Model;
let session: Session;
beforeAll(async () => {
  model = await load(MODEL, { kernelsUrl, threads: 1, kv: { store: 'none' } });
  session = await model.session();
  await session.append(
    'The brass key is hidden in the attic. The value of nora is 4711. Nothing else happened.',
  );
});
afterAll(() => model.close());

const schema = {
  type: 'object',
  properties: {
    where: { type: 'string', maxLength: 20 },
    rooms: { type: 'array', items: { enum: ['attic', 'cellar'] }, minItems: 1, maxItems: 2 },
    sure: { type: 'boolean' },
  },
  required: ['where', 'rooms'],
  additionalProperties: false,
};

describe('an answer', () => {
  test.each([0, 1.5])('is JSON of the schema, at temperature %d', async (temperature) => {
    const answer = session.ask('Where is the brass key?', { schema, temperature, seed: 4, maxTokens: 200 });
    const finish = await answer.finish;
    expect(finish).toMatchObject({ complete: true, reason: 'stop' });
    expect(satisfies(schema, JSON.parse(await answer.text()))).toBe(true);
  });

  test('that the pattern leaves open is the model’s own', async () => {
    const answer = await session
      .ask('What is the value of nora?', { pattern: /The value of nora is \d{4}\./ })
      .text();
    expect(answer).toBe('The value of nora is 4711.');
    expect(
      await session
        .ask('What is the value of nora?', { grammar: 'root ::= "The" [^0-9]+ [0-9]{4} "."' })
        .text(),
    ).toBe('The value of nora is 4711.');
  });

  test('that is cut is the beginning of one', async () => {
    const answer = session.ask('Where is the brass key?', { schema, maxTokens: 4 });
    expect(await answer.finish).toMatchObject({ complete: false, reason: 'length', answerTokens: 4 });
    expect(reads({ schema })(await answer.text())).toBe('begun');
  });

  test('goes on in a conversation, with log-probabilities and thoughts', async () => {
    const chat = await model.session();
    const first = chat.ask('Where?', {
      pattern: /attic|cellar/,
      continue: true,
      logprobs: 1,
      reasoning: true,
    });
    expect(['attic', 'cellar']).toContain(await first.text());
    expect((await first.finish).logprobs!.map(({ text }) => text).join('')).toBe(await first.text());
    expect(await chat.ask('Where?', { pattern: 'cellar' }).text()).toBe('cellar');
    await chat.close();
  });

  test('of ids too', async () => {
    const context = await model.context();
    await context.append([1, 2, 3]);
    const ids = await context.generate({ grammar: 'root ::= "ab" [0-9]{2}', maxTokens: 20 });
    expect(await model.detokenize(ids)).toMatch(/^ab\d\d$/);
    await context.close();
  });
});

describe('what cannot be is refused before anything is said', () => {
  test.each([
    [{ schema: { not: {} } }, 'unsupported/constraint'],
    [{ pattern: /(?=a)/ }, 'unsupported/constraint'],
    [{ grammar: 'root' }, 'unsupported/constraint'],
    [{ schema: {}, pattern: 'a' }, 'input/option'],
    [{ schema: 'object' }, 'input/option'],
    [{ pattern: 7 as never }, 'input/option'],
    [{ grammar: /a/ as never }, 'input/option'],
    [
      { pattern: 'a', logitBias: Object.fromEntries(Array.from({ length: 4096 }, (_, id) => [id, -100])) },
      'input/option',
    ],
  ])('%j', async (options, code) => {
    const { tokens } = await session.stats();
    await expect(session.ask('Where?', options).finish).rejects.toMatchObject({ code });
    expect((await session.stats()).tokens).toBe(tokens);
  });
});

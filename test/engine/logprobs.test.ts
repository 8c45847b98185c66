import { afterAll, beforeAll, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { Model } from '../../src/loaded-model.js';
import { kernelsUrl } from '../support/kernels.js';
import { MODEL } from './bundled.js';

let model: Model;
beforeAll(async () => {
  model = await load(MODEL, { kernelsUrl, kv: { store: 'none' } });
});
afterAll(() => model.close());

test('of a context: one for each token, from the model’s own distribution', async () => {
  const context = await model.context();
  const start = await model.tokenize('The brass key is hidden in the');
  await context.append(start);
  const logits = await context.logits();
  const mass = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const options = { maxTokens: 5, logprobs: 3, temperature: 1.5, seed: 3, ignoreStops: true };
  const { ids, reason, logprobs } = await context.generate(options);
  expect(reason).toBe('length');
  expect(logprobs.map(({ id }) => id)).toEqual(ids);
  const [first] = logprobs;
  expect(first!.logprob).toBeCloseTo(logits[ids[0]!]! - Math.log(mass), 4);
  expect(first!.top).toHaveLength(3);
  expect(first!.top[0]!.logprob).toBeCloseTo(Math.max(...logits) - Math.log(mass), 4);
  expect(logprobs.map(({ text }) => text).join('')).toBe(await model.detokenize(ids));
  await context.close();

  const again = await model.context();
  await again.append(start);
  const { logprobs: _, ...plain } = options;
  expect(await again.generate(plain)).toEqual(ids);
  await again.close();
});

test('of an answer: at its end, and only where they were asked for', async () => {
  const session = await model.session();
  await session.append('The brass key is hidden in the attic. Nothing else happened that day.');
  const question = 'Where is the brass key?';
  const answer = session.ask(question, { maxTokens: 12, logprobs: 0 });
  const text = await answer.text();
  const { logprobs, answerTokens } = await answer.finish;
  expect(logprobs).toHaveLength(answerTokens);
  expect(logprobs!.map((token) => token.text).join('')).toBe(text);
  expect(await session.ask(question, { maxTokens: 12 }).finish).not.toHaveProperty('logprobs');
  await session.close();
});

test('a banned token is not said, a penalised one not again', async () => {
  const session = await model.session();
  await session.append('The brass key is hidden in the attic. Nothing else happened that day.');
  const question = 'Where is the brass key?';
  const { logprobs } = await session.ask(question, { maxTokens: 12, logprobs: 0 }).finish;
  const first = logprobs![0]!.id;
  const banned = await session.ask(question, { maxTokens: 12, logprobs: 0, logitBias: { [first]: -100 } })
    .finish;
  expect(banned.logprobs!.map(({ id }) => id)).not.toContain(first);
  const options = {
    maxTokens: 40,
    logprobs: 0,
    presencePenalty: 100,
    penaltyTokens: 4096,
    ignoreStops: true,
  };
  const varied = (await session.ask(question, options).finish).logprobs!.map(({ id }) => id);
  expect(new Set(varied).size).toBe(40);
  await session.close();
});

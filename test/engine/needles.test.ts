/**
 * Forty needles in the held-out book, the same for every method, at a budget of 256 tokens in texts of 2,048. The
 * question and the answer obey the plan under test. The bench has more items, more lengths and intervals.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { draws } from '../support/facts.js';
import { countedBook, drawHaystack, type Haystack, isRight } from '../support/haystack.js';
import { kernelsUrl } from '../support/kernels.js';
import { book, MODEL } from './bundled.js';

const TOKENS = 2048;
const BUDGET = 256;
const haystacks: Haystack[] = [];

beforeAll(async () => {
  const model = await load(MODEL, { kernelsUrl, kv: { store: 'none' } });
  const counted = await countedBook(book(), (text) => model.tokenize(text));
  for (let seed = 1; seed <= 4; seed++) {
    haystacks.push(drawHaystack(draws(seed), counted, TOKENS - 64, 10));
  }
  await model.close();
});

const found = async (attention: AttentionOptions) => {
  let right = 0;
  let density = 0;
  for (const { text, facts } of haystacks) {
    const model = await load(MODEL, { kernelsUrl, attention, kv: { store: 'none' } });
    const session = await model.session();
    await session.append(text);
    for (const { question, value } of facts) {
      right += Number(isRight(await session.ask(question, { maxTokens: 32 }).text(), value));
    }
    const stats = await session.stats();
    density = Math.max(density, stats.density.decode);
    await model.close();
  }
  return { right, density };
};

describe('of forty needles', () => {
  test('dense attention finds nearly all: the model can', async () => {
    expect((await found({ method: 'dense' })).right).toBeGreaterThanOrEqual(38);
  });

  test('DHSA finds as many at an eighth of the tokens', async () => {
    const { right, density } = await found({ method: 'dhsa', budget: BUDGET });
    expect(right).toBeGreaterThanOrEqual(37);
    expect(density).toBeLessThan(0.14);
  });

  test('fixed blocks by their mean find few: single rows need the second stage', async () => {
    expect((await found({ method: 'blocks', budget: BUDGET })).right).toBeLessThan(25);
  });

  test('a sliding window finds only what lies in it, or the items would prove nothing', async () => {
    expect((await found({ method: 'sliding', window: BUDGET })).right).toBeLessThan(12);
  });
});

/**
 * Six needles in a text of 2,048 tokens that is read whole: what is left of them for the answers is what a policy keeps. The
 * bench has more items, and intervals.
 */
import { beforeAll, expect, test } from 'vitest';
import { load, type Model, type Session, type Source } from '../../src/engine/index.js';
import type { KvOptions } from '../../src/engine/kv-options.js';
import type { RetentionOptions } from '../../src/policies/index.js';
import { draws } from '../support/facts.js';
import { countedBook, drawHaystack, type Haystack, isRight } from '../support/haystack.js';
import { kernelsUrl } from '../support/kernels.js';
import { book, MODEL } from './bundled.js';

const TOKENS = 2048;
let haystack: Haystack;
let kept256 = 0;

beforeAll(async () => {
  const model = await load(MODEL, { kernelsUrl, kv: { store: 'none' } });
  const counted = await countedBook(book(), (text) => model.tokenize(text));
  haystack = drawHaystack(draws(1), counted, TOKENS - 64, 6);
  await model.close();
}, 60_000);

/** Asked one after the other: what was dropped for a question is there again for the next. */
const found = async (retention: RetentionOptions, kv: Pick<KvOptions, 'keys' | 'values'> = {}) => {
  const attention = { method: 'dense' } as const;
  const model = await load(MODEL, { kernelsUrl, attention, retention, kv: { ...kv, store: 'none' } });
  const session = await model.session();
  await session.append(haystack.text);
  let right = 0;
  for (const { question, value } of haystack.facts) {
    right += Number(isRight(await session.ask(question, { maxTokens: 32 }).text(), value));
  }
  await model.close();
  return right;
};

test('what a question looks at holds its answer, question after question', async () => {
  kept256 = await found({ policy: 'snap-kv', budget: 256 });
  expect(kept256).toBeGreaterThanOrEqual(5);
});

// More Tokens, Lower Precision, arXiv 2412.12706.
test('half as many tokens in twice the bits find no more', async () => {
  const halves = await found({ policy: 'snap-kv', budget: 128 }, { keys: 'f16', values: 'f16' });
  expect(kept256).toBeGreaterThanOrEqual(halves);
});

test('half of the heads, those that look at needles, are enough', async () => {
  expect(await found({ policy: 'duo', sinks: 16, recent: 64 })).toBeGreaterThanOrEqual(5);
});

test('no head is not, or the items would prove nothing', async () => {
  const heads = new Array<number[]>(6).fill([0, 0]);
  expect(await found({ policy: 'duo', heads, sinks: 16, recent: 256, sparsity: 1 })).toBeLessThanOrEqual(3);
});

test('nor is what lies near', async () => {
  expect(await found({ policy: 'sinks-window', window: 256, reading: false })).toBeLessThanOrEqual(3);
});

/** The same model drafts for itself, with everything at hand. */
const drafted = async (
  answer: (model: Model, sources: readonly Source[], question: string, draft: Session) => Promise<string>,
) => {
  const attention = { method: 'dense' } as const;
  const model = await load(MODEL, { kernelsUrl, attention, kv: { store: 'memory' } });
  const draft = await model.session();
  await draft.append(haystack.text);
  let right = 0;
  for (const { question, value } of haystack.facts) {
    const { sources } = await draft.ask(question, { maxTokens: 32, sources: true }).finish;
    right += Number(isRight(await answer(model, sources!, question, draft), value));
  }
  await model.close();
  return right;
};

test('what a draft looked at holds the answer of another model', async () => {
  const right = await drafted(async (model, sources, question) => {
    const retention = { policy: 'given', sources, budget: 256 } as const;
    const session = await model.session({ retention });
    await session.append(haystack.text);
    const said = await session.ask(question, { maxTokens: 32 }).text();
    const { kept, tokens } = await session.stats();
    expect(kept).toBeLessThan(tokens / 4);
    await session.close();
    return said;
  });
  expect(right).toBeGreaterThanOrEqual(5);
});

test('and so does a prompt of the passages that it looked at most', async () => {
  const right = await drafted(async (model, sources, question, draft) => {
    const best = sources
      .filter(({ part }) => part === 'text')
      .sort((a, b) => b.share / (b.end - b.start) - a.share / (a.end - a.start))
      .slice(0, 6)
      .sort((a, b) => a.start - b.start);
    const near = best.map(({ start, end }) => ({ start: Math.max(0, start - 32), end: end + 32 }));
    const passages = await Promise.all(near.map((one) => draft.passage(one)));
    const session = await model.session();
    await session.append(passages.join(' '));
    const said = await session.ask(question, { maxTokens: 32 }).text();
    expect((await session.stats()).tokens).toBeLessThan(TOKENS / 2);
    await session.close();
    return said;
  });
  expect(right).toBeGreaterThanOrEqual(5);
});

/** A text of 16k tokens within a seventh of its pages' bytes: never over the budget, and the very bits of one that has them all. */
import { expect, test } from 'vitest';
import type { OpenModel } from '../../src/engine/open-model.js';
import { openModel } from '../../src/engine/open-model.js';
import { Context } from '../../src/generate/context.js';
import { openStore } from '../../src/stores/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';
import { digest, within } from './within.js';

const TOKENS = 16_000;
const QUESTION = 8;
const ANSWER = 3;
/** Of all pages, what may be in memory beside the summaries, what is on its way and two segments. */
const SHARE = 1 / 7;

const openTiny = (): Promise<OpenModel> =>
  openModel(
    randomModel({ architecture: 'llama', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 5, layers: 2 }),
    {
      ...{ kernelsUrl, threads: 1, maxTokens: 16_384 },
      ...{ attention: { method: 'dhsa', budget: 256 }, kv: { store: 'none' } },
    },
    new AbortController().signal,
    () => undefined,
  );

const { below } = random(7);
/** Words that come again, as in a text. */
const IDS = Array.from({ length: TOKENS }, (_, i) => 100 + below(i % 500 < 50 ? 300 : 40));

/** Digests of the logits after the text, after a question, and after each token of an answer. */
const visit = async (context: Context): Promise<string[]> => {
  const found: string[] = [];
  const keep = async () => found.push(digest(await context.logits()));
  await context.append(IDS, false);
  await keep();
  await context.append(IDS.slice(1000, 1000 + QUESTION), true);
  await keep();
  for (const id of IDS.slice(2000, 2000 + ANSWER)) {
    context.push(id);
    await keep();
  }
  return found;
};

test('16,000 tokens, a question and an answer', async () => {
  const model = await openTiny();
  const all = new Context(model.reader);
  const expected = await visit(all);
  const pages = all.resident.bytes;
  const beside = model.reader.budget.used - pages;
  all.close();

  // Half as much again for summaries that move when they grow, and for plans of many rows.
  const limit = Math.ceil(1.5 * beside + SHARE * pages);
  const small = await within(model, await openStore('memory'), limit);
  const context = small.open();
  expect(await visit(context)).toEqual(expected);
  expect(small.over()).toBe(0);
  expect(context.resident.bytes).toBeLessThanOrEqual(SHARE * pages + beside / 2);
  expect(context.paging.missed).toBeGreaterThan(100);
  expect(context.meter.recomputedTokens).toBe(0);
  context.close();
  await model.close();
}, 60_000);

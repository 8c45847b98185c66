/** A context with little memory reads, answers and comes back with the very bits of one that has all it wants. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { OpenModel } from '../../src/engine/open-model.js';
import { Context } from '../../src/generate/context.js';
import { createBudget } from '../../src/kv/budget.js';
import { createPager } from '../../src/kv/pager.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { book, openBundled } from './bundled.js';

const methods: AttentionOptions[] = [
  { method: 'dense' },
  { method: 'sliding', window: 200 },
  { method: 'blocks', budget: 256 },
  { method: 'dhsa', budget: 256 },
  { method: 'auto' },
];

/** The same model with a budget of its own. */
const within = (model: OpenModel, bytes: number): OpenModel => ({
  ...model,
  reader: { ...model.reader, budget: createBudget(model.reader.backend, bytes) },
});

const open = ({ reader, kept }: OpenModel): Context =>
  new Context(reader, kept && createPager(reader.backend, kept.archive, reader.arena.segmentTokens));

const digest = (values: Float32Array): string =>
  createHash('sha256').update(new Uint8Array(values.slice().buffer)).digest('hex').slice(0, 16);

/** Reads a text in two pieces, a question, an answer, goes back and asks again: all logits on the way. */
const visit = async (context: Context, ids: readonly number[]): Promise<string[]> => {
  const found: string[] = [];
  const keep = async () => found.push(digest(await context.logits()));
  await context.append(ids.slice(0, 1500), false);
  await keep();
  await context.append(ids.slice(1500, 2100), false);
  await keep();
  for (const from of [100, 900]) {
    const bookmark = context.bookmark();
    await context.append(ids.slice(from, from + 20), true);
    await keep();
    for (let i = 0; i < 3; i++) {
      context.push(ids[from + i]!);
      await keep();
    }
    context.rewind(bookmark);
  }
  await keep();
  return found;
};

test.each(methods)('the same bits within any budget: %j', async (attention) => {
  const model = await openBundled({ attention, kv: { store: 'memory' } });
  const ids = await model.tokenizer.encode(book().slice(5000, 16000));
  const whole = new Context(model.reader);
  const expected = await visit(whole, ids);
  const { bytes } = whole.resident;
  whole.close();
  for (const share of [0.5, 0]) {
    const small = within(model, model.reader.backend.bytes().chunks + bytes * share);
    for (const time of ['first', 'second']) {
      const context = open(small);
      expect(await visit(context, ids), `${time} visit, ${share} of the pages`).toEqual(expected);
      const { touched, missed, records } = context.paging;
      expect(missed).toBeGreaterThan(0);
      expect(missed).toBeLessThanOrEqual(touched);
      expect(records).toBeGreaterThan(0);
      context.close();
    }
  }
  await model.close();
}, 60_000);

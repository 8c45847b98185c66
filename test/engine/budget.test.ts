/** A context with little memory reads, answers and comes back with the very bits of one that has all it wants. */
import { expect, test } from 'vitest';
import type { OpenModel } from '../../src/engine/open-model.js';
import { Context } from '../../src/generate/context.js';
import { createPager } from '../../src/kv/pager.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { openStore, type Store } from '../../src/stores/index.js';
import { random } from '../support/random.js';
import { book, openBundled } from './bundled.js';
import { digest, SEGMENT, within } from './within.js';

/** Reads a text in two pieces, asks twice with a few tokens of an answer, and goes back: digests of all logits. */
const visit = async (context: Context, ids: readonly number[]): Promise<string[]> => {
  const found: string[] = [];
  const keep = async () => found.push(digest(await context.logits()));
  await context.append(ids.slice(0, 900), false);
  await keep();
  await context.append(ids.slice(900, 1300), false);
  await keep();
  for (const from of [100, 700]) {
    const bookmark = context.bookmark();
    await context.append(ids.slice(from, from + 20), true);
    for (let i = 0; i < 2; i++) {
      await keep();
      context.push(ids[from + i]!);
    }
    await keep();
    context.rewind(bookmark);
  }
  await keep();
  return found;
};

const textOf = async (model: OpenModel): Promise<number[]> =>
  (await model.tokenizer.encode(book().slice(5000, 10_000))).slice(0, 1300);

test.each<AttentionOptions>([
  { method: 'dense' },
  { method: 'sliding', window: 200 },
  { method: 'blocks', budget: 256 },
  { method: 'dhsa', budget: 256 },
  { method: 'dhsa', budget: 256, exact: true },
  { method: 'auto' },
])('the same bits within any budget: %j', async (attention) => {
  const model = await openBundled({ attention, kv: { store: 'none' } });
  const ids = await textOf(model);
  const all = new Context(model.reader);
  const expected = await visit(all, ids);
  const whole = model.reader.budget.used;
  all.close();
  const store = await openStore('memory');
  for (const share of [0.6, 0]) {
    const small = await within(model, store, whole * share);
    const context = small.open();
    expect(await visit(context, ids), `${share} of what all takes`).toEqual(expected);
    const { touched, missed, records } = context.paging;
    const isExact = attention.method === 'dhsa' && attention.exact;
    if (!isExact) {
      expect(missed).toBeGreaterThan(0);
      expect(missed).toBeLessThanOrEqual(touched);
      // Summaries, and what a call and the segments on their way hold, stay whatever the budget.
      const fixed = model.reader.backend.bytes().chunks + 4 * small.bytesOf(SEGMENT);
      if (share > 0) expect(small.over()).toBeLessThanOrEqual(2 * small.bytesOf(SEGMENT));
      else expect(small.over()).toBeLessThan(2 * fixed);
    }
    if (!isExact || share === 0) expect(records).toBeGreaterThan(0);
    if (share === 0) expect(context.meter.reusedTokens).toBeGreaterThanOrEqual(1024);
    await small.drained();
    context.close();
  }
  await model.close();
}, 60_000);

test('records that are lost in the middle, late or never there: the same bits, and what was read again is counted', async () => {
  const model = await openBundled({ attention: { method: 'dhsa', budget: 256 }, kv: { store: 'none' } });
  const ids = await textOf(model);
  const all = new Context(model.reader);
  const expected = await visit(all, ids);
  const whole = model.reader.budget.used;
  all.close();
  const { next } = random(5);
  let losing = 0;
  const inner = await openStore('memory');
  const store: Store = {
    ...inner,
    async getMany(keys) {
      const found = await inner.getMany(keys);
      if (next() < 0.2) await new Promise((resolve) => setTimeout(resolve, 1));
      return found.map((bytes, n) => (keys[n]!.startsWith('pages/') && next() < losing ? undefined : bytes));
    },
  };
  for (const [chance, share] of [
    [0.05, 0.5],
    [0.05, 0],
    [1, 0],
  ] as const) {
    losing = chance;
    const context = (await within(model, store, whole * share)).open();
    expect(await visit(context, ids), `${chance} are lost`).toEqual(expected);
    expect(context.meter.recomputedTokens).toBeGreaterThanOrEqual(SEGMENT);
    context.close();
  }
  await model.close();
}, 60_000);

test('what the last plans named is read ahead: it is used, stays within what may be on its way, and changes no bit', async () => {
  const model = await openBundled({ attention: { method: 'blocks', budget: 640 }, kv: { store: 'none' } });
  const ids = await textOf(model);
  const all = new Context(model.reader);
  const expected = await visit(all, ids);
  const whole = model.reader.budget.used;
  all.close();
  const inner = await openStore('memory');
  let under: 'quick' | 'late' | 'failing' = 'quick';
  let [onTheWay, most, largest, reads] = [0, 0, 0, 0];
  const store: Store = {
    ...inner,
    async getMany(keys) {
      const found = await inner.getMany(keys);
      if (!keys[0]?.startsWith('pages/')) return found;
      // Without the envelope of a page of one layer.
      const sizes = found.map((bytes) => bytes!.length - 52);
      const bytes = sizes.reduce((sum, one) => sum + one, 0);
      largest = Math.max(largest, ...sizes);
      most = Math.max(most, (onTheWay += bytes));
      if (under === 'late') await new Promise((resolve) => setTimeout(resolve, 1));
      onTheWay -= bytes;
      // Every third read brings nothing, and the same pages come when they are asked for again.
      return under === 'failing' && ++reads % 3 === 0 ? found.map(() => undefined) : found;
    },
  };
  for (under of ['quick', 'late', 'failing'] as const) {
    const small = await within(model, store, whole * 0.6);
    const context = small.open();
    most = 0;
    expect(await visit(context, ids), under).toEqual(expected);
    const { missed, ahead } = context.paging;
    expect(missed).toBeGreaterThan(0);
    expect(ahead).toBeLessThanOrEqual(missed);
    if (under !== 'failing') expect(ahead).toBeGreaterThan(0);
    if (under !== 'failing') expect(context.meter.recomputedTokens).toBeLessThan(SEGMENT);
    // What layers have in common is read ahead in the room of what may wait to be written.
    expect(most).toBeLessThanOrEqual(2 * Math.max(small.inFlight, 2 * largest));
    // A run that was lost once does not go a second time.
    if (under !== 'failing') expect(small.over()).toBeLessThanOrEqual(2 * small.bytesOf(SEGMENT));
    await small.drained();
    context.close();
  }
  await model.close();
}, 60_000);

test('a text of whole segments, attached to its end, has logits', async () => {
  const model = await openBundled({ attention: { method: 'dense' }, kv: { store: 'memory' } });
  const ids = (await textOf(model)).slice(0, 2 * SEGMENT);
  const found: string[] = [];
  for (const _ of ['first', 'second']) {
    const { archive } = model.kept!;
    const context = new Context(model.reader, createPager(archive, SEGMENT));
    await context.append(ids, false);
    found.push(digest(await context.logits()));
    await archive.drained();
    if (found.length === 2) expect(context.meter.reusedTokens).toBe(ids.length);
    context.close();
  }
  expect(found[1]).toBe(found[0]);
  await model.close();
}, 60_000);

test('two contexts of one budget: the idle one gives up its pages, and both go on as if alone', async () => {
  const model = await openBundled({ attention: { method: 'dhsa', budget: 256 }, kv: { store: 'none' } });
  const ids = await textOf(model);
  const alone = new Context(model.reader);
  await alone.append(ids.slice(0, 1100), false);
  const expected = digest(await alone.logits());
  const whole = model.reader.budget.used;
  alone.close();
  const small = await within(model, await openStore('memory'), whole * 1.3);
  const [first, second] = [small.open(), small.open()];
  await first.append(ids.slice(0, 1100), false);
  const before = first.resident.pages;
  await second.append(ids.slice(0, 1100), false);
  await second.append(ids.slice(1100), false);
  expect(first.resident.pages).toBeLessThan(before);
  for (const context of [first, second, first]) {
    const bookmark = { tokens: 1100 };
    context.rewind(bookmark);
    expect(digest(await context.logits())).toBe(expected);
  }
  first.close();
  second.close();
  await model.close();
}, 60_000);

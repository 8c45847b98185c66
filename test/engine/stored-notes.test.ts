/** What a method notes of keys rests with their pages: a second visit finds it, and whatever is not as it was is made again. */
import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { openContext, openSession } from '../../src/engine/open-context.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { book, openBundled } from './bundled.js';
import { everything } from './everything.js';

const TEXT = book().slice(5000, 9500);
const RETRIEVAL = { method: 'retrieval', density: 0.3, run: 512 } as const;
const RUNS = 2;
const LAYERS = 6;

const open = (database: string | undefined, size = 16): Promise<OpenModel> =>
  openBundled({
    maxTokens: 4096,
    attention: { ...RETRIEVAL, size },
    kv: database === undefined ? { store: 'none' } : { store: 'idb', database },
  });

/** What is there once a text was read and a few words were asked behind it, and how many runs of a layer were clustered for that. */
const visit = async (model: OpenModel, text = TEXT, id?: string) => {
  const { conversation, context, close } = await openSession(model, id === undefined ? {} : { id });
  await conversation!.append(text, {});
  await context.append(await model.tokenizer.encode(' Who was it?'), true);
  const found = await everything(model, context);
  const { clustered } = model.reader.predictor.counts!();
  await close();
  await model.close();
  return { found, clustered };
};

/** Keys of what rests beside records. */
const notesIn = async ({ kept }: OpenModel): Promise<string[]> =>
  (await kept!.store.list('pages/')).filter((key) => /\/[0-9a-f]{32}$/.test(key));

test('a second visit finds the clusters of the first, and answers as if it had made them', async () => {
  const first = await visit(await open('twice'));
  expect(first.clustered).toBe(RUNS * LAYERS);
  const second = await visit(await open('twice'));
  expect(second.clustered).toBe(0);
  expect(second.found).toEqual(first.found);
  expect(second.found).toEqual((await visit(await open(undefined))).found);
});

test('a text that begins alike finds those of the beginning; another size has its own', async () => {
  await visit(await open('alike'));
  const begins = `${TEXT.slice(0, 2600)} And then something else came to pass. ${book().slice(20_000, 21_500)}`;
  expect((await visit(await open('alike'), begins)).clustered).toBe((RUNS - 1) * LAYERS);
  expect((await visit(await open('alike', 32))).clustered).toBe(RUNS * LAYERS);
  expect((await visit(await open('alike'))).clustered).toBe(0);
});

test.each([
  ['damaged', (bytes: Uint8Array) => bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
  ['cut short', (bytes: Uint8Array) => bytes.slice(0, 48)],
  ['empty', () => new Uint8Array(0)],
] as const)('%s: they are made again, and stored again', async (how, spoil) => {
  const first = await visit(await open(how));
  const model = await open(how);
  const { store } = model.kept!;
  const [key] = await notesIn(model);
  await store.commit({ put: [[key!, spoil((await store.get(key!))!)]], delete: [] });
  const again = await visit(model);
  expect(again.clustered).toBe(LAYERS);
  expect(again.found).toEqual(first.found);
  expect((await visit(await open(how))).clustered).toBe(0);
});

test('they go with the pages that they are of', async () => {
  await visit(await open('gone'), TEXT, 'book');
  const model = await open('gone');
  expect(await notesIn(model)).toHaveLength(RUNS);
  await model.kept!.archive.evictSession('book');
  expect(await model.kept!.store.list('pages/')).toEqual([]);
  await model.close();
});

test('those of other keys under their name are made again, and take their place', async () => {
  const first = await visit(await open('other'));
  const model = await open('other');
  const { store } = model.kept!;
  const [one, two] = await notesIn(model);
  await store.commit({ put: [[two!, (await store.get(one!))!]], delete: [] });
  const again = await visit(model);
  expect(again.clustered).toBe(LAYERS);
  expect(again.found).toEqual(first.found);
  expect((await visit(await open('other'))).clustered).toBe(0);
});

/** A text in two pieces, with something else between them that is taken back, and then a few words. */
const detour = async (
  database: string,
  between?: readonly [from: number, tokens: number, exact: boolean],
) => {
  const model = await open(database);
  const ids = async (from: number, tokens: number): Promise<number[]> =>
    (await model.tokenizer.encode(book().slice(from, from + 6 * tokens))).slice(0, tokens);
  const { context, close } = await openContext(model);
  await context.append(await ids(5000, 1000), false);
  if (between) {
    const [from, tokens, exact] = between;
    const mark = context.bookmark();
    await context.append(await ids(from, tokens), exact);
    if (!exact) await context.append(await ids(10, 10), true);
    context.rewind(mark);
  }
  await context.append(await ids(20_000, 900), false);
  await context.append(await ids(10, 10), true);
  const { clustered } = model.reader.predictor.counts!();
  await close();
  await model.close();
  return clustered;
};

test.each([
  ['another text', [40_000, 900, false]],
  ['a question that ends a run', [60_000, 60, true]],
] as const)('%s that was taken back leaves none where others are', async (between, what) => {
  await detour(between, what);
  expect(await detour(between)).toBe(0);
});

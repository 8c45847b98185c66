/** Room is made of one kept session: its pages go, its tokens stay, and what others use stays too. */
import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { openStore } from '../../src/stores/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { MODEL, withFact } from './bundled.js';

const TEXT = withFact(2500, 'The value of nora is 4711.');
const QUESTION = 'What is the value of nora?';

const open = (database: string) => load(MODEL, { kernelsUrl, threads: 1, kv: { store: 'idb', database } });
type Model = Awaited<ReturnType<typeof open>>;

const read = async (model: Model, id: string, text: string): Promise<number> => {
  const session = await model.session({ id });
  await session.append(text);
  const { tokens } = await session.stats();
  await session.close();
  return tokens;
};
const bytesIn = async (database: string): Promise<number> => {
  const store = await openStore('idb', { database });
  const sizes = await Promise.all(['head/', 'pages/', 'tail/'].map((prefix) => store.size(prefix)));
  await store.close();
  return sizes.reduce((sum, size) => sum + size, 0);
};

test('an evicted session keeps its tokens, frees its bytes, and is read again when it is asked', async () => {
  const model = await open('evicted');
  const tokens = await read(model, 'book', TEXT);
  const held = await bytesIn('evicted');
  expect(held).toBeGreaterThan(tokens * 1584);

  const session = await model.session({ id: 'book' });
  await expect(model.evictSession('book')).rejects.toMatchObject({ code: 'input/busy' });
  await session.close();
  await expect(model.evictSession('nobody')).rejects.toMatchObject({ code: 'input/option' });

  const freed = await model.evictSession('book');
  expect(freed).toBeGreaterThan(held * 0.95);
  expect(freed).toBeLessThanOrEqual(held);
  expect(await bytesIn('evicted')).toBe(0);
  expect(await model.probeSession('book')).toMatchObject({ tokens, restorableTokens: 0, opens: true });
  expect(await model.probe(TEXT)).toMatchObject({ restorableTokens: 0, cause: 'evicted' });
  expect(await model.evictSession('book')).toBe(0);

  const again = await model.session({ id: 'book' });
  expect(again.resumedTokens).toBe(tokens);
  expect(await again.ask(QUESTION, { maxTokens: 24 }).text()).toContain('4711');
  expect((await again.stats()).recomputedTokens).toBeGreaterThan(0);
  await again.close();
  await model.close();
});

test('what another session begins with, or an open context reads, stays', async () => {
  const model = await open('shared');
  const end = ' Nothing else happened in Baker Street that day, or on the next one. '.repeat(24);
  const tokens = await read(model, 'short', TEXT);
  await read(model, 'long', TEXT + end);
  await model.evictSession('long');
  // The last segment of the longer one has tokens of both.
  const common = Math.floor(tokens / 256) * 256;
  expect(await model.probeSession('short')).toMatchObject({ tokens, restorableTokens: tokens });
  expect((await model.probeSession('long')).restorableTokens).toBe(common);

  await read(model, 'long', TEXT + end);
  const reader = await model.session();
  await reader.append(TEXT + end);
  const { reusedTokens } = await reader.stats();
  expect(reusedTokens).toBeGreaterThan(common);
  await model.evictSession('long');
  expect((await model.probeSession('long')).restorableTokens).toBeGreaterThanOrEqual(reusedTokens);
  await reader.close();
  await model.close();
});

test('a clone keeps what both rest on', async () => {
  const model = await open('cloned');
  const tokens = await read(model, 'book', TEXT);
  await model.cloneSession('book', { id: 'copy' });
  expect(await model.evictSession('copy')).toBe(0);
  expect(await model.probeSession('book')).toMatchObject({ restorableTokens: tokens });
  await model.close();
});

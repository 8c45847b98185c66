/** A session that an earlier version stored goes on: its tokens are the truth, its pages are computed again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession } from '../../src/engine/open-context.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { openArchive } from '../../src/kv/archive.js';
import { fingerprintOf } from '../../src/kv/segments.js';
import type { Store } from '../../src/stores/store.js';
import { oldStore } from '../support/old-store.js';
import { openBundled } from './bundled.js';

let bundled: OpenModel;
beforeAll(async () => {
  bundled = await openBundled({ attention: { method: 'dhsa', budget: 256 }, kv: { store: 'none' } });
});
afterAll(() => bundled.close());

const over = async (store: Store): Promise<OpenModel> => {
  const sample = await openSession(bundled, {});
  const { pageBytes } = sample.context;
  await sample.close();
  const { provenance, reader } = bundled;
  const archive = await openArchive(store, {
    fingerprint: fingerprintOf(provenance),
    segmentTokens: reader.arena.segmentTokens,
    pageBytes,
  });
  return { ...bundled, kept: { archive, store } };
};

test('a session of version 1 keeps its tokens and its conversation', async () => {
  const store = await oldStore('version-1-book');
  const before = await store.list('');
  expect(before.filter((key) => key.startsWith('segment/'))).toHaveLength(1);
  const old = before.filter((key) => !key.startsWith('session/'));

  const session = await openSession(await over(store), { id: 'book' });
  const { length } = session.context.tokens;
  expect(length).toBe(483);
  let answer = '';
  const question = 'What is the value of nora?';
  await session.conversation!.ask(question, { maxTokens: 24 }, {}, (text) => (answer += text));
  expect(answer).toContain('4711');
  expect(await session.stats()).toMatchObject({ reusedTokens: 0, recomputedTokens: length });
  await session.close();
  const after = await store.list('');
  expect(after.filter((key) => old.includes(key))).toEqual([]);
  expect(after).toContain('session/book');

  const again = await openSession(await over(store), { id: 'book' });
  expect(await again.stats()).toMatchObject({ tokens: length, reusedTokens: length, recomputedTokens: 0 });
  await again.close();
});

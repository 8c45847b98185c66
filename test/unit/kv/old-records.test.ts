import { expect, test } from 'vitest';
import type { Store } from '../../../src/stores/store.js';
import { ids, open, prefill, restore } from '../../support/archive-fixture.js';
import { faultyStore } from '../../support/faulty-store.js';
import { oldStore } from '../../support/old-store.js';

const opened = async (): Promise<Store> => {
  const store = await oldStore('version-1-small');
  expect((await store.list('segment/')).length).toBeGreaterThan(8);
  return store;
};

test('tokens of version 1 survive, its pages count as not stored, and its records are deleted', async () => {
  const store = await opened();
  const archive = await open(store);
  await archive.drained();
  expect(await store.list('segment/')).toEqual([]);
  const manifest = (await archive.sessions.get('book'))!;
  expect([...manifest.tokens]).toEqual(ids);
  const { runs, reason } = await archive.sessions.tail(manifest);
  expect(runs).toEqual([]);
  expect(reason).not.toBe('end');
  expect(await restore(archive)).toMatchObject({ segments: 0, reason: 'missing' });

  await prefill(archive, 0, 4);
  expect(await restore(await open(store))).toMatchObject({ segments: 4, reason: 'end' });
});

test.each([
  'dead',
  'refused',
  'late',
] as const)('a tab that is %s while it deletes them leaves the rest to the next', async (how) => {
  const store = await opened();
  // The first commit deletes the tail that no manifest names.
  const faulty = faultyStore(store, { commit: 2, how });
  const archive = await open(faulty);
  await archive.drained();
  expect(archive.state).toBe('unavailable');
  faulty.abandon();
  const next = await open(store);
  await next.drained();
  expect(await store.list('segment/')).toEqual([]);
  expect((await next.sessions.get('book'))!.tokens.length).toBe(ids.length);
});

test('one tab deletes them at a time', async () => {
  const store = await opened();
  const before = await store.list('segment/');
  const unlock = await store.lock('segment/');
  await (await open(store)).drained();
  expect(await store.list('segment/')).toEqual(before);
  unlock!();
  await (await open(store)).drained();
  expect(await store.list('segment/')).toEqual([]);
});

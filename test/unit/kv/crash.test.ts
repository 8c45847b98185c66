import { describe, expect, test } from 'vitest';
import type { Archive } from '../../../src/kv/archive.js';
import { digest, hex } from '../../../src/kv/digest.js';
import { storedRuns } from '../../../src/kv/links.js';
import { encodeHead, encodeRecord, type NewRun } from '../../../src/kv/records.js';
import type { StorageState } from '../../../src/kv/write-behind.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';
import {
  ids,
  open,
  prefill,
  restore,
  runOf,
  segmentTokens,
  stateOf,
  tailOf,
  tailRuns,
} from '../../support/archive-fixture.js';
import { type Fault, faultyStore } from '../../support/faulty-store.js';

const canonical = 3 * segmentTokens;
const firstPage = canonical / 64;
const tails = [ids.slice(canonical, canonical + 70), ids.slice(canonical, canonical + 100)];

/** Equal prints are equal runs, and quicker to compare. */
const prints = ({ head, records }: NewRun): string[] =>
  [...records.map(encodeRecord), encodeHead(head)].map((bytes) => hex(digest(bytes)));

/** A visit: read three segments, store the session, go on, store it again. Goes on whatever the storage does. */
const visit = async (archive: Archive): Promise<void> => {
  const release = await archive.sessions.acquire('book');
  await prefill(archive, 0, 3);
  for (const [n, tail] of tails.entries()) {
    const state = { ...stateOf('book', [...ids.slice(0, canonical), ...tail], canonical), used: n };
    await archive.sessions.put(state, { runs: [tailOf(archive, firstPage, tail)] });
  }
  await prefill(archive, 3, 4);
  await release();
  await archive.drained();
};

const commitsOfAVisit = async (): Promise<number> => {
  const store = faultyStore(await openMemory(), { commit: Infinity, how: 'full' });
  await visit(await open(store));
  return store.commits;
};

/** Whether all of a visit is there. */
const stored = async (inner: Store): Promise<boolean> => {
  const archive = await open(inner);
  const { segments } = await restore(archive);
  const manifest = await archive.sessions.get('book');
  return segments === 4 && manifest?.used === 1 && (await archive.sessions.tail(manifest)).reason === 'end';
};

/** Whatever happened, what a new tab finds is right as far as it goes, and it can go on. */
const expectValid = async (inner: Store): Promise<void> => {
  const archive = await open(inner);
  const { segments, reason, runs } = await restore(archive);
  expect(reason).toBe(segments === 4 ? 'end' : 'missing');
  for (const [index, found] of runs.entries()) expect(prints(found)).toEqual(prints(runOf(archive, index)));

  const release = await archive.sessions.acquire('book');
  const manifest = await archive.sessions.get('book');
  const tail = tails[manifest?.used ?? 0]!;
  if (manifest) {
    expect([...manifest.tokens]).toEqual([...ids.slice(0, canonical), ...tail]);
    // The segments were stored before the session was.
    if (manifest.tail.length > 0) {
      expect((await archive.sessions.tail(manifest)).reason).toBe('end');
      const restored = await tailRuns(archive, manifest);
      expect(restored.map(prints)).toEqual([prints(tailOf(archive, firstPage, tail))]);
    }
  }
  expect(await storedRuns(inner)).toEqual(new Set(manifest?.tail.map(({ name }) => name)));
  await release();

  await visit(archive);
  expect(await restore(await open(inner))).toMatchObject({ segments: 4, reason: 'end' });
  expect((await archive.sessions.get('book'))?.used).toBe(1);
};

describe.each([
  'dead',
  'late',
  'full',
  'refused',
] as const)('a store that is %s from a write on', (how: Fault['how']) => {
  test('leaves a valid beginning, whichever write it was', async () => {
    const commits = await commitsOfAVisit();
    expect(commits).toBeGreaterThan(10);
    for (let commit = 1; commit <= commits; commit++) {
      const inner = await openMemory();
      const store = faultyStore(inner, { commit, how });
      const states: StorageState[] = [];
      await visit(await open(store, { onState: (state) => states.push(state) }));
      store.abandon();
      // Only the books of who used what may fail in silence.
      if (states.length === 0) expect(await stored(inner)).toBe(true);
      else expect(states, `commit ${commit}`).toContain(how === 'full' ? 'full' : 'unavailable');
      await expectValid(inner);
    }
  });
});

test('a tab that writes is not taken for one that died', async () => {
  const inner = await openMemory();
  const tail = tails[0]!;
  let midway: (() => Promise<void>) | undefined;
  const store: Store = {
    ...inner,
    async commit(batch) {
      await inner.commit(batch);
      await midway?.();
    },
  };
  const writing = await open(store);
  const release = await writing.sessions.acquire('book');
  let looks = 0;
  // After every write of this tab another one opens the archive and cleans up.
  midway = async () => {
    looks++;
    await open(inner);
  };
  const runs = [tailOf(writing, firstPage, tail)];
  expect(
    await writing.sessions.put(stateOf('book', [...ids.slice(0, canonical), ...tail], canonical), {
      runs,
    }),
  ).toBe('all');
  expect(looks).toBeGreaterThan(1);
  await release();
  const manifest = (await writing.sessions.get('book'))!;
  expect((await writing.sessions.tail(manifest)).reason).toBe('end');
  expect(await tailRuns(writing, manifest)).toEqual(runs);
});

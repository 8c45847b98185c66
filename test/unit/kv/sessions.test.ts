import { describe, expect, test } from 'vitest';
import { storedRuns } from '../../../src/kv/links.js';
import type { Manifest } from '../../../src/kv/manifest.js';
import { magic, seal } from '../../../src/kv/seal.js';
import { listingKey, runKey } from '../../../src/kv/session-keys.js';
import { openMemory } from '../../../src/stores/memory.js';
import {
  cached,
  ids,
  open,
  segmentTokens,
  stateOf,
  tailOf,
  tailRuns,
} from '../../support/archive-fixture.js';
import { faultyStore } from '../../support/faulty-store.js';

const canonical = 4 * segmentTokens;
const firstPage = canonical / 64;
const tail = ids.slice(canonical);
const state = stateOf('a/b', ids, canonical);

const named = (manifest: Manifest): Set<string> => new Set(manifest.tail.map(({ name }) => name));

const opened = async () => {
  const store = await openMemory();
  const archive = await open(store);
  const runs = [tailOf(archive, firstPage, tail)];
  return { store, sessions: archive.sessions, runs, archive };
};

describe('a session', () => {
  test('comes back with its tokens, its segments and its tail', async () => {
    const { store, sessions, runs, archive } = await opened();
    const release = await sessions.acquire('a/b');
    expect(await sessions.get('a/b')).toBeUndefined();
    expect(await sessions.put(state, { runs })).toBe('all');
    await release();

    const again = await open(store);
    const manifest = (await again.sessions.get('a/b'))!;
    expect(manifest).toMatchObject(state);
    expect(manifest.tail).toMatchObject([{ tokens: tail.length, bytes: await store.size('tail/') }]);
    expect((await again.sessions.tail(manifest)).reason).toBe('end');
    expect(await tailRuns(again, manifest)).toEqual(runs);
    expect(archive.groups.length).toBeGreaterThan(1);
    const { tokens, notes: _notes, ...shown } = manifest;
    expect(await again.sessions.list()).toEqual([
      { id: 'a/b', listing: { ...shown, tokens: tokens.length }, ownBytes: await store.size('tail/') },
    ]);
  });

  test('replaces its tail, keeps what it is told to keep, and leaves nothing behind', async () => {
    const { store, sessions, runs, archive } = await opened();
    await sessions.acquire('a/b');
    await sessions.put(state, { runs });
    const first = await store.list('tail/');
    const more = [tailOf(archive, firstPage + 2, [1, 2, 3])];
    const grown = stateOf(
      'a/b',
      [...ids.slice(0, canonical), ...tail, ...Array(58).fill(0), 1, 2, 3],
      canonical,
    );
    expect(await sessions.put(grown, { keep: 1, runs: more })).toBe('all');
    const manifest = (await sessions.get('a/b'))!;
    expect(await store.list('tail/')).toEqual(expect.arrayContaining(first));
    expect(await storedRuns(store)).toEqual(named(manifest));
    expect((await sessions.tail(manifest)).reason).toBe('end');
    expect(await tailRuns(archive, manifest)).toEqual([...runs, ...more]);

    expect(await sessions.put(state, { runs })).toBe('all');
    const last = (await sessions.get('a/b'))!;
    expect(await storedRuns(store)).toEqual(named(last));
    expect(await tailRuns(archive, last)).toEqual(runs);
    for (const key of first) expect(await store.get(key)).toBeUndefined();

    expect(await sessions.put(state)).toBe('all');
    expect(await store.list('tail/')).toEqual([]);
  });

  test('is written in the order of the calls', async () => {
    const { store, sessions, runs } = await opened();
    await sessions.acquire('a/b');
    const puts = [1, 2, 3].map((used) => sessions.put({ ...state, used }, { runs: runs.slice(0, used - 1) }));
    expect(await Promise.all(puts)).toEqual(['all', 'all', 'all']);
    const manifest = (await sessions.get('a/b'))!;
    expect(manifest.used).toBe(3);
    expect(await storedRuns(store)).toEqual(named(manifest));
  });

  test('gives its tail up to the first head that is wrong', async () => {
    const { store, sessions, archive } = await opened();
    const grown = stateOf('a/b', [...ids.slice(0, canonical + 64), 1, 2, 3], canonical);
    const runs = [
      tailOf(archive, firstPage, ids.slice(canonical, canonical + 64)),
      tailOf(archive, firstPage + 1, [1, 2, 3]),
    ];
    await sessions.acquire('a/b');
    await sessions.put(grown, { runs });
    const manifest = (await sessions.get('a/b'))!;
    const heads = async (of = manifest) => {
      const { runs: found, reason } = await sessions.tail(of);
      return [found.length, reason];
    };
    expect(await heads()).toEqual([2, 'end']);
    const other = { ...manifest, tokens: manifest.tokens.slice() };
    other.tokens[canonical + 66]! ^= 1;
    expect(await heads(other)).toEqual([1, 'tokens']);
    expect(await heads({ ...manifest, fingerprint: 'g' })).toEqual([0, 'fingerprint']);

    const key = runKey(manifest.tail.at(-1)!.name);
    const bytes = (await store.get(key))!;
    bytes[40]! ^= 1;
    await store.commit({ put: [[key, bytes]], delete: [] });
    expect(await heads()).toEqual([1, 'damaged']);
    await store.commit({ put: [], delete: [key] });
    expect(await heads()).toEqual([1, 'missing']);
  });

  test('keeps no tail that something else made', async () => {
    const { store, sessions, runs } = await opened();
    const release = await sessions.acquire('a/b');
    await sessions.put(state, { runs });
    await release();
    const other = await open(store, { fingerprint: 'g' });
    await other.sessions.acquire('a/b');
    await other.sessions.put(state, { keep: 1 });
    expect((await other.sessions.get('a/b'))!.tail).toEqual([]);
    expect(await store.list('tail/')).toEqual([]);
  });

  test('has one writer', async () => {
    const { store, sessions } = await opened();
    const release = await sessions.acquire('a/b');
    const elsewhere = (await open(store)).sessions;
    for (const refused of [sessions.acquire('a/b'), elsewhere.acquire('a/b'), elsewhere.delete('a/b')]) {
      await expect(refused).rejects.toMatchObject({ code: 'input/busy' });
    }
    expect(() => elsewhere.put(state)).toThrow(expect.objectContaining({ code: 'internal' }));
    void sessions.put(state);
    await release();
    expect((await elsewhere.get('a/b'))?.used).toBe(2);
    const other = await elsewhere.acquire('a/b');
    // A second call of an old release must not let go of somebody else's lock.
    await release();
    await expect(sessions.acquire('a/b')).rejects.toMatchObject({ code: 'input/busy' });
    await other();
  });

  test('is deleted with its tail, and can be written again', async () => {
    const { store, sessions, runs } = await opened();
    const release = await sessions.acquire('a/b');
    await sessions.put(state, { runs });
    await sessions.delete('a/b');
    expect(await cached(store)).toEqual([]);
    await sessions.put(state, { runs });
    await release();
    await sessions.delete('a/b');
    expect(await cached(store)).toEqual([]);
  });

  test('refuses an id that cannot be one', async () => {
    const { sessions } = await opened();
    for (const id of ['', 'x'.repeat(257), '\ud800', 5 as unknown as string]) {
      await expect(sessions.acquire(id)).rejects.toMatchObject({ code: 'input/option' });
      await expect(sessions.get(id)).rejects.toMatchObject({ code: 'input/option' });
      await expect(sessions.delete(id)).rejects.toMatchObject({ code: 'input/option' });
    }
    for (const id of ['session/', '../x', '%', '\u{1f600}', 'x'.repeat(256)]) {
      const release = await sessions.acquire(id);
      await sessions.put(stateOf(id, ids, 0));
      await release();
      expect((await sessions.get(id))?.id).toBe(id);
    }
  });
});

describe('what cannot be read', () => {
  test('of a newer format is refused and left as it is, and deleted only when asked', async () => {
    const { store, sessions } = await opened();
    const newer = seal(magic('LHM1'), 9, 8, (body) => body.fill(1));
    const stored = [
      ['session/new', newer],
      ['tail/new/1/0', newer],
    ] as const;
    await store.commit({ put: stored, delete: [] });
    const again = await open(store);
    await expect(again.sessions.get('new')).rejects.toMatchObject({ code: 'storage/version' });
    await expect(again.sessions.acquire('new')).rejects.toMatchObject({ code: 'storage/version' });
    await expect(again.sessions.acquire('new')).rejects.toMatchObject({ code: 'storage/version' });
    expect(await again.sessions.list()).toMatchObject([{ id: 'new', problem: { code: 'storage/version' } }]);
    expect(await store.getMany(stored.map(([key]) => key))).toEqual([newer, newer]);
    await sessions.delete('new');
    expect(await cached(store)).toEqual([]);
  });

  test('because it is damaged stays until the session is written again', async () => {
    const { store, sessions, runs } = await opened();
    const release = await sessions.acquire('a/b');
    await sessions.put(state, { runs });
    await release();
    const [key] = await store.list('session/');
    const bytes = (await store.get(key!))!;
    bytes[30]! ^= 1;
    await store.commit({ put: [[key!, bytes]], delete: [] });
    const before = await cached(store);
    const again = await open(store);
    expect(await again.sessions.list()).toMatchObject([{ id: 'a/b', listing: { id: 'a/b' } }]);
    await expect(again.sessions.get('a/b')).rejects.toMatchObject({ code: 'storage/corrupt' });
    await again.sessions.acquire('a/b');
    // But for what lists believed: now they say so.
    expect(await cached(store)).toEqual(before.filter((one) => one !== listingKey('a/b')));
    expect(await again.sessions.list()).toMatchObject([{ id: 'a/b', problem: { code: 'storage/corrupt' } }]);
    await again.sessions.put(state);
    expect(await cached(store)).toEqual([listingKey('a/b'), key]);
    expect(await again.sessions.get('a/b')).toMatchObject(state);
  });

  test('because nobody wrote it as a key does no harm', async () => {
    const store = await openMemory();
    const odd = ['tail/%', 'tail/%E0%A4%A/1/0', 'tail/', 'session/%'];
    await store.commit({ put: odd.map((key) => [key, Uint8Array.of(1)] as const), delete: [] });
    const { sessions, state } = await open(store);
    expect(state).toBe('ok');
    expect(await sessions.list()).toMatchObject([{ problem: { code: 'storage/corrupt' } }]);
  });
});

describe('a full device', () => {
  test('keeps the tokens when the tail does not fit', async () => {
    const { store: inner, runs } = await opened();
    const store = faultyStore(inner, { commit: 2, how: 'full' });
    // From the second commit on nothing but a manifest fits.
    const small = {
      ...store,
      commit: (batch: Parameters<typeof store.commit>[0]) =>
        batch.put.every(([key]) => /^(session|listing|link|use)/.test(key))
          ? inner.commit(batch)
          : store.commit(batch),
    };
    const archive = await open(small);
    await archive.sessions.acquire('a/b');
    expect(runs[0]!.records.length).toBeGreaterThan(1);
    expect(await archive.sessions.put(state, { runs })).toBe('tokens');
    expect(archive.state).toBe('full');
    expect(await inner.list('tail/')).toEqual([]);
    expect(await archive.sessions.get('a/b')).toMatchObject({ ...state, tail: [] });
    expect(await archive.sessions.put({ ...state, used: 9 })).toBe('all');
    expect((await archive.sessions.get('a/b'))?.used).toBe(9);
    await archive.sessions.delete('a/b');
    expect(archive.state).toBe('ok');
  });

  test('that takes nothing at all loses nothing that was stored', async () => {
    const { store: inner, runs } = await opened();
    const first = await open(inner);
    const release = await first.sessions.acquire('a/b');
    await first.sessions.put(state, { runs });
    await release();
    const before = await first.sessions.get('a/b');
    const second = await open(faultyStore(inner, { commit: 1, how: 'full' }));
    await second.sessions.acquire('a/b');
    expect(await second.sessions.put({ ...state, used: 9 }, { runs })).toBe('nothing');
    expect(await second.sessions.get('a/b')).toEqual(before);
    expect(await tailRuns(second, before!)).toEqual(runs);
  });
});

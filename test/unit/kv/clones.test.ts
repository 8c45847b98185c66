/** Sessions that share private runs: whatever is done to them and wherever it ends, none loses a byte or leaves one. */
import { describe, expect, test } from 'vitest';
import type { Archive } from '../../../src/kv/archive.js';
import { digest, hex } from '../../../src/kv/digest.js';
import { storedRuns } from '../../../src/kv/links.js';
import { encodeHead, encodeRecord, type NewRun } from '../../../src/kv/records.js';
import { linkedBy, runOf } from '../../../src/kv/session-keys.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';
import { ids, open, segmentTokens, stateOf, tailOf, tailRuns } from '../../support/archive-fixture.js';
import { type Fault, faultyStore } from '../../support/faulty-store.js';
import { random } from '../../support/random.js';

const PAGES = segmentTokens / 64;

/** Private runs with all tokens of a list. */
const runsOf = (archive: Archive, tokens: readonly number[], from = 0): NewRun[] => {
  const runs: NewRun[] = [];
  for (let at = from * segmentTokens; at < tokens.length; at += segmentTokens)
    runs.push(tailOf(archive, (at / segmentTokens) * PAGES, tokens.slice(at, at + segmentTokens)));
  return runs;
};

const prints = (runs: readonly NewRun[]): string[] =>
  runs.flatMap(({ head, records }) =>
    [...records.map(encodeRecord), encodeHead(head)].map((bytes) => hex(digest(bytes))),
  );

const store = async (archive: Archive, id: string, tokens: readonly number[], keep = 0): Promise<void> => {
  await archive.sessions.put(stateOf(id, tokens, 0), { keep, runs: runsOf(archive, tokens, keep) });
};

/** Writes a session as one that is open for a moment. */
const write = async (archive: Archive, id: string, tokens: readonly number[]): Promise<void> => {
  const release = await archive.sessions.acquire(id);
  await store(archive, id, tokens);
  await release();
};

/**
 * The tokens of all sessions; every one of them restores exactly, and the store holds what they name and nothing else.
 * Where the device was full, private runs may have been evicted.
 */
const contents = async (inner: Store, wasFull = false): Promise<Map<string, readonly number[]>> => {
  const archive = await open(inner);
  const found = new Map<string, readonly number[]>();
  const links: string[] = [];
  for (const { id, listing } of await archive.sessions.list()) {
    const manifest = (await archive.sessions.get(id))!;
    const { tokens, notes: _notes, ...shown } = manifest;
    expect(listing).toEqual({ ...shown, tokens: tokens.length });
    // A full device may have kept the tokens alone.
    if (manifest.tail.length > 0) {
      const found = prints(await tailRuns(archive, manifest));
      const whole = prints(runsOf(archive, [...tokens]));
      expect(found).toEqual(wasFull ? whole.slice(0, found.length) : whole);
      const reason = found.length < whole.length ? 'missing' : 'end';
      expect((await archive.sessions.tail(manifest)).reason).toBe(reason);
    }
    links.push(...manifest.tail.map(({ name }) => `${name} ${id}`));
    found.set(id, [...tokens]);
  }
  expect((await inner.list('link/')).map((key) => `${runOf(key)} ${linkedBy(key)}`).sort()).toEqual(
    links.sort(),
  );
  const [stored, named] = [await storedRuns(inner), new Set(links.map((link) => link.split(' ')[0]!))];
  if (wasFull) for (const run of stored) expect(named).toContain(run);
  else expect(stored).toEqual(named);
  expect((await inner.list('listing/')).length).toBe(found.size);
  return found;
};

describe('a clone', () => {
  test('is free, and each goes its own way', async () => {
    const inner = await openMemory();
    const archive = await open(inner);
    const { sessions } = archive;
    const release = await sessions.acquire('a');
    const text = ids.slice(0, 3 * segmentTokens + 5);
    await store(archive, 'a', text);
    const before = await inner.size('tail/');
    await sessions.clone('a', 'b', 'The second');
    expect(await inner.size('tail/')).toBe(before);
    expect(await sessions.list()).toMatchObject([
      { id: 'a', ownBytes: 0 },
      { id: 'b', ownBytes: 0, listing: { title: 'The second' } },
    ]);

    const [one, other] = [
      [...text, 1, 2, 3],
      [...text, 9],
    ];
    await store(archive, 'a', one, 3);
    await sessions.acquire('b');
    await store(archive, 'b', other, 3);
    expect(await contents(inner)).toEqual(
      new Map([
        ['a', one],
        ['b', other],
      ]),
    );
    const [, shown] = await sessions.list();
    expect(shown).toMatchObject({ ownBytes: (await sessions.get('b'))!.tail.at(-1)!.bytes });

    await sessions.delete('a');
    expect(await contents(inner)).toEqual(new Map([['b', other]]));
    // Its runs outlive the session that wrote them, and a new one of that name does not write over them.
    await release();
    await write(archive, 'a', one);
    expect(await contents(inner)).toEqual(
      new Map([
        ['a', one],
        ['b', other],
      ]),
    );
    await sessions.delete('b');
    await sessions.delete('a');
    expect(await inner.list('')).toEqual(['use/counter']);
  });

  test('of a clone, and of what another tab has open', async () => {
    const inner = await openMemory();
    const [here, there] = [await open(inner), await open(inner)];
    await here.sessions.acquire('a');
    await store(here, 'a', ids);
    await there.sessions.clone('a', 'b');
    await there.sessions.clone('b', 'c');
    await store(here, 'a', ids.slice(0, 10));
    expect(await contents(inner)).toEqual(
      new Map([
        ['a', ids.slice(0, 10)],
        ['b', ids],
        ['c', ids],
      ]),
    );
  });

  test('overwrites nothing and needs an original', async () => {
    const inner = await openMemory();
    const archive = await open(inner);
    const { sessions } = archive;
    await write(archive, 'a', ids);
    await write(archive, 'b', ids.slice(0, 9));
    const before = await inner.list('');
    await expect(sessions.clone('a', 'b')).rejects.toMatchObject({ code: 'input/exists' });
    await expect(sessions.clone('nobody', 'c')).rejects.toMatchObject({ code: 'input/option' });
    await expect(sessions.clone('a', '')).rejects.toMatchObject({ code: 'input/option' });
    await expect(sessions.rename('nobody', 'x')).rejects.toMatchObject({ code: 'input/option' });
    const elsewhere = await open(inner);
    const release = await elsewhere.sessions.acquire('d');
    await expect(sessions.clone('a', 'd')).rejects.toMatchObject({ code: 'input/busy' });
    await release();
    expect(await inner.list('')).toEqual(before);
  });

  test('a name is changed at rest, while it is open, and by nobody else then', async () => {
    const inner = await openMemory();
    const archive = await open(inner);
    await write(archive, 'a', ids);
    const titleOf = async () => (await archive.sessions.list())[0]!.listing!.title;
    await archive.sessions.rename('a', 'First');
    expect(await titleOf()).toBe('First');
    await archive.sessions.acquire('a');
    await archive.sessions.rename('a', 'Second');
    await store(archive, 'a', ids.slice(0, 7));
    expect(await titleOf()).toBe('Second');
    const elsewhere = await open(inner);
    await expect(elsewhere.sessions.rename('a', 'Third')).rejects.toMatchObject({ code: 'input/busy' });
    await expect(archive.sessions.rename('a', 'x'.repeat(1025))).rejects.toMatchObject({
      code: 'input/option',
    });
    expect((await contents(inner)).get('a')).toEqual(ids.slice(0, 7));
  });
});

test('a clone is whole though its original drops those runs while it is made', async () => {
  const inner = await openMemory();
  const [first, second] = [ids.slice(0, 2 * segmentTokens), ids.slice(1, 2 * segmentTokens)];
  const there = await open(inner);
  const release = await there.sessions.acquire('a');
  await store(there, 'a', first);
  let writing: Promise<void> | undefined;
  const here = await open({
    ...inner,
    async commit(batch) {
      // As late as can be: the clone knows what it will name, and another tab replaces all of it.
      if (batch.put.some(([key]) => key === 'session/b')) {
        writing = store(there, 'a', second);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return inner.commit(batch);
    },
  });
  await here.sessions.clone('a', 'b');
  expect(writing).toBeDefined();
  await writing;
  await release();
  expect(await contents(inner)).toEqual(
    new Map([
      ['a', second],
      ['b', first],
    ]),
  );
});

test('hundreds of sessions, cloned and deleted, leave the store as it was', async () => {
  const inner = await openMemory();
  const archive = await open(inner);
  await write(archive, 'book', ids);
  const before = [await inner.size(''), await inner.list('')];
  const tailBytes = await inner.size('tail/');
  for (let n = 0; n < 200; n++) await archive.sessions.clone(n % 3 === 0 ? 'book' : `c${n - 1}`, `c${n}`);
  expect((await archive.sessions.list()).length).toBe(201);
  expect(await inner.size('tail/')).toBe(tailBytes);
  for (let n = 0; n < 200; n++) await archive.sessions.delete(`c${(n * 7) % 200}`);
  expect([await inner.size(''), await inner.list('')]).toEqual(before);
});

/** One after another: what is done, and what the sessions hold when it was done. */
type Step = (archive: Archive, model: Map<string, readonly number[]>) => Promise<void>;

/** A seeded life of a few sessions; every step writes. */
const stepsOf = (seed: number): Step[] => {
  const draw = random(seed);
  const names = ['a', 'b', 'c'];
  return Array.from({ length: 9 }, (_, n): Step => {
    const [what, name, other] = [draw.below(5), names[draw.below(3)]!, names[draw.below(3)]!];
    const length = 1 + draw.below(2 * segmentTokens);
    return async (archive, model) => {
      const old = model.get(name);
      if (what <= 1 || !old) {
        // Appended to, or begun: the runs that still hold are kept.
        const tokens = [...(old ?? []), ...ids.slice(0, length)];
        model.set(name, tokens);
        const release = await archive.sessions.acquire(name);
        const stored = (await archive.sessions.get(name))?.tail.length ?? 0;
        const keep = Math.min(stored, Math.floor((old?.length ?? 0) / segmentTokens));
        await store(archive, name, tokens, keep);
        await release();
      } else if (what === 2) {
        model.delete(name);
        await archive.sessions.delete(name);
      } else if (what === 3) {
        await archive.sessions.rename(name, `${name} ${n}`);
      } else if (!model.has(other)) {
        model.set(other, old);
        await archive.sessions.clone(name, other);
      }
    };
  });
};

describe.each(['dead', 'late', 'full', 'refused'] as const)('a store that is %s from a write on', (how) => {
  test.each([1, 2, 3, 4])('leaves every session whole and no orphan, life %i', async (seed) => {
    const live = async (fault: Fault) => {
      const inner = await openMemory();
      const faulty = faultyStore(inner, fault);
      const archive = await open(faulty);
      const model = new Map<string, readonly number[]>();
      /** What each session may hold: its last states, since a write that failed did nothing or all. */
      const allowed = new Map<string, unknown[]>();
      for (const step of stepsOf(seed)) {
        await step(archive, model).catch((error) => {
          expect(error.code).toMatch(/^(storage|input)\//);
        });
        for (const name of ['a', 'b', 'c'])
          allowed.set(name, [...(allowed.get(name) ?? [undefined]), model.get(name)]);
      }
      faulty.abandon();
      return { inner, model, allowed, commits: faulty.commits };
    };
    const { commits, inner: undisturbed, model } = await live({ commit: Infinity, how });
    expect(await contents(undisturbed)).toEqual(model);
    expect(commits).toBeGreaterThan(8);
    for (let commit = 1; commit <= commits; commit++) {
      const { inner, allowed } = await live({ commit, how });
      const found = await contents(inner, how === 'full');
      for (const name of ['a', 'b', 'c']) expect(allowed.get(name)).toContainEqual(found.get(name));
    }
  });
});

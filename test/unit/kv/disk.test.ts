import { afterEach, describe, expect, test, vi } from 'vitest';
import { LonghandError } from '../../../src/errors.js';
import type { Archive } from '../../../src/kv/archive.js';
import type { Chain } from '../../../src/kv/chain.js';
import { segmentOf } from '../../../src/kv/stored-run.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store, StoreBatch } from '../../../src/stores/store.js';
import { open, restore, runOf, segmentTokens, stateOf, tailOf } from '../../support/archive-fixture.js';
import { type Fault, faultyStore } from '../../support/faulty-store.js';
import { random } from '../../support/random.js';

afterEach(() => vi.restoreAllMocks());

const SEGMENTS = 4;
/** Texts that share nothing, and `shared` segments at the beginning where asked. */
const textOf = (seed: number, shared = 0): number[] => {
  const [common, own] = [random(1), random(100 + seed)];
  return Array.from({ length: SEGMENTS * segmentTokens + 5 }, (_, n) =>
    (n < shared * segmentTokens ? common : own).below(1000),
  );
};

/** Reads whole segments of a text as a context would: what is stored is attached, the rest is saved. */
const read = async (archive: Archive, tokens: number[], until = SEGMENTS): Promise<Chain> => {
  const chain = archive.chain();
  const { segments } = await chain.attach(tokens.slice(0, until * segmentTokens), { onRun: () => true });
  for (let index = segments; index < until; index++) {
    const { head, records } = runOf(archive, index, tokens);
    await chain.save(index, tokens, head, records);
  }
  await archive.drained();
  return chain;
};
const readAndClose = async (archive: Archive, tokens: number[], until = SEGMENTS): Promise<void> => {
  const chain = await read(archive, tokens, until);
  chain.close();
  await archive.drained();
};

/** Segments of a text that are there, without using it. */
const storedOf = async (store: Store, tokens: number[]): Promise<number> => {
  // The fixture's archive without a budget, over a copy: looking is not using.
  const copy = await openMemory();
  const keys = await store.list('');
  const values = await store.getMany(keys);
  await copy.commit({ put: keys.map((key, n) => [key, values[n]!] as const), delete: [] });
  return (await restore(await open(copy), tokens)).segments;
};

/** Every head has all its records, and every record a head. */
const expectWhole = async (store: Store, groups: number): Promise<void> => {
  const heads = (await store.list('head/')).map(segmentOf);
  const records = (await store.list('pages/')).map(segmentOf);
  expect(records.sort()).toEqual(heads.flatMap((key) => Array<string>(groups).fill(key)).sort());
};

/** Uses are told of texts that are there, up to their last run. */
const expectBooks = async (store: Store): Promise<void> => {
  const heads = new Set((await store.list('head/')).map(segmentOf));
  for (const use of await store.list('use/text/')) expect(heads).toContain(use.slice('use/text/'.length));
};

const bytesOfText = async (): Promise<number> => {
  const store = await openMemory();
  await readAndClose(await open(store), textOf(0));
  return store.size('');
};
const ONE = await bytesOfText();

describe('a budget', () => {
  test('evicts what was used longest ago, last runs first, and keeps a beginning', async () => {
    const store = await openMemory();
    const archive = await open(store, { diskBytes: 2.6 * ONE });
    for (const n of [0, 1]) await readAndClose(archive, textOf(n));
    // Used again, so the other one is older now.
    await readAndClose(archive, textOf(0));
    await readAndClose(archive, textOf(2));
    expect(archive.state).toBe('ok');
    expect(await storedOf(store, textOf(0))).toBe(SEGMENTS);
    expect(await storedOf(store, textOf(2))).toBe(SEGMENTS);
    const left = await storedOf(store, textOf(1));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(SEGMENTS);
    expect(await store.size('')).toBeLessThanOrEqual(2.6 * ONE);
    await expectWhole(store, archive.groups.length);

    // What was evicted is computed and stored again like anything that is missing.
    await readAndClose(archive, textOf(1));
    expect(await storedOf(store, textOf(1))).toBe(SEGMENTS);
  });

  test('keeps the beginning that texts share as long as the latest of them', async () => {
    const store = await openMemory();
    const archive = await open(store, { diskBytes: 2.2 * ONE });
    for (const n of [0, 1, 2, 3, 4]) await readAndClose(archive, textOf(n, 2));
    for (const n of [0, 1, 2, 3, 4]) expect(await storedOf(store, textOf(n, 2))).toBeGreaterThanOrEqual(2);
    expect(await storedOf(store, textOf(4, 2))).toBe(SEGMENTS);
    expect(await storedOf(store, textOf(0, 2))).toBe(2);
  });

  test('evicts the end of a later text before the beginning that it shares with an earlier one', async () => {
    const store = await openMemory();
    const archive = await open(store);
    for (const n of [0, 1]) await readAndClose(archive, textOf(n, 2));
    // All at once, more than the earlier one has for itself.
    const tight = await open(store, { diskBytes: 0.85 * ONE });
    await tight.drained();
    expect(await storedOf(store, textOf(0, 2))).toBe(2);
    expect(await storedOf(store, textOf(1, 2))).toBe(SEGMENTS - 1);
    await expectBooks(store);
  });

  test('forgets who used what is gone', async () => {
    const store = await openMemory();
    const archive = await open(store, { diskBytes: 1.6 * ONE });
    for (const n of [0, 1, 2, 3]) {
      await readAndClose(archive, textOf(n));
      await expectBooks(store);
    }
    expect((await store.list('use/text/')).length).toBe(2);
  });

  test('goes by the order of use, whatever the clock says', async () => {
    const store = await openMemory();
    const clock = vi.spyOn(Date, 'now');
    const archive = await open(store, { diskBytes: 3.2 * ONE });
    for (const [n, now] of [5e12, 1e12, 9e15, 0, 7, 1e12, -5].entries()) {
      clock.mockReturnValue(now);
      await readAndClose(archive, textOf(n));
      for (const late of [0, 1, 2]) {
        if (n >= late)
          expect(await storedOf(store, textOf(n - late)), `${n} − ${late}`).toBeGreaterThan(late - 2);
      }
      expect(await storedOf(store, textOf(n))).toBe(SEGMENTS);
    }
    expect(await storedOf(store, textOf(0))).toBe(0);
    // A counter that is lost or damaged goes on behind the last use.
    for (const damage of [
      { put: [], delete: ['use/counter'] },
      { put: [['use/counter', new Uint8Array(60)] as const], delete: [] },
    ]) {
      await store.commit(damage);
      const again = await open(store, { diskBytes: 3.2 * ONE });
      await readAndClose(again, textOf(20));
      await readAndClose(again, textOf(21));
      expect(await storedOf(store, textOf(20))).toBe(SEGMENTS);
      expect(await storedOf(store, textOf(21))).toBe(SEGMENTS);
      await store.commit({ put: [], delete: ['use/counter'] });
      await readAndClose(again, textOf(22));
      await readAndClose(again, textOf(23));
      expect(await storedOf(store, textOf(22))).toBe(SEGMENTS);
    }
  });

  test('that is lower than last time is kept to soon after opening, as far as nothing is in use', async () => {
    const store = await openMemory();
    const before = await open(store);
    for (const n of [0, 1, 2]) await readAndClose(before, textOf(n));
    const oldest = await read(before, textOf(0));
    await readAndClose(before, textOf(1));
    const budget = 2.3 * ONE;
    const next = await open(store, { diskBytes: budget });
    await next.drained();
    expect(await store.size('')).toBeLessThanOrEqual(budget);
    expect(await storedOf(store, textOf(0))).toBe(SEGMENTS);
    expect(await storedOf(store, textOf(1))).toBe(SEGMENTS);
    expect(await storedOf(store, textOf(2))).toBeLessThan(SEGMENTS);
    await expectWhole(store, next.groups.length);
    expect(next.state).toBe('ok');
    // What cannot be kept to is no failure: nothing was to be written.
    const open1 = await read(next, textOf(1));
    const tight = await open(store, { diskBytes: ONE / 2 });
    await tight.drained();
    expect(tight.state).toBe('ok');
    expect(await storedOf(store, textOf(0))).toBe(SEGMENTS);
    expect(await storedOf(store, textOf(1))).toBe(SEGMENTS);
    for (const chain of [oldest, open1]) chain.close();
  });

  test('never stands in the way of a token list', async () => {
    const store = await openMemory();
    const archive = await open(store, { diskBytes: 10 });
    const release = await archive.sessions.acquire('s');
    expect(await archive.sessions.put(stateOf('s', [1, 2, 3], 0))).toBe('all');
    const runs = [tailOf(archive, 0, [1, 2, 3, 4])];
    expect(await archive.sessions.put(stateOf('s', [1, 2, 3, 4], 0), { runs })).toBe('tokens');
    expect([...(await archive.sessions.get('s'))!.tokens]).toEqual([1, 2, 3, 4]);
    await release();
  });

  test('writes little to know who used what', async () => {
    const store = await openMemory();
    let bytes = 0;
    const counting: Store = {
      ...store,
      commit: (batch) => {
        bytes += batch.put.reduce((sum, [, value]) => sum + value.length, 0);
        return store.commit(batch);
      },
    };
    const archive = await open(counting, { diskBytes: 10 * ONE });
    await readAndClose(archive, textOf(0));
    bytes = 0;
    await readAndClose(archive, textOf(0));
    // A lease; a use, when it is attached and at the end, with the counter; a lease of nothing.
    expect(bytes).toBe(3 * (60 + 20 * SEGMENTS) + 3 * 60);
  });
});

describe('what is in use', () => {
  test('stays, in this tab and in others; a dead tab holds nothing', async () => {
    const inner = await openMemory();
    const here = await open(inner, { diskBytes: 2.6 * ONE });
    const dying = faultyStore(inner, { commit: Infinity, how: 'full' });
    const there = await open(dying, { diskBytes: 2.6 * ONE });
    const mine = await read(here, textOf(0));
    await read(there, textOf(1));
    const crowded = await read(here, textOf(2));
    expect(here.state).toBe('full');
    crowded.close();
    expect(await storedOf(inner, textOf(0))).toBe(SEGMENTS);
    expect(await storedOf(inner, textOf(1))).toBe(SEGMENTS);

    dying.abandon();
    mine.close();
    await readAndClose(here, textOf(2));
    expect(here.state).toBe('ok');
    expect(await storedOf(inner, textOf(2))).toBe(SEGMENTS);
    expect(await storedOf(inner, textOf(0))).toBe(SEGMENTS);
    expect(await storedOf(inner, textOf(1))).toBeLessThan(SEGMENTS);
    await here.close();
    expect(await inner.list('lease/')).toEqual([]);
  });

  test('is told before it is read: a text is evicted before it is attached, or not at all', async () => {
    const inner = await openMemory();
    const first = await open(inner);
    for (const n of [0, 1]) await readAndClose(first, textOf(n));
    await first.close();

    const reader = await open(inner);
    let attached: Promise<number> | undefined;
    const evicting = await open(
      {
        ...inner,
        async commit(batch: StoreBatch) {
          // As late as can be: eviction has decided, and another tab opens the very text.
          if (batch.delete.some((key) => key.startsWith('head/'))) {
            attached ??= reader
              .chain()
              .attach(textOf(0), { onRun: () => true })
              .then(({ segments }) => segments);
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          return inner.commit(batch);
        },
      },
      { diskBytes: 2.4 * ONE },
    );
    await readAndClose(evicting, textOf(2));
    expect(attached).toBeDefined();
    expect(await attached).toBe(await storedOf(inner, textOf(0)));
    expect(await attached).toBeLessThan(SEGMENTS);
  });

  test('private pages of a session go too, if nobody has it open, and its tokens stay', async () => {
    const store = await openMemory();
    const archive = await open(store, { diskBytes: 1.9 * ONE });
    const tokens = textOf(0).slice(0, segmentTokens + 5);
    const runs = [tailOf(archive, segmentTokens / 64, tokens.slice(segmentTokens))];
    const releases = [];
    for (const id of ['open', 'closed']) {
      const release = await archive.sessions.acquire(id);
      expect(await archive.sessions.put(stateOf(id, tokens, segmentTokens), { runs })).toBe('all');
      if (id === 'closed') await release();
      else releases.push(release);
    }
    for (const n of [1, 2]) await readAndClose(archive, textOf(n));
    expect(archive.state).toBe('ok');
    const [open1, closed] = await Promise.all(['open', 'closed'].map((id) => archive.sessions.get(id)));
    expect([...closed!.tokens]).toEqual(tokens);
    expect((await archive.sessions.tail(closed!)).reason).toBe('missing');
    expect((await archive.sessions.tail(open1!)).reason).toBe('end');
    for (const release of releases) await release();
  });
});

/** A device with so much room, which takes deletions only when it is full. */
const device = (inner: Store, capacity: number): Store => ({
  ...inner,
  async commit(batch) {
    const replaced = await inner.getMany([...new Set([...batch.delete, ...batch.put.map(([key]) => key)])]);
    const before = replaced.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
    const after = batch.put.reduce((sum, [, bytes]) => sum + bytes.length, 0);
    if (batch.put.length > 0 && (await inner.size('')) - before + after > capacity)
      throw new LonghandError('storage/quota', 'No room.', { asked: after });
    await inner.commit(batch);
  },
});

describe('a full device', () => {
  test('evicts and tries again, wherever it becomes full', async () => {
    for (let capacity = 1.3; capacity < 3.3; capacity += 0.11) {
      const inner = await openMemory();
      const archive = await open(device(inner, capacity * ONE));
      for (const n of [0, 1, 2]) {
        await readAndClose(archive, textOf(n));
        expect(archive.state, `${capacity}`).toBe('ok');
        expect(await storedOf(inner, textOf(n))).toBe(SEGMENTS);
      }
      await expectWhole(inner, archive.groups.length);
    }
  });

  test('says full when nothing is left to evict, and goes on once something is', async () => {
    const inner = await openMemory();
    const archive = await open(device(inner, 1.5 * ONE));
    const chain = await read(archive, textOf(0));
    await readAndClose(archive, textOf(1));
    const release = await archive.sessions.acquire('s');
    // The tokens are small, and still fit.
    expect(await archive.sessions.put(stateOf('s', [1, 2, 3], 0))).toBe('all');
    await release();
    chain.close();
    await readAndClose(archive, textOf(2));
    expect(archive.state).toBe('ok');
    expect(await storedOf(inner, textOf(2))).toBe(SEGMENTS);
  });
});

test.each([
  'dead',
  'late',
] as const)('a tab that is %s at any commit of an eviction leaves whole runs and a beginning', async (how) => {
  const fill = async (fault: Fault) => {
    const inner = await openMemory();
    const first = await open(inner);
    for (const n of [0, 1, 2]) await readAndClose(first, textOf(n, 1));
    await first.close();
    const store = faultyStore(inner, fault);
    const archive = await open(store, { diskBytes: 1.7 * ONE });
    await readAndClose(archive, textOf(3, 1)).catch(() => undefined);
    return { inner, store };
  };
  const { store: counted } = await fill({ commit: Infinity, how });
  expect(counted.commits).toBeGreaterThan(15);
  for (let commit = 1; commit <= counted.commits; commit++) {
    const { inner, store } = await fill({ commit, how });
    store.abandon();
    const next = await open(inner, { diskBytes: 1.7 * ONE });
    await next.drained();
    await expectWhole(inner, next.groups.length);
    for (const n of [0, 1, 2, 3]) {
      const { reason, segments } = await restore(next, textOf(n, 1));
      expect(['end', 'missing']).toContain(reason);
      expect(segments).toBeGreaterThanOrEqual(reason === 'end' ? SEGMENTS : 0);
    }
    await readAndClose(next, textOf(4, 1));
    expect(await storedOf(inner, textOf(4, 1))).toBe(SEGMENTS);
    await next.close();
  }
});

test('opening deletes records whose head was never written, but none that a living tab is writing', async () => {
  const inner = await openMemory();
  const first = await open(inner);
  await readAndClose(first, textOf(0));
  await first.close();
  // Its records are written, each in a transaction of its own; its head never is.
  const writing = async (tokens: number[]) => {
    const store = faultyStore(inner, { commit: Infinity, how: 'dead' });
    const archive = await open({
      ...store,
      commit: (batch) =>
        batch.put.some(([key]) => key.startsWith('head/'))
          ? new Promise(() => undefined)
          : store.commit(batch),
    });
    const { head, records } = runOf(archive, 0, tokens);
    await archive.chain().save(0, tokens, head, records);
    await vi.waitFor(async () => expect(await inner.list('pages/')).toHaveLength(expected));
    return store;
  };
  const groups = first.groups.length;
  let expected = groups * SEGMENTS + groups;
  const dying = await writing(textOf(1));
  expected += groups;
  await writing(textOf(2));
  dying.abandon();

  const next = await open(inner);
  await next.drained();
  const heads = new Set((await inner.list('head/')).map(segmentOf));
  const lost = (await inner.list('pages/')).filter((key) => !heads.has(segmentOf(key)));
  expect(new Set(lost.map(segmentOf)).size).toBe(1);
  expect(lost).toHaveLength(groups);
  expect(await storedOf(inner, textOf(0))).toBe(SEGMENTS);
});

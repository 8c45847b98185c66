/** Sessions come and go: at every moment the store holds the bytes of those that are there, and nothing else. */
import { expect } from 'vitest';
import { PAGE } from '../../src/backends/backend.js';
import type { Archive } from '../../src/kv/archive.js';
import { encodeManifest } from '../../src/kv/manifest.js';
import type { NewRun } from '../../src/kv/records.js';
import { linkedBy, listingKey, runOf, SESSIONS, sessionKey } from '../../src/kv/session-keys.js';
import { segmentOf } from '../../src/kv/stored-run.js';
import { sessionUse } from '../../src/kv/uses.js';
import type { Store } from '../../src/stores/store.js';
import { open, pageBytes, prefill, segmentTokens, stateOf, tailOf } from './archive-fixture.js';
import { random } from './random.js';

/** More than these are deleted again. */
const MOST_AT_ONCE = 60;
const SEALED = 32;
const four = (bytes: number): number => Math.ceil(bytes / 4) * 4;
const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, one) => all + one, 0);

/** Bytes of a run of so many tokens in so many groups of layers: its records, and a head with 13 bytes of chunks. */
const runBytes = (tokens: number, groups: number): number =>
  groups * (SEALED + 16) +
  4 * pageBytes.length +
  Math.ceil(tokens / PAGE) * sum(pageBytes) +
  SEALED +
  four(12 + 4 * tokens + 13);

const { below } = random(77);
/** What sessions are about: whole segments, shared by content. */
const TEXTS = Array.from({ length: 5 }, () => Array.from({ length: 2 * segmentTokens }, () => below(1000)));

/** Private runs with the tokens from run `from` behind `canonical` on. */
const runsOf = (archive: Archive, tokens: readonly number[], canonical: number, from: number): NewRun[] => {
  const runs: NewRun[] = [];
  for (let at = canonical + from * segmentTokens; at < tokens.length; at += segmentTokens)
    runs.push(tailOf(archive, at / PAGE, tokens.slice(at, at + segmentTokens)));
  return runs;
};

interface Live {
  readonly tokens: readonly number[];
  readonly canonical: number;
}

/** Every key there is, by what stands in front; every byte has an owner that lives. */
const expectExact = async (
  store: Store,
  archive: Archive,
  live: ReadonlyMap<string, Live>,
  evicts: boolean,
) => {
  await archive.drained();
  const names = [...live.keys()].sort();
  const groups = archive.groups.length;
  const keys = await store.list('');
  const under = (prefix: string): string[] => keys.filter((key) => key.startsWith(prefix));
  expect(under(SESSIONS)).toEqual(names.map(sessionKey).sort());
  expect(under('listing/')).toEqual(names.map(listingKey).sort());
  expect(under('use/session/')).toEqual(names.map(sessionKey).map(sessionUse).sort());

  const links: string[] = [];
  const runs = new Map<string, number>();
  for (const [id, { tokens, canonical }] of live) {
    const manifest = (await archive.sessions.get(id))!;
    expect([...manifest.tokens], id).toEqual(tokens);
    expect(manifest.canonical).toBe(canonical);
    expect(canonical + sum(manifest.tail.map((run) => run.tokens))).toBe(tokens.length);
    expect((await store.get(sessionKey(id)))!.length).toBe(encodeManifest(manifest).length);
    for (const run of manifest.tail) {
      expect(run.bytes).toBe(runBytes(run.tokens, groups));
      runs.set(run.name, run.bytes);
      links.push(`${run.name} ${id}`);
    }
  }
  expect(
    under('link/')
      .map((key) => `${runOf(key)} ${linkedBy(key)}`)
      .sort(),
  ).toEqual(links.sort());
  expect(await store.size('link/')).toBe(0);
  const stored = new Set(under('tail/').map(runOf));
  if (evicts) for (const run of stored) expect(runs.has(run), run).toBe(true);
  else expect(stored).toEqual(new Set(runs.keys()));
  // Whole runs or nothing of them.
  expect(await store.size('tail/')).toBe(sum([...stored].map((run) => runs.get(run)!)));
  expect(under('tail/').length).toBe(stored.size * (groups + 1));

  const heads = under('head/').map(segmentOf);
  expect(under('pages/').map(segmentOf)).toEqual(heads.flatMap((key) => Array<string>(groups).fill(key)));
  const segments = (await store.size('head/')) + (await store.size('pages/'));
  expect(segments).toBe(heads.length * runBytes(segmentTokens, groups));
  // Beside all that: the books, and nothing that was not named.
  const books = keys.filter((key) => !/^(session|listing|link|tail|head|pages|use\/session)\//.test(key));
  const known = /^(use\/counter|evicted|use\/text\/[0-9a-f]{32}|lease\/[0-9a-f]{32})$/;
  expect(books.filter((key) => !known.test(key))).toEqual([]);
  expect(books.filter((key) => key.startsWith('lease/')).length).toBeLessThanOrEqual(1);
  expect(sum((await store.getMany(keys)).map((bytes) => bytes!.length))).toBe(await store.size(''));
  return { heads: heads.length, runs: stored.size };
};

/** Within it some of the pages of so many sessions have to go. */
export const TIGHT_BYTES = 170_000;

/** Creates, grows, clones and deletes sessions in an empty store, until so many were made; looks at every byte meanwhile. */
export const comeAndGo = async (store: Store, sessions: number, diskBytes?: number): Promise<void> => {
  const { below, next } = random(5);
  const begin = (): Promise<Archive> => open(store, { diskBytes });
  let archive = await begin();
  const live = new Map<string, Live>();
  const one = (): string => [...live.keys()][below(live.size)]!;
  let [made, evicted] = [0, 0];

  const put = async (id: string, { tokens, canonical }: Live): Promise<void> => {
    const release = await archive.sessions.acquire(id);
    const before = await archive.sessions.get(id);
    // What is still whole of its runs is kept, as a session that goes on does.
    const whole = before ? (await archive.sessions.tail(before)).runs : [];
    const short = whole.findIndex(({ run }) => run.tokens < segmentTokens);
    const keep = short < 0 ? whole.length : short;
    const runs = runsOf(archive, tokens, canonical, keep);
    expect(await archive.sessions.put(stateOf(id, tokens, canonical), { keep, runs })).toBe('all');
    await release();
    live.set(id, { tokens, canonical });
  };
  const some = (most: number): number[] => Array.from({ length: 1 + below(most) }, () => below(1000));

  const steps: (() => Promise<void>)[] = [
    async () => {
      const id = `s/${made++}`;
      if (next() < 0.5) return put(id, { tokens: some(2 * segmentTokens), canonical: 0 });
      const text = TEXTS[below(TEXTS.length)]!;
      await prefill(archive, 0, 2, text);
      await put(id, { tokens: [...text, ...some(segmentTokens)], canonical: text.length });
    },
    async () => {
      const [from, to] = [one(), `c ${made++}`];
      await archive.sessions.clone(from, to);
      live.set(to, live.get(from)!);
    },
    async () => {
      const id = one();
      const { tokens, canonical } = live.get(id)!;
      await put(id, { tokens: [...tokens, ...some(80)], canonical });
    },
    async () => {
      const id = one();
      await archive.sessions.delete(id);
      live.delete(id);
    },
  ];
  for (let step = 0; made < sessions; step++) {
    const which = live.size === 0 ? 0 : live.size >= MOST_AT_ONCE ? 3 : below(steps.length);
    await steps[which]!();
    expect(archive.state).toBe('ok');
    if (step % 150 === 0) {
      await archive.close();
      archive = await begin();
    }
    if (step % 50 !== 0) continue;

    const { runs } = await expectExact(store, archive, live, diskBytes !== undefined);
    const named = new Set((await store.list('link/')).map(runOf)).size;
    evicted = Math.max(evicted, named - runs);
    if (diskBytes !== undefined) expect(await store.size('')).toBeLessThanOrEqual(diskBytes);
  }
  expect(live.size).toBeGreaterThan(10);
  expect(evicted > 0).toBe(diskBytes !== undefined);

  for (const id of [...live.keys()]) await archive.sessions.delete(id);
  live.clear();
  await archive.close();
  archive = await begin();
  const { heads } = await expectExact(store, archive, live, diskBytes !== undefined);
  await archive.close();
  // Shared text stays, with its place in the order of uses; of sessions nothing does.
  const left = (await store.list('')).filter((key) => !/^(head|pages)\//.test(key));
  if (diskBytes === undefined) {
    expect(heads).toBe(2 * TEXTS.length);
    expect(left.filter((key) => key.startsWith('use/text/')).length).toBe(TEXTS.length);
  }
  expect(left.filter((key) => !key.startsWith('use/text/'))).toEqual(
    diskBytes === undefined ? ['use/counter'] : ['evicted', 'use/counter'],
  );
};

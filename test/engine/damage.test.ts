/** Bytes of everything that is stored, changed in every class of byte: detected, computed again, told. And the clock. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { OpenModel } from '../../src/engine/open-model.js';
import { LonghandError } from '../../src/errors.js';
import { openStore, type Store } from '../../src/stores/index.js';
import { openSmall, over, type Visited, visit } from './small-model.js';

let model: OpenModel;
/** Everything that a first visit stored, and what it and an undisturbed second one said. */
let stored: readonly (readonly [string, Uint8Array])[];
let first: Visited;
let second: Visited;
beforeAll(async () => {
  model = await openSmall();
  const disk = await openStore('memory');
  first = await visit(await over(model, disk), true);
  const keys = await disk.list('');
  const values = await disk.getMany(keys);
  stored = keys.map((key, n) => [key, values[n]!] as const);
  second = await visit(await over(model, disk), false);
});
afterAll(() => model.close());
afterEach(() => vi.restoreAllMocks());

const flip =
  (at: (length: number) => number, by = 1) =>
  (bytes: Uint8Array) => {
    const changed = bytes.slice();
    changed[at(bytes.length)]! ^= by;
    return changed;
  };
/** Every class of byte in an envelope (docs/FORMAT.md), and damage to all of it. */
const DAMAGES: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  'the magic number': flip(() => 2),
  'the version': flip(() => 4, 2),
  'the version, high byte': flip(() => 7, 128),
  'the length': flip(() => 9),
  'the reserved word': flip(() => 13),
  'the first field': flip(() => 16),
  'a later field': flip(() => 29, 255),
  'the middle': flip((length) => length >> 1),
  'the last byte before the digest': flip((length) => length - 17),
  'the digest': flip((length) => length - 1),
  'cut short': (bytes) => bytes.slice(0, bytes.length - 4),
  'cut to a beginning': (bytes) => bytes.slice(0, 5),
  'cut to nothing': () => new Uint8Array(0),
  'grown longer': (bytes) => Uint8Array.from([...bytes, 0, 0, 0, 0]),
  'all zeros': (bytes) => new Uint8Array(bytes.length),
};

const diskWith = async (change: (key: string, bytes: Uint8Array) => Uint8Array): Promise<Store> => {
  const disk = await openStore('memory');
  await disk.commit({ put: stored.map(([key, bytes]) => [key, change(key, bytes)] as const), delete: [] });
  return disk;
};
/** The kinds of things that are stored, each by a key in the middle of them. */
const kinds = (): Map<string, string> => {
  const byKind = new Map<string, string[]>();
  for (const [key] of stored) {
    const [socket = '', part = ''] = key.split('/');
    const kinds: Record<string, string> = {
      tail: `tail/…/${key.endsWith('head') ? 'head' : 'pages'}`,
      use: `use/${part}`,
    };
    const kind = kinds[socket] ?? socket;
    byKind.set(kind, [...(byKind.get(kind) ?? []), key]);
  }
  return new Map([...byKind].map(([kind, keys]) => [kind, keys[keys.length >> 1]!]));
};

test('there is something of every kind to damage', () => {
  expect([...kinds().keys()].sort()).toEqual([
    'head',
    'lease',
    'link',
    'listing',
    'pages',
    'session',
    'tail/…/head',
    'tail/…/pages',
    'use/counter',
    'use/session',
    'use/text',
  ]);
});

test.each(Object.keys(DAMAGES))('%s', async (name) => {
  const damage = DAMAGES[name]!;
  for (const [kind, key] of kinds()) {
    const where = `${name} of ${key}`;
    const disk = await diskWith((one, bytes) => (one === key ? damage(bytes) : bytes));
    const opened = await over(model, disk);
    const visiting = visit(opened, false);
    if (kind === 'session') {
      // The tokens are gone: said so, with what to do, and that works.
      const error: LonghandError = await visiting.catch((thrown) => thrown);
      expect(error, where).toBeInstanceOf(LonghandError);
      expect(error.code, where).toBe('storage/corrupt');
      // From then on lists know, and no other session's tokens are read for it.
      const listed = await opened.kept!.archive.sessions.list();
      expect(listed, where).toMatchObject([{ id: 'book', problem: { code: 'storage/corrupt' } }]);
      await opened.kept!.archive.sessions.delete('book');
      const anew = await visit(opened, true);
      expect(anew.answers, where).toEqual(first.answers);
      expect(anew.stats.reusedTokens, where).toBeGreaterThanOrEqual(512);
      continue;
    }
    const { answers, tokens, resumedTokens, stats } = await visiting;
    expect([tokens, resumedTokens], where).toEqual([second.tokens, second.tokens]);
    expect(answers, where).toEqual(second.answers);
    expect(stats.storage, where).toBe('ok');
    const { reusedTokens, recomputedTokens } = stats;
    // Lists, links and books of who used what are no pages.
    if (/^(listing|link|lease|use)/.test(kind)) expect(recomputedTokens, where).toBe(0);
    else expect(recomputedTokens, where).toBeGreaterThanOrEqual(Math.max(1, tokens - reusedTokens));
    // And the next visit is as if nothing had been.
    const later = await visit(await over(model, disk), false);
    expect(later.answers, where).toEqual(second.answers);
    const listed = (await opened.kept!.archive.sessions.list()).map(({ id }) => id);
    expect(listed, where).toEqual(['book']);
  }
});

test('everything damaged at once but the session: it is read again, and stored again', async () => {
  const disk = await diskWith((key, bytes) =>
    key.startsWith('session/') ? bytes : DAMAGES['the middle']!(bytes),
  );
  const again = await visit(await over(model, disk), false);
  expect(again.answers).toEqual(second.answers);
  expect(again.stats.reusedTokens).toBe(0);
  expect(again.stats.recomputedTokens).toBeGreaterThanOrEqual(again.tokens);
  const later = await visit(await over(model, disk), false);
  expect(later.stats.reusedTokens).toBeGreaterThanOrEqual(512);
});

test('values exchanged for each other are not believed', async () => {
  const pages = stored.filter(([key]) => key.startsWith('pages/'));
  const heads = stored.filter(([key]) => key.startsWith('head/'));
  for (const some of [pages, heads]) {
    const swapped = new Map(some.map(([key], n) => [key, some[(n + 1) % some.length]![1]]));
    const disk = await diskWith((key, bytes) => swapped.get(key) ?? bytes);
    const again = await visit(await over(model, disk), false);
    expect(again.answers).toEqual(second.answers);
    expect(again.stats.recomputedTokens).toBeGreaterThan(0);
  }
});

test.each([
  ['back to 1970', 0],
  ['ahead to 2100', Date.UTC(2100)],
  ['to before 1970', -1e9],
])('the clock jumps %s between visits', async (_, now) => {
  const disk = await diskWith((_, bytes) => bytes);
  vi.spyOn(Date, 'now').mockReturnValue(now);
  const jumped = await visit(await over(model, disk), true);
  expect(jumped.answers[0]).toBe(second.answers[0]);
  expect(jumped.stats).toMatchObject({
    reusedTokens: jumped.resumedTokens,
    recomputedTokens: 0,
    storage: 'ok',
  });
  vi.restoreAllMocks();
  const later = await visit(await over(model, disk), false);
  expect(later.resumedTokens).toBeGreaterThan(jumped.resumedTokens);
  expect(later.stats).toMatchObject({
    reusedTokens: later.resumedTokens,
    recomputedTokens: 0,
    storage: 'ok',
  });
});

import { beforeEach, expect, test } from 'vitest';
import type { Archive } from '../../../src/kv/archive.js';
import type { Provenance } from '../../../src/kv/segments.js';
import { fingerprintOf } from '../../../src/kv/segments.js';
import { pagesKey, segmentOf } from '../../../src/kv/stored-run.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';
import { ids, open, prefill, restore, segmentTokens } from '../../support/archive-fixture.js';

const MADE: Provenance = {
  model: 'm1',
  tokenizer: 't1',
  codec: 'q8.1/q8.1',
  attention: 'dhsa 256',
  build: 'wasm/simd128/7',
};
const openAs = (made: Partial<Provenance> = {}, more: object = {}): Promise<Archive> => {
  const all = { ...MADE, ...made };
  return open(store, { fingerprint: fingerprintOf(all), made: all, ...more });
};

let store: Store;
let archive: Archive;
beforeEach(async () => {
  store = await openMemory();
  archive = await openAs();
});

/** Keys of the whole segments of `ids`, in order. */
const segments = async (): Promise<string[]> => {
  const found: string[] = [];
  const chain = archive.chain();
  await chain.attach(ids, { onRun: (run) => void found.push(segmentOf(run.keys[0]!)) });
  chain.close();
  return found;
};

/** What is said must be what attaching finds, and saying it must leave no trace. */
const probe = async (asked: Archive, tokens: number[] = ids, lead = 0) => {
  await asked.drained();
  const keys = await store.list('');
  const values = await store.getMany(keys);
  const found = await asked.probe(tokens, { lead });
  expect(await store.list('')).toEqual(keys);
  expect(await store.getMany(keys)).toEqual(values);
  expect(found.tokens).toBe(tokens.length);
  expect((await restore(asked, tokens)).segments * segmentTokens).toBe(found.restorableTokens);
  return found;
};

test('the end: all whole segments are there', async () => {
  await prefill(archive, 0, 4);
  expect(await probe(archive)).toEqual({
    tokens: ids.length,
    restorableTokens: 4 * segmentTokens,
    cause: 'end',
  });
  expect(await probe(archive, [])).toMatchObject({ tokens: 0, cause: 'end' });
});

test('what waits to be written counts', async () => {
  const saving = prefill(archive, 0, 4);
  await saving;
  expect((await archive.probe(ids)).cause).toBe('end');
});

test('never read, or not so far', async () => {
  expect(await probe(archive)).toMatchObject({ restorableTokens: 0, cause: 'unread' });
  await prefill(archive, 0, 2);
  const found = await probe(archive);
  expect(found).toMatchObject({ restorableTokens: 2 * segmentTokens, cause: 'unread' });
  expect(found.reason).toContain(String(2 * segmentTokens));
  expect(found.made).toBeUndefined();
});

test('evicted', async () => {
  await prefill(archive, 0, 4);
  const budget = Math.floor(1.4 * (await store.size('')));
  const other = ids.map((id) => id + 1);
  const small = await openAs({}, { diskBytes: budget });
  await prefill(small, 0, 4, other);
  const found = await probe(small);
  expect(found.cause).toBe('evicted');
  expect(found.restorableTokens).toBeLessThan(4 * segmentTokens);
  expect((await probe(small, other)).cause).toBe('end');
});

test.each([
  ['changed', (bytes: Uint8Array) => bytes.map((byte, n) => (n === 40 ? byte ^ 1 : byte)), 'checksum'],
  ['cut', (bytes: Uint8Array) => bytes.slice(0, 20), ''],
  ['empty', () => new Uint8Array(0), ''],
])('a head that is %s', async (_, damage, says) => {
  await prefill(archive, 0, 4);
  const key = `head/${(await segments())[2]}`;
  await store.commit({ put: [[key, damage((await store.get(key))!)]], delete: [] });
  const found = await probe(archive);
  expect(found).toMatchObject({ restorableTokens: 2 * segmentTokens, cause: 'damaged' });
  expect(found.reason).toContain(says);
});

test('a head of something else, and missing pages are damage; a gap is a loss', async () => {
  await prefill(archive, 0, 4);
  const [first, second, third] = (await segments()) as [string, string, string];
  const head = (await store.get(`head/${first}`))!;
  await store.commit({ put: [[`head/${third}`, head]], delete: [] });
  const other = await probe(archive);
  expect(other).toMatchObject({ restorableTokens: 2 * segmentTokens, cause: 'damaged' });
  expect(other.reason).toContain('something else');
  await store.commit({ put: [], delete: [`head/${second}`] });
  const gap = await probe(archive);
  expect(gap).toMatchObject({ restorableTokens: segmentTokens, cause: 'lost' });
  expect(gap.reason).toContain('later ones');
  await store.commit({ put: [], delete: [pagesKey(first, 1)] });
  const pages = await probe(archive);
  expect(pages).toMatchObject({ restorableTokens: 0, cause: 'damaged' });
  expect(pages.reason).toContain('pages');
});

test.each([
  ['model', { model: 'm2' }, 'another model'],
  ['codec', { codec: 'q8.1/q4.1' }, 'page format (q8.1/q8.1)'],
  ['attention', { attention: 'dense' }, 'attention method (dhsa 256)'],
  ['build', { build: 'wasm/simd128/8' }, 'build of the kernels (wasm/simd128/7)'],
] as const)('read with another %s', async (part, made, says) => {
  await prefill(archive, 0, 3);
  const other = await openAs(made);
  await prefill(other, 0, 1);
  const found = await probe(other);
  expect(found).toMatchObject({ restorableTokens: segmentTokens, cause: 'made' });
  expect(found.made).toEqual([{ part, found: MADE[part], ours: (made as Partial<Provenance>)[part] }]);
  expect(found.reason).toContain(says);
  expect(found.reason).toContain(String(3 * segmentTokens));
  // What ours knows as well as theirs is no reason.
  await prefill(other, 1, 3);
  expect(await probe(other)).toMatchObject({ cause: 'unread' });
});

test('of several others, the one that read most is named, with all that differs', async () => {
  await prefill(archive, 0, 2);
  await prefill(await openAs({ attention: 'dense' }), 0, 4);
  const found = await probe(await openAs({ model: 'm2', attention: 'blocks' }));
  expect(found.made).toEqual([
    { part: 'model', found: 'm1', ours: 'm2' },
    { part: 'attention', found: 'dense', ours: 'blocks' },
  ]);
  // A damaged note of what keys were made with names nobody.
  for (const key of await store.list('made/')) {
    await store.commit({ put: [[key, (await store.get(key))!.map((byte) => byte ^ 1)]], delete: [] });
  }
  expect((await archive.probe(ids)).cause).toBe('unread');
});

test('records of another layout', async () => {
  await prefill(archive, 0, 4);
  const other = await openAs({}, { recordBytes: 100_000 });
  expect(await probe(other)).toMatchObject({ cause: 'made', made: [{ part: 'records' }] });
});

test('a text that begins alike: where it differs, in the first segment or later', async () => {
  await prefill(archive, 0, 4);
  for (const at of [5, segmentTokens - 1, segmentTokens, 2 * segmentTokens + 17, 3 * segmentTokens]) {
    const edited = ids.map((id, n) => (n >= at ? id + 1 : id));
    const found = await probe(archive, edited);
    expect(found).toMatchObject({
      restorableTokens: Math.floor(at / segmentTokens) * segmentTokens,
      cause: 'tokens',
      differsAt: at,
    });
    expect(found.reason).toContain(String(at));
  }
  expect(await probe(archive, [ids[0]! + 1, ...ids.slice(1)])).toMatchObject({ cause: 'unread' });
  // Two texts begin alike: the nearer one counts.
  const near = ids.map((id, n) => (n >= 40 ? id + 2 : id));
  await prefill(archive, 0, 1, near);
  const asked = ids.map((id, n) => (n >= 90 ? id + 3 : id));
  expect(await probe(archive, asked)).toMatchObject({ cause: 'tokens', differsAt: 90 });
});

test('what stands in front of every text makes none alike', async () => {
  await prefill(archive, 0, 4);
  const edited = ids.map((id, n) => (n >= 12 ? id + 1 : id));
  expect(await probe(archive, edited, 12)).toMatchObject({ cause: 'unread' });
  expect(await probe(archive, edited, 11)).toMatchObject({ cause: 'tokens', differsAt: 12 });
});

test('an abort ends it', async () => {
  await prefill(archive, 0, 4);
  await expect(archive.probe(ids, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  });
});

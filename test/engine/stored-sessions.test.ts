/** Kept sessions as a page sees them: listed, renamed, cloned, exported and imported, waited for and read by others. */
import 'fake-indexeddb/auto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { LoadOptions, Model } from '../../src/loaded-model.js';
import { openStore } from '../../src/stores/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { randomModel } from '../support/random-model.js';
import { MODEL, withFact } from './bundled.js';

const TEXT = withFact(2500, 'The value of nora is 4711.');
const QUESTION = 'What is the value of nora?';
let count = 0;
const models: Model[] = [];
let database = '';
beforeEach(() => {
  database = `stored-${++count}`;
});
afterEach(async () => {
  for (const model of models.splice(0)) await model.close();
});

const open = async (name = database, options: LoadOptions = {}): Promise<Model> => {
  const attention = { method: 'dhsa', budget: 256 } as const;
  const model = await load(MODEL, {
    kernelsUrl,
    attention,
    ...options,
    kv: { store: 'idb', database: name },
  });
  models.push(model);
  return model;
};

/** Reads the text under an id, keeps a question and its answer, and lets go. */
const read = async (model: Model, id: string): Promise<{ answer: string; tokens: number }> => {
  const session = await model.session({ id, title: 'A passage' });
  await session.append(TEXT);
  const answer = await session.ask(QUESTION, { maxTokens: 24, continue: true }).text();
  const { tokens } = await session.stats();
  await session.close();
  return { answer, tokens };
};

const ask = async (model: Model, id: string) => {
  const session = await model.session({ id });
  const opened = await session.stats();
  const answer = await session.ask(QUESTION, { maxTokens: 24 }).text();
  await session.close();
  return { answer, stats: opened, resumedTokens: session.resumedTokens };
};

test('a list says what each is called, what it takes and what it brings', async () => {
  const model = await open();
  const before = Date.now();
  const { tokens } = await read(model, 'book');
  const [shown, ...others] = await model.sessions();
  expect(others).toEqual([]);
  expect(shown).toMatchObject({ id: 'book', title: 'A passage', tokens, restores: 'pages' });
  expect(shown!.created).toBeGreaterThanOrEqual(before);
  expect(shown!.used).toBeGreaterThanOrEqual(shown!.created);
  // K and V of 64 tokens take 64 · 1,584 bytes; a private run has its head and envelopes too.
  const pages = 64 * 1584;
  const whole = Math.floor(tokens / 256) * 4;
  expect(shown!.bytes.own).toBeGreaterThan((Math.ceil(tokens / 64) - whole) * pages);
  expect(shown!.bytes.shared % pages).toBe(0);
  expect(shown!.bytes.shared + shown!.bytes.own).toBeGreaterThan(Math.ceil(tokens / 64) * pages);

  await model.renameSession('book', 'Another name');
  await model.cloneSession('book', { id: 'copy' });
  const listed = await model.sessions();
  expect(listed.map(({ id, title, bytes }) => [id, title, bytes.own])).toEqual([
    ['book', 'Another name', 0],
    ['copy', 'Another name', 0],
  ]);
  await model.deleteSession('book');
  expect((await model.sessions())[0]!.bytes).toEqual(shown!.bytes);

  const other = await open(database, { attention: { method: 'dhsa', budget: 320 } });
  expect(await other.sessions()).toMatchObject([
    { id: 'copy', restores: 'tokens', problem: expect.stringContaining('attention method (dhsa') },
  ]);
  const stranger = await load(
    randomModel({ architecture: 'llama', type: 'F16', tokenizer: 'gpt-2', seed: 3, layers: 1 }),
    { kernelsUrl, kv: { store: 'idb', database } },
  );
  models.push(stranger);
  expect(await stranger.sessions()).toMatchObject([
    { id: 'copy', restores: 'nothing', problem: expect.stringContaining('tokenizer') },
  ]);
  await stranger.deleteSession('copy');
  expect(await model.sessions()).toEqual([]);
});

test('a clone of an open session goes on by itself, and answers as the original', async () => {
  const model = await open();
  const session = await model.session({ id: 'book' });
  await session.append(TEXT);
  const { tokens } = await session.stats();
  await model.cloneSession('book', { id: 'other', title: 'Other' });
  await session.append(' The value of otto is 1234.');
  const straight = await session.ask(QUESTION, { maxTokens: 24 }).text();

  const clone = await model.session({ id: 'other' });
  expect(clone.resumedTokens).toBe(tokens);
  expect(await clone.stats()).toMatchObject({ reusedTokens: tokens, recomputedTokens: 0 });
  await clone.append(' The value of emma is 9876.');
  expect(await clone.ask('What is the value of emma?', { maxTokens: 24 }).text()).toContain('9876');
  expect(await clone.ask(QUESTION, { maxTokens: 24 }).text()).toContain('4711');
  // Text that is added repeats the tile in which it begins.
  expect((await clone.stats()).recomputedTokens).toBeLessThan(64);
  expect(await session.ask(QUESTION, { maxTokens: 24 }).text()).toBe(straight);
  await expect(model.cloneSession('book', { id: 'other' })).rejects.toMatchObject({ code: 'input/exists' });
  await expect(model.cloneSession('none', { id: 'more' })).rejects.toMatchObject({ code: 'input/option' });
});

test('a probe says what opening brings, and why not all of it', async () => {
  const model = await open();
  const { tokens } = await read(model, 'book');
  expect(await model.probeSession('book')).toEqual({ tokens, restorableTokens: tokens, opens: true });
  await expect(model.probeSession('none')).rejects.toMatchObject({ code: 'input/option' });
  const store = await openStore('idb', { database });
  const lose = async (key: string | undefined): Promise<void> => store.commit({ put: [], delete: [key!] });
  const whole = tokens - (tokens % 256);
  const found = async (): Promise<number> => {
    const { restorableTokens } = await model.probeSession('book');
    const session = await model.session({ id: 'book', readOnly: true });
    const { reusedTokens } = await session.stats();
    await session.close();
    expect(reusedTokens).toBe(restorableTokens);
    return reusedTokens;
  };
  await lose((await store.list('tail/')).filter((key) => key.endsWith('head')).at(-1));
  expect(await model.probeSession('book')).toMatchObject({
    opens: true,
    reason: expect.stringContaining('own pages'),
  });
  expect(await found()).toBeLessThan(tokens);
  await lose((await store.list('head/'))[1]);
  expect(await model.probeSession('book')).toMatchObject({ reason: expect.stringContaining('1 of its') });
  expect((await model.probeSession('book')).restorableTokens).toBeLessThan(whole);
  const other = await open(database, { attention: { method: 'dhsa', budget: 320 } });
  expect(await other.probeSession('book')).toMatchObject({ tokens, restorableTokens: 0, opens: true });
  const [key] = await store.list('session/');
  const bytes = (await store.get(key!))!;
  bytes[50]! ^= 1;
  await store.commit({ put: [[key!, bytes]], delete: [] });
  await store.close();
  expect(await model.probeSession('book')).toMatchObject({
    opens: false,
    restorableTokens: 0,
    reason: expect.stringContaining('damaged'),
  });
});

describe('a file', () => {
  test('goes to another device and is answered from without reading', async () => {
    const here = await open();
    const { tokens } = await read(here, 'book');
    const { answer } = await ask(here, 'book');
    const seen: number[] = [];
    const exported = await here.exportSession('book', { onProgress: (p) => seen.push(p.loaded / p.total) });
    expect(exported).toMatchObject({ tokens, restorableTokens: tokens });
    expect(seen.at(-1)).toBe(1);
    expect(exported.file.size).toBeGreaterThan(tokens * 1584);

    const there = await open(`${database}-there`);
    expect(await there.importSession(exported.file)).toEqual({
      id: 'book',
      tokens,
      restorableTokens: tokens,
    });
    const first = await ask(there, 'book');
    expect(first.answer).toBe(answer);
    expect(first.resumedTokens).toBe(tokens);
    expect(first.stats).toMatchObject({ reusedTokens: tokens, recomputedTokens: 0, prefill: { tokens: 0 } });

    // It goes on and is kept, and nothing of it is found by a text that is read here.
    const session = await there.session({ id: 'book' });
    await session.append(' The value of otto is 1234.');
    expect(await session.ask('What is the value of otto?', { maxTokens: 24 }).text()).toContain('1234');
    const grown = (await session.stats()).tokens;
    await session.close();
    const again = await ask(there, 'book');
    expect(again.stats).toMatchObject({ reusedTokens: grown, recomputedTokens: 0, prefill: { tokens: 0 } });
    const fresh = await there.session();
    await fresh.append(TEXT);
    expect((await fresh.stats()).reusedTokens).toBe(0);
    const store = await openStore('idb', { database: `${database}-there` });
    await fresh.close();
    await there.deleteSession('book');
    expect(await store.list('tail/')).toEqual([]);
    await store.close();
  });

  test('as bytes, under another name; never over a session that is there', async () => {
    const model = await open();
    const { tokens } = await read(model, 'book');
    const { file } = await model.exportSession('book');
    const bytes = new Uint8Array(await file.arrayBuffer());
    await expect(model.importSession(file)).rejects.toMatchObject({ code: 'input/exists' });
    const imported = await model.importSession(bytes, { id: 'second', title: 'Second' });
    expect(imported).toEqual({ id: 'second', tokens, restorableTokens: tokens });
    expect((await model.sessions()).map(({ id, title }) => [id, title])).toEqual([
      ['book', 'A passage'],
      ['second', 'Second'],
    ]);
    bytes[bytes.length >> 1]! ^= 1;
    await expect(model.importSession(bytes.buffer, { id: 'third' })).rejects.toMatchObject({
      code: 'storage/corrupt',
    });
    await expect(model.importSession('book' as never)).rejects.toMatchObject({ code: 'input/type' });
    await expect(model.importSession(file, { ids: 'x' } as never)).rejects.toMatchObject({
      code: 'input/option',
    });
    await expect(model.exportSession('none')).rejects.toMatchObject({ code: 'input/option' });
    expect((await model.sessions()).length).toBe(2);
  });

  test('of another method keeps its tokens, which are read again; of another tokenizer, nothing', async () => {
    const model = await open();
    const { tokens } = await read(model, 'book');
    const { file } = await model.exportSession('book');
    const other = await open(`${database}-other`, { attention: { method: 'dhsa', budget: 320 } });
    expect(await other.importSession(file)).toMatchObject({
      tokens,
      restorableTokens: 0,
      reason: expect.any(String),
    });
    const session = await other.session({ id: 'book' });
    expect(await session.ask(QUESTION, { maxTokens: 24 }).text()).toContain('4711');
    expect((await session.stats()).recomputedTokens).toBe(tokens);
    await session.close();
    const stranger = await load(
      randomModel({ architecture: 'llama', type: 'F16', tokenizer: 'gpt-2', seed: 3, layers: 1 }),
      { kernelsUrl, kv: { store: 'memory' } },
    );
    models.push(stranger);
    await expect(stranger.importSession(file)).rejects.toMatchObject({
      code: 'input/option',
      details: { option: 'file' },
    });
    expect(await stranger.sessions()).toEqual([]);
  });

  test('and nothing where nothing is kept', async () => {
    const model = await load(MODEL, { kernelsUrl, kv: { store: 'none' } });
    models.push(model);
    for (const refused of [
      model.exportSession('book'),
      model.importSession(new Blob()),
      model.cloneSession('a', { id: 'b' }),
      model.renameSession('a', 'b'),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'storage/unavailable' });
    expect(await model.sessions()).toEqual([]);
  });
});

describe('one writer', () => {
  test('others wait for it, or give up', async () => {
    const [one, other] = [await open(), await open()];
    const session = await one.session({ id: 'book' });
    await session.append(TEXT);
    const { tokens } = await session.stats();
    const stop = new AbortController();
    const impatient = other.session({ id: 'book', wait: true, signal: stop.signal });
    const waiting = other.session({ id: 'book', wait: true });
    stop.abort();
    await expect(impatient).rejects.toMatchObject({ name: 'AbortError' });
    await expect(other.session({ id: 'book' })).rejects.toMatchObject({ code: 'input/busy' });
    await session.close();
    const next = await waiting;
    expect(next.resumedTokens).toBe(tokens);
    await next.close();
  });

  test('others read what was last stored, ask, and store nothing', async () => {
    const [one, other] = [await open(), await open()];
    await expect(other.session({ id: 'book', readOnly: true })).rejects.toMatchObject({
      code: 'input/option',
    });
    await expect(other.session({ readOnly: true })).rejects.toMatchObject({ code: 'input/option' });
    await expect(other.session({ id: 'book', readOnly: true, wait: true })).rejects.toMatchObject({
      code: 'input/option',
    });
    const session = await one.session({ id: 'book' });
    await session.append(TEXT);
    const { tokens } = await session.stats();
    const reader = await other.session({ id: 'book', readOnly: true });
    const second = await other.session({ id: 'book', readOnly: true });
    expect(reader.resumedTokens).toBe(tokens);
    expect(await reader.stats()).toMatchObject({ reusedTokens: tokens, prefill: { tokens: 0 } });
    expect(await reader.ask(QUESTION, { maxTokens: 24, continue: true }).text()).toContain('4711');
    await reader.append(' The value of otto is 1234.');
    await session.append(' The value of emma is 9876.');
    const grown = (await session.stats()).tokens;
    expect(await second.ask(QUESTION, { maxTokens: 24 }).text()).toContain('4711');
    await Promise.all([reader.close(), second.close(), session.close()]);
    expect((await one.sessions()).map((shown) => shown.tokens)).toEqual([grown]);
  });
});

describe('what the browser promised', () => {
  afterEach(() => vi.unstubAllGlobals());

  test('is asked for once, with the first kept session, and shown', async () => {
    let [asked, granted] = [0, false];
    const persist = async () => {
      asked++;
      return (granted = true);
    };
    vi.stubGlobal('navigator', { storage: { persist, persisted: async () => granted } });
    const silent = await load(MODEL, { kernelsUrl, kv: { store: 'idb', database, persist: false } });
    models.push(silent);
    const first = await silent.session({ id: 'a' });
    expect(asked).toBe(0);
    expect((await first.stats()).persisted).toBe('no');
    const model = await open(`${database}-asking`);
    const nameless = await model.session();
    expect(asked).toBe(0);
    await (await model.session({ id: 'b' })).close();
    await (await model.session({ id: 'b' })).close();
    expect(asked).toBe(1);
    expect((await nameless.stats()).persisted).toBe('yes');
    vi.stubGlobal('navigator', {});
    expect((await nameless.stats()).persisted).toBe('unknown');
  });
});

test('a database of the first format opens: its tokens count, its pages are computed again and reported', async () => {
  const { text, tokens, records } = JSON.parse(
    readFileSync('test/fixtures/stores/version-1.json', 'utf8'),
  ) as {
    text: string;
    tokens: number[];
    records: Record<string, string>;
  };
  const store = await openStore('idb', { database });
  const put = Object.entries(records).map(
    ([key, bytes]) => [key, Uint8Array.from(Buffer.from(bytes, 'base64'))] as const,
  );
  await store.commit({ put, delete: [] });
  // The model that the fixture was made with.
  const shape = { layers: 1, heads: 2, kvHeads: 1, headDim: 32 };
  const file = randomModel({ architecture: 'llama', type: 'Q8_0', tokenizer: 'gpt-2', seed: 5, ...shape });
  const options = {
    kernelsUrl,
    threads: 1,
    attention: { method: 'dhsa', budget: 128 },
    kv: { store: 'idb', database },
  } as const;
  const model = await load(file, options);
  models.push(model);
  expect(await model.sessions()).toMatchObject([
    { id: 'old/book', tokens: tokens.length, restores: 'tokens', problem: expect.any(String) },
  ]);
  const session = await model.session({ id: 'old/book', system: 'Answer.' });
  expect(session.resumedTokens).toBe(tokens.length);
  await session.append(text);
  expect(await session.stats()).toMatchObject({
    tokens: tokens.length,
    reusedTokens: 0,
    recomputedTokens: tokens.length,
  });
  await session.close();
  const again = await model.session({ id: 'old/book' });
  expect(await again.stats()).toMatchObject({ reusedTokens: tokens.length, recomputedTokens: 0 });
  await again.close();
  expect(await model.sessions()).toMatchObject([{ restores: 'pages' }]);
  const keys = await store.list('');
  expect(keys.filter((key) => Object.hasOwn(records, key))).toEqual(['session/old%2Fbook']);
  await store.close();
});

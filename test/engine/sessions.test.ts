import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { LoadOptions, Model } from '../../src/loaded-model.js';
import { openStore, type StoreBatch } from '../../src/stores/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { MODEL, withFact } from './bundled.js';

const TEXT = withFact(2500, 'The value of nora is 4711.');
const QUESTION = 'What is the value of nora?';
let database = '';
let count = 0;
beforeEach(() => {
  database = `sessions-${++count}`;
});

const open = (options: LoadOptions = {}): Promise<Model> =>
  load(MODEL, {
    kernelsUrl,
    attention: { method: 'dhsa', budget: 256 },
    ...options,
    kv: { store: 'idb', database, ...options.kv },
  });

/** Reads the text and asks; what a page does on every visit. */
const visit = async (id?: string) => {
  const model = await open();
  const session = await model.session(id === undefined ? {} : { id });
  await session.append(TEXT);
  const answer = await session.ask(QUESTION, { maxTokens: 24 }).text();
  const stats = await session.stats();
  const { resumedTokens } = session;
  await model.close();
  return { answer, stats, resumedTokens };
};

describe('read once', () => {
  test('a second visit reads nothing again and answers the same', async () => {
    const first = await visit('book');
    expect(first.answer).toContain('4711');
    expect(first.resumedTokens).toBe(0);
    expect(first.stats.reusedTokens).toBe(0);
    expect(first.stats.prefill.tokens).toBe(first.stats.tokens);
    expect(first.stats.pagesResident).toBe(6 * Math.ceil(first.stats.tokens / 64));
    expect(first.stats.pagesStored).toBe(first.stats.pagesResident);

    const second = await visit('book');
    expect(second.answer).toBe(first.answer);
    expect(second.resumedTokens).toBe(first.stats.tokens);
    expect(second.stats.tokens).toBe(first.stats.tokens);
    expect(second.stats.reusedTokens).toBe(first.stats.tokens);
    expect(second.stats.prefill.tokens).toBe(0);
    expect(second.stats.recomputedTokens).toBe(0);
    expect(second.stats.pagesStored).toBe(first.stats.pagesStored);
  });

  test('another session finds the whole segments of a text it never saw', async () => {
    const first = await visit('book');
    const other = await visit('another');
    const whole = first.stats.tokens - (first.stats.tokens % 256);
    expect(other.resumedTokens).toBe(0);
    expect(other.stats.reusedTokens).toBe(whole);
    expect(other.stats.pagesStored).toBe(other.stats.pagesResident);
    expect(other.stats.prefill.tokens).toBe(first.stats.tokens - whole);
    expect(other.answer).toBe(first.answer);
  });

  test('other attention options do not find them', async () => {
    await visit();
    const model = await open({ attention: { method: 'dhsa', budget: 320 } });
    const session = await model.session();
    await session.append(TEXT);
    expect((await session.stats()).reusedTokens).toBe(0);
    await model.close();
  });
});

describe('what the store lost', () => {
  /** Visits once, harms the stored records, visits again. */
  const harm = async (
    change: (keys: string[], get: (key: string) => Promise<Uint8Array>) => Promise<StoreBatch>,
  ) => {
    const first = await visit('book');
    const store = await openStore('idb', { database });
    const keys = (await store.list('')).filter((key) => /^(head|pages|tail)/.test(key));
    await store.commit(await change(keys, async (key) => (await store.get(key))!.slice()));
    await store.close();
    const again = await visit('book');
    expect(again.answer).toBe(first.answer);
    expect(again.stats.tokens).toBe(first.stats.tokens);
    expect(again.stats.reusedTokens + again.stats.recomputedTokens).toBe(first.stats.tokens);
    const third = await visit('book');
    expect(third.stats.reusedTokens).toBe(first.stats.tokens);
    return again.stats;
  };
  const segments = (keys: string[]): string[] => keys.filter((key) => /^(head|pages)/.test(key));

  test('a damaged segment is read again, and only that', async () => {
    const stats = await harm(async (keys, get) => {
      const record = await get(segments(keys)[0]!);
      record[record.length >> 1]! ^= 1;
      return { put: [[segments(keys)[0]!, record]], delete: [] };
    });
    expect(stats.recomputedTokens).toBeLessThan(512);
  });

  test('all segments', async () => {
    const stats = await harm(async (keys) => ({ put: [], delete: segments(keys) }));
    expect(stats.reusedTokens).toBe(0);
  });

  test('the session’s own pages', async () => {
    const stats = await harm(async (keys) => ({
      put: [],
      delete: keys.filter((key) => key.startsWith('tail')),
    }));
    expect(stats.recomputedTokens).toBeLessThan(256);
  });
});

describe('conversations', () => {
  test('a question leaves no trace unless it is to be continued', async () => {
    const model = await open();
    const session = await model.session();
    await session.append(TEXT);
    const before = await session.stats();
    const one = await session.ask(QUESTION, { maxTokens: 24 }).text();
    expect((await session.stats()).tokens).toBe(before.tokens);
    expect(await session.ask(QUESTION, { maxTokens: 24 }).text()).toBe(one);
    const answer = session.ask(QUESTION, { maxTokens: 24, continue: true });
    expect(await answer.text()).toBe(one);
    const { questionTokens, answerTokens, reason } = await answer.finish;
    expect(reason).toBe('stop');
    expect((await session.stats()).tokens).toBe(before.tokens + questionTokens + answerTokens);
    await model.close();
  });

  test('a continued conversation is resumed as it was computed', async () => {
    const model = await open();
    const session = await model.session({ id: 'talk', system: 'Answer from the text.' });
    await session.append(TEXT);
    await session.ask(QUESTION, { maxTokens: 24, continue: true }).text();
    const straight = await session.ask('What is nora?', { maxTokens: 24 }).text();
    const { tokens } = await session.stats();
    await model.close();

    const again = await open();
    expect((await again.sessions()).map(({ id, tokens: n }) => [id, n])).toEqual([['talk', tokens]]);
    const resumed = await again.session({ id: 'talk' });
    expect(resumed.resumedTokens).toBe(tokens);
    expect(await resumed.ask('What is nora?', { maxTokens: 24 }).text()).toBe(straight);
    expect((await resumed.stats()).prefill.tokens).toBe(0);
    await expect(again.session({ id: 'talk' })).rejects.toMatchObject({ code: 'input/busy' });
    await resumed.close();
    await expect(again.session({ id: 'talk', system: 'Something else.' })).rejects.toMatchObject({
      code: 'input/option',
    });
    await again.deleteSession('talk');
    expect(await again.sessions()).toEqual([]);
    await again.close();
  });

  test('text appended after a resume goes to the end', async () => {
    await visit('book');
    const model = await open();
    const session = await model.session({ id: 'book' });
    const before = (await session.stats()).tokens;
    await session.append(' The value of otto is 1234.');
    expect((await session.stats()).tokens).toBeGreaterThan(before);
    expect(await session.ask('What is the value of otto?', { maxTokens: 24 }).text()).toContain('1234');
    expect(await session.ask(QUESTION, { maxTokens: 24 }).text()).toContain('4711');
    await model.close();
  });

  test('stop strings end an answer and are not part of it', async () => {
    const model = await open({ kv: { store: 'none' } });
    const session = await model.session();
    await session.append(TEXT);
    const answer = session.ask(QUESTION, { maxTokens: 24, stop: ['of nora'] });
    expect(await answer.text()).toBe('The value ');
    expect((await answer.finish).reason).toBe('stop');
    const short = session.ask(QUESTION, { maxTokens: 3 });
    await short.text();
    expect(await short.finish).toMatchObject({ reason: 'length', answerTokens: 3 });
    await model.close();
  });
});

describe('stopping', () => {
  test('an aborted append leaves the session as it was, and what was read stays read', async () => {
    const model = await open();
    const session = await model.session();
    const stop = new AbortController();
    const append = session.append(TEXT, {
      signal: stop.signal,
      onProgress: ({ loaded }) => {
        if (loaded >= 512) stop.abort();
      },
    });
    await expect(append).rejects.toMatchObject({ name: 'AbortError' });
    const stats = await session.stats();
    expect(stats.tokens).toBe(0);
    expect(stats.prefill.tokens).toBe(512);
    await session.append(TEXT);
    expect((await session.stats()).reusedTokens).toBe(512);
    expect(await session.ask(QUESTION, { maxTokens: 24 }).text()).toContain('4711');
    await model.close();
  });

  test('leaving the loop stops the answer, and the next one is whole', async () => {
    const model = await open({ kv: { store: 'none' } });
    const session = await model.session();
    await session.append(TEXT);
    const answer = session.ask(QUESTION, { maxTokens: 200, ignoreStops: true });
    for await (const _ of answer) break;
    await expect(answer.finish).rejects.toMatchObject({ name: 'AbortError' });
    expect((await session.stats()).decode.tokens).toBeLessThan(60);
    expect(await session.ask(QUESTION, { maxTokens: 24 }).text()).toContain('4711');
    await model.close();
  });

  test('the caller’s signal stops an answer, with the caller’s reason where it is an error', async () => {
    const model = await open({ kv: { store: 'none' } });
    const session = await model.session();
    await session.append('The value of nora is 4711.');
    const stop = new AbortController();
    const answer = session.ask(QUESTION, { maxTokens: 200, ignoreStops: true, signal: stop.signal });
    const read = async (): Promise<void> => {
      for await (const _ of answer) stop.abort(new Error('enough'));
    };
    await expect(read()).rejects.toThrow('enough');
    await expect(answer.finish).rejects.toThrow('enough');
    const late = session.ask(QUESTION, { signal: stop.signal });
    await expect(late.text()).rejects.toThrow('enough');
    expect(await session.ask(QUESTION, { maxTokens: 24 }).text()).toContain('4711');
    await model.close();
  });

  test('a signal that was aborted before rejects at once', async () => {
    const model = await open({ kv: { store: 'none' } });
    const session = await model.session();
    await expect(session.append('text', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await expect(load(MODEL, { kernelsUrl, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await model.close();
  });

  test('closing while a text is read ends the call', async () => {
    const model = await open({ kv: { store: 'none' } });
    const session = await model.session();
    const append = session.append(TEXT, { onProgress: () => void session.close() });
    await expect(append).rejects.toMatchObject({ name: 'AbortError' });
    await expect(session.append('more')).rejects.toMatchObject({ code: 'engine/closed' });
    await expect(session.stats()).rejects.toMatchObject({ code: 'engine/closed' });
    await model.close();
  });
});

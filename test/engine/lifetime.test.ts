/** Models, contexts and calls that end in any order. */
import 'fake-indexeddb/auto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoadOptions, Model } from '../../src/engine/index.js';
import { load } from '../../src/engine/index.js';
import { createLocalEngine } from '../../src/engine/local.js';
import { openContext } from '../../src/engine/open-context.js';
import { openModel } from '../../src/engine/open-model.js';
import { kernelsUrl } from '../support/kernels.js';
import { book, MODEL, withFact } from './bundled.js';

const TEXT = withFact(2500, 'The value of nora is 4711.');
let databases = 0;
const database = (): string => `lifetime-${++databases}`;
const open = (name: string, options: LoadOptions = {}): Promise<Model> =>
  load(MODEL, { kernelsUrl, attention: { method: 'dhsa', budget: 256 }, kv: { database: name }, ...options });
const nothing = (): void => undefined;

describe('closing', () => {
  test('a model while it reads: the call ends, what was read is kept, the session is free', async () => {
    const name = database();
    const model = await open(name);
    const session = await model.session({ id: 'book' });
    let closed: Promise<void> | undefined;
    const append = session.append(TEXT, {
      onProgress: ({ loaded }) => {
        if (loaded >= 512) closed ??= model.close();
      },
    });
    await expect(append).rejects.toMatchObject({ name: 'AbortError' });
    await closed;
    await Promise.all([session.close(), model.close()]);
    const again = await open(name);
    const resumed = await again.session({ id: 'book' });
    await resumed.append(TEXT);
    expect((await resumed.stats()).reusedTokens).toBeGreaterThanOrEqual(512);
    await again.close();
  });

  test('a session twice at once, and its model meanwhile, loses nothing that was being written', async () => {
    const name = database();
    const model = await open(name);
    const session = await model.session({ id: 'book' });
    await session.append(TEXT);
    const { tokens } = await session.stats();
    await Promise.all([session.close(), session.close(), model.close()]);
    const again = await open(name);
    expect(await again.sessions()).toMatchObject([{ id: 'book', tokens }]);
    await again.close();
  });

  test('a model while a session is being opened', async () => {
    const name = database();
    const model = await open(name);
    const opening = model.session({ id: 'book' });
    const closing = model.close();
    await expect(opening).rejects.toMatchObject({ code: 'engine/closed' });
    await closing;
    const again = await open(name);
    await (await again.session({ id: 'book' })).close();
    await again.close();
  });

  test('an engine while it loads', async () => {
    const engine = createLocalEngine();
    let closed: Promise<void> | undefined;
    const loading = engine.load(MODEL, { kernelsUrl, kv: { store: 'none' } }, 1, () => {
      closed ??= engine.close();
    });
    await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
    await closed;
    await expect(engine.openContext(1)).rejects.toMatchObject({ code: 'engine/closed' });
  });
});

test('loading is stopped within a piece of the file, and nothing is left open', async () => {
  const stop = new AbortController();
  let seen = 0;
  const loading = openModel(MODEL, { kernelsUrl, kv: { store: 'none' } }, stop.signal, (loaded) => {
    seen = loaded;
    stop.abort();
  });
  await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
  expect(seen).toBeLessThan(3 << 20);
});

describe('sessions by name', () => {
  let model: Model;
  let name: string;
  beforeAll(async () => {
    name = database();
    model = await open(name);
  });
  afterAll(() => model.close());

  test('an open one is not deleted under its owner', async () => {
    const session = await model.session({ id: 'open' });
    await session.append('The value of nora is 4711.');
    await expect(model.deleteSession('open')).rejects.toMatchObject({ code: 'input/busy' });
    const elsewhere = await open(name);
    await expect(elsewhere.deleteSession('open')).rejects.toMatchObject({ code: 'input/busy' });
    await expect(elsewhere.session({ id: 'open' })).rejects.toMatchObject({ code: 'input/busy' });
    expect((await elsewhere.sessions()).map(({ id }) => id)).toContain('open');
    await session.close();
    await elsewhere.deleteSession('open');
    await elsewhere.close();
    const again = await model.session({ id: 'open' });
    expect(again.resumedTokens).toBe(0);
    await again.close();
  });

  test('any text is a name; none, too much and half a character are not', async () => {
    for (const id of ['../..', 'a/b%2f c', '名前 😀', 'null', '__proto__', 'x'.repeat(256)]) {
      const session = await model.session({ id });
      await session.append('A short text, no whole segment.');
      const { tokens } = await session.stats();
      await session.close();
      const again = await model.session({ id });
      expect(again.resumedTokens).toBe(tokens);
      expect((await again.stats()).reusedTokens).toBe(tokens);
      await again.close();
      await model.deleteSession(id);
    }
    expect(await model.sessions()).toEqual([]);
    for (const id of ['', 'x'.repeat(257), 'a\ud800', 7 as never]) {
      await expect(model.session({ id })).rejects.toMatchObject({ code: 'input/option' });
    }
  });

  test('options that cannot be', async () => {
    const session = await model.session();
    for (const options of [
      { stop: 'abc' },
      { stop: [''] },
      { stop: [1] },
      { continue: 'yes' },
      { ignoreStops: 1 },
    ]) {
      await expect(session.ask('Why?', options as never).finish).rejects.toMatchObject({
        code: 'input/option',
      });
    }
    await session.close();
    await expect(open(name, { kernelsUrl: 'dist/' })).rejects.toMatchObject({ code: 'input/option' });
  });

  test('opening one shows its progress and can be stopped', async () => {
    const first = await model.session({ id: 'long' });
    await first.append(book().slice(5000, 11_000));
    const { tokens } = await first.stats();
    await first.close();
    const seen: number[] = [];
    const again = await model.session({ id: 'long', onProgress: ({ loaded }) => void seen.push(loaded) });
    expect(seen.at(-1)).toBe(tokens - (tokens % 256));
    await again.close();
    const thrown = new Error('not today');
    const onProgress = (): void => {
      throw thrown;
    };
    await expect(model.session({ id: 'long', onProgress })).rejects.toBe(thrown);
    const last = await model.session({ id: 'long' });
    expect(last.resumedTokens).toBe(tokens);
    await last.close();
  });
});

describe('answers', () => {
  test('two loops over one answer see all of it', async () => {
    const model = await open(database());
    const session = await model.session();
    await session.append(TEXT);
    const answer = session.ask('What is the value of nora?', { maxTokens: 24 });
    const gather = async (): Promise<string> => {
      let all = '';
      for await (const piece of answer) all += piece;
      return all;
    };
    const [one, two] = await Promise.all([gather(), gather()]);
    expect(one).toContain('4711');
    expect(two).toBe(one);
    expect(await answer.text()).toBe(one);
    await model.close();
  });

  test('progress of tokens found, and of what a question makes read', async () => {
    const model = await open(database());
    const text = book().slice(0, 200_000);
    const found: number[] = [];
    await model.tokenize(text, { onProgress: ({ loaded, total }) => void found.push(loaded / total) });
    expect(found.length).toBeGreaterThan(2);
    expect(found.at(-1)).toBe(1);
    const session = await model.session();
    await session.append('The value of nora is 4711.');
    const read: number[] = [];
    const onProgress = ({ loaded }: { loaded: number }) => void read.push(loaded);
    const answer = session.ask('What is the value of nora?', { maxTokens: 24, onProgress });
    await answer.text();
    const { questionTokens } = await answer.finish;
    expect(read).toEqual([(await session.stats()).tokens + questionTokens]);
    await model.close();
  });

  test('what a callback throws is what the call rejects with', async () => {
    const model = await open(database());
    const session = await model.session();
    const thrown = new Error('not today');
    const onProgress = (): void => {
      throw thrown;
    };
    await expect(session.append(TEXT, { onProgress })).rejects.toBe(thrown);
    expect((await session.stats()).tokens).toBe(0);
    await expect(open(database(), { onProgress })).rejects.toBe(thrown);
    await session.append(TEXT);
    await model.close();
  });
});

test('memory for activations does not grow with the text; pages and chunks grow in proportion to it', async () => {
  for (const method of ['dhsa', 'blocks'] as const) {
    const model = await openModel(
      MODEL,
      { kernelsUrl, attention: { method, budget: 256 }, kv: { store: 'none' } },
      new AbortController().signal,
      nothing,
    );
    const ids = (await model.tokenizer.encode(book().slice(5000, 40_000))).slice(0, 6144);
    const { context, close } = await openContext(model);
    const at = async (tokens: number) => {
      await context.append(ids.slice(context.tokens.length, tokens), false);
      return { ...model.reader.backend.bytes(), resident: context.resident.bytes };
    };
    const [few, many, most] = [await at(320), await at(3072), await at(6144)];
    expect(many.activations).toBe(few.activations);
    expect(most.activations).toBe(few.activations);
    expect(most.resident).toBe(2 * many.resident);
    // Memory that doubles when it must is at most twice what is needed.
    expect(most.chunks).toBeLessThanOrEqual(4 * many.chunks);
    expect(most.chunks).toBeLessThan(most.resident / 2);
    await close();
    expect(model.reader.backend.bytes()).toMatchObject({ activations: few.activations, pages: 0, chunks: 0 });
    await model.close();
  }
});

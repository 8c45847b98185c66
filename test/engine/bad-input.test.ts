import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { LoadOptions, Model } from '../../src/loaded-model.js';
import { kernelsUrl } from '../support/kernels.js';
import { book, MODEL } from './bundled.js';

const loading = (options: object): Promise<Model> =>
  load(MODEL, { kernelsUrl, kv: { store: 'none' }, ...(options as LoadOptions) });

let model: Model;
beforeAll(async () => {
  model = await loading({ attention: { method: 'dense' }, maxTokens: 300 });
});
afterAll(() => model.close());

describe('options that cannot be', () => {
  const refused: [string, object][] = [
    ['an unknown option', { atention: { method: 'dense' } }],
    ['an unknown backend', { backend: 'cuda' }],
    ['an unknown method', { attention: { method: 'magic' } }],
    ['a budget of 0', { attention: { method: 'dhsa', budget: 0 } }],
    ['a budget that is no number', { attention: { method: 'dhsa', budget: Number.NaN } }],
    ['a density over 1', { attention: { method: 'blocks', density: 1.5 } }],
    ['an option of another method', { attention: { method: 'dense', budget: 100 } }],
    ['an unknown codec', { kv: { keys: 'q3' } }],
    ['no room at all', { maxTokens: 0 }],
    ['half a token', { maxTokens: 10.5 }],
    ['an unknown store', { kv: { store: 'cloud' } }],
  ];
  for (const [what, options] of refused) {
    test(what, async () => {
      await expect(loading(options)).rejects.toMatchObject({ name: 'LonghandError', code: 'input/option' });
    });
  }

  test('a backend that is not there is not replaced in silence', async () => {
    await expect(loading({ backend: 'webgpu' })).rejects.toMatchObject({ code: 'unsupported/backend' });
  });

  test('sampling out of range', async () => {
    const context = await model.context();
    await context.append([1, 2, 3]);
    for (const options of [
      { temperature: -1 },
      { topP: 0 },
      { topK: 0.5 },
      { minP: 2 },
      { seed: -1 },
      { maxTokens: -1 },
      { topp: 1 },
      { repetitionPenalty: 0 },
      { presencePenalty: Number.NaN },
      { frequencyPenalty: '1' },
      { penaltyTokens: -1 },
      { logprobs: 1.5 },
      { logitBias: [1] },
      { logitBias: { 4096: 1 } },
      { logitBias: { the: 1 } },
      { logitBias: { 1: Number.NaN } },
      { logitBias: { 1: Number.POSITIVE_INFINITY } },
    ]) {
      await expect(context.generate(options as object)).rejects.toMatchObject({ code: 'input/option' });
    }
    expect(await context.generate({ maxTokens: 0 })).toEqual([]);
    await context.close();
  });

  test('a window beyond the trained one is taken only when it is asked for, with a warning', async () => {
    expect(model.info.warnings).toEqual([]);
    const wide = await loading({ maxTokens: 40_000 });
    expect(wide.info.maxTokens).toBe(40_000);
    expect(wide.info.warnings.join()).toContain('32768');
    await wide.close();
  });
});

describe('texts', () => {
  test('nothing, and what is not text', async () => {
    const session = await model.session();
    await session.append('');
    expect((await session.stats()).tokens).toBe(0);
    await expect(session.ask('Why?', { reasoning: 1 as never }).finish).rejects.toMatchObject({
      code: 'input/option',
    });
    await expect(session.ask('').finish).rejects.toMatchObject({ code: 'input/option' });
    await expect(session.append(7 as never)).rejects.toMatchObject({ code: 'input/type' });
    await expect(session.ask(undefined as never).finish).rejects.toMatchObject({ code: 'input/type' });
    await session.close();
  });

  test('lone surrogates are read as the replacement character', async () => {
    expect(await model.tokenize('a\ud800b')).toEqual(await model.tokenize('a\ufffdb'));
  });

  test('control tokens in a text stay text', async () => {
    const ids = await model.tokenize('<|im_end|>\n<|im_start|>assistant\n<|endoftext|>');
    expect(ids.length).toBeGreaterThan(12);
    expect(await model.detokenize(ids)).toBe('<|im_end|>\n<|im_start|>assistant\n<|endoftext|>');
  });

  test('a question about nothing is answered all the same', async () => {
    const session = await model.session();
    expect(await session.ask('Where is the brass key?', { maxTokens: 8 }).text()).not.toBe('');
    await session.close();
  });
});

describe('the window', () => {
  test('exactly full, one more, one less', async () => {
    const ids = (await model.tokenize(book().slice(0, 3000))).slice(0, 301);
    const context = await model.context();
    await expect(context.append(ids)).rejects.toMatchObject({
      code: 'input/too-long',
      details: { requested: 301, quota: 300 },
    });
    expect((await context.stats()).tokens).toBe(0);
    await context.append(ids.slice(0, 299));
    await context.append(ids.slice(299, 300));
    expect(await context.logits()).toHaveLength(4096);
    expect(await context.generate({ maxTokens: 5 })).toEqual([]);
    await expect(context.append([1])).rejects.toMatchObject({ code: 'input/too-long' });
    await context.close();

    const last = await model.context();
    await last.append(ids.slice(0, 298));
    expect(await last.generate({ maxTokens: 5, ignoreStops: true })).toHaveLength(2);
    await last.close();
  });

  test('an answer that fills it says so', async () => {
    const session = await model.session();
    await session.append(book().slice(0, 500));
    const answer = session.ask('Go on.', { maxTokens: 400, ignoreStops: true });
    await answer.text();
    expect((await answer.finish).reason).toBe('window');
    await session.close();
  });

  test('a question that does not fit leaves the text as it is', async () => {
    const session = await model.session();
    await session.append('A short text.');
    const { tokens } = await session.stats();
    await expect(session.ask(book().slice(0, 5000)).finish).rejects.toMatchObject({ code: 'input/too-long' });
    expect((await session.stats()).tokens).toBe(tokens);
    await session.close();
  });
});

describe('contexts', () => {
  test('ids that are none', async () => {
    const context = await model.context();
    for (const ids of [[-1], [4096], [1.5], [Number.NaN], ['a' as never]]) {
      await expect(context.append(ids)).rejects.toMatchObject({ code: 'input/type' });
    }
    await expect(context.logits()).rejects.toMatchObject({ code: 'input/option' });
    await context.append([]);
    await context.close();
  });

  test('two calls at once', async () => {
    const context = await model.context();
    await context.append([1, 2, 3]);
    const first = context.generate({ maxTokens: 4, ignoreStops: true });
    await expect(context.generate({ maxTokens: 4 })).rejects.toMatchObject({ code: 'input/busy' });
    expect(await first).toHaveLength(4);
    expect(await context.generate({ maxTokens: 1, ignoreStops: true })).toHaveLength(1);
    await context.close();
  });

  test('two contexts of one model take turns and do not disturb each other', async () => {
    const ids = (await model.tokenize(book().slice(0, 1500))).slice(0, 200);
    const alone = await model.context();
    await alone.append(ids);
    const expected = await alone.generate({ maxTokens: 8, ignoreStops: true });
    const [a, b] = [await model.context(), await model.context()];
    await Promise.all([a.append(ids), b.append(ids.slice(50))]);
    const [one] = await Promise.all([
      a.generate({ maxTokens: 8, ignoreStops: true }),
      b.generate({ maxTokens: 8, ignoreStops: true }),
    ]);
    expect(one).toEqual(expected);
    for (const context of [alone, a, b]) await context.close();
  });

  test('calls after closing', async () => {
    const context = await model.context();
    await context.close();
    await context.close();
    await expect(context.append([1])).rejects.toMatchObject({ code: 'engine/closed' });
    await expect(context.stats()).rejects.toMatchObject({ code: 'engine/closed' });
    const other = await loading({});
    await other.close();
    await expect(other.context()).rejects.toMatchObject({ code: 'engine/closed' });
    await expect(other.tokenize('a')).rejects.toMatchObject({ code: 'engine/closed' });
  });

  test('memory comes back', async () => {
    const ids = (await model.tokenize(book().slice(0, 1500))).slice(0, 250);
    const once = async (): Promise<number> => {
      const context = await model.context();
      await context.append(ids);
      await context.generate({ maxTokens: 2, ignoreStops: true });
      const { bytes } = await context.stats();
      await context.close();
      return bytes.total;
    };
    const first = await once();
    for (let i = 0; i < 10; i++) expect(await once()).toBe(first);
  });

  test('plans that are not there', async () => {
    const context = await model.context();
    await context.append([1, 2, 3]);
    expect(await context.plan({ layer: 0, head: 0 })).toEqual([[0, 3]]);
    await expect(context.plan({ layer: 6, head: 0 })).rejects.toMatchObject({ code: 'input/option' });
    await expect(context.plan({ layer: 0, head: 2 })).rejects.toMatchObject({ code: 'input/option' });
    await context.close();
  });
});

describe('files that are no model', () => {
  test('an empty file, a text, a truncated model', async () => {
    for (const bytes of [
      new Uint8Array(0),
      new TextEncoder().encode('<!doctype html>'),
      new Uint8Array(64),
    ]) {
      await expect(load(bytes, { kernelsUrl })).rejects.toMatchObject({ code: 'model/corrupt' });
    }
    await expect(load('no/such/file.gguf', { kernelsUrl })).rejects.toMatchObject({
      code: 'model/unreachable',
    });
  });
});

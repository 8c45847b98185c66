/** `model.probe` says what appending a text would find: checked against appending it. */
import 'fake-indexeddb/auto';
import { afterEach, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { LoadOptions, Model } from '../../src/loaded-model.js';
import { kernelsUrl } from '../support/kernels.js';
import { randomModel } from '../support/random-model.js';
import { TEXT } from './small-model.js';

const models: Model[] = [];
afterEach(async () => {
  for (const model of models.splice(0)) await model.close();
});
const file = randomModel({ architecture: 'llama', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 5, layers: 2 });
const open = async (options: LoadOptions = {}): Promise<Model> => {
  const attention = { method: 'dhsa', budget: 192 } as const;
  const kv = { store: 'idb', database: 'probe' } as const;
  const model = await load(file, {
    kernelsUrl,
    threads: 1,
    attention,
    ...options,
    kv: { ...kv, ...options.kv },
  });
  models.push(model);
  return model;
};

/** Appends to a new session, and says what it found. */
const append = async (model: Model, text: string, system?: string) => {
  const session = await model.session(system === undefined ? {} : { system });
  await session.append(text);
  const { tokens, reusedTokens } = await session.stats();
  await session.close();
  return { tokens, reusedTokens };
};

test('a probe finds what appending finds, and says why not more', async () => {
  const model = await open();
  const before = await model.probe(TEXT);
  expect(before).toMatchObject({ restorableTokens: 0, cause: 'unread' });
  expect(await append(model, TEXT)).toEqual({ tokens: before.tokens, reusedTokens: 0 });

  const expectSame = async (asked: Model, text: string, system?: string) => {
    const found = await asked.probe(text, system === undefined ? {} : { system });
    expect(await append(asked, text, system)).toEqual({
      tokens: found.tokens,
      reusedTokens: found.restorableTokens,
    });
    return found;
  };
  const whole = await expectSame(model, TEXT);
  expect(whole).toEqual({
    tokens: before.tokens,
    restorableTokens: before.tokens - (before.tokens % 256),
    cause: 'end',
  });
  expect(whole.restorableTokens).toBeGreaterThanOrEqual(512);

  // Another end: it begins alike.
  const cut = Math.floor(TEXT.length * 0.6);
  const edited = `${TEXT.slice(0, cut)} Otherwise. ${TEXT.slice(cut)}`;
  const found = await expectSame(model, edited);
  expect(found).toMatchObject({ cause: 'tokens', differsAt: expect.any(Number) });
  expect(found.differsAt).toBeGreaterThanOrEqual(found.restorableTokens);
  expect(found.restorableTokens).toBeGreaterThanOrEqual(256);
  // Another system text makes other tokens of all of it.
  expect(await expectSame(model, TEXT, 'Answer briefly.')).toMatchObject({ restorableTokens: 0 });
  expect(await expectSame(model, TEXT, 'Answer briefly.')).toMatchObject({ cause: 'end' });
  // Ids are what a context is given: nothing stands in front of them.
  const ids = await model.tokenize(TEXT);
  const bare = await model.context();
  await bare.append(ids);
  await bare.close();
  expect(await model.probe(Uint32Array.from(ids))).toEqual({
    tokens: ids.length,
    restorableTokens: ids.length - (ids.length % 256),
    cause: 'end',
  });

  const other = await open({ attention: { method: 'dense' }, kv: { values: 'q4' } });
  const otherwise = await expectSame(other, TEXT);
  expect(otherwise).toMatchObject({ restorableTokens: 0, cause: 'made' });
  expect(otherwise.made!.map(({ part }) => part)).toEqual(['codec', 'attention']);
  expect(otherwise.made![1]).toEqual({
    part: 'attention',
    found: model.info.attention,
    ours: other.info.attention,
  });
});

test('what cannot be probed', async () => {
  const model = await open({ maxTokens: 512 });
  for (const [what, options, code] of [
    ['', {}, 'input/option'],
    [[], {}, 'input/option'],
    [17, {}, 'input/type'],
    [null, {}, 'input/type'],
    [[1e9], {}, 'input/type'],
    [[1], { system: 'Answer.' }, 'input/option'],
    ['a', { sytem: 'Answer.' }, 'input/option'],
    ['a', { system: 3 }, 'input/option'],
    [TEXT, {}, 'input/too-long'],
  ] as const) {
    await expect(model.probe(what as string, options as object), String(what)).rejects.toMatchObject({
      code,
    });
  }
  await expect(model.probe('a', { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  });
  const forgetful = await open({ kv: { store: 'none' } });
  await expect(forgetful.probe('a')).rejects.toMatchObject({ code: 'storage/unavailable' });
});

test('a budget for the disk is heeded, and what it cost is known', async () => {
  const free = await open({ kv: { database: 'unbounded' } });
  await append(free, TEXT);
  const one = await free.session();
  await free.probe(TEXT);
  const { storedBytes } = await one.stats();
  await one.close();
  const budget = Math.floor(1.5 * storedBytes);
  const model = await open({ kv: { database: 'bounded', disk: budget } });
  await append(model, TEXT);
  expect(await model.probe(TEXT)).toMatchObject({ cause: 'end' });
  const other = TEXT.split(' ').reverse().join(' ');
  await append(model, other);
  expect(await model.probe(other)).toMatchObject({ cause: 'end' });
  const found = await model.probe(TEXT);
  expect(found.cause).toBe('evicted');
  expect(await append(model, TEXT)).toEqual({ tokens: found.tokens, reusedTokens: found.restorableTokens });
  const session = await model.session();
  const stats = await session.stats();
  await session.close();
  expect(stats.storage).toBe('ok');
  expect(stats.storedBytes).toBeLessThanOrEqual(budget);
  for (const disk of ['2 bytes', -1, Number.NaN]) {
    await expect(open({ kv: { disk } })).rejects.toMatchObject({
      code: 'input/option',
      details: { option: 'kv.disk' },
    });
  }
});

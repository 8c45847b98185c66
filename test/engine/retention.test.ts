/** What is kept of a text, and what that does to plans, pages and the store. */
import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { PAGE } from '../../src/backends/backend.js';
import { openContext, openSession } from '../../src/engine/open-context.js';
import { type OpenModel, openModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { Context } from '../../src/generate/context.js';
import { createPager } from '../../src/kv/pager.js';
import type { RetentionOptions } from '../../src/policies/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { lessFile } from '../support/less-file.js';
import { random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';

const LAYERS = 3;
const file = randomModel({
  architecture: 'llama',
  type: 'Q8_0',
  tokenizer: 'llama-bpe',
  seed: 5,
  layers: LAYERS,
});
const KERNELS = lessFile({ layers: LAYERS, heads: 4, kvHeads: 2, dim: 32, hidden: 12, rank: 4 });
const open = (retention?: RetentionOptions, options: EngineOptions = {}): Promise<OpenModel> =>
  openModel(
    file,
    {
      kernelsUrl,
      threads: 1,
      attention: { method: 'dense' },
      kv: { store: 'memory' },
      ...(retention && { retention }),
      ...options,
    },
    new AbortController().signal,
    () => undefined,
  );
const { below } = random(8);
const IDS = Array.from({ length: 900 }, () => below(256));

test('rows whose plans have lifts are observed, and their plans cut, like any others', async () => {
  const attention = { method: 'random', budget: 200, rest: 60, sinks: 4, local: 8 } as const;
  const model = await open({ policy: 'h2o', budget: 300 }, { attention });
  const context = new Context(model.reader);
  await context.append(IDS, false);
  context.push(7);
  const logits = await context.logits();
  expect(logits.every(Number.isFinite)).toBe(true);
  expect(context.kept).toBeLessThan(400);
  // Some of what was drawn is gone: less than a budget is read.
  const tokens = (await context.plan(1, 0)).reduce((sum, [start, end]) => sum + end - start, 0);
  expect(tokens).toBeLessThan(200);
  expect(tokens).toBeGreaterThan(20);
  context.close();
  await model.close();
});

describe('sinks and a window', () => {
  test('are all that rows read, in the text and in answers', async () => {
    const model = await open({ policy: 'sinks-window', sinks: 5, window: 100 });
    const context = new Context(model.reader);
    await context.append(IDS, false);
    // The last tile of the text, then a row of its own.
    expect(await context.plan(1, 1)).toEqual([
      [0, 5],
      [796, 900],
    ]);
    context.push(7);
    await context.logits();
    expect(await context.plan(2, 0)).toEqual([
      [0, 5],
      [800, 901],
    ]);
    expect(context.kept).toBe(105);
    context.close();
    await model.close();
  });

  test('leave the pages between in the store alone', async () => {
    const everything = await open();
    const model = await open({ policy: 'sinks-window', sinks: 5, window: 100 });
    const held = async (from: OpenModel): Promise<number[]> => {
      const session = await openSession(from, {});
      await session.conversation!.append('The lighthouse keeper lost the brass key. '.repeat(60), {});
      await from.kept!.archive.drained();
      await session.conversation!.ask('Where?', { maxTokens: 2, ignoreStops: true }, {}, () => undefined);
      const { tokens, pagesResident, paging } = await session.stats();
      await session.close();
      return [tokens, pagesResident, paging.missed];
    };
    const [tokens, pages] = await held(everything);
    expect(pages).toBe(LAYERS * Math.ceil(tokens! / PAGE));
    const [, fewer, missed] = await held(model);
    // Sinks lie in one page, the window in two or three; a segment that is being read is not stored yet.
    expect(fewer).toBeLessThanOrEqual(LAYERS * (1 + 3 + 4));
    expect(fewer).toBeLessThan(pages! / 2);
    expect(missed).toBe(0);
    await everything.close();
    await model.close();
  });

  test('have pages of their own for a text, unless only answers are bound', async () => {
    const read = async (retention: RetentionOptions | undefined, database: string): Promise<number> => {
      const model = await open(retention, { kv: { store: 'idb', database } });
      const session = await openSession(model, {});
      await session.conversation!.append('The lighthouse keeper lost the brass key. '.repeat(40), {});
      const { reusedTokens } = await session.stats();
      await session.close();
      await model.close();
      return reusedTokens;
    };
    expect(await read(undefined, 'a')).toBe(0);
    expect(await read({ policy: 'sinks-window', window: 100 }, 'a')).toBe(0);
    expect(await read({ policy: 'sinks-window', window: 100 }, 'a')).toBeGreaterThan(255);
    expect(await read({ policy: 'sinks-window', window: 100, reading: false }, 'a')).toBeGreaterThan(255);
  });

  test('are checked', async () => {
    for (const wrong of [
      { policy: 'sinks-window', window: 0 },
      { policy: 'sinks-window', sink: 4 },
      { policy: 'sink' },
      { policy: 'keep-all', budget: 3 },
    ]) {
      await expect(open(wrong as RetentionOptions)).rejects.toMatchObject({ code: 'input/option' });
    }
  });
});

test('where everything is kept nothing is different', async () => {
  const [plain, kept] = [await open(), await open({ policy: 'keep-all' })];
  expect(kept.info.retention).toBe('keep-all');
  const logits = await Promise.all(
    [plain, kept].map(async (model) => {
      const context = new Context(model.reader);
      await context.append(IDS, false);
      expect(context.kept).toBe(900);
      return context.logits();
    }),
  );
  expect(logits[1]).toEqual(logits[0]);
  await plain.close();
  await kept.close();
});

describe('of one session', () => {
  const TEXT = 'The lighthouse keeper lost the brass key on the winter stairs. '.repeat(30);
  const answered = async (model: OpenModel, retention?: RetentionOptions) => {
    const session = await openSession(model, { ...(retention && { retention }) });
    await session.conversation!.append(TEXT, {});
    await model.kept!.archive.drained();
    await session.conversation!.ask('Where?', { maxTokens: 2, ignoreStops: true }, {}, () => undefined);
    return session;
  };

  test('is its own, of the same pages, and its clone has it too', async () => {
    const model = await open();
    const plain = await (await answered(model)).stats();
    expect(plain.kept).toBe(plain.tokens);
    const less = await answered(model, { policy: 'snap-kv', budget: 100, recent: 8 });
    const { kept, tokens, reusedTokens } = await less.stats();
    expect(tokens).toBe(plain.tokens);
    expect(kept).toBeLessThan(120);
    expect(reusedTokens).toBeGreaterThan(255);
    const clone = await openSession(model, {}, {}, less);
    await clone.conversation!.ask('Who?', { maxTokens: 2, ignoreStops: true }, {}, () => undefined);
    expect((await clone.stats()).kept).toBeLessThan(120);
    const again = await (await answered(model)).stats();
    expect(again.kept).toBe(again.tokens);
    await model.close();
  });

  test('goes by numbers that are given, and keeps what lies behind them', async () => {
    const model = await open();
    const wanted = [300, 301, 302, 303, 500];
    const scores = IDS.map((_, t) => (wanted.includes(t) ? 5 : 1 / (t + 2)));
    const retention = { policy: 'given', scores, budget: 60, recent: 0, sinks: 0, grain: 1 } as const;
    const { context, close } = await openContext(model, { retention });
    await context.append(IDS, false);
    await context.append(IDS.slice(0, 12), true);
    context.push(3);
    await context.logits();
    expect(await context.plan(1, 1)).toEqual([
      [0, 43],
      [300, 304],
      [500, 501],
      [900, 913],
    ]);
    await close();
    for (const wrong of [{}, { scores: [Number.NaN] }, { sources: [{ start: 3, end: 3, share: 1 }] }]) {
      const given = { policy: 'given', ...wrong } as RetentionOptions;
      await expect(openContext(model, { retention: given })).rejects.toMatchObject({ code: 'input/option' });
    }
    await model.close();
  });

  test('does not shape the pages of texts, which others share', async () => {
    const [plain, bound] = [await open(), await open({ policy: 'sinks-window', window: 100 })];
    const refused = { code: 'input/option', message: expect.stringContaining('sessions share') };
    const bounding = { policy: 'sinks-window', window: 64 } as const;
    await expect(openSession(plain, { retention: bounding })).rejects.toMatchObject(refused);
    await expect(openSession(bound, { retention: { policy: 'keep-all' } })).rejects.toMatchObject(refused);
    const { context, close } = await openContext(plain, { retention: { ...bounding, reading: false } });
    await context.append(IDS, false);
    context.push(3);
    await context.logits();
    expect(context.kept).toBe(80);
    await close();
    await plain.close();
    await bound.close();
  });
});

describe('duo', () => {
  const all = (worth: number): number[][] => new Array<number[]>(LAYERS).fill([worth, worth]);
  const logitsOf = async (retention?: RetentionOptions): Promise<Float32Array> => {
    const model = await open(retention);
    const context = new Context(model.reader);
    await context.append(IDS, false);
    context.push(3);
    const logits = await context.logits();
    await model.close();
    return logits;
  };

  test('is dense where all heads retrieve, and a window where all stream', async () => {
    const dense = await logitsOf();
    expect(await logitsOf({ policy: 'duo', heads: all(1), sparsity: 0 })).toEqual(dense);
    const streams = await logitsOf({ policy: 'duo', heads: all(0), sparsity: 1, sinks: 9, recent: 120 });
    expect(streams).not.toEqual(dense);
    expect(streams).toEqual(await logitsOf({ policy: 'sinks-window', sinks: 9, window: 120 }));
  });

  test('finds out by itself which heads retrieve, and reads by that', async () => {
    const model = await open({ policy: 'duo', sinks: 4, recent: 64 });
    const shown = / heads=([rs ]+)$/.exec(model.info.retention)![1]!;
    expect(shown.match(/s/g)).toHaveLength(LAYERS);
    const context = new Context(model.reader);
    await context.append(IDS, false);
    for (const [layer, own] of shown.split(' ').entries()) {
      for (const head of [0, 1]) {
        const tokens = (await context.plan(layer, head)).reduce((sum, [from, to]) => sum + to - from, 0);
        expect(tokens).toBe(own[head] === 's' ? 4 + 64 + 4 : 900);
      }
    }
    expect(context.kept).toBe((4 + 64 + 900) / 2);
    await model.close();
  });
});

describe('what a question looks at', () => {
  const TEXT = 'The lighthouse keeper lost the brass key on the winter stairs. '.repeat(30);
  const ANSWER = { maxTokens: 12, temperature: 0, ignoreStops: true };
  const questions = ['Where is the key?', 'Who lost it, and when was that?'];

  test.each<[RetentionOptions, 'q8' | 'q2']>([
    [{ policy: 'snap-kv', budget: 120, recent: 8, grain: 1 }, 'q8'],
    [{ policy: 'h2o', budget: 120, every: 4 }, 'q8'],
    [{ policy: 'a2sf', budget: 120, values: true, heads: 'ada', layers: 'pyramid' }, 'q2'],
    [{ policy: 'h2o', budget: 120, every: 4, evicted: 'mean' }, 'q2'],
    [{ policy: 'h2o', budget: 120, every: 4, evicted: 'less', kernels: KERNELS.buffer }, 'q8'],
    [{ policy: 'expected', budget: 120, recent: 8 }, 'q8'],
  ])('is kept for its answer, and a second question finds all of the text again: %j, values in %s', async (retention, values) => {
    const model = await open(retention, { kv: { store: 'memory', values } });
    /** Answers of questions in this order, and what was kept behind each of them. */
    const ask = async (order: readonly number[]): Promise<Map<number, [string, number]>> => {
      const session = await openSession(model, {});
      await session.conversation!.append(TEXT, {});
      const said = new Map<number, [string, number]>();
      for (const n of order) {
        let answer = '';
        await session.conversation!.ask(questions[n]!, ANSWER, {}, (text) => (answer += text));
        said.set(n, [answer, (await session.stats()).kept]);
      }
      await session.close();
      return said;
    };
    const [forth, back] = [await ask([0, 1]), await ask([1, 0])];
    // Whatever was asked before, a question is answered as if it were the first.
    for (const n of [0, 1]) expect(forth.get(n)).toEqual(back.get(n));
    expect(forth.get(0)![0]).not.toBe('');
    await model.close();
  });

  test.each([
    'h2o',
    'a2sf',
  ] as const)('costs %s the last rows of a text that is read, not all', async (policy) => {
    const model = await open({ policy, budget: 120 });
    const { backend } = model.reader;
    const { observe } = backend;
    let rows = 0;
    const counting: typeof observe = (out, q, ...rest) => {
      rows += q.rows;
      observe(out, q, ...rest);
    };
    Object.assign(backend, { observe: counting });
    const context = new Context(model.reader);
    await context.append(IDS.slice(0, 900), false);
    expect(rows).toBe(LAYERS * 256);
    await context.append(IDS.slice(0, 20), true);
    expect(rows).toBe(LAYERS * (256 + 20));
    context.close();
    await model.close();
  });

  test('counts, in plans, in numbers and in pages', async () => {
    const model = await open({ policy: 'snap-kv', budget: 200, recent: 8, grain: 64, rows: 16 });
    const context = new Context(
      model.reader,
      createPager(model.kept!.archive, model.reader.arena.segmentTokens),
    );
    await context.append(IDS, false);
    await context.append(IDS.slice(0, 20), true);
    const { pages } = context.resident;
    expect(context.kept).toBe(920);
    context.push(5);
    await model.kept!.archive.drained();
    await context.logits();
    // Pieces of 64, two of which fit, one perhaps cut by what is kept anyway.
    expect(context.kept).toBeGreaterThan(100);
    expect(context.kept).toBeLessThanOrEqual(201);
    expect(context.resident.pages).toBeLessThan(pages);
    for (let layer = 0; layer < LAYERS; layer++) {
      for (const head of [0, 1]) {
        const ranges = await context.plan(layer, head);
        expect(ranges.at(-1)![1]).toBe(921);
        const tokens = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
        expect(tokens).toBeLessThanOrEqual(201);
      }
    }
    expect(context.paging.missed).toBe(0);
    // More text, and everything is named again, fetched where it is missing.
    await context.append(IDS.slice(0, 30), true);
    expect(context.kept).toBe(951);
    expect(await context.plan(1, 0)).toEqual([[0, 951]]);
    expect(context.paging.missed).toBeGreaterThan(0);
    context.close();
    await model.close();
  });

  test('is the same for all questions where it goes by what may be expected', async () => {
    const planAfter = async (retention: RetentionOptions, question: readonly number[]): Promise<string> => {
      const model = await open(retention);
      const context = new Context(model.reader);
      await context.append(IDS.slice(0, 600), false);
      await context.append(question, true);
      context.push(5);
      await context.logits();
      const text = (await context.plan(1, 0)).map(([from, to]) => [from, Math.min(to, 600)]);
      await model.close();
      return JSON.stringify(text);
    };
    const questions = [IDS.slice(600, 620), IDS.slice(700, 720)];
    const [one, other] = await Promise.all(
      questions.map((ids) => planAfter({ policy: 'expected', budget: 120, recent: 20 }, ids)),
    );
    expect(one).toBe(other);
    const [looked, else_] = await Promise.all(
      questions.map((ids) => planAfter({ policy: 'snap-kv', budget: 120, recent: 20 }, ids)),
    );
    expect(looked).not.toBe(else_);
  });

  test('is bit for bit what plans without the rest would read', async () => {
    const model = await open({ policy: 'a2sf', budget: 100, every: 0 });
    const plain = await open();
    const [cut, whole] = [new Context(model.reader), new Context(plain.reader)];
    for (const context of [cut, whole]) await context.append(IDS.slice(0, 500), false);
    expect(await cut.logits()).toEqual(await whole.logits());
    for (const context of [cut, whole]) context.push(9);
    // What was dropped is missed: the comparison can fail.
    expect(await cut.logits()).not.toEqual(await whole.logits());
    // Back before the answer, everything is there.
    for (const context of [cut, whole]) context.rewind({ tokens: 500 });
    for (const context of [cut, whole]) await context.append([9], true);
    expect(await cut.logits()).toEqual(await whole.logits());
    await model.close();
    await plain.close();
  });
});

describe('act', () => {
  const answer = async (retention?: RetentionOptions): Promise<Float32Array[]> => {
    const model = await open(retention);
    const context = new Context(model.reader);
    await context.append(IDS.slice(0, 850), false);
    await context.append(IDS.slice(850), true);
    const all = [(await context.logits()).slice()];
    for (const id of [3, 9]) {
      context.push(id);
      all.push((await context.logits()).slice());
    }
    expect(context.kept).toBe(context.tokens.length);
    context.close();
    await model.close();
    return all;
  };

  test('changes rows of answers, where there are sinks and as far as it is told', async () => {
    const dense = await answer();
    expect(await answer({ policy: 'act', threshold: 0.001, beta: 1 })).toEqual(dense);
    expect(await answer({ policy: 'act', threshold: 1 })).toEqual(dense);
    const none = [
      [false, false],
      [false, false],
      [false, false],
    ];
    expect(await answer({ policy: 'act', threshold: 0.001, heads: none })).toEqual(dense);
    const found = await answer({ policy: 'act', threshold: 0.001 });
    expect(found[0]).toEqual(dense[0]);
    for (const row of [1, 2]) expect(found[row]).not.toEqual(dense[row]);
  });
});

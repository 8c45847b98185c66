/** What is kept of a text, and what that does to plans, pages and the store. */
import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { PAGE } from '../../src/backends/backend.js';
import { openSession } from '../../src/engine/open-context.js';
import { type OpenModel, openModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { Context } from '../../src/generate/context.js';
import type { RetentionOptions } from '../../src/policies/index.js';
import { kernelsUrl } from '../support/kernels.js';
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
    expect(context.kept).toBe(106);
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

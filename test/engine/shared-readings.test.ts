/** Methods that read a text alike share its pages, however they answer: it is read once, and what is attached is what they would read. */
import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { openSession } from '../../src/engine/open-context.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { storedSessions } from '../../src/engine/stored-sessions.js';
import { book, openBundled } from './bundled.js';
import { everything } from './everything.js';

const TEXT = book().slice(5000, 8500);
let count = 0;

const open = (options: EngineOptions, database?: string): Promise<OpenModel> =>
  openBundled({
    maxTokens: 2048,
    ...options,
    kv: database === undefined ? { store: 'none' } : { store: 'idb', database },
  });

/** Tokens that were attached, and all that is there once the text was read and a few words were asked behind it. */
const read = async (model: OpenModel) => {
  const { conversation, context, stats, close } = await openSession(model, {});
  await conversation!.append(TEXT, {});
  await context.append(await model.tokenizer.encode(' Who was it?'), true);
  const found = await everything(model, context);
  const { reusedTokens } = await stats();
  await close();
  await model.close();
  return { reusedTokens, found };
};

const inTurn = async (first: EngineOptions, second: EngineOptions) => {
  const database = `readings-${++count}`;
  await read(await open(first, database));
  return read(await open(second, database));
};

test.each<[EngineOptions, EngineOptions]>([
  [{ attention: { method: 'dense' } }, { attention: { method: 'landmark', density: 0.2 } }],
  [
    { attention: { method: 'token-select', density: 0.2 } },
    { attention: { method: 'retrieval', density: 0.3 } },
  ],
  [
    { attention: { method: 'quest', density: 0.2 } },
    { attention: { method: 'quest', density: 0.5, dense: 1 } },
  ],
  [
    { attention: { method: 'landmark' } },
    { attention: { method: 'dense' }, retention: { policy: 'snap-kv', density: 0.3 } },
  ],
])('%j, then %j', async (first, second) => {
  const { reusedTokens, found } = await inTurn(first, second);
  expect(reusedTokens).toBeGreaterThanOrEqual(768);
  const alone = await read(await open(second));
  expect(alone.reusedTokens).toBe(0);
  expect(found).toEqual(alone.found);
});

test.each<[EngineOptions, EngineOptions]>([
  [{ attention: { method: 'dhsa', density: 0.2 } }, { attention: { method: 'dhsa', density: 0.3 } }],
  [{ attention: { method: 'dense' } }, { attention: { method: 'dense', skip: 0.01 } }],
  // What is noted of a text is stored with its pages.
  [{ attention: { method: 'dense' } }, { attention: { method: 'quest' } }],
  [{ attention: { method: 'quest' } }, { attention: { method: 'quest', reading: 'dhsa' } }],
])('nothing is shared by %j and %j', async (first, second) => {
  expect((await inTurn(first, second)).reusedTokens).toBe(0);
});

test('what was asked and answered is private to the method that answered: it is computed again, the text is not', async () => {
  const database = `readings-${++count}`;
  const visit = async (attention: EngineOptions['attention']) => {
    const model = await open({ attention: attention! }, database);
    const [stored] = await storedSessions(model).list();
    const session = await openSession(model, { id: 'book' });
    const { meter } = session.context;
    if (!stored) await session.conversation!.append(TEXT, {});
    await session.conversation!.ask(
      stored ? 'And where?' : 'Who was it?',
      { maxTokens: 4, continue: true },
      {},
      () => undefined,
    );
    const { reusedTokens, recomputedTokens } = meter;
    await session.close();
    await model.close();
    return { stored, reusedTokens, recomputedTokens };
  };
  const landmark = { method: 'landmark', density: 0.3 } as const;
  await visit(landmark);
  const same = await visit(landmark);
  expect(same.stored).toMatchObject({ restores: 'pages' });
  expect(same.recomputedTokens).toBe(0);
  const other = await visit({ method: 'dense' });
  expect(other.stored).toMatchObject({
    restores: 'tokens',
    problem: expect.stringMatching(/asked and answered was made with another attention method \(landmark/),
  });
  expect(other.reusedTokens).toBe(768);
  expect(other.recomputedTokens).toBeGreaterThan(100);
});

/** A device that dies in the middle of anything: what was begun ends on the next one, as if nothing had happened. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend } from '../../src/backends/backend.js';
import { createLadder, type Loaded, type Rung } from '../../src/engine/ladder.js';
import { openSession } from '../../src/engine/open-context.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { LonghandError } from '../../src/errors.js';
import { createTurns } from '../../src/generate/turns.js';
import { openMemory } from '../../src/stores/memory.js';
import { ask, openSmall, over, TEXT } from './small-model.js';

let models: OpenModel[] = [];
beforeAll(async () => {
  models = await Promise.all([0, 1, 2].map(openSmall));
});
afterAll(async () => {
  for (const model of models) await model.close();
});

/** Where a device dies: at the so-many-th call of a verb. From then on every verb throws. */
interface Death {
  readonly verb: keyof Backend;
  readonly call: number;
}

const mortal = (backend: Loaded['backend'], death: Death | undefined): Loaded['backend'] => {
  let calls = 0;
  let dead = false;
  const verbs = Object.entries(backend).map(([name, verb]) => {
    if (typeof verb !== 'function' || ['free', 'bytes', 'close', 'flush'].includes(name)) return [name, verb];
    return [
      name,
      (...args: unknown[]) => {
        dead ||= name === death?.verb && ++calls === death.call;
        const lost = new LonghandError('engine/lost', 'The device was lost.');
        if (dead && name.startsWith('read')) return Promise.reject(lost);
        if (dead) throw lost;
        return (verb as (...args: unknown[]) => unknown)(...args);
      },
    ];
  });
  return { ...Object.fromEntries(verbs), close: () => undefined };
};

/** A model whose devices die one after the other. */
const onMortals = async (deaths: readonly (Death | undefined)[]): Promise<OpenModel> => {
  const exclusive = createTurns();
  const rungs = deaths.map(
    (death, n): Rung =>
      async () => {
        const { backend, weights, arena } = models[n]!.reader;
        return { backend: mortal(backend as Loaded['backend'], death), weights, arena };
      },
  );
  const ladder = await createLadder(rungs, exclusive, new AbortController().signal);
  const reader: OpenModel['reader'] = {
    ...models[0]!.reader,
    get backend() {
      return ladder.now.backend;
    },
    get weights() {
      return ladder.now.weights;
    },
    get arena() {
      return ladder.now.arena;
    },
    exclusive,
    replace: ladder.replace,
  };
  return over({ ...models[0]!, reader, ladder }, await openMemory());
};

/** Two sessions that take turns, one of which goes on, and what they cost. */
const conversation = async (model: OpenModel) => {
  const sessions = [await openSession(model, { id: 'book' }), await openSession(model, {})] as const;
  const [kept, other] = sessions;
  await kept.conversation!.append(TEXT, {});
  await other.conversation!.append(TEXT.slice(0, 700), {});
  const answers = [
    await ask(kept, 'Where is the lamp?'),
    await ask(other, 'Who keeps the sea?', true),
    await ask(kept, 'What returns?', true),
  ];
  const plan = await kept.context.plan(1, 0);
  const messages = [kept, other].map(({ conversation: one }) => one!.messages());
  const stats = await kept.stats();
  const others = await other.stats();
  for (const session of sessions) await session.close();
  const again = await openSession(model, { id: 'book' });
  const tokens = [...again.context.tokens];
  await again.close();
  return { said: { answers, plan, messages, tokens }, stats, others };
};

const DEATHS: readonly (readonly Death[])[] = [
  [{ verb: 'matmul', call: 5 }],
  [{ verb: 'appendKv', call: 6 }],
  [{ verb: 'segment', call: 2 }],
  [{ verb: 'readChunks', call: 1 }],
  [{ verb: 'readPage', call: 9 }],
  [{ verb: 'readPairs', call: 14 }],
  [{ verb: 'read', call: 2 }],
  [{ verb: 'attend', call: 60 }],
  [
    { verb: 'rope', call: 11 },
    { verb: 'read', call: 4 },
  ],
  [
    { verb: 'read', call: 7 },
    { verb: 'writeChunks', call: 1 },
  ],
  [
    { verb: 'attend', call: 9 },
    { verb: 'attend', call: 9 },
  ],
  [
    { verb: 'read', call: 3 },
    { verb: 'read', call: 9 },
  ],
];

test('whatever dies where, the conversation is the undisturbed one', { timeout: 120_000 }, async () => {
  const undisturbed = await conversation(await onMortals([undefined]));
  expect(undisturbed.stats.computing.losses).toBe(0);
  let [losses, readAgain, attached] = [0, 0, 0];
  for (const deaths of DEATHS) {
    const model = await onMortals([...deaths, undefined]);
    const found = await conversation(model);
    expect(found.said, JSON.stringify(deaths)).toEqual(undisturbed.said);
    losses += found.stats.computing.losses;
    readAgain += found.stats.recomputedTokens + found.others.recomputedTokens;
    attached += found.stats.reusedTokens;
  }
  // One that is never called kills nobody.
  expect(losses).toBeGreaterThan(DEATHS.length);
  // What the store had was attached, the rest read again.
  expect(Math.min(readAgain, attached)).toBeGreaterThan(100);
});

test('where there is no other device the error is the typed one, and tokens stay as they were', async () => {
  const model = await onMortals([{ verb: 'attend', call: 5 }]);
  const session = await openSession(model, {});
  await expect(session.conversation!.append(TEXT, {})).rejects.toMatchObject({ code: 'engine/lost' });
  expect(session.context.tokens).toHaveLength(0);
  await session.close();
});

test('whoever gives up while a device is replaced is let go at once', async () => {
  const exclusive = createTurns();
  const { backend, weights, arena } = models[0]!.reader;
  const first = { backend: backend as Loaded['backend'], weights, arena };
  const ladder = await createLadder(
    [async () => first, () => new Promise(() => undefined)],
    exclusive,
    new AbortController().signal,
  );
  const stop = new AbortController();
  const lost = new LonghandError('engine/lost', 'The device was lost.');
  const waiting = ladder.replace({ ...backend }, lost, stop.signal);
  expect(await waiting).toBe(true);
  const fake = { ...first.backend, close: () => undefined };
  const own = await createLadder(
    [async () => ({ ...first, backend: fake }), () => new Promise(() => undefined)],
    exclusive,
    new AbortController().signal,
  );
  const replacing = own.replace(fake, lost, stop.signal);
  stop.abort();
  await expect(replacing).rejects.toMatchObject({ name: 'AbortError' });
});

// In a ranking and, but for plans, which only rankings write so, in a sifting.
test.each([
  ['observe', [6, 20]],
  ['attend', [6, 40]],
  ['writePlan', [2]],
] as const)('documents are ranked and a text is sifted as if nothing had happened when the device dies in %s', async (verb, calls) => {
  const found = async (deaths: readonly (Death | undefined)[]) => {
    const model = await onMortals(deaths);
    const session = await openSession(model, {});
    const { rank, sift } = await session.retrieval!.get();
    const documents = [0, 300, 600].map((from) => TEXT.slice(from, from + 200));
    const outcome = [
      await rank(documents, 'Where is the lamp?', {}, {}),
      await rank(documents, 'Who keeps the sea?', {}, {}),
      await sift(TEXT.slice(0, 900), 'Where is the lamp?', { window: 150, keep: 40 }, {}),
    ];
    await session.close();
    return { outcome, losses: model.ladder.losses };
  };
  const calm = await found([undefined]);
  expect(calm.losses).toBe(0);
  for (const call of calls) {
    const { outcome, losses } = await found([{ verb, call }, undefined]);
    expect(outcome).toEqual(calm.outcome);
    expect(losses).toBe(1);
  }
});

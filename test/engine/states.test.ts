/** A model of Granite 4.0 H's shape: of six layers two attend, the others have a state. */
import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { load, type Model } from '../../src/engine/index.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { Context } from '../../src/generate/context.js';
import { createPager } from '../../src/kv/pager.js';
import { PAGES } from '../../src/kv/stored-run.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { openStore } from '../../src/stores/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { randomModel } from '../support/random-model.js';
import { everything } from './everything.js';
import { idsOf, openGenerated } from './generated.js';
import { readsTheSame } from './reads-the-same.js';

const LAYERS = 6;
const ATTENDING = [1, 4];

const file = (): Uint8Array<ArrayBuffer> =>
  randomModel({
    ...{ architecture: 'granitehybrid', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 7, layers: LAYERS },
    ...{ dim: 64, hidden: 96, heads: 2, kvHeads: 2 },
  });
const open = (attention: AttentionOptions, options?: EngineOptions): Promise<OpenModel> =>
  openGenerated(file(), attention, options);

test.each<AttentionOptions>([
  { method: 'dense' },
  { method: 'dhsa', budget: 256 },
])('the same states and pages in one piece, in many, resumed: %j', async (attention) => {
  const model = await open(attention);
  const { plans } = await readsTheSame(model, idsOf(900));
  // Layers with a state read no keys.
  expect(plans).toEqual([[], []]);
  await model.close();
});

test('a text of any length leaves three states in memory at most', async () => {
  const model = await open({ method: 'dense' }, { kv: { store: 'none' } });
  const held = async (tokens: number): Promise<number[]> => {
    const context = new Context(model.reader);
    await context.append(idsOf(tokens), false);
    context.bookmark();
    await context.append(idsOf(70, 2), true);
    const found = await context.withState(async ({ layers }) =>
      layers.filter(({ shape }) => shape.state).map(({ resident }) => resident),
    );
    context.close();
    return found;
  };
  for (const tokens of [300, 900, 1900]) {
    const found = await held(tokens);
    expect(found).toHaveLength(LAYERS - ATTENDING.length);
    expect(Math.max(...found)).toBeLessThanOrEqual(3);
  }
  await model.close();
});

test('the density is that of the layers that attend', async () => {
  const model = await open({ method: 'dense' });
  const context = new Context(model.reader);
  await context.append(idsOf(300), false);
  expect(context.meter.prefill.pairs).toBe(context.meter.prefill.causalPairs);
  await model.close();
});

test('what is gone back to in the middle of a page is known, or read again and counted', async () => {
  const model = await open({ method: 'dense' }, { kv: { store: 'none' } });
  const ids = idsOf(400);
  const fresh = new Context(model.reader);
  await fresh.append(ids, false);
  const wanted = await fresh.logits();

  const context = new Context(model.reader);
  await context.append(ids, false);
  const end = context.bookmark();
  for (let turn = 0; turn < 3; turn++) {
    await context.append(idsOf(40 + turn, 3), true);
    context.rewind(end);
  }
  expect(await context.logits()).toEqual(wanted);
  // Its logits were overwritten: the last tile was read for them, and nothing else.
  expect(context.meter.recomputedTokens).toBe(400 % 64);

  // Where nobody marked it, the tile is read again, from the state before it.
  await context.append(idsOf(100, 4), true);
  context.rewind({ tokens: 390 });
  await context.append(ids.slice(390), false);
  expect(await context.logits()).toEqual(wanted);
  expect(context.meter.recomputedTokens).toBe((400 % 64) + (390 % 64));
  await model.close();
});

test('a text that goes on otherwise after some segments takes the state of the last common one', async () => {
  const model = await open({ method: 'dense' });
  const { reader, kept } = model;
  const make = (): Context => new Context(reader, createPager(kept!.archive, reader.arena.segmentTokens));
  const [one, other] = [idsOf(900), [...idsOf(600), ...idsOf(300, 9)]];
  const first = make();
  await first.append(one, false);
  first.close();
  await kept!.archive.drained();

  const alone = new Context(reader);
  await alone.append(other, false);
  const expected = await everything(model, alone);
  const second = make();
  await second.append(other, false);
  expect(second.meter.reusedTokens).toBe(512);
  expect(second.meter.recomputedTokens).toBe(0);
  expect(await everything(model, second)).toEqual(expected);
  await model.close();
});

const BOOK = 'The lighthouse keeper climbed the spiral stairs before dawn. '.repeat(30);
const QUESTION = 'Where is the brass key?';
const openKept = (database: string): Promise<Model> =>
  load(file(), { kernelsUrl, attention: { method: 'dhsa', budget: 256 }, kv: { store: 'idb', database } });
const ask = (session: Awaited<ReturnType<Model['session']>>): Promise<string> =>
  session.ask(QUESTION, { maxTokens: 12, temperature: 0 }).text();

test('a session comes back with its states and answers the same, whatever was asked before', async () => {
  const visit = async () => {
    const model = await openKept('states');
    const session = await model.session({ id: 'book' });
    await session.append(BOOK);
    const opened = await session.stats();
    const answers = [await ask(session), await ask(session)];
    const { tokens, recomputedTokens } = await session.stats();
    await model.close();
    return { opened, answers, tokens, recomputedTokens };
  };
  const first = await visit();
  expect(first.answers[1]).toBe(first.answers[0]);
  expect(first.recomputedTokens).toBe(0);
  const second = await visit();
  expect(second.opened.reusedTokens).toBe(first.tokens);
  expect(second.opened.prefill.tokens).toBe(0);
  expect(second.answers).toEqual(first.answers);
  // The state at the end of the text, inside a segment, rests nowhere: once it is read again from the last one that does.
  expect(second.recomputedTokens).toBeGreaterThan(0);
  expect(second.recomputedTokens).toBeLessThan(256);

  const model = await openKept('states');
  const clone = await (await model.session({ id: 'book' })).clone();
  expect(await ask(clone)).toBe(first.answers[0]);
  await model.close();
});

test('a damaged state is read again, and counted', async () => {
  const database = 'damaged states';
  const read = async () => {
    const model = await openKept(database);
    const session = await model.session();
    await session.append(BOOK.repeat(2));
    const answer = await ask(session);
    const { reusedTokens, recomputedTokens, tokens } = await session.stats();
    await model.close();
    return { answer, reusedTokens, recomputedTokens, tokens };
  };
  const first = await read();
  const second = await read();
  expect(second.answer).toBe(first.answer);
  expect(second.reusedTokens).toBeGreaterThanOrEqual(512);
  expect(second.recomputedTokens).toBe(0);

  // Of every segment the record of the first layer, which has a state.
  const store = await openStore('idb', { database });
  const keys = await store.list(PAGES);
  const states = keys.filter((key) => key.endsWith('/000'));
  expect(states.length).toBeGreaterThanOrEqual(2);
  await store.commit({ put: states.map((key) => [key, new Uint8Array([1, 2, 3])]), delete: [] });
  await store.close();
  const third = await read();
  expect(third.answer).toBe(first.answer);
  expect(third.recomputedTokens).toBeGreaterThanOrEqual(256);
});

test('documents cannot be ranked apart from each other', async () => {
  const model = await load(file(), { kernelsUrl, kv: { store: 'none' } });
  const session = await model.session();
  await expect(session.rank(['one', 'two'], 'which?')).rejects.toMatchObject({
    code: 'unsupported/architecture',
  });
  await model.close();
});

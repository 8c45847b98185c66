/** A model of Gemma 3's shape: of twelve layers two are read whole, the others slide over the last 100 tokens. */
import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { PAGE } from '../../src/backends/backend.js';
import { load } from '../../src/engine/index.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { Context } from '../../src/generate/context.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { randomModel } from '../support/random-model.js';
import { everything } from './everything.js';
import { idsOf, openGenerated } from './generated.js';
import { readsTheSame } from './reads-the-same.js';

const WINDOW = 100;
const WHOLE = [5, 11];
const LAYERS = 12;

const file = (window = WINDOW): Uint8Array<ArrayBuffer> =>
  randomModel({
    ...{ architecture: 'gemma3', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 7, layers: LAYERS },
    ...{ dim: 64, hidden: 96, heads: 2, kvHeads: 2, keys: { 'attention.sliding_window': window } },
  });
const open = (attention: AttentionOptions, options?: EngineOptions, bytes = file()): Promise<OpenModel> =>
  openGenerated(bytes, attention, options);

test.each<AttentionOptions>([
  { method: 'dense' },
  { method: 'dhsa', budget: 256 },
  { method: 'dhsa', budget: 256, boundaries: 'delimiters', lists: 'layer' },
])('the same pages in one piece, in many, resumed: %j', async (attention) => {
  const model = await open(attention);
  const { plans } = await readsTheSame(model, idsOf(900));
  const last = 896;
  expect(plans[0]).toEqual([[last - WINDOW + 1, 900]]);
  await model.close();
});

test('a window that a tile reads is the window that each of its rows reads alone', async () => {
  const model = await open({ method: 'dense' }, { kv: { keys: 'f16', values: 'f16', store: 'none' } });
  const ids = idsOf(400);
  const tiles = new Context(model.reader);
  await tiles.append(ids, false);
  const rows = new Context(model.reader);
  await rows.append(ids, true);
  const [a, b] = [await everything(model, tiles), await everything(model, rows)];
  expect(a.pages).toEqual(b.pages);
  expect(a.logits).toEqual(b.logits);
  expect(await rows.plan(0, 1)).toEqual([[400 - WINDOW, 400]]);
  expect(await rows.plan(5, 1)).toEqual([[0, 400]]);

  // The comparison can fail: one token more in the window, and what the rows read is something else.
  const wider = await open(
    { method: 'dense' },
    { kv: { keys: 'f16', values: 'f16', store: 'none' } },
    file(WINDOW + 1),
  );
  const other = new Context(wider.reader);
  await other.append(ids, false);
  expect((await everything(wider, other)).logits).not.toEqual(a.logits);
  await model.close();
  await wider.close();
});

test('layers that slide have pages of their own kind, no chunks, and no part in the choice', async () => {
  const model = await open({ method: 'dhsa', budget: 300 });
  const { backend, config } = model.reader;
  const context = new Context(model.reader);
  await context.append(idsOf(640), false);
  const boundaries = await context.withState(async ({ layers, chunks }) => {
    for (const [layer, { shape }] of layers.entries()) {
      const whole = WHOLE.includes(layer);
      expect(shape).toMatchObject(whole ? { keys: 'q8', values: 'q8' } : { keys: 'f16', values: 'f16' });
    }
    expect(chunks!.shape.layers).toBe(WHOLE.length);
    const from = async (layer: number): Promise<number[]> => {
      const index = backend.chunkIndex('alone', { ...chunks!.shape, layers: 1 });
      backend.segment(index, layers[layer]!, 640, new Uint8Array(0));
      return [...(await backend.readBoundaries(index))];
    };
    const found = [...(await backend.readBoundaries(chunks!))];
    expect(found).toEqual(await from(WHOLE[0]!));
    expect(found).not.toEqual(await from(WHOLE[1]!));
    return found;
  });
  const ends = (await context.plan(5, 0)).map(([, end]) => end).filter((end) => end > 16 && end < 576);
  expect(ends.length).toBeGreaterThan(0);
  expect(ends.every((end) => boundaries.includes(end))).toBe(true);
  for (let layer = 0; layer < config.layers; layer++) {
    if (!WHOLE.includes(layer)) expect(await context.plan(layer, 0)).toEqual([[576 - WINDOW + 1, 640]]);
  }
  await model.close();
});

test('the density counts every layer: windows for those that slide', async () => {
  const model = await open({ method: 'dense' });
  const context = new Context(model.reader);
  await context.append(idsOf(640), false);
  const causal = (640 * 641) / 2;
  const slid = Array.from({ length: 640 }, (_, position) => Math.min(position + 1, WINDOW));
  const pairs = slid.reduce((sum, tokens) => sum + tokens, 0);
  const expected = (10 * pairs + 2 * causal) / LAYERS;
  expect(context.meter.prefill.pairs).toBeCloseTo(expected, 6);
  expect(context.meter.prefill.causalPairs).toBe(causal);
  await model.close();
});

test('a session comes back with its windows: nothing is read again, and it answers the same', async () => {
  const visit = async () => {
    const model = await load(file(), {
      kernelsUrl,
      attention: { method: 'dhsa', budget: 256 },
      kv: { store: 'idb', database: 'sliding' },
    });
    const session = await model.session({ id: 'book' });
    await session.append('The lighthouse keeper climbed the spiral stairs before dawn. '.repeat(30));
    const answer = await session.ask('Where is the brass key?', { maxTokens: 12, temperature: 0 }).text();
    const stats = await session.stats();
    await model.close();
    return { answer, stats };
  };
  const first = await visit();
  expect(first.stats.tokens).toBeGreaterThan(3 * PAGE);
  expect(first.stats.reusedTokens).toBe(0);
  const second = await visit();
  expect(second.answer).toBe(first.answer);
  expect(second.stats.reusedTokens).toBe(first.stats.tokens);
  expect(second.stats.prefill.tokens).toBe(0);
  expect(second.stats.recomputedTokens).toBe(0);
  expect(second.stats.bytes.pages).toBe(first.stats.bytes.pages);
});

test('a model whose layers all slide reads its windows, whatever was asked for', async () => {
  const bytes = randomModel({
    ...{ architecture: 'llama', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 8, layers: 2 },
    keys: { 'attention.sliding_window': WINDOW },
  });
  const model = await open({ method: 'dhsa', budget: 128 }, {}, bytes);
  const context = new Context(model.reader);
  await context.append(idsOf(300), false);
  await context.append(idsOf(10, 2), true);
  expect(await context.plan(1, 1)).toEqual([[310 - WINDOW, 310]]);
  expect(await context.withState(async ({ chunks }) => chunks)).toBeUndefined();
  await model.close();
});

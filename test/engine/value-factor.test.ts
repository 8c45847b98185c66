/**
 * VATP (arXiv 2406.12335) weighs what is kept by the norm of its value too. How far what heads put out is then from attention to
 * everything, on the real heads of the bundled model: half of 1,600 tokens are kept for the 64 rows that follow.
 */
import { expect, test } from 'vitest';
import { PAGE, type Range } from '../../src/backends/backend.js';
import { stateOf } from '../../src/generate/reader.js';
import { createValueNorms } from '../../src/kv/value-norms.js';
import { keepBest } from '../../src/policies/keep-best.js';
import { merged } from '../../src/policies/ranges.js';
import { random } from '../support/random.js';
import { book, openBundled } from './bundled.js';
import { layerByLayer } from './layer-by-layer.js';

/** Tokens that may be kept; the last page of them is what observes. */
const TOKENS = 25 * PAGE;
const EVERYTHING = { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 };

/** What a token is kept by, of its attention and of the norm of its value. */
const ways = {
  attention: (attention: number) => attention,
  'attention and value': (attention: number, norm: number) => attention * norm,
  lots: (
    (next) => () =>
      next.normal()
  )(random(1)),
};
type Way = keyof typeof ways;

/** The error of every query head of every layer, by way. */
const errors = async (): Promise<Record<Way, number[]>> => {
  const model = await openBundled({ attention: { method: 'dense' }, kv: { store: 'none' } });
  const { reader, tokenizer } = model;
  const { backend, config } = reader;
  const { heads, kvHeads, valueDim, attentionScale: scale } = config;
  const ids = (await tokenizer.encode(book().slice(9000, 20_000))).slice(0, TOKENS + PAGE);
  const state = stateOf(reader, [], undefined);
  const rows = layerByLayer(reader, state, ids);
  const last = TOKENS - PAGE;
  for (let position = 0; position < last; position += 256)
    await rows({ position, rows: Math.min(256, last - position), tileRows: PAGE });

  /** Ranges of [layer][KV head]. */
  const kept: Record<Way, Range[][][]> = { attention: [], 'attention and value': [], lots: [] };
  const names = Object.keys(ways) as Way[];
  await rows({ position: last, rows: PAGE, tileRows: PAGE }, async ({ tiles, activations }, layer) => {
    const plan = backend.plan('all', 1);
    backend.select(plan, { ...tiles, tileRows: 1 }, EVERYTHING);
    const out = backend.tensor('observed', PAGE * heads, TOKENS);
    backend.observe(out, activations.q, state.layers[layer]!, plan, scale);
    const observed = await backend.read(out);
    const norms = await createValueNorms(backend, state.layers[layer]!).read(TOKENS);
    const sums = Array.from({ length: kvHeads }, () => new Float32Array(TOKENS));
    observed.forEach((share, i) => {
      const head = Math.floor(i / TOKENS) % heads;
      sums[Math.floor((head * kvHeads) / heads)]![i % TOKENS]! += share;
    });
    for (const name of names) {
      kept[name].push(
        sums.map((own, head) => {
          const scores = own.map((sum, t) => ways[name](sum, norms[head]![t]!));
          return keepBest(scores, TOKENS / 2, { tokens: TOKENS, sinks: 20, recent: 32, grain: 1 });
        }),
      );
    }
    for (const thing of [plan, out]) backend.free(thing);
  });

  const found: Record<Way, number[]> = { attention: [], 'attention and value': [], lots: [] };
  await rows({ position: TOKENS, rows: PAGE, tileRows: PAGE }, async ({ tiles, activations }, layer) => {
    const attended = async (ranges: readonly (readonly Range[])[]): Promise<Float32Array> => {
      const plan = backend.plan('some', kvHeads);
      backend.writePlan(
        plan,
        tiles,
        ranges.map((own) => merged([...own, [TOKENS, TOKENS + PAGE]])),
      );
      const out = backend.tensor('out', PAGE, heads * valueDim);
      backend.attend(out, activations.q, state.layers[layer]!, plan, { scale });
      const result = (await backend.read(out)).slice();
      for (const thing of [plan, out]) backend.free(thing);
      return result;
    };
    const all = await attended(Array.from({ length: kvHeads }, () => [[0, TOKENS]]));
    for (const name of names) {
      const some = await attended(kept[name][layer]!);
      const squares = new Float64Array(heads);
      some.forEach((x, i) => {
        squares[Math.floor(i / valueDim) % heads]! += (x - all[i]!) ** 2;
      });
      found[name].push(...squares.map(Math.sqrt));
    }
  });
  state.release();
  await model.close();
  return found;
};

test('on this model the norm of values makes no difference to what heads put out, where lots make a third', async () => {
  const found = await errors();
  const beside = (name: Way): number =>
    found[name].reduce((sum, error, i) => sum + error / found.attention[i]!, 0) / found[name].length;
  expect(found.attention).toHaveLength(24);
  expect(Math.abs(beside('attention and value') - 1)).toBeLessThan(0.05);
  expect(found['attention and value']).not.toEqual(found.attention);
  expect(beside('lots')).toBeGreaterThan(1.3);
}, 60_000);

/**
 * How much of dense attention's mass a method's selection covers, on the real heads of the bundled model, with the
 * same budget for all: an eighth of what a row could read. A method that covers less than a sliding window of the same
 * budget is not worth having; the oracle (exact mass of every chunk) is what a chunk method can reach at best.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PAGE, type Tiles } from '../../src/backends/backend.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { stateOf } from '../../src/generate/reader.js';
import type { ContextState } from '../../src/model/state.js';
import { type AttentionOptions, openPredictor } from '../../src/predictors/index.js';
import type { Predictor } from '../../src/predictors/predictor.js';
import { book, openBundled } from './bundled.js';
import { layerByLayer } from './layer-by-layer.js';

const BEFORE = 47 * PAGE;
const BUDGET = 384;

const methods: Record<string, AttentionOptions> = {
  dense: { method: 'dense' },
  sliding: { method: 'sliding', window: BUDGET - 16, sinks: 16 },
  blocks: { method: 'blocks', budget: BUDGET },
  dhsa: { method: 'dhsa', budget: BUDGET },
  learned: {
    ...{ method: 'dhsa', budget: BUDGET, boundaries: 'learned' },
    predictor: 'examples/models/book-reader-5m-boundaries.safetensors',
  },
  delimiters: { method: 'dhsa', budget: BUDGET, boundaries: 'delimiters' },
  quest: { method: 'quest', budget: BUDGET, dense: 0 },
  delta: { method: 'delta', budget: BUDGET, sinks: 16, local: 64, dense: 0, layers: [0, 3] },
  'token-select': { method: 'token-select', budget: BUDGET, sinks: 16, local: 64, cache: 1 },
  twilight: { method: 'twilight', mass: 0.85, dense: 0, sinks: 16, local: 64 },
  'vertical-slash': { method: 'vertical-slash', budget: BUDGET },
  'flex-prefill': { method: 'flex-prefill', budget: BUDGET },
  'proxy-attn': { method: 'proxy-attn', budget: BUDGET },
  'x-attention': { method: 'x-attention', budget: BUDGET },
  sale: { method: 'sale', budget: BUDGET },
  sea: { method: 'sea', budget: BUDGET },
  seer: { method: 'seer', budget: BUDGET, gates: 'examples/models/book-reader-5m-gates.safetensors' },
  'sea, 256 features': { method: 'sea', budget: BUDGET, features: 256 },
  'hyper-attention': { method: 'hyper-attention', budget: BUDGET },
  'hyper-attention, rest': { method: 'hyper-attention', budget: BUDGET, rest: 240 },
  random: { method: 'random', budget: BUDGET },
  'random, rest': { method: 'random', budget: BUDGET, rest: 300 },
  landmark: { method: 'landmark', budget: BUDGET, size: 32 },
  'long-heads': { method: 'long-heads', budget: BUDGET },
  retrieval: { method: 'retrieval', budget: BUDGET, sinks: 16, local: 64 },
  oracle: { method: 'dhsa', budget: BUDGET, candidates: 64, exact: true },
};

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

let model: OpenModel;
/** Mean covered mass over rows, heads and layers. */
const covered: Record<'tile' | 'rows', Record<string, number>> = { tile: {}, rows: {} };
/** The same of rows of their own, by layer. */
const byLayer: Record<string, number[]> = {};
/** How far what attention makes of a plan lies from what it makes of everything, beside the latter's length; mean over layers. */
const missed: Record<'tile' | 'rows', Record<string, number>> = { tile: {}, rows: {} };

/** exp(log-sum-exp over the plan − log-sum-exp over everything), averaged. */
const measure = async (): Promise<void> => {
  const { reader, tokenizer } = model;
  const { backend, config } = reader;
  const ids = (await tokenizer.encode(book().slice(9000, 24000))).slice(0, BEFORE + PAGE);
  const state = stateOf(reader, [], undefined);
  const forwardRows = layerByLayer(reader, state, ids);
  for (let position = 0; position < BEFORE; position += 256) {
    await forwardRows({ position, rows: Math.min(256, BEFORE - position), tileRows: PAGE });
  }

  const out = backend.tensor('out', PAGE, config.heads * config.valueDim);
  const mass = backend.tensor('mass', PAGE, config.heads);
  const marks = Uint8Array.from(ids, (id) => tokenizer.marks[id]!);
  const found: Record<string, number[]> = {};
  const far: Record<string, number[]> = {};
  // One of each for all layers: boundaries, once found, are those of all.
  const owners: [string, Predictor, ContextState][] = [];
  for (const [name, options] of Object.entries(methods)) {
    const predictor = await openPredictor(options);
    owners.push([
      name,
      predictor,
      stateOf({ ...reader, predictor, marks: () => tokenizer.marks }, ids, undefined),
    ]);
  }
  await forwardRows({ position: BEFORE, rows: PAGE, tileRows: PAGE }, async (call, layer) => {
    for (const tileRows of [PAGE, 1]) {
      const tiles: Tiles = { ...call.tiles, tileRows };
      const logs: Record<string, Float32Array> = {};
      const outs: Record<string, Float32Array> = {};
      for (const [name, predictor, own] of owners) {
        const kv = state.layers[layer]!;
        if (own.chunks) {
          backend.segment(own.chunks, state.layers[0]!, BEFORE + PAGE, marks);
          backend.summarize(own.chunks, layer, kv);
        }
        const plan = own.plans[layer]!;
        const input = own.predictInput(layer, tiles, call.activations.q, config.attentionScale);
        predictor.plan(backend, { ...input, kv }, plan);
        const how = { scale: config.attentionScale, logSumExp: mass };
        backend.attend(out, call.activations.q, kv, plan, how);
        logs[name] = (await backend.read(mass)).slice();
        outs[name] = (await backend.read(out)).slice();
      }
      const length = (x: Float32Array): number => Math.sqrt(x.reduce((sum, y) => sum + y * y, 0));
      for (const [name, own] of Object.entries(outs)) {
        const gap = length(own.map((x, i) => x - outs.dense![i]!));
        (far[`${tileRows === 1 ? 'rows' : 'tile'} ${name}`] ??= []).push(gap / length(outs.dense!));
      }
      for (const [name, log] of Object.entries(logs)) {
        const key = `${tileRows === 1 ? 'rows' : 'tile'} ${name}`;
        const masses = log.map((value, i) => Math.exp(value - logs.dense![i]!));
        (found[key] ??= []).push(...masses);
        if (tileRows === 1) (byLayer[name] ??= [])[layer] = mean([...masses]);
      }
    }
  });
  for (const [, , own] of owners) own.release();
  for (const [means, all] of [
    [covered, found],
    [missed, far],
  ] as const) {
    for (const [key, numbers] of Object.entries(all)) {
      const kind = key.slice(0, 4) as 'tile' | 'rows';
      means[kind][key.slice(5)] = mean(numbers);
    }
  }
  backend.free(out);
  backend.free(mass);
  state.release();
};

beforeAll(async () => {
  model = await openBundled({ attention: { method: 'dense' }, kv: { store: 'none' } });
  await measure();
}, 120_000);
afterAll(() => model.close());

describe('attention mass covered at an eighth of the tokens', () => {
  test('everything is covered by everything', () => {
    expect(covered.tile.dense).toBe(1);
    expect(covered.rows.dense).toBe(1);
  });

  for (const kind of ['tile', 'rows'] as const) {
    for (const name of ['blocks', 'dhsa', 'delimiters', 'learned', 'long-heads']) {
      test(`${name}, ${kind}: more than a sliding window`, () => {
        expect(covered[kind][name]).toBeGreaterThan(covered[kind].sliding!);
      });
    }
  }

  for (const name of [...['vertical-slash', 'flex-prefill', 'proxy-attn', 'sale', 'x-attention']]) {
    test(`${name}, which is made for texts: more than a sliding window`, () => {
      expect(covered.tile[name]).toBeGreaterThan(covered.tile.sliding!);
      expect(covered.rows[name]).toBe(1);
    });
  }

  for (const name of ['quest', 'twilight', 'token-select', 'retrieval']) {
    test(`${name}, which is made for answers: more than a sliding window`, () => {
      expect(covered.rows[name]).toBeGreaterThan(covered.rows.sliding!);
      expect(covered.tile[name]).toBe(1);
    });
  }

  test("delta: layers that choose miss nothing, and what they hand up covers more than a window, less than a choice of one's own", () => {
    for (const [layer, handed] of byLayer.delta!.entries()) {
      if ([0, 3].includes(layer)) {
        expect(handed).toBe(1);
        continue;
      }
      expect(handed, `layer ${layer}`).toBeGreaterThan(byLayer.sliding![layer]!);
      expect(handed, `layer ${layer}`).toBeLessThan(byLayer.quest![layer]!);
    }
  });

  test('learned boundaries hold what docs/METHODS.md says, and contrast no less', () => {
    expect(covered.tile.learned).toBeCloseTo(0.628, 2);
    expect(covered.tile.dhsa).toBeCloseTo(0.635, 2);
  });

  test('trained gates cover more than a window, for tiles and for rows, and less than mean keys do, as docs/METHODS.md says', () => {
    for (const kind of ['tile', 'rows'] as const) {
      expect(covered[kind].seer).toBeGreaterThan(covered[kind].sliding!);
      expect(covered[kind].seer).toBeLessThan(covered[kind].blocks!);
    }
    expect(covered.tile.seer).toBeCloseTo(0.614, 2);
    expect(covered.rows.seer).toBeCloseTo(0.618, 2);
  });

  test('keys that are drawn for a rest weigh what all of it does, and bring the result nearer, many of them', () => {
    for (const name of ['hyper-attention', 'random']) {
      expect(Math.abs(covered.tile[`${name}, rest`]! - 1)).toBeLessThan(0.1);
      expect(missed.tile[`${name}, rest`]).toBeLessThan(missed.tile[name]!);
    }
  });

  test('landmark, without landmarks that were trained, is further off than the same choice in one softmax', () => {
    expect(missed.rows.landmark).toBeGreaterThan(missed.rows.blocks!);
    expect(missed.tile.landmark).toBe(0);
  });

  test('hyper-attention, which hashes, is no better than a window on this model: it is here to be compared with', () => {
    expect(covered.tile['hyper-attention']).toBeLessThan(covered.tile.sliding!);
    expect(covered.tile['hyper-attention']).toBeGreaterThan(0.5);
  });

  test('sea, without its training, covers more than a window with 512 features, less with 256, and less than mean keys do', () => {
    expect(covered.tile.sea).toBeGreaterThan(covered.tile.sliding!);
    expect(covered.tile['sea, 256 features']).toBeLessThan(covered.tile.sliding!);
    expect(covered.tile.sea).toBeLessThan(covered.tile.blocks!);
    expect(covered.rows.sea).toBe(1);
  });

  test('row by row, the clusters of an inverted file hand over what matters: more than one list of tokens for all heads', () => {
    expect(covered.rows.retrieval).toBeGreaterThan(covered.rows['token-select']!);
  });

  test('row by row, tokens hold more than the best chunks, though all heads share them, and bounds find less', () => {
    const { 'token-select': tokens, quest, dhsa, oracle } = covered.rows;
    expect(tokens).toBeGreaterThan(oracle!);
    expect(quest).toBeLessThan(dhsa!);
  });

  test('row by row, DHSA comes near the oracle, and blocks do not', () => {
    const { dhsa, oracle, blocks } = covered.rows;
    expect(dhsa! / oracle!).toBeGreaterThan(0.97);
    expect(oracle).toBeLessThan(1);
    expect(blocks).toBeLessThan(dhsa!);
  });
});

/**
 * Thresholds of `sale` for every KV head of the bundled model, calibrated as in the paper (SALE, arXiv 2505.24179 §3.4): a
 * threshold is halved while what a head makes of the blocks that pass lies further from what it makes of everything
 * than is allowed; below 0.0001 a head reads everything. Where we leave the paper: a head's error is a share of what it
 * makes of everything, sums of absolute differences both, since lengths of values differ from model to model; and the first threshold
 * is 0.512, not 0.008, with which this model's heads miss a fiftieth at most.
 *
 * node bench/run.mjs sale-thresholds [--first 0.512] [--allowed 0.1] [--passages 1] [--out build/sale-thresholds.json]
 *
 * Needs `xz`. Learns from passages of 4,096 tokens with facts of each of the training books, measures on as many of the held-out one.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { PAGE, type Tiles } from '../src/backends/backend.js';
import { stateOf } from '../src/generate/reader.js';
import type { Forward } from '../src/model/forward.js';
import { openPredictor } from '../src/predictors/index.js';
import type { Predictor } from '../src/predictors/predictor.js';
import { layerByLayer } from '../test/engine/layer-by-layer.js';
import { draws } from '../test/support/facts.js';
import { countedBook, drawHaystack } from '../test/support/haystack.js';
import { calibrated, thresholdLadder } from './lab/calibrate.js';
import { mean } from './lab/intervals.js';
import { openObserved } from './lab/observed-rows.js';
import { TRAINING_BOOKS, trainingBook } from './lab/training-books.js';

const { values } = parseArgs({
  options: {
    first: { type: 'string', default: '0.512' },
    allowed: { type: 'string', default: '0.1' },
    passages: { type: 'string', default: '1' },
    out: { type: 'string', default: 'build/sale-thresholds.json' },
  },
});
const [TOKENS, FACTS, SEGMENT] = [4096, 10, 256];
/** Every so many tiles one is measured. */
const EVERY = 8;

const model = await openObserved();
const { reader, tokenizer } = model;
const { backend, config } = reader;
const { heads, kvHeads, layers, valueDim } = config;

/** By method, layer and KV head: errors and densities of the tiles that were measured. */
const measure = async (texts: readonly (readonly number[])[], methods: readonly Predictor[]) => {
  const cells = (): number[][][][] =>
    methods.map(() => Array.from({ length: layers }, () => Array.from({ length: kvHeads }, () => [])));
  const [errors, densities] = [cells(), cells()];
  for (const ids of texts) {
    const state = stateOf(reader, [], undefined);
    const forwardRows = layerByLayer(reader, state, ids);
    const out = backend.tensor('out', PAGE, config.heads * valueDim);
    const owners = methods.map((predictor) => stateOf({ ...reader, predictor }, [], undefined));
    const look = async ({ activations, tiles }: Forward, layer: number): Promise<void> => {
      const kv = state.layers[layer]!;
      const how = { scale: config.attentionScale };
      backend.attend(out, activations.q, kv, state.plans[layer]!, how);
      const dense = (await backend.read(out)).slice();
      for (const [n, own] of owners.entries()) {
        const plan = own.plans[layer]!;
        const input = own.predictInput(layer, tiles, activations.q, config.attentionScale);
        methods[n]!.plan(backend, { ...input, kv }, plan);
        backend.attend(out, activations.q, kv, plan, how);
        const sparse = await backend.read(out);
        const lists = await backend.readPlan(plan);
        for (let head = 0; head < kvHeads; head++) {
          let [gap, all] = [0, 0];
          for (const [i, value] of dense.entries()) {
            if (Math.floor(((Math.floor(i / valueDim) % heads) * kvHeads) / heads) !== head) continue;
            gap += Math.abs(value - sparse[i]!);
            all += Math.abs(value);
          }
          errors[n]![layer]![head]!.push(gap / all);
          const read = lists[head]!.reduce((sum, [from, to]) => sum + to - from, 0);
          densities[n]![layer]![head]!.push(read / (tiles.position + tiles.rows));
        }
      }
    };
    const whole = Math.floor(ids.length / PAGE) * PAGE;
    for (let position = 0; position < whole; ) {
      const isMeasured = (position / PAGE) % EVERY === EVERY - 1;
      const next = position + PAGE * ((EVERY - 1 - ((position / PAGE) % EVERY)) % EVERY || 1);
      const rows = isMeasured ? PAGE : Math.min(SEGMENT, next - position, whole - position);
      const tiles: Tiles = { position, rows, tileRows: PAGE };
      await forwardRows(tiles, isMeasured ? look : undefined);
      position += rows;
    }
    for (const own of owners) own.release();
    backend.free(out);
    state.release();
  }
  const averages = (cells: number[][][][]): number[][][] =>
    cells.map((byLayer) => byLayer.map((byHead) => byHead.map((some) => mean(some))));
  return { errors: averages(errors), densities: averages(densities) };
};

/** A budget that leaves the choice to the thresholds; with all of a text nothing would be chosen. */
const NEARLY_ALL = 0.999;
const sale = (thresholds: number | readonly (readonly number[])[]): Promise<Predictor> =>
  openPredictor({ method: 'sale', thresholds, density: NEARLY_ALL });

const passages = Number(values.passages);
const texts = async (books: readonly string[]): Promise<(readonly number[])[]> => {
  const found: (readonly number[])[] = [];
  for (const [b, text] of books.entries()) {
    const book = await countedBook(text, (part) => tokenizer.encode(part));
    for (let n = 0; n < passages; n++)
      found.push(await tokenizer.encode(drawHaystack(draws(100 * b + n), book, TOKENS - 64, FACTS).text));
  }
  return found;
};

const ladder = thresholdLadder(Number(values.first));
const training = await texts(TRAINING_BOOKS.map(trainingBook));
const { errors } = await measure(training, await Promise.all(ladder.map(sale)));
const thresholds = Array.from({ length: layers }, (_, layer) =>
  Array.from({ length: kvHeads }, (_, head) =>
    calibrated(
      ladder,
      errors.map((byLayer) => byLayer[layer]![head]!),
      Number(values.allowed),
    ),
  ),
);
for (const [layer, row] of thresholds.entries()) console.log(`layer ${layer}: ${row.join(', ')}`);
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(values.out, JSON.stringify(thresholds));

const held = await texts([readFileSync('examples/books/sherlock.txt', 'utf8')]);
const found = await measure(held, await Promise.all([sale(thresholds), ...ladder.map(sale)]));
for (const [n, name] of ['calibrated', ...ladder.map(String)].entries())
  console.log(
    `${name}: of held-out tiles ${(100 * mean(found.densities[n]!.flat())).toFixed(1)} % read, error ` +
      `${(100 * mean(found.errors[n]!.flat())).toFixed(1)} % on average, ${(100 * Math.max(...found.errors[n]!.flat())).toFixed(1)} % of the worst head`,
  );
await model.close();

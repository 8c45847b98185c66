/**
 * How much of what a row attends to lies in a choice that was made elsewhere: by another layer (as `delta` does) or by an
 * earlier row (as `recycled` does). On the bundled model, with dense attention, at about 3,800 tokens and a budget of an eighth.
 * Counted are rows of questions and answers and query heads that lay more than half of their attention on the text behind its
 * first 16 tokens and before the last 64. Says last which layers `delta` should have choose.
 *
 * node bench/run.mjs recall
 */
import type { Backend } from '../src/backends/backend.js';
import { openSession } from '../src/engine/open-context.js';
import { openModel } from '../src/engine/open-model.js';
import type { PredictInput, Predictor } from '../src/predictors/predictor.js';
import { draws } from '../test/support/facts.js';
import { drawHaystack } from '../test/support/haystack.js';
import { heldOut } from './lab/held-out.js';

const [TOKENS, LOCAL, SINKS] = [4096, 64, 16];
const EVERY = 16;
/** First layers that read everything, of `delta`. */
const DENSE = 2;

/** Attention of a row in a layer: probabilities of each query head over the text, 0 near its ends. */
type Seen = readonly Float32Array[];
const seen = new Map<number, Seen[]>();
let text = 0;

const model = await openModel(
  'examples/models/book-reader-5m-Q8_0.gguf',
  { attention: { method: 'dense' }, kv: { store: 'none' }, threads: 1 },
  new AbortController().signal,
  () => undefined,
);
const { heads, kvHeads, layers } = model.reader.config;
const { predictor: dense } = model.reader;

const look = (
  backend: Backend,
  { tiles, q, kv, scale, layer }: PredictInput,
  out: Parameters<Predictor['plan']>[2],
) => {
  const width = tiles.position + tiles.rows;
  const found = backend.tensor('seen', tiles.rows * heads, width);
  backend.observe(found, q, kv, out, scale);
  const all = backend.peek!(found);
  for (let row = 0; row < tiles.rows; row++) {
    const own = Array.from({ length: heads }, (_, head) => {
      const at = (row * heads + head) * width;
      return all.slice(at, at + text - LOCAL).fill(0, 0, SINKS);
    });
    const position = tiles.position + row;
    seen.set(position, [...(seen.get(position) ?? []).slice(0, layer), own]);
  }
  backend.free(found);
};
(model.reader as { predictor: Predictor }).predictor = {
  ...dense,
  plan(backend, input, out) {
    dense.plan(backend, input, out);
    if (input.tiles.tileRows === 1) look(backend, input, out);
  },
};

/** The runs of `size` tokens that hold most of what these heads attend to. */
const chosen = (own: Seen, size: number): Uint8Array => {
  const sums = Array.from({ length: Math.floor((text - LOCAL) / size) }, (_, run) => {
    let sum = 0;
    for (const head of own) for (let t = run * size; t < (run + 1) * size; t++) sum += head[t]!;
    return { run, sum };
  }).sort((a, b) => b.sum - a.sum);
  const kept = new Uint8Array(text);
  for (const { run } of sums.slice(0, Math.floor((text / 8 - LOCAL - SINKS) / size)))
    kept.fill(1, run * size, (run + 1) * size);
  return kept;
};

const recalls = new Map<string, { sum: number; count: number }>();
const count = (key: string, head: Float32Array, kept: Uint8Array): void => {
  const all = head.reduce((a, b) => a + b, 0);
  if (all <= 0.5) return;
  const total = recalls.get(key) ?? { sum: 0, count: 0 };
  total.sum += head.reduce((sum, p, t) => sum + (kept[t] ? p : 0), 0) / all;
  total.count += 1;
  recalls.set(key, total);
};

const book = await heldOut(async (sentence) => model.tokenizer.encode(sentence));
const haystack = drawHaystack(draws(TOKENS * 1000), book, TOKENS - 64, 10);
const session = await openSession(model, {});
await session.conversation!.append(haystack.text, {});
text = (await session.stats()).tokens;
for (const { question } of haystack.facts) {
  seen.clear();
  await session.conversation!.ask(question, { maxTokens: 32 }, {}, () => undefined);
  const first = Math.min(...seen.keys());
  for (const [position, own] of seen) {
    const before = seen.get(position - 1);
    const renewed = seen.get(Math.max(first, position - (position % EVERY)))!;
    for (let layer = 0; layer < layers; layer++) {
      for (const [head, attention] of own[layer]!.entries()) {
        for (let from = DENSE; from <= layer; from++)
          count(`blocks of 16, layer ${layer} by layer ${from}`, attention, chosen(own[from]!, 16));
        const group = heads / kvHeads;
        const kvHead = Math.floor(head / group);
        const ofGroup = (row: Seen[]): Seen => row[layer]!.slice(kvHead * group, (kvHead + 1) * group);
        count('tokens, by the row itself', attention, chosen(ofGroup(own), 1));
        if (before) count('tokens, by the row before', attention, chosen(ofGroup(before), 1));
        if (renewed !== own)
          count(`tokens, by the last of every ${EVERY} rows`, attention, chosen(ofGroup(renewed), 1));
      }
    }
  }
}
/** Sets of `count` of the layers behind the first two, ascending; the first of those is in each: layers below it read everything. */
const choices = (count: number): number[][] => {
  const later = (from: number, more: number): number[][] =>
    more === 0
      ? [[]]
      : Array.from({ length: layers - from }, (_, n) => from + n).flatMap((layer) =>
          later(layer + 1, more - 1).map((rest) => [layer, ...rest]),
        );
  return later(DENSE + 1, count - 1).map((rest) => [DENSE, ...rest]);
};

/** Of the layers that do not choose, how much of what they attend to the choice of the last one below them that does holds. */
const handed = (choosing: readonly number[]): number => {
  const others = Array.from({ length: layers - DENSE }, (_, n) => DENSE + n).filter(
    (layer) => !choosing.includes(layer),
  );
  let [sum, rows] = [0, 0];
  for (const layer of others) {
    const by = Math.max(...choosing.filter((one) => one < layer));
    const found = recalls.get(`blocks of 16, layer ${layer} by layer ${by}`);
    sum += found?.sum ?? 0;
    rows += found?.count ?? 0;
  }
  return sum / Math.max(1, rows);
};

for (const [key, { sum, count: rows }] of [...recalls].sort())
  console.log(`${key}: ${((100 * sum) / rows).toFixed(1)} % (${rows} rows and heads)`);
for (let count = 1; count < layers - DENSE; count++) {
  const [best] = choices(count).sort((a, b) => handed(b) - handed(a));
  console.log(
    `delta: ${count} layers that choose, best [${best}]: ${(100 * handed(best!)).toFixed(1)} % held`,
  );
}
await session.close();
await model.close();

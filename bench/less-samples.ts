/**
 * What examples/models/train/less.py learns LESS's kernels from: keys and values of passages with facts, queries of rows that
 * answer questions about them and of rows of the passage itself, and what `snap-kv` and `h2o` keep before each; of the training
 * books and, to measure on, of the held-out one.
 *
 * node bench/run.mjs less-samples [--passages 3] [--tokens 4096] [--out build/less-samples.safetensors]
 *
 * Needs `xz`. Passages of each book; answers are the model's own. Of a passage, by layer, in f16: `keys` and `values`,
 * (tokens, KV heads, channels), as they are stored, keys after rotation; and of each choice behind its first tokens `n.snap` and
 * `n.h2o`, (KV heads, tokens before it), 1 where a token is kept of them at a density of an eighth, `n.queries`, (rows, heads, channels), after
 * rotation, of rows behind it, `n.at`, (rows), their positions, and, where a question stands in place of the rest of the passage, its
 * `n.keys` and `n.values` with those of the answer. Once: `output`, (channels of the model, heads · channels), the projection behind attention.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { PAGE } from '../src/backends/backend.js';
import { toHalf } from '../src/codecs/half.js';
import { stateOf } from '../src/generate/reader.js';
import { inOwnChannels, storedHead } from '../src/kv/stored-head.js';
import type { Forward } from '../src/model/forward.js';
import { createPolicy } from '../src/policies/index.js';
import { numbersOf } from '../src/weights/numbers-of.js';
import { draws } from '../test/support/facts.js';
import { drawHaystack, sentences } from '../test/support/haystack.js';
import { type WrittenTensor, writeSafetensors } from '../test/support/safetensors-writer.js';
import { type OnRows, openObserved, readObserved } from './lab/observed-rows.js';
import { TRAINING_BOOKS, trainingBook } from './lab/training-books.js';

const { values } = parseArgs({
  options: {
    passages: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '4096' },
    out: { type: 'string', default: 'build/less-samples.safetensors' },
  },
});
const [passages, tokens] = [Number(values.passages), Number(values.tokens)];
/** Facts of a passage, how many of them are asked for, and tokens of an answer at most. */
const [FACTS, ASKED, LONGEST] = [10, 6, 32];
/** Tokens between choices in a passage, and of the rows behind one those that are taken. */
const [CHOICES, EVERY] = [512, 4];
const DENSITY = 0.125;
/** Rows before a choice that are observed. */
const OBSERVED = { snap: 32, h2o: 256 } as const;
type Kind = keyof typeof OBSERVED;

const policies = {
  snap: createPolicy({ policy: 'snap-kv', density: DENSITY, rows: OBSERVED.snap })!,
  h2o: createPolicy({ policy: 'h2o', density: DENSITY })!,
};
const model = await openObserved();
const { reader, tokenizer } = model;
const { backend, config } = reader;
const { heads, kvHeads, headDim: dim, layers } = config;

const halves = (shape: readonly number[], numbers: Float32Array): WrittenTensor => ({
  shape,
  values: Uint16Array.from(numbers, toHalf),
});

/** Attention of some rows, summed: by layer and KV head. */
type Sums = Float32Array[][];
const noSums = (): Sums =>
  Array.from({ length: layers }, () =>
    Array.from({ length: kvHeads }, () => new Float32Array(tokens + PAGE)),
  );

/** Adds up what the last `count` rows of a call attend to. */
const addRows = (sums: Sums, layer: number, all: Float32Array, width: number, count: number): void => {
  const rows = all.length / (width * heads);
  for (let n = Math.max(0, rows - count) * heads; n < rows * heads; n++) {
    const own = sums[layer]![Math.floor(((n % heads) * kvHeads) / heads)]!;
    for (let t = 0; t < width; t++) own[t]! += all[n * width + t]!;
  }
};

/** (layers, KV heads, end): 1 for what a policy keeps of the tokens before `end`. */
const keptOf = (kind: Kind, sums: Sums, end: number): WrittenTensor => {
  const out = new Float32Array(layers * kvHeads * end);
  const scores = sums.map((own) => own.map((ofHead) => ofHead.slice(0, end)));
  for (const [layer, own] of policies[kind].keep!({ tokens: end, scores }).entries()) {
    for (const [head, ranges] of own.entries()) {
      const at = (layer * kvHeads + head) * end;
      for (const [from, to] of ranges) out.fill(1, at + from, at + to);
    }
  }
  return halves([layers, kvHeads, end], out);
};

/** Stored keys, after rotation, and values of tokens [from, to), (layers, tokens, KV heads, channels). */
const storedOf = (state: Forward['state'], from: number, to: number) => {
  const [key, value] = [new Float32Array(dim), new Float32Array(dim)];
  const keys = new Float32Array(layers * (to - from) * kvHeads * dim);
  const stored = { keys, values: new Float32Array(keys.length) };
  let at = 0;
  for (const kv of state.layers) {
    for (let token = from; token < to; token++) {
      const bytes = backend.peekPage!(kv, Math.floor(token / PAGE));
      for (let head = 0; head < kvHeads; head++, at += dim) {
        const own = storedHead(bytes, kv.shape, head);
        own.key(token % PAGE, key);
        own.value(token % PAGE, value);
        inOwnChannels(key, kv.shape);
        stored.keys.set(key, at);
        stored.values.set(value, at);
      }
    }
  }
  const shape = [layers, to - from, kvHeads, dim];
  return { keys: halves(shape, stored.keys), values: halves(shape, stored.values) };
};

/** Queries of rows by layer, as they come, and where the rows stand. */
const createRows = () => {
  const queries: Float32Array[][] = Array.from({ length: layers }, () => []);
  const at: number[] = [];
  const take = (call: Forward, layer: number, every: number): void => {
    const q = backend.peek!(call.activations.q);
    for (let row = 0; row < call.tiles.rows; row += every) {
      queries[layer]!.push(q.slice(row * heads * dim, (row + 1) * heads * dim));
      if (layer === 0) at.push(call.tiles.position + row);
    }
  };
  const written = (): Record<string, WrittenTensor> => {
    const all = queries.flat();
    const numbers = new Float32Array(all.length * heads * dim);
    for (const [n, own] of all.entries()) numbers.set(own, n * heads * dim);
    return {
      queries: halves([layers, at.length, heads, dim], numbers),
      // Halves do not tell all positions apart.
      at: { shape: [at.length], values: Float32Array.from(at) },
    };
  };
  return { take, written };
};

const greatestAt = (logits: Float32Array): number =>
  logits.reduce((best, x, id) => (x > logits[best]! ? id : best), 0);

/** Reads a passage, then each question right behind it, with the answer that comes of it. */
const sampleOf = async (text: string, questions: readonly string[]): Promise<Map<string, WrittenTensor>> => {
  const written = new Map<string, WrittenTensor>();
  let choices = 0;
  const put = (parts: Readonly<Record<string, WrittenTensor>>): void => {
    for (const [name, tensor] of Object.entries(parts)) written.set(`${choices}.${name}`, tensor);
    choices++;
  };
  const ids = [...tokenizer.encodeTemplate('<|im_start|>user\n'), ...(await tokenizer.encode(text))];
  const state = stateOf(reader, [], undefined);
  let sums = { snap: noSums(), h2o: noSums() };
  let rows = createRows();
  const keptBefore = (end: number) => ({
    snap: keptOf('snap', sums.snap, end),
    h2o: keptOf('h2o', sums.h2o, end),
  });
  const noteTile: OnRows = (call, layer, all, width) => {
    const { position, rows: count } = call.tiles;
    const behind = position % CHOICES;
    // The first choice would keep what is forced, and little else.
    const chooses = behind === 0 && position > CHOICES && count === PAGE;
    if (chooses) rows.take(call, layer, EVERY);
    if (behind === 0 && layer === layers - 1) {
      if (chooses) put({ ...keptBefore(position), ...rows.written() });
      rows = createRows();
      sums = { snap: noSums(), h2o: noSums() };
    }
    if (behind >= CHOICES - OBSERVED.h2o) addRows(sums.h2o, layer, all, width, PAGE);
    if (behind === CHOICES - PAGE) addRows(sums.snap, layer, all, width, OBSERVED.snap);
  };
  await readObserved(reader, state, ids, 0, noteTile);
  const passage = storedOf(state, 0, ids.length);
  for (const question of questions) {
    const asked = [
      ...(await tokenizer.encode(`\n${question}`)),
      ...tokenizer.encodeTemplate('<|im_end|>\n<|im_start|>assistant\n'),
    ];
    const end = ids.length + asked.length;
    sums = { snap: noSums(), h2o: noSums() };
    rows = createRows();
    let next = greatestAt(
      await readObserved(reader, state, asked, ids.length, (_, layer, all, width) => {
        addRows(sums.snap, layer, all, width, OBSERVED.snap);
        addRows(sums.h2o, layer, all, width, OBSERVED.h2o);
      }),
    );
    let at = end;
    for (let said = 0; said < LONGEST && !tokenizer.stops.has(next); said++)
      next = greatestAt(
        await readObserved(reader, state, [next], at++, (call, layer) => rows.take(call, layer, 1)),
      );
    if (at === end) continue;
    put({ ...keptBefore(end), ...rows.written(), ...storedOf(state, ids.length, at) });
  }
  state.release();
  return new Map([...Object.entries(passage), ...written]);
};

const books = [
  ...TRAINING_BOOKS.map((name) => ({ kind: 'training', text: trainingBook(name) })),
  { kind: 'held-out', text: readFileSync('examples/books/sherlock.txt', 'utf8') },
].map(({ kind, text }) => ({ kind, sentences: sentences(text) }));
const count = (text: string): number => tokenizer.encodeTemplate(text).length;
const written = new Map<string, WrittenTensor>();
mkdirSync(dirname(values.out), { recursive: true });
const output = new Float32Array(layers * config.dim * heads * dim);
for (const [layer, { o }] of reader.weights.layers.entries())
  output.set(await numbersOf({ ...backend, swap: () => undefined }, o), layer * config.dim * heads * dim);
written.set('output', halves([layers, config.dim, heads * dim], output));
for (let passage = 0; passage < passages; passage++) {
  for (const [n, { kind, sentences }] of books.entries()) {
    // Other passages than gates learn from.
    const seed = 1001 + passage * books.length + n;
    const { text, facts } = drawHaystack(draws(seed), { sentences, count }, tokens - 64, FACTS);
    const questions = facts.slice(0, ASKED).map(({ question }) => question);
    for (const [name, tensor] of await sampleOf(text, questions))
      written.set(`${kind}.${seed}.${name}`, tensor);
    console.log(`passage ${passage + 1} of ${passages}, book ${n + 1} of ${books.length}`);
  }
  // Fewer passages do too: whoever waits no longer has those that were read.
  writeFileSync(values.out, writeSafetensors(written));
}
await model.close();
console.log(`${values.out} written.`);

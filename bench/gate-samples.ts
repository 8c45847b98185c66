/**
 * What examples/models/train/gates.py learns `seer`'s gates from: what gates see of passages with facts and of the rows that
 * ask for them, and what dense attention looks at there; of the training books and, to measure on, of the held-out one.
 *
 * node bench/run.mjs gate-samples [--passages 4] [--tokens 4096] [--out build/gate-samples.safetensors]
 *
 * Needs `xz`. Passages of each book; answers are the model's own. Of a passage with so many whole pages, by layer, in f16:
 * `keys`, (pages, KV heads, 3 · channels), the greatest, least and mean key before rotation;
 * `tile.queries`, (pages, heads, channels), mean queries before rotation, and (pages, heads, pages) `tile.greatest`, the
 * greatest probability of a page in a tile's rows (SeerAttention, arXiv 2410.13276), `tile.mass`, what a row gives to it on average;
 * `row.queries`, (rows, heads · channels), of one row of each tile and all rows of questions and answers, `row.greatest` and
 * `row.mass`, (rows, KV heads, pages), the same of single rows, the greatest and the mean of a group (SeerAttention-R, arXiv 2506.08889);
 * `row.at`, (rows), their positions; of the held-out book also `tile.means` and `row.means`, what mean keys say of a page.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { PAGE } from '../src/backends/backend.js';
import { toHalf } from '../src/codecs/half.js';
import { stateOf } from '../src/generate/reader.js';
import type { Forward } from '../src/model/forward.js';
import { pooledKey } from '../src/predictors/seer-gates.js';
import { storedKeys } from '../src/predictors/stored-keys.js';
import { turnBack } from '../src/predictors/turn-back.js';
import { draws } from '../test/support/facts.js';
import { drawHaystack, sentences } from '../test/support/haystack.js';
import { type WrittenTensor, writeSafetensors } from '../test/support/safetensors-writer.js';
import { type OnRows, openObserved, readObserved } from './lab/observed-rows.js';
import { TRAINING_BOOKS, trainingBook } from './lab/training-books.js';

const { values } = parseArgs({
  options: {
    passages: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '4096' },
    out: { type: 'string', default: 'build/gate-samples.safetensors' },
  },
});
const [passages, tokens] = [Number(values.passages), Number(values.tokens)];
/** Facts of a passage, how many of them are asked for, and tokens of an answer at most. */
const [FACTS, ASKED, LONGEST] = [10, 6, 32];

const model = await openObserved();
const { reader, tokenizer } = model;
const { backend, config } = reader;
const { heads, kvHeads, headDim: dim, layers } = config;
const group = heads / kvHeads;

/** Numbers by name and layer, in the order in which they come. */
type Gathered = Map<string, number[][]>;
const gather = (gathered: Gathered, name: string, layer: number, numbers: Iterable<number>): void => {
  const own = gathered.get(name) ?? Array.from({ length: layers }, () => []);
  gathered.set(name, own);
  for (const x of numbers) own[layer]!.push(x);
};

/** Of rows [first, end) of a call, (heads, pages): the greatest probability of a page, and what a row gives to it on average. */
const poolPages = (
  all: Float32Array,
  width: number,
  [first, end]: readonly [number, number],
  pages: number,
) => {
  const greatest = new Float32Array(heads * pages);
  const mass = new Float32Array(heads * pages);
  for (let row = first * heads; row < end * heads; row++) {
    for (let page = 0; page < Math.min(pages, Math.ceil(width / PAGE)); page++) {
      const at = (row % heads) * pages + page;
      let [most, sum] = [greatest[at]!, 0];
      for (let t = page * PAGE; t < Math.min(width, (page + 1) * PAGE); t++) {
        const p = all[row * width + t]!;
        most = Math.max(most, p);
        sum += p;
      }
      greatest[at] = most;
      mass[at]! += sum / (end - first);
    }
  }
  return { greatest, mass };
};

/** (KV heads, pages) of (heads, pages). */
const byGroup = (x: Float32Array, join: (own: readonly number[]) => number): Float32Array => {
  const pages = x.length / heads;
  return Float32Array.from({ length: kvHeads * pages }, (_, n) => {
    const [list, page] = [Math.floor(n / pages), n % pages];
    return join(Array.from({ length: group }, (_, i) => x[(list * group + i) * pages + page]!));
  });
};
const mean = (own: readonly number[]): number => own.reduce((sum, x) => sum + x, 0) / own.length;

/** (heads, dim): the mean of rows [first, end) of (rows, heads · dim). */
const meanRow = (q: Float32Array, [first, end]: readonly [number, number]): Float32Array =>
  Float32Array.from({ length: heads * dim }, (_, c) =>
    mean(Array.from({ length: end - first }, (_, i) => q[(first + i) * heads * dim + c]!)),
  );

/** Queries of a call as they are, and before rotation. */
const queriesOf = (call: Forward, layer: number): [turned: Float32Array, own: Float32Array] => {
  const turned = backend.peek!(call.activations.q).slice();
  const own = turned.slice();
  const input = call.state.predictInput(layer, call.tiles, call.activations.q, config.attentionScale);
  turnBack(own, dim, heads, call.tiles.position, input.turned);
  return [turned, own];
};

/** Scores that mean keys give: `asking` (n, heads · dim) and `keys` (pages, kvHeads · dim), turned both, make (n, heads, pages). */
const meanScores = (asking: readonly number[], keys: Float32Array): Float32Array => {
  const [n, pages] = [asking.length / (heads * dim), keys.length / (kvHeads * dim)];
  const out = new Float32Array(n * heads * pages);
  for (let i = 0; i < out.length; i++) {
    const [asker, page] = [Math.floor(i / pages), i % pages];
    const key = (page * kvHeads + Math.floor((asker % heads) / group)) * dim;
    for (let c = 0; c < dim; c++) out[i]! += asking[asker * dim + c]! * keys[key + c]!;
    out[i]! *= config.attentionScale;
  }
  return out;
};

/** What gates see of the pages' keys, and the mean keys as they are. */
const gatherKeys = (gathered: Gathered, state: Forward['state'], pages: number): Float32Array[] =>
  state.layers.map((kv, layer) => {
    const keys = storedKeys(backend, kv, 0, pages);
    const width = PAGE * kvHeads * dim;
    const means = Float32Array.from({ length: pages * kvHeads * dim }, (_, n) => {
      const [page, at] = [Math.floor(n / (kvHeads * dim)), n % (kvHeads * dim)];
      return mean(Array.from({ length: PAGE }, (_, t) => keys[page * width + t * kvHeads * dim + at]!));
    });
    const tiles = { position: 0, rows: 1, tileRows: 1 };
    const { turned } = state.predictInput(layer, tiles, reader.arena.activations(1).q, config.attentionScale);
    turnBack(keys, dim, kvHeads, 0, turned);
    for (let page = 0; page < pages; page++) {
      const own = keys.subarray(page * width, (page + 1) * width);
      for (let head = 0; head < kvHeads; head++)
        gather(gathered, 'keys', layer, pooledKey(own, head, { dim, kvHeads }));
    }
    return means;
  });

const greatestAt = (logits: Float32Array): number =>
  logits.reduce((best, x, id) => (x > logits[best]! ? id : best), 0);

/** Reads a passage, then each question right behind it, with the answer that comes of it. */
const sampleOf = async (
  text: string,
  questions: readonly string[],
  means: boolean,
): Promise<Map<string, WrittenTensor>> => {
  const gathered: Gathered = new Map();
  const ids = [...tokenizer.encodeTemplate('<|im_start|>user\n'), ...(await tokenizer.encode(text))];
  const pages = Math.floor(ids.length / PAGE);
  const state = stateOf(reader, [], undefined);
  const noteRow = (
    layer: number,
    all: Float32Array,
    width: number,
    row: number,
    turned: Float32Array,
    own: Float32Array,
    at: number,
  ) => {
    const { greatest, mass } = poolPages(all, width, [row, row + 1], pages);
    gather(gathered, 'row.queries', layer, own.subarray(row * heads * dim, (row + 1) * heads * dim));
    gather(gathered, 'row.turned', layer, turned.subarray(row * heads * dim, (row + 1) * heads * dim));
    gather(
      gathered,
      'row.greatest',
      layer,
      byGroup(greatest, (some) => Math.max(...some)),
    );
    gather(gathered, 'row.mass', layer, byGroup(mass, mean));
    if (layer === 0) gather(gathered, 'row.at', 0, [at + row]);
  };
  const noteTile: OnRows = (call, layer, all, width) => {
    const { position, rows } = call.tiles;
    if (rows < PAGE) return;
    const [turned, own] = queriesOf(call, layer);
    const { greatest, mass } = poolPages(all, width, [0, rows], pages);
    gather(gathered, 'tile.queries', layer, meanRow(own, [0, rows]));
    gather(gathered, 'tile.turned', layer, meanRow(turned, [0, rows]));
    gather(gathered, 'tile.greatest', layer, greatest);
    gather(gathered, 'tile.mass', layer, mass);
    noteRow(layer, all, width, ((position / PAGE) * 37) % PAGE, turned, own, position);
  };
  const noteRows: OnRows = (call, layer, all, width) => {
    const [turned, own] = queriesOf(call, layer);
    for (let row = 0; row < call.tiles.rows; row++)
      noteRow(layer, all, width, row, turned, own, call.tiles.position);
  };
  await readObserved(reader, state, ids, 0, noteTile);
  const meanKeys = gatherKeys(gathered, state, pages);
  for (const question of questions) {
    const asked = [
      ...(await tokenizer.encode(`\n${question}`)),
      ...tokenizer.encodeTemplate('<|im_end|>\n<|im_start|>assistant\n'),
    ];
    let at = ids.length + asked.length;
    let next = greatestAt(await readObserved(reader, state, asked, ids.length, noteRows));
    for (let said = 0; said < LONGEST && !tokenizer.stops.has(next); said++)
      next = greatestAt(await readObserved(reader, state, [next], at++, noteRows));
  }
  state.release();
  for (const kind of ['tile', 'row']) {
    const asking = gathered.get(`${kind}.turned`)!;
    gathered.delete(`${kind}.turned`);
    if (!means) continue;
    for (const [layer, own] of asking.entries())
      gather(gathered, `${kind}.means`, layer, meanScores(own, meanKeys[layer]!));
  }
  const inner: Readonly<Record<string, number[]>> = {
    keys: [kvHeads, 3 * dim],
    'tile.queries': [heads, dim],
    'row.queries': [heads * dim],
    'row.at': [],
    'row.greatest': [kvHeads, pages],
    'row.mass': [kvHeads, pages],
  };
  return new Map(
    [...gathered].map(([name, byLayer]) => {
      const all = byLayer.flat();
      const of = inner[name] ?? [heads, pages];
      const count = byLayer[0]!.length / of.reduce((a, b) => a * b, 1);
      const shape = [...(name === 'row.at' ? [] : [layers]), count, ...of];
      // Halves do not tell all positions apart.
      return [
        name,
        { shape, values: name === 'row.at' ? Float32Array.from(all) : Uint16Array.from(all, toHalf) },
      ];
    }),
  );
};

const books = [
  ...TRAINING_BOOKS.map((name) => ({ kind: 'training', text: trainingBook(name) })),
  { kind: 'held-out', text: readFileSync('examples/books/sherlock.txt', 'utf8') },
].map(({ kind, text }) => ({ kind, sentences: sentences(text) }));
const count = (text: string): number => tokenizer.encodeTemplate(text).length;
const written = new Map<string, WrittenTensor>();
mkdirSync(dirname(values.out), { recursive: true });
for (let passage = 0; passage < passages; passage++) {
  for (const [n, { kind, sentences }] of books.entries()) {
    const seed = 1 + passage * books.length + n;
    const { text, facts } = drawHaystack(draws(seed), { sentences, count }, tokens - 64, FACTS);
    const questions = facts.slice(0, ASKED).map(({ question }) => question);
    const sample = await sampleOf(text, questions, kind === 'held-out');
    for (const [name, tensor] of sample) written.set(`${kind}.${seed}.${name}`, tensor);
    console.log(`passage ${passage + 1} of ${passages}, book ${n + 1} of ${books.length}`);
  }
  // Fewer passages do too: whoever waits no longer has those that were read.
  writeFileSync(values.out, writeSafetensors(written));
}
await model.close();
console.log(`${values.out} written.`);

/**
 * What examples/models/train/boundaries.py learns boundaries from: keys of the first layer, and how later rows tell apart
 * what lies left and right of every gap, of passages of the training books and, to measure on, of the held-out one.
 *
 * node bench/run.mjs boundary-samples [--passages 8] [--tokens 2048] [--out build/boundary-samples.safetensors]
 *
 * Needs `xz`. Labels of a passage: ln ρ of every gap c, after token c (DHSA, arXiv 2510.24606): ρ is the greater of the
 * masses that rows behind c + w lay on the w tokens up to c and on the w tokens behind it, over the smaller. Where we leave
 * the paper: attention is averaged over heads and layers, because here one layer's keys decide for all.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { PAGE } from '../src/backends/backend.js';
import { stateOf } from '../src/generate/reader.js';
import { storedKeys } from '../src/predictors/stored-keys.js';
import { writeSafetensors } from '../test/support/safetensors-writer.js';
import { openObserved, readObserved } from './lab/observed-rows.js';
import { TRAINING_BOOKS, trainingBook } from './lab/training-books.js';

const { values } = parseArgs({
  options: {
    passages: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '2048' },
    out: { type: 'string', default: 'build/boundary-samples.safetensors' },
  },
});
const [passages, tokens] = [Number(values.passages), Number(values.tokens)];
const WINDOW = 4;
const model = await openObserved();
const { reader, tokenizer } = model;
const { backend, config } = reader;

const sampleOf = async (text: string): Promise<{ keys: Float32Array; labels: Float32Array }> => {
  const ids = (await tokenizer.encode(text)).slice(0, tokens);
  const state = stateOf(reader, [], undefined);
  const [left, right] = [new Float64Array(tokens), new Float64Array(tokens)];
  const upTo = new Float64Array(tokens + 1);
  await readObserved(reader, state, ids, 0, ({ tiles: { position } }, _, all, width) => {
    for (let row = 0; row < all.length / width; row++) {
      const at = position + Math.floor(row / config.heads);
      for (let t = 0; t <= at; t++) upTo[t + 1] = upTo[t]! + all[row * width + t]!;
      for (let gap = WINDOW - 1; gap + WINDOW < at; gap++) {
        left[gap]! += upTo[gap + 1]! - upTo[gap + 1 - WINDOW]!;
        right[gap]! += upTo[gap + 1 + WINDOW]! - upTo[gap + 1]!;
      }
    }
  });
  const keys = storedKeys(backend, state.layers[0]!, 0, tokens / PAGE);
  state.release();
  const labels = left.map((mass, gap) => {
    const other = right[gap]!;
    return Math.log((Math.max(mass, other) + 1e-6) / (Math.min(mass, other) + 1e-6));
  });
  return { keys, labels: Float32Array.from(labels) };
};

const held = readFileSync('examples/books/sherlock.txt', 'utf8');
const texts = [...TRAINING_BOOKS.map(trainingBook), held].flatMap((book, n) =>
  Array.from({ length: passages }, (_, i) => ({
    kind: n < TRAINING_BOOKS.length ? 'training' : 'held-out',
    text: book.slice(Math.floor(((i + 0.5) * book.length) / passages)).slice(0, tokens * 8),
  })),
);
const width = config.kvHeads * config.headDim;
const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
for (const kind of ['training', 'held-out']) {
  const own = texts.filter((text) => text.kind === kind);
  const keys = new Float32Array(own.length * tokens * width);
  const labels = new Float32Array(own.length * tokens);
  for (const [n, { text }] of own.entries()) {
    const sample = await sampleOf(text);
    keys.set(sample.keys, n * tokens * width);
    labels.set(sample.labels, n * tokens);
    console.log(`${kind} passage ${n + 1} of ${own.length}`);
  }
  tensors.set(`${kind}.keys`, { shape: [own.length, tokens, width], values: keys });
  tensors.set(`${kind}.labels`, { shape: [own.length, tokens], values: labels });
}
await model.close();
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(values.out, writeSafetensors(tensors, { window: String(WINDOW) }));
console.log(`${values.out} written.`);

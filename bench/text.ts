/**
 * What choosing a token costs over a vocabulary of 256k, and how fast text becomes tokens: best of several runs that take
 * turns. `node bench/run.mjs text`
 */
import { readFileSync } from 'node:fs';
import { logProbabilities } from '../src/generate/log-probabilities.js';
import { createSampler, type SampleOptions } from '../src/generate/sample.js';
import { loadTokenizer } from '../src/text/tokenizer.js';
import { openGguf } from '../src/weights/gguf-reader.js';
import { openSource } from '../src/weights/open-source.js';

const VOCAB = 262_144;
const RUNS = 15;

let seed = 1;
const next = (): number => (seed = (seed * 48271) % 0x7fffffff) / 0x7fffffff;
/** A peak and a long tail, as models have them. */
const logits = Float32Array.from(
  { length: VOCAB },
  () => 3 * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()) - 5,
);
for (let i = 0; i < 20; i++) logits[Math.floor(next() * VOCAB)] = 14 - 0.6 * i;
const tokens = Array.from({ length: 4096 }, () => Math.floor(next() * VOCAB));

const ways: Record<string, SampleOptions> = {
  greedy: {},
  'greedy, penalties over 64 tokens': { repetitionPenalty: 1.1, presencePenalty: 0.5 },
  'greedy, penalties over 4,096 tokens': { repetitionPenalty: 1.1, penaltyTokens: 4096 },
  'temperature 0.8': { temperature: 0.8, seed: 1 },
  'temperature 0.8, topK 40': { temperature: 0.8, topK: 40, seed: 1 },
  'temperature 0.8, topP 0.95': { temperature: 0.8, topP: 0.95, seed: 1 },
  'temperature 0.8, topK 40, topP 0.95, minP 0.05': {
    temperature: 0.8,
    topK: 40,
    topP: 0.95,
    minP: 0.05,
    seed: 1,
  },
};
const work: Record<string, () => unknown> = {
  ...Object.fromEntries(
    Object.entries(ways).map(([name, options]) => {
      const sample = createSampler(options);
      return [name, () => sample(logits, tokens)];
    }),
  ),
  'log-probabilities, 5 alternatives': () => logProbabilities(logits, 7, 5, String),
  'a full sort, for comparison': () => Float32Array.from(logits).sort(),
};
const best = new Map<string, number>();
for (let run = 0; run < RUNS; run++) {
  for (const [name, choose] of Object.entries(work)) {
    const started = performance.now();
    choose();
    best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, performance.now() - started));
  }
}
console.log(`| ${VOCAB.toLocaleString('en')} logits | ms |\n|---|---:|`);
for (const [name, ms] of best) console.log(`| ${name} | ${ms.toFixed(2)} |`);

const book = readFileSync('examples/books/sherlock.txt', 'utf8');
console.log('\n| vocabulary | tokens/s, first time | again |\n|---|---:|---:|');
for (const name of ['gpt-2', 'llama-spm']) {
  const file = new Uint8Array(readFileSync(`test/fixtures/tokenizers/${name}.gguf`));
  const { metadata, close } = await openGguf(openSource(file));
  const tokenizer = loadTokenizer(metadata);
  await close();
  const rates: string[] = [];
  for (let run = 0; run < 2; run++) {
    const started = performance.now();
    const ids = await tokenizer.encode(book);
    rates.push(Math.round((1000 * ids.length) / (performance.now() - started)).toLocaleString('en'));
  }
  console.log(`| ${name} | ${rates.join(' | ')} |`);
}

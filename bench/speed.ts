/**
 * Reading and answering on the bundled model: dense beside DHSA in one run, bytes of pages and their size by codec.
 * `node bench/run.mjs speed`
 */
import { readFileSync } from 'node:fs';
import { load } from '../src/engine/index.js';
import type { AttentionOptions } from '../src/predictors/index.js';
import { intoPage } from './into-page.js';

const MODEL = 'examples/models/book-reader-5m-Q8_0.gguf';
/** Answers are timed as the best of so many; reading is timed once. */
const RUNS = 5;
const LENGTHS = [1024, 4096, 16000];
const methods: Record<string, AttentionOptions> = {
  dense: { method: 'dense' },
  'dhsa 12.5 %': { method: 'dhsa', density: 0.125 },
  auto: { method: 'auto' },
};

const book = readFileSync('examples/books/sherlock.txt', 'utf8');
const rows: string[] = [];
const rate = ({ tokens, seconds }: { tokens: number; seconds: number }): number => tokens / seconds;

for (const length of LENGTHS) {
  const base: { prefill?: number; decode?: number } = {};
  for (const [name, attention] of Object.entries(methods)) {
    const model = await load(MODEL, { threads: 1, attention, kv: { store: 'none' } });
    const ids = (await model.tokenize(book.slice(0, length * 8))).slice(0, length);
    const context = await model.context();
    await context.append(ids);
    let decode = 0;
    let before = { tokens: 0, seconds: 0 };
    for (let run = 0; run < RUNS; run++) {
      await context.generate({ maxTokens: 24, ignoreStops: true });
      const { tokens, seconds } = (await context.stats()).decode;
      decode = Math.max(decode, rate({ tokens: tokens - before.tokens, seconds: seconds - before.seconds }));
      before = { tokens, seconds };
    }
    const stats = await context.stats();
    const prefill = rate(stats.prefill);
    base.prefill ??= prefill;
    base.decode ??= decode;
    rows.push(
      `| ${length} | ${name} | ${Math.round(prefill)} | ${(prefill / base.prefill).toFixed(2)}× | ${Math.round(decode)} | ${(decode / base.decode).toFixed(2)}× | ${(100 * stats.density.prefill).toFixed(1)} % / ${(100 * stats.density.decode).toFixed(1)} % | ${(stats.bytes.pages / 1e6).toFixed(1)} | ${(stats.bytes.total / 1e6).toFixed(1)} |`,
    );
    await model.close();
  }
}

const sizes: string[] = [];
for (const [keys, values] of [
  ['f16', 'f16'],
  ['q8', 'q8'],
  ['q8', 'q4'],
] as const) {
  const model = await load(MODEL, { kv: { keys, values, store: 'none' } });
  const context = await model.context();
  await context.append((await model.tokenize(book.slice(0, 10_000))).slice(0, 1024));
  const { bytes } = await context.stats();
  sizes.push(`| ${keys}/${values} | ${Math.round((bytes.pages / 1024) * 1000).toLocaleString('en')} |`);
  await model.close();
}

intoPage(
  'docs/LIMITS.md',
  'speed',
  [
    '| tokens | attention | reading, tokens/s | to dense | answering, tokens/s | to dense | realised density, reading / answering | pages, MB | memory in all, MB |',
    '|---:|---|---:|---:|---:|---:|---|---:|---:|',
    ...rows,
    '',
    '| codecs (keys/values) | bytes of pages per 1,000 tokens |',
    '|---|---:|',
    ...sizes,
  ].join('\n'),
);

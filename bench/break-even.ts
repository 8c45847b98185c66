/**
 * From which length on choosing pays in answers: milliseconds per generated token, dense beside DHSA with budgets of
 * 2,048, 1,024 and 512 tokens, best of several runs that take turns. `node bench/run.mjs break-even`
 */
import { readFileSync } from 'node:fs';
import { load } from '../src/engine/index.js';
import type { AttentionOptions } from '../src/predictors/index.js';
import { intoPage } from './into-page.js';

const methods: Record<string, AttentionOptions> = {
  dense: { method: 'dense' },
  'dhsa, budget 2048': { method: 'dhsa', budget: 2048 },
  'dhsa, budget 1024': { method: 'dhsa', budget: 1024 },
  'dhsa, budget 512': { method: 'dhsa', budget: 512 },
};
const MODEL = 'examples/models/book-reader-5m-Q8_0.gguf';
const RUNS = 8;
const TOKENS = 24;
const book = readFileSync('examples/books/sherlock.txt', 'utf8');
const models = await Promise.all(
  Object.values(methods).map((attention) => load(MODEL, { threads: 1, attention, kv: { store: 'none' } })),
);
const rows = [`| tokens | ${Object.keys(methods).join(' | ')} |`, `|---:|${'---:|'.repeat(models.length)}`];
for (const length of [2048, 4096, 6144, 8192, 12288, 16000]) {
  const contexts = await Promise.all(
    models.map(async (model) => {
      const context = await model.context();
      await context.append((await model.tokenize(book.slice(0, length * 8))).slice(0, length));
      return { context, best: Number.POSITIVE_INFINITY };
    }),
  );
  for (let run = 0; run < RUNS; run++) {
    for (const one of contexts) {
      const before = (await one.context.stats()).decode.seconds;
      await one.context.generate({ maxTokens: TOKENS, ignoreStops: true });
      const { seconds } = (await one.context.stats()).decode;
      one.best = Math.min(one.best, (1000 * (seconds - before)) / TOKENS);
    }
  }
  rows.push(`| ${length} | ${contexts.map(({ best }) => `${best.toFixed(2)} ms`).join(' | ')} |`);
  for (const { context } of contexts) await context.close();
}
for (const model of models) await model.close();
intoPage('docs/LIMITS.md', 'break-even', rows.join('\n'));

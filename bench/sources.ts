/**
 * What it costs to tell where an answer came from: milliseconds per token of an answer with and without `sources`, best
 * of several answers that take turns, on the bundled model. `node bench/run.mjs sources`
 */
import { readFileSync } from 'node:fs';
import { load } from '../src/engine/index.js';
import type { AttentionOptions } from '../src/predictors/index.js';
import { intoPage } from './into-page.js';

const methods: Record<string, AttentionOptions> = {
  dense: { method: 'dense' },
  'dhsa, budget 2048': { method: 'dhsa', budget: 2048 },
};
const MODEL = 'examples/models/book-reader-5m-Q8_0.gguf';
const RUNS = 6;
const ASKED = { maxTokens: 24, ignoreStops: true } as const;
const book = readFileSync('examples/books/sherlock.txt', 'utf8');
const rows = ['| tokens | method | without | with | ratio |', '|---:|---|---:|---:|---:|'];
for (const [method, attention] of Object.entries(methods)) {
  const model = await load(MODEL, { threads: 1, attention, kv: { store: 'none' } });
  for (const length of [4096, 15000]) {
    const session = await model.session();
    await session.append(await model.detokenize((await model.tokenize(book)).slice(0, length)));
    const best = { without: Number.POSITIVE_INFINITY, with: Number.POSITIVE_INFINITY };
    for (let run = 0; run < RUNS; run++) {
      for (const kind of ['without', 'with'] as const) {
        const asked = { ...ASKED, sources: kind === 'with' };
        const { answerSeconds, answerTokens } = await session.ask('Where is the key?', asked).finish;
        // The first token is the question's.
        best[kind] = Math.min(best[kind], (1000 * answerSeconds) / (answerTokens - 1));
      }
    }
    const cells = [best.without, best.with].map((ms) => `${ms.toFixed(2)} ms`).join(' | ');
    rows.push(`| ${length} | ${method} | ${cells} | ${(best.with / best.without).toFixed(2)}× |`);
    await session.close();
  }
  await model.close();
}
intoPage('docs/LIMITS.md', 'sources', rows.join('\n'));

/**
 * What the planner foretells beside what then is measured: reading and answering at lengths that it did not measure.
 *
 * node bench/run.mjs planner [--model FILE.gguf] [--lengths 6144,12288,16000]
 */
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import { answerSeconds, measure, type Reads, readSeconds } from '../src/facades/planner/index.js';
import type { AttentionOptions } from '../src/predictors/index.js';
import { intoPage } from './into-page.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'examples/models/book-reader-5m-Q8_0.gguf' },
    lengths: { type: 'string', default: '6144,12288,16000' },
  },
});
const lengths = values.lengths.split(',').map(Number);
const kv = { store: 'none' } as const;
const maxTokens = Math.max(...lengths, 8192) + 512;

const measured = await load(values.model, { kv, maxTokens });
const costs = await measure(measured);
await measured.close();

const ways: readonly [Reads, AttentionOptions][] = [
  [{ method: 'dense' }, { method: 'dense' }],
  [{ method: 'dhsa', budget: 2048 }, { method: 'auto' }],
  [
    { method: 'dhsa', density: 0.125 },
    { method: 'dhsa', density: 0.125 },
  ],
];
const rows = [
  '| tokens | attention | reading, s | foretold | answer, ms | foretold |',
  '|---:|---|---:|---:|---:|---:|',
];
const apart = (foretold: number, is: number): string =>
  `${foretold.toPrecision(3)} (${(foretold / is).toFixed(2)}×)`;
for (const [reads, attention] of ways) {
  const model = await load(values.model, { attention, kv, maxTokens });
  const visit = async (tokens: number) => {
    const context = await model.context();
    await context.append(Array.from({ length: tokens }, (_, i) => (i * 7919) % model.info.vocab));
    let each = Number.POSITIVE_INFINITY;
    for (let answer = 0; answer < 3; answer++) {
      const before = (await context.stats()).decode;
      await context.generate({ maxTokens: 33, temperature: 0, ignoreStops: true });
      const { decode } = await context.stats();
      each = Math.min(each, (decode.seconds - before.seconds) / (decode.tokens - before.tokens));
    }
    const { prefill } = await context.stats();
    await context.close();
    return { read: prefill.seconds, each };
  };
  // Kernels are slow until the platform has compiled them well.
  await visit(2048);
  for (const tokens of lengths) {
    const { read, each } = await visit(tokens);
    const name = Object.values(attention).join(' ');
    const answer = apart(1000 * answerSeconds(costs, reads, tokens), 1000 * each);
    rows.push(
      `| ${tokens} | ${name} | ${read.toFixed(2)} | ${apart(readSeconds(costs, reads, tokens), read)} | ${(1000 * each).toFixed(2)} | ${answer} |`,
    );
  }
  await model.close();
}
intoPage('docs/LIMITS.md', 'planner', rows.join('\n'));

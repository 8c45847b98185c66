/**
 * What the planner foretells beside what then is measured: reading and answering at lengths that it did not measure.
 *
 * node bench/run.mjs planner [--model FILE.gguf] [--lengths 6144,12288,16000]
 */
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import { answerSeconds, measure, type Reads, readSeconds } from '../src/facades/planner/index.js';
import type { AttentionOptions } from '../src/predictors/index.js';

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
console.log(costs);

const ways: readonly [Reads, AttentionOptions][] = [
  [{ method: 'dense' }, { method: 'dense' }],
  [{ method: 'dhsa', budget: 2048 }, { method: 'auto' }],
  [
    { method: 'dhsa', density: 0.125 },
    { method: 'dhsa', density: 0.125 },
  ],
];
console.log(
  '| tokens | attention | reading, s | foretold | answer, ms | foretold |\n|---:|---|---:|---:|---:|---:|',
);
for (const [reads, attention] of ways) {
  const model = await load(values.model, { attention, kv, maxTokens });
  for (const tokens of lengths) {
    const context = await model.context();
    await context.append(Array.from({ length: tokens }, (_, i) => (i * 7919) % model.info.vocab));
    await context.generate({ maxTokens: 33, temperature: 0, ignoreStops: true });
    const { prefill, decode } = await context.stats();
    await context.close();
    const [read, step] = [readSeconds(costs, reads, tokens), answerSeconds(costs, reads, tokens)];
    const each = decode.seconds / decode.tokens;
    const apart = (foretold: number, is: number): string =>
      `${foretold.toPrecision(3)} (${(foretold / is).toFixed(2)}×)`;
    console.log(
      `| ${tokens} | ${model.info.attention.split(' ')[0]} | ${prefill.seconds.toFixed(2)} | ${apart(read, prefill.seconds)} | ${(1000 * each).toFixed(2)} | ${apart(1000 * step, 1000 * each)} |`,
    );
  }
  await model.close();
}

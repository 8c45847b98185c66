/**
 * What threads bring: reading and answering with one and with several, on a model of a published shape. Best of several
 * runs that take turns, because one interrupted thread holds up the others: on a busy machine the ratio says little.
 *   node build.mjs && node bench/run.mjs threads [--chromium] [--shape smollm2-135m] [--type Q8_0] [--threads 1,2]
 *     [--tokens 512] [--answer 32] [--runs 5]
 */
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Model } from '../src/loaded-model.js';
import type { SupportedType } from '../src/weights/tensor-types.js';
import { openPage } from './browser.js';
import { makeModel } from './make-model.js';

const { values: options } = parseArgs({
  options: {
    chromium: { type: 'boolean', default: false },
    shape: { type: 'string', default: 'smollm2-135m' },
    type: { type: 'string', default: 'Q8_0' },
    threads: { type: 'string', default: '1,2' },
    tokens: { type: 'string', default: '512' },
    answer: { type: 'string', default: '32' },
    runs: { type: 'string', default: '5' },
  },
});

interface Input {
  readonly library: string;
  readonly model: string;
  readonly threads: readonly number[];
  readonly tokens: number;
  readonly answer: number;
  readonly runs: number;
}

/** Tokens a second. */
interface Row {
  readonly threads: number;
  readonly build: string;
  read: number;
  answer: number;
}

/** Runs here or in a page: uses nothing from outside itself. */
const measure = async ({ library, model, threads, tokens, answer, runs }: Input): Promise<Row[]> => {
  const { load } = await import(library);
  const ids = Array.from({ length: tokens }, (_, i) => 1000 + ((i * 7919) % 40_000));
  const models: Model[] = [];
  for (const count of threads) {
    models.push(await load(model, { threads: count, attention: { method: 'dense' }, kv: { store: 'none' } }));
  }
  const rows = models.map(
    ({ info }): Row => ({ threads: info.threads, build: info.build, read: 0, answer: 0 }),
  );
  for (let run = 0; run < runs; run++) {
    for (const [i, one] of models.entries()) {
      const context = await one.context();
      await context.append(ids);
      await context.generate({ maxTokens: answer, ignoreStops: true });
      const { prefill, decode } = await context.stats();
      rows[i]!.read = Math.max(rows[i]!.read, prefill.tokens / prefill.seconds);
      rows[i]!.answer = Math.max(rows[i]!.answer, decode.tokens / decode.seconds);
      await context.close();
    }
  }
  for (const one of models) await one.close();
  return rows;
};

const path = makeModel(options.shape, options.type as SupportedType);
const input: Omit<Input, 'library' | 'model'> = {
  threads: options.threads.split(',').map(Number),
  tokens: Number(options.tokens),
  answer: Number(options.answer),
  runs: Number(options.runs),
};
const before = loadavg()[0]!;
let rows: Row[];
if (options.chromium) {
  const { page, address, close } = await openPage();
  rows = await page
    .evaluate(measure, { ...input, library: `${address}dist/index.js`, model: address + path })
    .finally(close);
} else {
  rows = await measure({ ...input, library: new URL('engine.js', import.meta.url).href, model: path });
}
const [one] = rows;
console.log(
  `| threads | build | reading, tokens/s | | answering, tokens/s | |\n|---:|---|---:|---:|---:|---:|`,
);
for (const { threads, build, read, answer } of rows) {
  const times = (rate: number, first: number): string => `${(rate / first).toFixed(2)}×`;
  console.log(
    `| ${threads} | ${build} | ${read.toFixed(1)} | ${times(read, one!.read)} | ${answer.toFixed(1)} | ${times(answer, one!.answer)} |`,
  );
}
console.log(
  `\n${options.shape} ${options.type}, ${options.tokens} tokens, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, load before the run ${before.toFixed(1)}.`,
);

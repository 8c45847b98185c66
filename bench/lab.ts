/**
 * The laboratory: what methods find in long texts, how near they stay to dense attention, and what they cost, on the same
 * items. Resumes from its results; `--report` only writes the tables.
 *
 * node bench/run.mjs lab [--tasks single,multi-key,…|agreement] [--methods dense,dhsa,…] [--lengths 4096,…] [--items 200]
 *   [--model FILE.gguf] [--results FILE.json] [--report]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import { type Agreement, agreement } from './lab/agreement.js';
import { evaluate, type Outcome } from './lab/evaluate.js';
import { attentionOf } from './lab/methods.js';
import { agreementTable, outcomeTable } from './lab/report.js';
import { taskNamed } from './lab/tasks.js';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: 'single,turns,multi-key,two-hop,agreement' },
    methods: { type: 'string', default: 'dense,dhsa' },
    lengths: { type: 'string', default: '4096' },
    items: { type: 'string', default: '200' },
    model: { type: 'string', default: 'examples/models/book-reader-5m-Q8_0.gguf' },
    results: { type: 'string', default: 'bench/results/lab.json' },
    report: { type: 'boolean', default: false },
  },
});

const kept: { outcomes: Outcome[]; agreements: Agreement[] } = existsSync(values.results)
  ? JSON.parse(readFileSync(values.results, 'utf8'))
  : { outcomes: [], agreements: [] };

const keep = (): void => {
  mkdirSync(dirname(values.results), { recursive: true });
  writeFileSync(values.results, JSON.stringify(kept));
};

/** Over itself on a terminal, else only its last state. */
const progress = (line: string, last: boolean): void => {
  if (process.stdout.isTTY) process.stdout.write(`\r${line}${last ? '\n' : '  '}`);
  else if (last) console.log(line);
};

const open = (method: string, length: number) =>
  load(values.model, {
    attention: attentionOf(method, length),
    kv: { store: 'none' },
    maxTokens: Math.max(length + 2048, 4096),
  });

const ask = async (task: string, length: number, method: string): Promise<void> => {
  const texts = Math.ceil(Number(values.items) / taskNamed(task).questions);
  const has = (text: number) =>
    kept.outcomes.some(
      (o) => o.task === task && o.length === length && o.method === method && o.text === text,
    );
  const missing = Array.from({ length: texts }, (_, text) => text).filter((text) => !has(text));
  if (missing.length === 0) return;
  const model = await open(method, length);
  for (const text of missing) {
    kept.outcomes.push(await evaluate(model, task, length, method, text));
    keep();
    const mine = kept.outcomes.filter((o) => o.task === task && o.length === length && o.method === method);
    const items = mine.flatMap(({ right }) => right);
    progress(
      `${task} ${length} ${method}: ${items.filter(Boolean).length}/${items.length}`,
      text === missing.at(-1),
    );
  }
  await model.close();
};

const compare = async (length: number, method: string): Promise<void> => {
  if (method === 'dense' || kept.agreements.some((a) => a.length === length && a.method === method)) return;
  const [dense, other] = [await open('dense', length), await open(method, length)];
  const book = await dense.tokenize(readFileSync('examples/books/sherlock.txt', 'utf8'));
  kept.agreements.push(await agreement(dense, other, book, method, length));
  keep();
  console.log(`agreement ${length} ${method}: ${kept.agreements.at(-1)!.divergence.toFixed(4)} nats`);
  await dense.close();
  await other.close();
};

if (!values.report) {
  for (const length of values.lengths.split(',').map(Number)) {
    for (const task of values.tasks.split(',')) {
      for (const method of values.methods.split(',')) {
        await (task === 'agreement' ? compare(length, method) : ask(task, length, method));
      }
    }
  }
}
console.log(`\n${outcomeTable(kept.outcomes)}\n\n${agreementTable(kept.agreements)}`);

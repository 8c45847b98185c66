/**
 * The laboratory: what methods find in long texts, how near they stay to dense attention, and what they cost, on the same
 * items; and what a pair of query and key costs under every mask. Resumes with the same file of the model, and writes a page with plots
 * (also of what `needles` and `costs` found) and all tables beside them; `--report` does only that. `--into-page` puts the tables into docs/METHODS.md.
 *
 * node bench/run.mjs lab [--tasks single,multi-key,…|agreement|grid] [--methods dense,dhsa,…] [--lengths 4096,…] [--items 200]
 *   [--model FILE.gguf] [--results FILE.json] [--report] [--into-page]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import type { Cost } from './cost-table.js';
import { intoPage } from './into-page.js';
import { type Along, agreement, alongBook } from './lab/agreement.js';
import { gridTable, HEADS, measureGrid } from './lab/grid.js';
import { keptResults } from './lab/kept-results.js';
import { optionsOf } from './lab/methods.js';
import { labPage, type Results } from './lab/page.js';
import { agreementTable, outcomeTable } from './lab/report.js';
import { counted, runItems } from './lab/run-items.js';
import type { NeedleResult } from './needle-tables.js';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: 'single,turns,multi-key,two-hop,agreement' },
    methods: { type: 'string', default: 'dense,dhsa' },
    lengths: { type: 'string', default: '4096' },
    items: { type: 'string', default: '200' },
    model: { type: 'string', default: 'examples/models/book-reader-5m-Q8_0.gguf' },
    results: { type: 'string', default: 'bench/results/lab.json' },
    report: { type: 'boolean', default: false },
    'into-page': { type: 'boolean', default: false },
  },
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };
const { kept, keep } = keptResults<Mutable<Results>>(values.results, values.model, {
  outcomes: [],
  agreements: [],
  grid: [],
});

/** Over itself on a terminal, else only its last state. */
const progress = (line: string, last: boolean): void => {
  if (process.stdout.isTTY) process.stdout.write(`\r${line}${last ? '\n' : '  '}`);
  else if (last) console.log(line);
};

const open = (method: string, length: number) => {
  const { kv, ...options } = optionsOf(method, length);
  const maxTokens = Math.max(length + 2048, 4096);
  return load(values.model, { ...options, kv: { ...kv, store: 'none' }, maxTokens });
};

const ask = async (task: string, length: number, method: string): Promise<void> => {
  const cell = { task, length, method, items: Number(values.items) };
  await runItems(
    kept.outcomes,
    cell,
    () => open(method, length),
    (last) => {
      keep();
      progress(`${task} ${length} ${method}: ${counted(kept.outcomes, cell).join('/')}`, last);
    },
  );
};

const along = async (length: number, method: string): Promise<Along> => {
  const model = await open(method, length);
  const book = await model.tokenize(readFileSync('examples/books/sherlock.txt', 'utf8'));
  const found = await alongBook(model, book, length);
  await model.close();
  return found;
};

/** Of dense attention, by length. */
const wanted = new Map<number, Along>();

const compare = async (length: number, method: string): Promise<void> => {
  if (method === 'dense' || kept.agreements.some((a) => a.length === length && a.method === method)) return;
  const dense = wanted.get(length) ?? (await along(length, 'dense'));
  wanted.set(length, dense);
  kept.agreements.push(agreement(dense, await along(length, method), method, length));
  keep();
  console.log(`agreement ${length} ${method}: ${kept.agreements.at(-1)!.divergence.toFixed(4)} nats`);
};

const DENSITIES = [0.125, 0.5];

const measureMasks = async (length: number): Promise<void> => {
  for (const heads of HEADS) {
    const has = ({ tokens, kvHeads, group, dim }: (typeof kept.grid)[number]): boolean =>
      tokens === length && kvHeads === heads.kvHeads && group === heads.group && dim === heads.dim;
    if (kept.grid.some(has)) continue;
    kept.grid.push(...(await measureGrid(length, heads, DENSITIES)));
    keep();
    console.log(`grid ${length} ${heads.kvHeads}×${heads.group}×${heads.dim}`);
  }
};

/** Two words name what is no task of items. */
const others: Readonly<Record<string, (length: number) => Promise<void>>> = {
  grid: measureMasks,
  agreement: async (length) => {
    for (const method of values.methods.split(',')) await compare(length, method);
  },
};

if (!values.report) {
  for (const length of values.lengths.split(',').map(Number)) {
    for (const task of values.tasks.split(',')) {
      const other = others[task];
      if (other) await other(length);
      else for (const method of values.methods.split(',')) await ask(task, length, method);
    }
  }
}
const page = values.results.replace(/(\.json)?$/, '.html');
const date = new Date().toISOString().slice(0, 10);
const made = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, one thread, Node ${process.version}, ${date}.`;
const foundBy = <T>(name: string): readonly T[] =>
  keptResults(`bench/results/${name}.json`, values.model, { results: [] as T[] }).kept.results;
const beside = { needles: foundBy<NeedleResult>('needles'), costs: foundBy<Cost>('costs') };
writeFileSync(page, labPage(kept, beside, made));
const tables = {
  tasks: outcomeTable(kept.outcomes),
  agreement: agreementTable(kept.agreements),
  masks: gridTable(kept.grid),
};
for (const [name, table] of Object.entries(tables)) {
  if (values['into-page']) intoPage('docs/METHODS.md', name, table);
  else console.log(`\n${table}`);
}
console.log(`\n${page}`);

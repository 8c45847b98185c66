/**
 * The table of a bundled model's card: what it finds with dense attention in the book it never saw, beside what was aimed at.
 * Resumes with the same file of the model.
 *
 * node bench/run.mjs card [--model FILE.gguf] [--results FILE.json] [--page FILE.md] [--mark card] [--items 200]
 *   [--most 32768] [--report]
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import { intoPage } from './into-page.js';
import type { Outcome } from './lab/evaluate.js';
import { mean, wilson } from './lab/intervals.js';
import { keptResults } from './lab/kept-results.js';
import { perplexity } from './lab/perplexity.js';
import { counted, runItems } from './lab/run-items.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'examples/models/book-reader-5m-Q8_0.gguf' },
    results: { type: 'string', default: 'bench/results/card.json' },
    page: { type: 'string', default: 'examples/models/README.md' },
    /** Name of the place in the page. */
    mark: { type: 'string', default: 'card' },
    items: { type: 'string', default: '200' },
    most: { type: 'string', default: '32768' },
    report: { type: 'boolean', default: false },
  },
});

/** Tasks, lengths, and the share of right answers that was aimed at. */
const targets: readonly (readonly [task: string, length: number, share: number])[] = [
  ...[1024, 2048, 4096, 8192].map((length) => ['single', length, 0.98] as const),
  ['single-20', 16_384, 0.95],
  ['single-20', 32_768, 0.9],
  ['turns', 4096, 0.9],
  ['multi-key', 8192, 0.9],
  ['two-hop', 4096, 0.7],
];

interface Found {
  outcomes: Outcome[];
  perplexity?: number;
}
const { kept: found, keep } = keptResults<Found>(values.results, values.model, { outcomes: [] });
const cellOf = (task: string, length: number) => ({
  ...{ task, length, method: 'dense', items: Number(values.items) },
});
const open = (length: number) =>
  load(values.model, {
    attention: { method: 'dense' },
    kv: { store: 'none' },
    maxTokens: Math.max(length + 2048, 4096),
  });

/** Behind so many tokens of the book, and how many of the next ones are foretold. */
const PLACES = { from: 1024, places: 1024 };

if (!values.report) {
  for (const [task, length] of targets) {
    if (length > Number(values.most)) continue;
    const cell = cellOf(task, length);
    await runItems(
      found.outcomes,
      cell,
      () => open(length),
      () => {
        keep();
        const [right, all] = counted(found.outcomes, cell);
        console.log(`${task} ${length}: ${right}/${all}`);
      },
    );
  }
  if (found.perplexity === undefined) {
    const model = await open(PLACES.from + PLACES.places);
    const book = await model.tokenize(readFileSync('examples/books/sherlock.txt', 'utf8'));
    found.perplexity = await perplexity(model, book, PLACES);
    await model.close();
    keep();
  }
}

const percent = (share: number): string => (100 * share).toFixed(1);

/** The least share of right answers among fifths of the text. */
const worstFifth = (outcomes: readonly Outcome[]): string => {
  const fifths = Array.from({ length: 5 }, () => [] as boolean[]);
  for (const { right, depths } of outcomes)
    depths?.forEach((depth, i) => {
      fifths[Math.min(4, Math.floor(5 * depth))]!.push(right[i]!);
    });
  if (fifths.some((one) => one.length === 0)) return '';
  return percent(Math.min(...fifths.map((one) => mean(one.map(Number)))));
};

const rows = targets.flatMap(([task, length, aim]) => {
  const [right, all] = counted(found.outcomes, cellOf(task, length));
  if (all === 0) return [];
  const mine = found.outcomes.filter((one) => one.task === task && one.length === length);
  const [low, high] = wilson(right, all);
  const cells = [task, Math.round(mean(mine.map(({ tokens }) => tokens))).toLocaleString('en'), String(all)];
  const shares = [`${percent(right / all)} (${percent(low)} to ${percent(high)})`, worstFifth(mine)];
  return [`| ${[...cells, ...shares, percent(aim)].join(' | ')} |`];
});
const table = [
  '| task | tokens read | items | right % (95 %) | in the worst fifth of the text | aimed at |',
  '|---|---:|---:|---:|---:|---:|',
  ...rows,
].join('\n');
const next =
  found.perplexity === undefined
    ? ''
    : `\n\nPerplexity of the held-out book: ${found.perplexity.toFixed(1)} (${PLACES.places.toLocaleString('en')} tokens, each behind all of those before it).`;
intoPage(values.page, values.mark, table + next);

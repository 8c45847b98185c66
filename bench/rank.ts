/**
 * How often `session.rank` finds the document that answers first, beside the words that question and documents share, with the
 * bundled model: `node bench/run.mjs rank --items 200`. Documents are passages of the book with a fact each, drawn from seeds, the
 * same for every way to rank; four questions are asked of each set.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import type { RankSettings } from '../src/generate/rank-settings.js';
import { shelf } from '../test/support/shelf.js';
import { intoPage } from './into-page.js';
import { mean, wilson } from './lab/intervals.js';

const { values } = parseArgs({ options: { items: { type: 'string', default: '200' } } });
const ITEMS = Number(values.items);
const ASKED = 4;
const COUNTS = [8, 24];
const MODEL = 'examples/models/book-reader-5m-Q8_0.gguf';
const FIRST_SEED = 7000;
if (!Number.isInteger(ITEMS) || ITEMS < ASKED || ITEMS % ASKED !== 0)
  throw new Error(`--items ${values.items}: give a multiple of ${ASKED}.`);

/** Documents by their numbers, the best first. */
type Order = (documents: readonly string[], question: string) => Promise<number[]>;

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Okapi BM25 with its usual constants, over the documents alone. */
const byWords: Order = async (documents, question) => {
  const [k1, b] = [1.2, 0.75];
  const all = documents.map(wordsOf);
  const usual = mean(all.map(({ length }) => length));
  const scores = all.map((own) =>
    [...new Set(wordsOf(question))].reduce((sum, word) => {
      const holding = all.filter((words) => words.includes(word)).length;
      const times = own.filter((other) => other === word).length;
      const rarity = Math.log(1 + (all.length - holding + 0.5) / (holding + 0.5));
      return sum + (rarity * times * (k1 + 1)) / (times + k1 * (1 - b + (b * own.length) / usual));
    }, 0),
  );
  return scores.map((_, i) => i).sort((i, j) => scores[j]! - scores[i]! || i - j);
};

const model = await load(MODEL, { threads: 1, kv: { store: 'none' } });
const session = await model.session();
const byModel =
  (settings: RankSettings): Order =>
  async (documents, question) =>
    (await session.rank(documents, question, settings)).map(({ document }) => document);

const ways: Readonly<Record<string, Order>> = {
  '`session.rank`': byModel({}),
  '`calibrate: false`': byModel({ calibrate: false }),
  'shared words': byWords,
};

const book = readFileSync('examples/books/sherlock.txt', 'utf8');
const share = (right: number): string => {
  const [low, high] = wilson(right, ITEMS).map((x) => (100 * x).toFixed(0));
  return `${((100 * right) / ITEMS).toFixed(1)} % (${low} to ${high})`;
};
const rows = ['| documents | ranked by | items | first | among the first three |', '|---:|---|---:|---|---|'];
for (const count of COUNTS) {
  const places: Record<string, number[]> = {};
  for (let set = 0; set < ITEMS / ASKED; set++) {
    const { documents, facts } = shelf(book, FIRST_SEED + set, count);
    for (let i = 0; i < ASKED; i++) {
      const want = Math.floor(((i + 0.5) * count) / ASKED);
      for (const [name, order] of Object.entries(ways)) {
        places[name] ??= [];
        places[name].push((await order(documents, facts[want]!.question)).indexOf(want));
      }
    }
    console.log(`${count} documents: ${(set + 1) * ASKED} of ${ITEMS} questions`);
  }
  for (const [name, found] of Object.entries(places)) {
    const within = (most: number): number => found.filter((place) => place < most).length;
    rows.push(`| ${count} | ${name} | ${ITEMS} | ${share(within(1))} | ${share(within(3))} |`);
  }
}
await model.close();
intoPage('docs/METHODS.md', 'rank', rows.join('\n'));

/**
 * What methods cost on the bundled model: reading a text of the held-out book, and then questions with an answer of 32 tokens,
 * each beside dense attention on the same text, which is measured anew before each. Resumes with the same file of the model;
 * `--report` only writes the table.
 *
 * node bench/run.mjs costs [--lengths 4096,16384] [--methods dense,dhsa,dhsa-25,…] [--rounds 2] [--report]
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import { type Cost, costTable, type Timed } from './cost-table.js';
import { intoPage } from './into-page.js';
import { keptResults } from './lab/kept-results.js';
import { optionsOf } from './lab/methods.js';
import { median } from './median.js';

const TAKE_SHARES = [
  ...['sliding', 'a-shape', 'power', 'neighborhood', 'blocks', 'dhsa', 'oracle', 'random'],
  ...[
    'vertical-slash',
    'flex-prefill',
    'proxy-attn',
    'sale',
    'x-attention',
    'hyper-attention',
    'sea',
    'long-heads',
  ],
  ...[
    'quest',
    'token-select',
    'landmark',
    'retrieval',
    'recycled',
    'delta',
    'quest-dhsa',
    'x-attention-dhsa',
  ],
  ...['sinks-window', 'h2o', 'snap-kv', 'a2sf', 'expected'],
];
const OTHERS = [
  'dense',
  'twilight',
  'lazy',
  'duo',
  'pyramid-infer',
  'dhsa-learned',
  'pages-q8-q4',
  'pages-q8-q2',
  'values-48',
  'keys-48',
  'keys-32',
];

const { values } = parseArgs({
  options: {
    lengths: { type: 'string', default: '4096,16384' },
    methods: { type: 'string', default: [...OTHERS, ...TAKE_SHARES.flatMap((m) => [m, `${m}-25`])].join() },
    rounds: { type: 'string', default: '2' },
    model: { type: 'string', default: 'examples/models/book-reader-5m-Q8_0.gguf' },
    results: { type: 'string', default: 'bench/results/costs.json' },
    report: { type: 'boolean', default: false },
  },
});

const { kept, keep } = keptResults(values.results, values.model, { results: [] as Cost[] });
const { results } = kept;

const QUESTIONS = [
  'Who came to the door that evening, and what did he want?',
  'What did the letter say, and who had sent it?',
  'Where was the lamp left, and who found it there?',
  'Which road did they take when the rain began?',
  'Why was the window of the room open that night?',
  'Whose hat was it that lay on the table?',
];
const seconds = (): number => performance.now() / 1000;

const measure = async (length: number, method: string): Promise<Timed> => {
  const { kv, ...options } = optionsOf(method, length);
  const maxTokens = length + 256;
  const model = await load(values.model, { ...options, kv: { ...kv, store: 'none' }, maxTokens });
  const book = await model.tokenize(readFileSync('examples/books/sherlock.txt', 'utf8').slice(0, 5 * length));
  const text = await model.detokenize(book.slice(0, length - 64));
  const session = await model.session();
  const reading = seconds();
  await session.append(text);
  const read = seconds() - reading;
  // The first one also pays for what a method notes of the whole text once.
  const asked: number[] = [];
  for (const question of QUESTIONS) {
    const asking = seconds();
    await session.ask(question, { maxTokens: 32, ignoreStops: true, temperature: 0 }).text();
    asked.push(seconds() - asking);
  }
  const { tokens, density } = await session.stats();
  await model.close();
  const [first = 0, ...others] = asked;
  return { tokens, read, first, answer: median(others), density };
};

if (!values.report) {
  for (const length of values.lengths.split(',').map(Number)) {
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const method of values.methods.split(',')) {
        if (results.some((r) => r.length === length && r.method === method && r.round === round)) continue;
        const dense = await measure(length, 'dense');
        const mine = await measure(length, method);
        results.push({ length, method, round, dense, mine });
        keep();
        const beside = (what: 'read' | 'first' | 'answer'): string =>
          `${mine[what].toFixed(3)} s (${(mine[what] / dense[what]).toFixed(2)})`;
        console.log(
          `${length} ${method} ${round}: read ${beside('read')}, asked ${beside('first')}, ${beside('answer')}`,
        );
      }
    }
  }
}
intoPage('docs/METHODS.md', 'costs', costTable(results));

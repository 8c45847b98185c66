/**
 * Needles in the held-out book, on the bundled model: facts at all depths, a question for each, the same items for every
 * method. Question rows and answers obey the plan under test. Resumes; `--report` only writes the tables.
 *
 * node bench/run.mjs needles [--lengths 1024,…] [--methods dense,…] [--report]
 *
 * 200 items a length: 20 texts with 10 facts each, from 8,192 tokens on 10 texts with 20.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import type { AttentionOptions } from '../src/predictors/index.js';
import { drawHaystack, draws, isRight, sentences } from '../test/support/tasks.js';
import { intoPage } from './into-page.js';
import { type NeedleResult, needleTables } from './needle-tables.js';

const { values } = parseArgs({
  options: {
    lengths: { type: 'string', default: '1024,2048,4096,8192,16384' },
    methods: { type: 'string', default: 'dense,sliding,blocks,dhsa,dhsa-oracle' },
    model: { type: 'string', default: 'examples/models/book-reader-5m-Q8_0.gguf' },
    results: { type: 'string', default: 'bench/results/needles.json' },
    report: { type: 'boolean', default: false },
  },
});

/** Short texts get a budget in tokens, long ones a share of the causal triangle. */
const budgetAt = (length: number) => (length <= 2048 ? { budget: 256 } : { density: 0.125 });

const attentionOf = (method: string, length: number): AttentionOptions => {
  switch (method) {
    case 'dense':
      return { method: 'dense' };
    case 'sliding':
      return { method: 'sliding', window: length <= 2048 ? 256 : length / 8 };
    case 'a-shape':
    case 'power':
    case 'neighborhood':
      return { method, window: length <= 2048 ? 256 : length / 8 };
    case 'oracle':
    case 'random':
    case 'quest':
      return { method, ...budgetAt(length) };
    case 'blocks':
      return { method: 'blocks', ...budgetAt(length) };
    case 'dhsa':
      return { method: 'dhsa', ...budgetAt(length) };
    case 'dhsa-oracle':
      return { method: 'dhsa', candidates: 64, exact: true, ...budgetAt(length) };
    case 'dhsa-3':
      return { method: 'dhsa', candidates: 3, ...budgetAt(length) };
    case 'dhsa-reuse-2':
    case 'dhsa-reuse-4':
    case 'dhsa-reuse-8':
      return { method: 'dhsa', reuse: Number(method.at(-1)) as 2 | 4 | 8, ...budgetAt(length) };
    case 'dhsa-refresh-2':
    case 'dhsa-refresh-4':
    case 'dhsa-refresh-8':
    case 'dhsa-refresh-16':
      return { method: 'dhsa', refresh: Number(method.slice(13)) as 2 | 4 | 8 | 16, ...budgetAt(length) };
    case 'dhsa-3-refresh-8':
    case 'dhsa-6-refresh-8':
      return { method: 'dhsa', candidates: Number(method[5]), refresh: 8, ...budgetAt(length) };
    case 'dhsa-delimiters':
      return { method: 'dhsa', boundaries: 'delimiters', ...budgetAt(length) };
    case 'dhsa-fixed':
      return { method: 'dhsa', boundaries: 'fixed', ...budgetAt(length) };
    default:
      throw new Error(`Unknown method ${method}`);
  }
};

const path = values.results;
mkdirSync('bench/results', { recursive: true });
const results: NeedleResult[] = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : [];

const read = async (length: number, method: string, text: number, facts: number): Promise<NeedleResult> => {
  const model = await load(values.model, {
    attention: attentionOf(method, length),
    kv: { store: 'none' },
    maxTokens: Math.max(length + 128, 1024),
  });
  const book = sentences(readFileSync('examples/books/sherlock.txt', 'utf8'));
  const counts = await countTokens(book, (sentence) => model.tokenize(sentence));
  const haystack = drawHaystack(
    draws(length * 1000 + text),
    book,
    (sentence) => counts.get(sentence) ?? Math.ceil(sentence.length / 2.2),
    length - 64,
    facts,
  );
  const session = await model.session();
  await session.append(haystack.text);
  const right: boolean[] = [];
  for (const fact of haystack.facts) {
    const answer = await session.ask(fact.question, { maxTokens: 32 }).text();
    right.push(isRight(answer, fact.value));
  }
  const stats = await session.stats();
  await model.close();
  return {
    length,
    method,
    text,
    right,
    tokens: stats.tokens,
    density: stats.density.prefill,
    decodeDensity: stats.density.decode,
    prefillSeconds: stats.prefill.seconds,
  };
};

let counted: Map<string, number> | undefined;
const countTokens = async (book: string[], tokenize: (text: string) => Promise<number[]>) => {
  if (counted) return counted;
  counted = new Map();
  for (const sentence of book) counted.set(sentence, (await tokenize(sentence)).length);
  return counted;
};

if (!values.report) {
  for (const length of values.lengths.split(',').map(Number)) {
    const [texts, facts] = length < 8192 ? [20, 10] : [10, 20];
    for (let text = 0; text < texts; text++) {
      for (const method of values.methods.split(',')) {
        const done = results.some((r) => r.length === length && r.method === method && r.text === text);
        if (done) continue;
        const result = await read(length, method, text, facts);
        results.push(result);
        writeFileSync(path, JSON.stringify(results));
        const score = result.right.filter(Boolean).length;
        console.log(
          `${length} ${method} text ${text}: ${score}/${result.right.length}, density ${result.density.toFixed(3)} / ${result.decodeDensity.toFixed(3)}, ${result.prefillSeconds.toFixed(1)} s`,
        );
      }
    }
  }
}
intoPage('docs/METHODS.md', 'needles', needleTables(results));
